//! What the engine is and lets us do, for whoever sets it up.

use std::time::Duration;

use redis::{Pipeline, RedisError, RedisResult};
use tokio::time::Instant;

use super::engine::Engine;
use super::error::Error;
use super::keys;

/// What the engine is and lets us do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Redis or Valkey; none if we may not ask.
    pub product: Option<String>,
    /// Its version, such as 7.0.15; none if we may not ask.
    pub version: Option<String>,
    /// Whether that version has all that the bridge needs; true if we may not ask.
    pub is_new_enough: bool,
    /// Whether it is one of a cluster with slots.
    pub is_cluster: bool,
    /// What it does when its memory is full, such as noeviction; none if its memory has no limit, or we may not ask.
    pub eviction: Option<String>,
    /// The rights that the user lacks, as `ACL SETUSER` has them.
    pub lacking: Vec<String>,
    /// How long an answer took.
    pub latency: Duration,
}

/// The oldest version of each product that has all that is needed.
const OLDEST: [(&str, (u64, u64)); 2] = [("Redis", (6, 2)), ("Valkey", (7, 2))];
/// Does nothing.
const SCRIPT: &str = "return 1";
const SCRIPT_DIGEST: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

impl Engine {
    /// Looks at what the engine is and tries every command that the bridge needs, on a key of its own that is removed
    /// again.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn examine(&self) -> Result<Examination, Error> {
        let asked = Instant::now();
        let server = self.information("server").await?;
        let latency = asked.elapsed();
        let memory = self.information("memory").await?;
        let mut lacking = self.lacking_rights().await?;
        if server.is_none() {
            lacking.insert(0, "+info".to_owned());
        }
        let subscribing = self.subscribing().await?;
        lacking.extend(subscribing.filter(|right| !lacking.contains(right)));
        let field = |text: &Option<String>, name: &str| {
            let mut lines = text.as_deref().unwrap_or_default().lines();
            let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            found.map(|value| value.trim().to_owned())
        };
        let valkey = field(&server, "valkey_version");
        let product = match (&server, &valkey) {
            (None, _) => None,
            (_, Some(_)) => Some("Valkey"),
            _ => Some("Redis"),
        };
        let version = valkey.or_else(|| field(&server, "redis_version"));
        let has_limit = field(&memory, "maxmemory").is_some_and(|most| most != "0");
        Ok(Examination {
            is_new_enough: is_new_enough(product, version.as_deref()),
            product: product.map(str::to_owned),
            version,
            is_cluster: field(&server, "redis_mode").is_some_and(|mode| mode == "cluster"),
            eviction: field(&memory, "maxmemory_policy").filter(|_| has_limit),
            lacking,
            latency,
        })
    }

    /// What the engine says of itself; none if we may not ask.
    async fn information(&self, section: &str) -> Result<Option<String>, Error> {
        let (mut connection, server) = self.connected().await?;
        let mut question = redis::cmd("INFO");
        match question.arg(section).query_async(&mut connection).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some("NOPERM") => Ok(None),
            Err(error) => Err(Error::of(&server, &error).0),
        }
    }

    /// What of the commands is refused.
    async fn lacking_rights(&self) -> Result<Vec<String>, Error> {
        let key = keys::bucket(&format!("check {}", self.identity()));
        let (commands, names) = trials(&key, &self.channel());
        let (mut connection, server) = self.connected().await?;
        let answer: RedisResult<()> = commands.query_async(&mut connection).await;
        let refusals = match answer {
            Ok(()) => Vec::new(),
            Err(error) => refusals(&error).ok_or_else(|| Error::of(&server, &error).0)?,
        };
        let mut lacking = Vec::new();
        for (index, detail) in refusals {
            let right = match names.get(index) {
                // The keys and the channel are named in the rights by what they begin with.
                _ if detail.contains(" key") => "~{gmb}:*".to_owned(),
                _ if detail.contains(" channel") => "&{gmb}:*".to_owned(),
                Some(name) => format!("+{name}"),
                None => continue,
            };
            if !lacking.contains(&right) {
                lacking.push(right);
            }
        }
        Ok(lacking)
    }

    /// Whether we may listen to the channel of the group.
    async fn subscribing(&self) -> Result<Option<String>, Error> {
        match self.subscribed().await {
            Ok(()) => Ok(None),
            Err(Error::Denied(said)) if said.contains("channel") => Ok(Some("&{gmb}:*".to_owned())),
            Err(Error::Denied(said)) if said.contains("subscribe") => {
                Ok(Some("+subscribe".to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// Every command that the bridge needs, on a key that is gone afterwards, and the rights that they need.
fn trials(key: &str, channel: &str) -> (Pipeline, Vec<&'static str>) {
    let trials: [(&str, &[&str]); 20] = [
        ("script|load", &["SCRIPT", "LOAD", SCRIPT]),
        ("evalsha", &["EVALSHA", SCRIPT_DIGEST, "0"]),
        ("time", &["TIME"]),
        ("publish", &["PUBLISH", channel, ""]),
        ("set", &["SET", key, "1", "PX", "10000"]),
        ("get", &["GET", key]),
        ("mget", &["MGET", key]),
        ("exists", &["EXISTS", key]),
        ("pttl", &["PTTL", key]),
        ("pexpire", &["PEXPIRE", key, "10000"]),
        ("del", &["DEL", key]),
        ("hset", &["HSET", key, "a", "1"]),
        ("hget", &["HGET", key, "a"]),
        ("hmget", &["HMGET", key, "a"]),
        ("hgetall", &["HGETALL", key]),
        ("hdel", &["HDEL", key, "a"]),
        ("sadd", &["SADD", key, "1"]),
        ("scard", &["SCARD", key]),
        ("spop", &["SPOP", key, "1"]),
        ("del", &["DEL", key]),
    ];
    let mut commands = redis::pipe();
    for (_, words) in trials {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word);
        });
        commands.add_command(command).ignore();
    }
    (commands, trials.map(|(name, _)| name).into())
}

/// Which of several commands we may not run, with what is said of it; none if it is about something else.
fn refusals(error: &RedisError) -> Option<Vec<(usize, String)>> {
    let all = error.clone().into_server_errors()?;
    let denied = all.iter().filter(|(_, refusal)| refusal.code() == "NOPERM");
    let denied = denied.map(|(index, refusal)| {
        let detail = refusal.details().unwrap_or_default();
        (*index, detail.to_owned())
    });
    Some(denied.collect())
}

fn is_new_enough(product: Option<&str>, version: Option<&str>) -> bool {
    let (Some(product), Some(version)) = (product, version) else {
        return true;
    };
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let own: (u64, u64) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let oldest = OLDEST.iter().find(|(name, _)| *name == product);
    oldest.is_none_or(|(_, oldest)| own >= *oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_as_numbers() {
        for (product, version, expected) in [
            ("Redis", "6.2.0", true),
            ("Redis", "6.0.16", false),
            ("Redis", "10.0", true),
            ("Valkey", "7.2.5", true),
            ("Valkey", "7.1", false),
        ] {
            let is_new = is_new_enough(Some(product), Some(version));
            assert_eq!(is_new, expected, "{product} {version}");
        }
        assert!(is_new_enough(None, None));
    }

    #[test]
    fn the_script_that_is_tried_is_called_by_its_digest() {
        assert_eq!(redis::Script::new(SCRIPT).get_hash(), SCRIPT_DIGEST);
    }
}
