//! What can go wrong with the engine, by what the caller does about it.

use redis::{ErrorKind, RedisError};

/// Why the engine did not do what was asked. No password is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine did not answer, or can't for the moment: trying again helps. With what to do if it lasts.
    #[error("{0}")]
    Away(String),
    /// Another replica holds the lease, or the own one is over.
    #[error("another replica holds the lease")]
    Refused,
    /// The engine does not let us: a person has to set something right. With what to do.
    #[error("{0}")]
    Denied(String),
    /// The configuration of the engine can't be used. With what to do.
    #[error("{0}")]
    Unusable(String),
}

/// What the engine says when it can't do anything at the moment, or can't write: in the answer to a command, or somewhere
/// in the answer to a script, where older servers put it. Another connection may lead to a server that can.
const FOR_THE_MOMENT: [&str; 6] = [
    "READONLY",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "UNBLOCKED",
];

/// What the engine says, and what a person does about it.
const DENIED: [(&str, &str); 8] = [
    (
        "WRONGPASS",
        "Set cluster.user and cluster.password_file: the user or the password is wrong.",
    ),
    (
        "NOAUTH",
        "Set cluster.password_file or GITLAB_BRIDGE_CLUSTER_PASSWORD: it asks for a password.",
    ),
    ("NOPERM", RIGHTS),
    // Servers before 7.0 say so of a script.
    ("can't run this command", RIGHTS),
    (
        "OOM",
        "Raise its maxmemory, or give the bridge a server of its own: its memory is full.",
    ),
    (
        "MISCONF",
        "See its log: it can't save to its disk, and takes no writes until it can.",
    ),
    (
        "MOVED",
        "Name a server in cluster.url that is not one of a cluster with slots.",
    ),
    (
        "NOREPLICAS",
        "See min-replicas-to-write in its configuration: it takes no writes without its replicas.",
    ),
];
const RIGHTS: &str =
    "Give the user the rights that docs/several-replicas.md lists: `check` names those it lacks.";

/// What is to be done with the connection after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It is as good as before.
    Keep,
    /// Another one may do better, at once.
    Renew,
    /// Another one may do better, but the time for this request is up.
    Drop,
}

impl Error {
    /// What an error of the client means, at the server of this name.
    pub(super) fn of(server: &str, error: &RedisError) -> (Error, After) {
        let said = error.to_string();
        // The client writes some of the engine's words in another way.
        let refusals = error.clone().into_server_errors();
        let codes = refusals.iter().flat_map(|refusals| refusals.iter());
        let codes: Vec<_> = codes.map(|(_, refusal)| refusal.code()).collect();
        let says = |word: &str| codes.contains(&word) || said.contains(word);
        if let Some((_, advice)) = DENIED.iter().find(|(word, _)| says(word)) {
            let denied = format!("the engine at {server} refuses: {said}. {advice}");
            return (Error::Denied(denied), After::Keep);
        }
        if FOR_THE_MOMENT.iter().any(|word| says(word)) {
            let away = format!(
                "the engine at {server} takes no writes at the moment: {said}. See whether it is a replica, or is \
                 starting."
            );
            return (Error::Away(away), After::Renew);
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => {
                let advice = "Set cluster.user and cluster.password_file.";
                let denied =
                    format!("the engine at {server} refuses the password: {said}. {advice}");
                (Error::Denied(denied), After::Drop)
            }
            ErrorKind::RESP3NotSupported => {
                let denied = format!(
                    "the engine at {server} is too old. Run Redis 6.2 or Valkey 7.2, or newer."
                );
                (Error::Denied(denied), After::Drop)
            }
            ErrorKind::Server(_) | ErrorKind::Extension => {
                let denied = format!(
                    "the engine at {server} does not understand us: {said}. Run Redis 6.2 or Valkey 7.2, or newer."
                );
                (Error::Denied(denied), After::Keep)
            }
            _ if error.is_timeout() => (Error::slow(server), After::Drop),
            _ => (Error::unreachable(server, &said), After::Renew),
        }
    }

    /// The server did not answer in time.
    pub(super) fn slow(server: &str) -> Error {
        Error::Away(format!(
            "the engine at {server} did not answer in time. See whether it is up and the way to it is free."
        ))
    }

    /// There is no connection to the server.
    pub(super) fn unreachable(server: &str, cause: &str) -> Error {
        let advice = match cause.contains("certificate") {
            true => {
                "Set cluster.ca_file, cluster.cert_file and cluster.key_file as the engine wants it."
            }
            false => "See whether it is up, and whether cluster.url is right.",
        };
        Error::Away(format!(
            "the engine at {server} can't be reached: {cause}. {advice}"
        ))
    }
}

/// An answer of another shape than the script gives.
pub(super) fn odd_answer() -> Error {
    Error::Denied(
        "the engine answered something else than the bridge's script says. See what is between them.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, detail: &str) -> (Error, After) {
        let error = redis::make_extension_error(code.to_owned(), Some(detail.to_owned()));
        Error::of("r:6379", &error)
    }

    #[test]
    fn another_connection_is_made_where_another_server_may_answer() {
        let script = "Error running script: @user_script:3: -READONLY You can't write against a read only replica.";
        for (code, detail) in [
            ("READONLY", "You can't write against a read only replica."),
            ("LOADING", "Redis is loading the dataset in memory"),
            ("MASTERDOWN", "Link with MASTER is down"),
            ("ERR", script),
        ] {
            let (error, after) = of(code, detail);
            assert!(matches!(error, Error::Away(_)), "{code}: {error}");
            assert_eq!(after, After::Renew, "{code}");
        }
    }

    #[test]
    fn what_a_person_must_set_right_is_no_reason_for_another_connection() {
        for (code, detail, advice) in [
            (
                "OOM",
                "command not allowed when used memory > 'maxmemory'.",
                "maxmemory",
            ),
            (
                "MISCONF",
                "Redis is configured to save RDB snapshots",
                "See its log",
            ),
            ("NOPERM", "User a has no permissions", "rights"),
            (
                "ERR",
                "The user executing the script can't run this command",
                "rights",
            ),
            ("MOVED", "1 127.0.0.1:1", "cluster with slots"),
            ("ERR", "unknown command 'EVALSHA'", "Redis 6.2"),
        ] {
            let (error, after) = of(code, detail);
            assert!(
                matches!(&error, Error::Denied(said) if said.contains(advice)),
                "{error}"
            );
            assert_eq!(after, After::Keep, "{code}");
        }
    }
}
