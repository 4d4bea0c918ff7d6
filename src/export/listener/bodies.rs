//! The bodies of requests and answers, which tell the connection how far each is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::response::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::activity::Begun;

/// The body of a request.
pub struct Asked {
    body: Incoming,
    begun: Arc<Begun>,
}

/// The body of an answer. Its request ends with it.
pub struct Answer {
    body: axum::body::Body,
    _begun: Arc<Begun>,
}

impl Asked {
    pub fn new(body: Incoming, begun: Arc<Begun>) -> Asked {
        if body.is_end_stream() {
            begun.received();
        }
        Asked { body, begun }
    }
}

impl Answer {
    /// The answer to the request that has begun.
    pub fn of(answer: Response, begun: Arc<Begun>) -> hyper::Response<Answer> {
        answer.map(|body| Answer {
            body,
            _begun: begun,
        })
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.begun.received();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
