//! The answer to a scrape, in the format and coding that the client likes best.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::task::{JoinError, spawn_blocking};

use super::negotiation::{Coding, Format};
use super::{Exposition, Introspect, Portion, Prometheus};
use crate::memory_limit::{MemoryLimit, Work};

/// Answers a scrape of a portion. Near the limit of memory nothing is made for a client: it gets the text as it is kept,
/// if it takes that.
pub async fn answer(
    prometheus: Arc<Prometheus>,
    portion: Portion,
    introspect: Introspect,
    request: &HeaderMap,
    memory: &MemoryLimit,
) -> Response {
    let (mut format, mut coding) = (Format::chosen(request), Coding::chosen(request));
    let is_made = format == Format::OpenMetrics || coding == Coding::Zstd;
    if is_made && memory.refuses(Work::Scrape) {
        if !Format::takes_text(request) {
            return refused();
        }
        (format, coding) = (Format::Text, Coding::without_zstd(request));
    }
    if prometheus.is_new(portion) && memory.refuses(Work::Scrape) {
        return too_large();
    }
    // The bridge's own series are gathered and compressed: not on a worker of the runtime.
    let answer = spawn_blocking(move || match (format, coding) {
        (Format::Text, Coding::Gzip | Coding::Identity) => {
            let exposition = prometheus.portion(portion, &introspect, coding == Coding::Gzip);
            exposition.map(kept)
        }
        _ => {
            let pieces = prometheus.on_demand(portion, &introspect, format, coding);
            pieces.map(|pieces| (None, Body::from_stream(stream::unfold(pieces, made))))
        }
    });
    let Ok(Some((length, body))) = answer.await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, format.media_type())
        .header(header::VARY, "Accept, Accept-Encoding");
    if let Some(length) = length {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    if let Some(coding) = coding.name() {
        response = response.header(header::CONTENT_ENCODING, coding);
    }
    let response = response.body(body);
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Said when a refusal is about this moment.
const LATER: [(header::HeaderName, &str); 1] = [(header::RETRY_AFTER, "60")];

fn too_large() -> Response {
    let text = "The bridge is near limits.memory, and splits nothing into a new number of shards for now: ask for \
                the number that was asked for before, or raise the limit.\n";
    (StatusCode::SERVICE_UNAVAILABLE, LATER, text).into_response()
}

fn refused() -> Response {
    let text = "The bridge is near limits.memory, and makes no text in this format for now: accept text/plain, \
                or raise the limit.\n";
    (StatusCode::SERVICE_UNAVAILABLE, LATER, text).into_response()
}

/// The text as it is kept, or decompressed, with its length.
fn kept(exposition: Exposition) -> (Option<u64>, Body) {
    let (length, pieces) = (exposition.length, exposition.pieces);
    let body = match exposition.gzip {
        true => Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>))),
        false => Body::from_stream(stream::unfold(pieces, made)),
    };
    (Some(length), body)
}

/// The next piece of a text that has to be made, and what comes after it. Making it takes too long for a
/// worker of the runtime, and is done no faster than the client reads.
async fn made<P>(mut pieces: P) -> Option<(Result<Bytes, JoinError>, P)>
where
    P: Iterator<Item = Bytes> + Send + 'static,
{
    let next = spawn_blocking(move || pieces.next().map(|piece| (Ok(piece), pieces)));
    next.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::Resource;

    use super::*;
    use crate::export::Shard;
    use crate::metrics::{BridgeStatus, Catalogue, Choices, EnabledMetrics};

    #[tokio::test]
    async fn near_the_limit_of_memory_nothing_is_split_into_a_new_number_of_shards() {
        let shown = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
        let prometheus =
            Arc::new(Prometheus::build(&Resource::builder_empty().build(), shown).unwrap());
        let status: Introspect = Arc::new(|_| BridgeStatus::default());
        let plain = HeaderMap::new();
        let ask = async |query: &str, taken: u64| {
            let memory = MemoryLimit::new(100, move || Some(taken));
            let shard = Shard::read(Some(query)).unwrap().unwrap();
            let portion = Portion::Shard {
                shard,
                own_apart: false,
            };
            let (prometheus, status) = (Arc::clone(&prometheus), Arc::clone(&status));
            let answered = answer(prometheus, portion, status, &plain, &memory);
            answered.await.status().as_u16()
        };
        assert_eq!(ask("shard=1/4", 95).await, 503);
        assert_eq!(ask("shard=1/4", 50).await, 200);
        // What was split before takes no more memory than it does already.
        assert_eq!(ask("shard=2/4", 95).await, 200);
        assert_eq!(ask("shard=2/5", 95).await, 503);
    }
}
