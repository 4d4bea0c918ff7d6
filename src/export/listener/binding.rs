//! Binds the address to listen on, and says why and what to do where that can't be.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use tokio::net::{TcpListener, lookup_host};

use crate::export::Listen;
use crate::prose::advised;

/// Ports below this one are for those who are allowed to.
const FIRST_FREE_PORT: u16 = 1024;

/// Binds the address. `setting` is what would choose another one.
///
/// # Errors
/// If it is taken, not ours, not allowed or no address at all, each in its own words.
pub async fn bind(listen: &Listen, setting: &str) -> Result<TcpListener> {
    let resolved = resolve(listen).await;
    let addresses = resolved.map_err(|error| anyhow!(unresolved(listen, setting, &error)))?;
    let bound = TcpListener::bind(addresses.as_slice()).await;
    bound.map_err(|error| anyhow!(unbound(listen, setting, &error)))
}

async fn resolve(Listen { host, port }: &Listen) -> Result<Vec<SocketAddr>, Error> {
    let found: Vec<_> = lookup_host((host.as_str(), *port)).await?.collect();
    match found.is_empty() {
        true => Err(Error::new(ErrorKind::NotFound, "the name has no address")),
        false => Ok(found),
    }
}

fn unresolved(listen: &Listen, setting: &str, error: &Error) -> String {
    let error = error.to_string();
    // The system's words follow those of the library.
    let why = error
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&error);
    advised(
        format!(
            "listening on {listen} fails: the host name {:?} does not resolve to an address ({why})",
            listen.host
        ),
        format!(
            "Use an address such as 127.0.0.1, or 0.0.0.0 for all of this machine, with {setting} host:port."
        ),
    )
}

fn unbound(listen: &Listen, setting: &str, error: &Error) -> String {
    let (why, advice) = match error.kind() {
        ErrorKind::AddrInUse => (
            "the port is taken: is another bridge running?".to_owned(),
            "Stop what listens there, or choose another address",
        ),
        ErrorKind::AddrNotAvailable => (
            format!("{:?} is not an address of this machine", listen.host),
            "Use 127.0.0.1, 0.0.0.0 for all addresses of this machine, or one of its own",
        ),
        ErrorKind::PermissionDenied if listen.port < FIRST_FREE_PORT => (
            format!("this user may not use ports below {FIRST_FREE_PORT}"),
            "Choose a higher port, or give the process the capability CAP_NET_BIND_SERVICE; another address is chosen",
        ),
        ErrorKind::PermissionDenied => (
            "this user is not allowed to".to_owned(),
            "Look at the limits of the container or the service, or choose another address",
        ),
        _ => (error.to_string(), "Choose another address"),
    };
    advised(
        format!("listening on {listen} fails: {why}"),
        format!("{advice} with {setting} host:port."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(host: &str, port: u16) -> Listen {
        Listen {
            host: host.to_owned(),
            port,
        }
    }

    async fn said(host: &str, port: u16) -> String {
        let refused = bind(&listen(host, port), "--listen").await.unwrap_err();
        format!("{refused:#}")
    }

    #[tokio::test]
    async fn each_reason_not_to_listen_has_its_own_words() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let in_use = said("127.0.0.1", port).await;
        let unknown = said("no-such-host.invalid", 1).await;
        let foreign = said("203.0.113.9", 9464).await;
        let forbidden = unbound(
            &listen("127.0.0.1", 80),
            "--listen",
            &ErrorKind::PermissionDenied.into(),
        );
        for (said, expected) in [
            (
                &in_use,
                "is another bridge running? Stop what listens there",
            ),
            (
                &unknown,
                "\"no-such-host.invalid\" does not resolve to an address",
            ),
            (
                &foreign,
                "\"203.0.113.9\" is not an address of this machine. Use 127.0.0.1",
            ),
            (
                &forbidden,
                "this user may not use ports below 1024. Choose a higher port",
            ),
        ] {
            assert!(said.contains(expected), "{said}");
            assert!(said.ends_with("with --listen host:port."), "{said}");
            assert_eq!(said.contains("another bridge"), *said == in_use, "{said}");
        }
    }
}
