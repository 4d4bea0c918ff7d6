//! What stands in for a network: a call.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use gitlab_metrics_bridge::gitlab::{NetworkFailure, Transport, TransportError};
use gitlab_metrics_bridge::simulator::GitLab;
use http::{Request, Response};

/// Asks a model of GitLab in this process.
pub struct Call(pub Arc<GitLab>);

impl Transport for Call {
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        async move {
            let answer = self.0.ask(request.map(Into::into)).await;
            answer
                .map(|answer| answer.map(Into::into))
                .map_err(|cut| TransportError::Network {
                    kind: NetworkFailure::Interrupted,
                    source: Box::new(cut),
                })
        }
        .boxed()
    }
}
