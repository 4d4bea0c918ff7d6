//! The lease of one GitLab: what only its holder may do.

use std::sync::Arc;

use bytes::Bytes;
use redis::Value;
use tokio::time::Instant;

use super::chunks;
use super::digest::Digest;
use super::error::{Error, odd_answer};
use super::keys;
use super::place::{Place, milliseconds};
use super::rate::{Rate, Taken};
use super::renewal::Term;

/// How long the engine keeps the newest version when nobody publishes any more.
const HEAD_LASTS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);
/// How long the engine keeps what only the version before the newest needs: whoever is reading that has time to finish,
/// and else reads the newest.
const OLD_LASTS: std::time::Duration = std::time::Duration::from_secs(60);
/// How long the engine keeps a bucket that nobody takes from.
const BUCKET_LASTS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);
/// How many hints are taken out at once.
const DRAINED_AT_ONCE: usize = 1_000;

/// The lease of one GitLab, held by this replica until it is over. A clone shares it; it is renewed as long as there
/// is one.
#[derive(Clone)]
pub struct Lease {
    held: Arc<Held>,
}

struct Held {
    place: Arc<Place>,
    token: u64,
    newest: u64,
    /// What the engine knows the holder by.
    holder: String,
    term: Term,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is the newest now.
    Stored,
    /// The engine has not got these chunks. Nothing is changed.
    Lacks(Vec<Digest>),
    /// Another replica holds the lease. Nothing is changed.
    Refused,
    /// The engine has this version already, which is not older. Nothing is changed.
    Behind(u64),
}

impl Lease {
    /// The lease that the engine gave, asked at that moment.
    pub(super) fn new(place: Arc<Place>, token: u64, newest: u64, asked: Instant) -> Lease {
        let holder = format!("{token}:{}", place.engine.identity());
        let term = Term::begin(&place, &holder, asked);
        Lease {
            held: Arc::new(Held {
                place,
                token,
                newest,
                holder,
                term,
            }),
        }
    }

    /// The number of this lease, which is higher than that of every earlier one.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.held.token
    }

    /// The newest version that the engine, this or another live replica held when the lease began. What is published
    /// must be newer.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.held.newest
    }

    /// Whether it is over: the engine said so, or it was not renewed in time. It never begins again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.held.term.is_over()
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        self.held.term.over().await;
    }

    /// Takes one request of the budget of this name.
    ///
    /// # Errors
    /// If the engine does not answer, or the lease is over.
    pub async fn take(&self, bucket: &str, rate: Rate) -> Result<Taken, Error> {
        let Held { place, holder, .. } = &*self.held;
        self.still_held()?;
        let answer = place.run(&place.engine.scripts().take, |script| {
            script
                .key(&place.keys.lease)
                .key(keys::bucket(bucket))
                .arg(holder)
                .arg(rate.interval_in_microseconds())
                .arg(rate.ahead_in_microseconds())
                .arg(milliseconds(BUCKET_LASTS));
        });
        let answer: Vec<Value> = answer.await?;
        match answer.as_slice() {
            [Value::Int(0), left] => {
                let left = redis::from_redis_value_ref(left).map_err(|_| odd_answer())?;
                Ok(Taken::Granted { left })
            }
            [Value::Int(wait)] => match u64::try_from(*wait) {
                Ok(wait) => Ok(Taken::Wait(std::time::Duration::from_micros(wait))),
                Err(_) => Err(self.refused("take")),
            },
            _ => Err(odd_answer()),
        }
    }

    /// Stores those of the chunks that the engine lacks, for a version that is to be published soon.
    ///
    /// # Errors
    /// If the engine does not answer, or the lease is over.
    pub async fn put(&self, chunks: &[(Digest, Bytes)]) -> Result<(), Error> {
        self.still_held()?;
        chunks::put(&self.held.place, chunks).await
    }

    /// Makes a version the newest. The engine keeps the chunks with these digests as long as it is.
    ///
    /// # Errors
    /// If the engine does not answer: then it may or may not have become the newest, and saying the same again is
    /// right.
    pub async fn publish(
        &self,
        version: u64,
        body: Bytes,
        digests: &[Digest],
    ) -> Result<Published, Error> {
        let Held { place, holder, .. } = &*self.held;
        if self.is_over() {
            return Ok(Published::Refused);
        }
        let names: String = digests.iter().map(|digest| format!("{digest} ")).collect();
        let answer = place.run(&place.engine.scripts().publish, |script| {
            script.key(&place.keys.lease).key(&place.keys.head);
            digests.iter().for_each(|digest| {
                script.key(place.keys.chunk(digest));
            });
            script
                .arg(holder)
                .arg(self.held.token)
                .arg(version)
                .arg(&body[..])
                .arg(milliseconds(HEAD_LASTS))
                .arg(milliseconds(OLD_LASTS))
                .arg(names)
                .arg(&place.keys.chunks)
                .arg(place.engine.channel())
                .arg(&place.instance);
        });
        let answer: Vec<Value> = answer.await?;
        let published = published(&answer, digests).ok_or_else(odd_answer)?;
        if published == Published::Refused {
            self.refused("publish");
        }
        Ok(published)
    }

    /// Takes all hints out of the engine.
    ///
    /// # Errors
    /// If the engine does not answer, or the lease is over. Hints that were on their way are lost then.
    pub async fn drain(&self) -> Result<Vec<String>, Error> {
        let Held { place, holder, .. } = &*self.held;
        let mut hints = Vec::new();
        loop {
            self.still_held()?;
            let answer = place.run(&place.engine.scripts().drain, |script| {
                script
                    .key(&place.keys.lease)
                    .key(&place.keys.hints)
                    .arg(holder)
                    .arg(DRAINED_AT_ONCE);
            });
            let (is_held, some): (bool, Option<Vec<String>>) = answer.await?;
            let some = some.unwrap_or_default();
            let is_last = some.len() < DRAINED_AT_ONCE;
            hints.extend(some);
            match is_held {
                false => return Err(self.refused("drain")),
                true if is_last => return Ok(hints),
                true => {}
            }
        }
    }

    /// Gives the lease up, so that another replica gets it at once.
    ///
    /// # Errors
    /// If the engine does not answer: then the lease ends by itself.
    pub async fn resign(&self) -> Result<(), Error> {
        let Held { place, holder, .. } = &*self.held;
        // Another replica may hold it before the answer is here.
        self.held.term.end();
        let answer = place.run(&place.engine.scripts().resign, |script| {
            script
                .key(&place.keys.lease)
                .arg(holder)
                .arg(place.engine.channel())
                .arg(&place.instance);
        });
        let given_up: bool = answer.await?;
        if !given_up {
            place.engine.note_refusal("resign");
        }
        Ok(())
    }

    fn still_held(&self) -> Result<(), Error> {
        match self.is_over() {
            true => Err(Error::Refused),
            false => Ok(()),
        }
    }

    /// The engine says that another one holds it.
    fn refused(&self, kind: &'static str) -> Error {
        self.held.term.end();
        self.held.place.engine.note_refusal(kind);
        Error::Refused
    }
}

/// What the script for publishing says; none if it says nothing that is known.
fn published(answer: &[Value], digests: &[Digest]) -> Option<Published> {
    let (word, rest) = answer.split_first()?;
    let word: String = redis::from_redis_value_ref(word).ok()?;
    match (word.as_str(), rest) {
        ("stored", []) => Some(Published::Stored),
        ("refused", []) => Some(Published::Refused),
        ("behind", [version]) => {
            let version = redis::from_redis_value_ref(version).ok()?;
            Some(Published::Behind(version))
        }
        ("lacks", places) => {
            let lacking = places.iter().map(|place| {
                let place: usize = redis::from_redis_value_ref(place).ok()?;
                digests.get(place).copied()
            });
            lacking.collect::<Option<_>>().map(Published::Lacks)
        }
        _ => None,
    }
}
