//! What can go wrong with the engine, by what the caller does about it.

/// Why the engine did not do what was asked. No password is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine did not answer, or can't for the moment: trying again helps. With what to do if it lasts.
    #[error("{0}")]
    Away(String),
    /// Another replica holds the lease, or this one's is over.
    #[error("another replica holds the lease")]
    Refused,
    /// The engine does not let us: a person has to set something right. With what to do.
    #[error("{0}")]
    Denied(String),
    /// The configuration of the engine can't be used. With what to do.
    #[error("{0}")]
    Unusable(String),
}
