//! Polls of the model of GitLab in this process whose answers are changed on their way.

mod fuzz;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};

use crate::gitlab::{NetworkFailure, Transport, TransportError};
use crate::simulator::GitLab;

/// What is done to the body of an answer, by how many came before it.
type Change = Box<dyn Fn(usize, Vec<u8>) -> Vec<u8> + Send + Sync>;

/// Asks the model, and changes what it says.
pub struct Changing {
    gitlab: Arc<GitLab>,
    change: Change,
    asked: Mutex<usize>,
}

impl Changing {
    pub fn new(
        gitlab: Arc<GitLab>,
        change: impl Fn(usize, Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Changing {
        Changing {
            gitlab,
            change: Box::new(change),
            asked: Mutex::default(),
        }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Transport for Changing {
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        let before = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked - 1
        };
        async move {
            let answer = self.gitlab.ask(request.map(Into::into)).await;
            answer
                .map(|answer| answer.map(|body| (self.change)(before, body.into())))
                .map_err(|cut| TransportError::Network {
                    kind: NetworkFailure::Interrupted,
                    source: Box::new(cut),
                })
        }
        .boxed()
    }
}
