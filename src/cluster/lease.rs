//! The lease of one GitLab: what only its holder may do.

use bytes::Bytes;

use super::digest::Digest;
use super::error::Error;
use super::rate::{Rate, Taken};

/// The lease of one GitLab, held by this replica until it is over. A clone shares it; it is renewed as long as there
/// is one.
#[derive(Clone)]
pub struct Lease {
    token: u64,
    newest: u64,
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
    /// The number of this lease, which is higher than that of every earlier one.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The newest version that the engine or a live replica held when the lease began. What is published must be
    /// newer.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether it is over: the engine said so, or it was not renewed in time. It never begins again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        true
    }

    /// Waits until it is over.
    pub async fn over(&self) {}

    /// Takes one request of the budget of this name.
    ///
    /// # Errors
    /// If the engine does not answer, or the lease is over.
    pub async fn take(&self, _bucket: &str, _rate: Rate) -> Result<Taken, Error> {
        Err(Error::Refused)
    }

    /// Stores those of the chunks that the engine lacks, for a version that is to be published soon.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn put(&self, _chunks: &[(Digest, Bytes)]) -> Result<(), Error> {
        Err(Error::Refused)
    }

    /// Makes a version the newest. The engine keeps the chunks with these digests as long as it is.
    ///
    /// # Errors
    /// If the engine does not answer: then it may or may not have become the newest, and saying it again is right.
    pub async fn publish(
        &self,
        _version: u64,
        _body: Bytes,
        _digests: &[Digest],
    ) -> Result<Published, Error> {
        Ok(Published::Refused)
    }

    /// Takes all hints out of the engine.
    ///
    /// # Errors
    /// If the engine does not answer, or the lease is over.
    pub async fn drain(&self) -> Result<Vec<String>, Error> {
        Err(Error::Refused)
    }

    /// Gives the lease up, so that another replica gets it at once.
    ///
    /// # Errors
    /// If the engine does not answer: then the lease ends by itself.
    pub async fn resign(&self) -> Result<(), Error> {
        Ok(())
    }
}
