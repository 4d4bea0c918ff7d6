//! The seam to the network: what carries a request to GitLab and its answer back.

use std::error::Error as StdError;

use futures::future::BoxFuture;
use http::{Request, Response};

use super::network::NetworkFailure;

/// Carries bytes, and knows nothing of what they mean.
///
/// Deadlines, limits, retries, redirects and the token are the client's business, so that a model
/// of GitLab in the same process can stand in for a network.
pub trait Transport: Send + Sync {
    /// Sends one request and reads its whole answer; redirects are not followed.
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>>;
}

/// Why a wire brought no answer.
#[derive(Debug)]
pub enum TransportError {
    /// The other side stayed silent for too long.
    Silent,
    /// The answer is bigger than anything that is worth reading.
    TooLarge { limit: usize },
    /// The connection did not come to stand, or did not last.
    Network {
        kind: NetworkFailure,
        /// What the network said; without the address, which may hold what is not for a log.
        source: Box<dyn StdError + Send + Sync>,
    },
}
