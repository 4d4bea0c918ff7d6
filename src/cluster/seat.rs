//! The place of one GitLab in the engine: what every replica may read and tell, and where one becomes the holder.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::digest::Digest;
use super::engine::Engine;
use super::error::Error;
use super::lease::Lease;

/// One GitLab's place in the engine. Every replica has one for each GitLab; a clone shares it.
#[derive(Clone)]
pub struct Seat {
    engine: Engine,
    instance: Arc<str>,
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

impl Seat {
    pub(super) fn new(engine: Engine, instance: &str) -> Seat {
        Seat {
            engine,
            instance: instance.into(),
        }
    }

    /// Tries once to become the holder of the lease; none if another replica holds it, or if a replica that knows a
    /// newer version should go first.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn contend(&self, _known: Known) -> Result<Option<Lease>, Error> {
        Err(self.away())
    }

    /// The replica that holds the lease, by its name; none if nobody does.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn holder(&self) -> Result<Option<String>, Error> {
        Err(self.away())
    }

    /// Waits until something happened (a version was published, the lease was given up, hints came, the connection
    /// was lost), but at the most that long. What happened since the last call ends it at once.
    pub async fn stirred(&self, at_most: Duration) {
        tokio::time::sleep(at_most).await;
    }

    /// The newest published version; none if there is none.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn head(&self) -> Result<Option<Head>, Error> {
        Err(self.away())
    }

    /// The chunks with these digests, in their order; none where the engine has not got one.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn chunks(&self, _digests: &[Digest]) -> Result<Vec<Option<Bytes>>, Error> {
        Err(self.away())
    }

    /// Tells which version this replica holds, and asks for the newest that any live replica holds.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn note_seen(&self, _version: u64) -> Result<u64, Error> {
        Err(self.away())
    }

    /// Leaves hints for the holder. Beyond 10,000 of them, and after ten minutes, they are dropped.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn hint(&self, _hints: &[String]) -> Result<(), Error> {
        Err(self.away())
    }

    fn away(&self) -> Error {
        let (group, instance) = (self.engine.group(), &self.instance);
        Error::Away(format!(
            "the engine was not asked yet for {group} {instance}"
        ))
    }
}
