//! The place of one GitLab in the engine: what every replica may read and tell, and where one becomes the holder.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use redis::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::chunks;
use super::digest::Digest;
use super::engine::Engine;
use super::error::{Error, odd_answer};
use super::keys::Keys;
use super::lease::Lease;
use super::link::Request;
use super::place::{Place, milliseconds};
use crate::lock::lock;

/// How long a replica counts as alive that says nothing.
const WORD_LASTS: Duration = Duration::from_secs(10);
/// How long replicas have to say which version they hold, after the engine was started, promoted or wiped.
const SETTLING: Duration = Duration::from_secs(2);
/// How much longer a replica waits for one that holds a newer version and does not contend.
const PRECEDENCE: Duration = Duration::from_secs(5);
/// A lease that ends is free a moment later.
const JUST_AFTER: Duration = Duration::from_millis(2);
/// More hints than that are dropped.
const MOST_HINTS: usize = 10_000;
const HINTS_LAST: Duration = Duration::from_secs(10 * 60);
/// How many hints go into one script.
const HINTS_AT_ONCE: usize = 1_000;

/// One GitLab's place in the engine. Every replica has one for each GitLab; a clone shares it.
#[derive(Clone)]
pub struct Seat {
    place: Arc<Place>,
    /// What happened since the last look.
    hearing: Arc<Mutex<watch::Receiver<()>>>,
    /// When the lease ends that another replica was seen to hold, unless it is renewed.
    free_at: Arc<Mutex<Option<Instant>>>,
}

/// The highest token and version that this replica ever saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub token: u64,
    pub version: u64,
}

/// The newest published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The token of the lease under which it was published.
    pub token: u64,
    pub version: u64,
    /// What the publisher said of it, which names its chunks.
    pub body: Bytes,
}

impl Engine {
    /// The place of one GitLab, by its name.
    #[must_use]
    pub fn seat(&self, instance: &str) -> Seat {
        Seat::new(self.clone(), instance, self.listen(instance))
    }
}

impl Seat {
    fn new(engine: Engine, instance: &str, hearing: watch::Receiver<()>) -> Seat {
        let keys = Keys::new(engine.group(), instance);
        let instance = instance.to_owned();
        Seat {
            place: Arc::new(Place {
                engine,
                instance,
                keys,
            }),
            hearing: Arc::new(Mutex::new(hearing)),
            free_at: Arc::default(),
        }
    }

    /// Tries once to become the holder of the lease; none if another replica holds it, or if a replica that knows a
    /// newer version should go first. For two seconds after the engine was started, promoted or wiped nobody becomes
    /// the holder: replicas that contend say what they know.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn contend(&self, known: Known) -> Result<Option<Lease>, Error> {
        let Place { engine, keys, .. } = &*self.place;
        let scripts = engine.scripts();
        let sent = Instant::now();
        let answer = self.place.run(&scripts.contend, |script| {
            script
                .key(&keys.lease)
                .key(&keys.token)
                .key(&keys.head)
                .key(&keys.seen)
                .key(&keys.life)
                .arg(engine.identity())
                .arg(known.token)
                .arg(known.version)
                .arg(milliseconds(engine.kept()))
                .arg(milliseconds(WORD_LASTS))
                .arg(milliseconds(SETTLING))
                .arg(milliseconds(PRECEDENCE));
        });
        let answer: Vec<Value> = answer.await?;
        match answer.as_slice() {
            [Value::Int(0), _] => Ok(None),
            [Value::Int(1), Value::Int(token), Value::Int(newest)] => {
                let numbers = (u64::try_from(*token), u64::try_from(*newest));
                let (Ok(token), Ok(newest)) = numbers else {
                    return Err(odd_answer());
                };
                Ok(Some(Lease::new(
                    Arc::clone(&self.place),
                    token,
                    newest,
                    sent,
                )))
            }
            _ => Err(odd_answer()),
        }
    }

    /// The name of the replica that holds the lease; none if nobody does.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn holder(&self) -> Result<Option<String>, Error> {
        let key = &self.place.keys.lease;
        let asked = Instant::now();
        let mut questions = redis::pipe();
        questions.cmd("GET").arg(key).cmd("PTTL").arg(key);
        let answer = self.place.engine.ask(Request::Commands(&questions));
        let (holder, left): (Option<String>, i64) = answer.await?;
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        *lock(&self.free_at) = left.map(|left| asked + left + JUST_AFTER);
        Ok(holder.map(|holder| {
            // "token:name/process"
            let name = holder.split_once(':').map_or(&*holder, |(_, name)| name);
            let name = name.rsplit_once('/').map_or(name, |(name, _)| name);
            name.to_owned()
        }))
    }

    /// Waits until something happened (a version was published, the lease was given up, hints came, the connection
    /// was made or lost), but at the most that long. What happened since the last call ends it at once, and so does
    /// the end of the lease as [`Seat::holder`] last saw it.
    pub async fn stirred(&self, at_most: Duration) {
        let mut hearing = lock(&self.hearing).clone();
        let left = lock(&self.free_at).take();
        let left = left.map(|at| at.saturating_duration_since(Instant::now()));
        let at_most = left.map_or(at_most, |left| at_most.min(left));
        // It fails only when nobody is left to tell, and then time is what is left.
        if let Ok(Err(_)) = timeout(at_most, hearing.changed()).await {
            tokio::time::sleep(at_most).await;
        }
        *lock(&self.hearing) = hearing;
    }

    /// The token and the number of the newest published version; none if there is none.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn newest(&self) -> Result<Option<(u64, u64)>, Error> {
        let key = &self.place.keys.head;
        let mut question = redis::cmd("HMGET");
        question.arg(key).arg(&["token", "version"]);
        let answer = self.place.engine.ask(Request::Command(&question));
        match answer.await? {
            (Some(token), Some(version)) => Ok(Some((token, version))),
            (None::<u64>, None::<u64>) => Ok(None),
            _ => Err(odd_answer()),
        }
    }

    /// How many replicas have said lately which version they hold, this one included if it has.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn replicas(&self) -> Result<usize, Error> {
        let key = &self.place.keys.seen;
        let mut question = redis::cmd("HGETALL");
        question.arg(key);
        let answer = self.place.engine.ask(Request::Command(&question));
        let seen: HashMap<String, String> = answer.await?;
        Ok(seen.len())
    }

    /// The newest published version; none if there is none.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn head(&self) -> Result<Option<Head>, Error> {
        let key = &self.place.keys.head;
        let mut question = redis::cmd("HMGET");
        question.arg(key).arg(&["token", "version", "body"]);
        let answer = self.place.engine.ask(Request::Command(&question));
        match answer.await? {
            (Some(token), Some(version), Some(body)) => Ok(Some(Head {
                token,
                version,
                body,
            })),
            (None::<u64>, None::<u64>, None::<Bytes>) => Ok(None),
            _ => Err(odd_answer()),
        }
    }

    /// The chunks with these digests, in their order; none where the engine has not got one, or has other bytes under
    /// its name.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn chunks(&self, digests: &[Digest]) -> Result<Vec<Option<Bytes>>, Error> {
        chunks::get(&self.place, digests).await
    }

    /// Says which version this replica holds, and asks for the newest that any live replica holds. A replica that says
    /// nothing for ten seconds counts as dead.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn note_seen(&self, version: u64) -> Result<u64, Error> {
        let Place { engine, keys, .. } = &*self.place;
        let answer = self.place.run(&engine.scripts().seen, |script| {
            script
                .key(&keys.seen)
                .key(&keys.life)
                .arg(engine.identity())
                .arg(version)
                .arg(milliseconds(WORD_LASTS));
        });
        answer.await
    }

    /// Leaves hints for the holder. Beyond 10,000 of them, and after ten minutes, they are dropped.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn hint(&self, hints: &[String]) -> Result<(), Error> {
        let Place {
            engine,
            keys,
            instance,
        } = &*self.place;
        for some in hints.chunks(HINTS_AT_ONCE) {
            let answer = self.place.run(&engine.scripts().hint, |script| {
                script
                    .key(&keys.hints)
                    .arg(MOST_HINTS)
                    .arg(milliseconds(HINTS_LAST))
                    .arg(engine.channel())
                    .arg(instance)
                    .arg(some);
            });
            let _new: u64 = answer.await?;
        }
        Ok(())
    }
}
