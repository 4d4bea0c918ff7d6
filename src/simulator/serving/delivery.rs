//! How an answer becomes bytes: compressed where the client accepts it, whole or broken on purpose.

use std::convert::Infallible;
use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::simulator::answer::Answer;
use crate::simulator::world::clock::http_date;

/// How many bytes a dripping answer sends at a time.
const DRIP: usize = 16;

/// Bodies above this are padded on purpose.
const BULKY: usize = 8 << 20;

/// An answer and the way it travels.
pub(super) struct Delivery {
    pub(super) answer: Answer,
    pub(super) manner: Manner,
}

/// How much of an answer is sent, and how fast.
pub(super) enum Manner {
    Whole,
    Truncated,
    Dripping(Duration),
}

impl Delivery {
    pub(super) fn whole(answer: Answer) -> Self {
        let manner = Manner::Whole;
        Delivery { answer, manner }
    }

    /// The response, with the time by the model's clock.
    pub(super) fn respond(self, parts: &Parts, now: Timestamp) -> Response<Body> {
        let answer = self.answer;
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let headers = response.headers_mut();
        let date = HeaderValue::from_str(&http_date(now));
        headers.extend(date.into_iter().map(|date| (DATE, date)));
        for (name, value) in answer.headers() {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
            {
                headers.insert(name, value);
            }
        }
        let mut bytes = Bytes::from(answer.body);
        let accepted = parts
            .headers
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        if accepted.is_some_and(|accepted| accepted.contains("gzip"))
            && !headers.contains_key(CONTENT_ENCODING)
            && let Ok(compressed) = compress(&bytes)
        {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            bytes = compressed;
        }

        *response.body_mut() = match self.manner {
            Manner::Whole => Body::from(bytes),
            Manner::Dripping(pause) => Body::from_stream(drip(bytes, pause)),
            Manner::Truncated => {
                response
                    .headers_mut()
                    .insert(CONTENT_LENGTH, bytes.len().into());
                Body::from_stream(break_off(bytes))
            }
        };
        response
    }
}

/// The first half, and then an error that closes the connection.
fn break_off(bytes: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> {
    let half = bytes.slice(..bytes.len() / 2);
    let broken = async {
        // What was written so far leaves while the stream is pending.
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    stream::iter([Ok(half)]).chain(stream::once(broken))
}

fn drip(bytes: Bytes, pause: Duration) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let drop = rest.split_to(DRIP.min(rest.len()));
        Some((Ok(drop), rest))
    })
}

fn compress(bytes: &[u8]) -> io::Result<Bytes> {
    // A body of this size is there to be unpacked, so it is packed as tightly as it can be.
    let level = match bytes.len() > BULKY {
        true => Compression::best(),
        false => Compression::fast(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
}
