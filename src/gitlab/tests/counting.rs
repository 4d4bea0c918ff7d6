//! How long a list is: exact, or an error.

use super::*;
use crate::gitlab::Error;

/// A list that GitLab pages without telling its total, as it does with commits.
fn page_of(items: u64, largest_page: u64) -> impl Fn(&Seen, usize) -> Response + Clone {
    move |seen, _| {
        let number = |name| seen.query(name).unwrap().parse::<u64>().unwrap();
        let size = number("per_page").min(largest_page);
        let start = (number("page") - 1) * size;
        let length = items.saturating_sub(start).min(size);
        let items = (start..start + length).map(|id| serde_json::json!({"id": id}));
        json(200, &items.collect())
    }
}

async fn count(server: &Server) -> Result<u64, Error> {
    server
        .client()
        .count("projects/1/repository/commits?ref_name=main", soon())
        .await
}

#[tokio::test]
async fn a_total_that_gitlab_tells_takes_one_request() {
    let server = Server::start(|_, _| answer(200, &[("x-total", "4711")], "[1]")).await;
    assert_eq!(count(&server).await.unwrap(), 4711);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].query("per_page").as_deref(), Some("1"));
    assert_eq!(seen[0].query("ref_name").as_deref(), Some("main"));
}

#[tokio::test]
async fn a_list_without_a_total_is_counted_exactly() {
    for items in [
        0, 1, 20, 99, 100, 101, 199, 200, 201, 300, 6_399, 6_400, 6_401, 12_345,
    ] {
        let server = Server::start(page_of(items, 100)).await;
        assert_eq!(count(&server).await.unwrap(), items);
    }
}

#[tokio::test]
async fn the_requests_of_a_count_grow_with_the_logarithm() {
    let server = Server::start(page_of(1_234_567, 100)).await;
    assert_eq!(count(&server).await.unwrap(), 1_234_567);
    assert!(server.requests() <= 30, "{}", server.requests());
}

#[tokio::test]
async fn a_server_with_smaller_pages_is_counted_exactly_too() {
    let server = Server::start(page_of(1_234, 50)).await;
    assert_eq!(count(&server).await.unwrap(), 1_234);
}

#[tokio::test]
async fn pages_that_hide_items_give_no_count() {
    let full = page_of(1_000, 100);
    let server = Server::start(move |seen, before| match seen.query("page").as_deref() {
        Some("4") => json(200, &(300..393).collect()),
        _ => full(seen, before),
    })
    .await;
    let error = count(&server).await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }));
}

fn offset_limited(items: u64) -> impl Fn(&Seen, usize) -> Response + Clone {
    let list = page_of(items, 100);
    move |seen, before| match seen.query("page").unwrap().parse::<u64>().unwrap() {
        502.. => json(
            405,
            &serde_json::json!({"error": "Offset pagination has a maximum allowed offset of 50000"}),
        ),
        _ => list(seen, before),
    }
}

#[tokio::test]
async fn a_list_that_ends_before_the_offset_limit_is_counted() {
    let server = Server::start(offset_limited(43_210)).await;
    assert_eq!(count(&server).await.unwrap(), 43_210);
}

#[tokio::test]
async fn a_list_that_reaches_beyond_the_offset_limit_has_no_count() {
    let server = Server::start(offset_limited(60_000)).await;
    let error = count(&server).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 405, .. }));
}

#[tokio::test]
async fn what_is_no_list_has_no_count() {
    let server = Server::start(|_, _| json(200, &serde_json::json!({"id": 1}))).await;
    assert!(count(&server).await.is_err());
}

#[tokio::test]
async fn a_cache_that_does_not_heed_the_query_gives_no_count() {
    let full = page_of(100, 100);
    let server = Server::start(move |_, before| {
        let first = Seen {
            target: "/?page=1&per_page=100".to_owned(),
            ..Seen::default()
        };
        full(&first, before)
    })
    .await;
    let error = count(&server).await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }), "{error}");
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_page_that_is_not_the_one_asked_for_gives_no_count() {
    for headers in [
        [("x-total", "4711"), ("x-per-page", "100")],
        [("x-total", "4711"), ("x-page", "3")],
        [("x-total", "1"), ("x-page", "1")],
    ] {
        let server = Server::start(move |_, _| answer(200, &headers, "[1, 2]")).await;
        let error = count(&server).await.unwrap_err();
        assert!(matches!(error, Error::NotUnderstood { .. }), "{error}");
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_list_that_never_ends_gives_no_count() {
    let server = Server::start(page_of(u64::MAX / 200, 100)).await;
    let error = count(&server).await.unwrap_err();
    assert!(matches!(error, Error::NotUnderstood { .. }), "{error}");
    assert!(server.requests() < 30, "{}", server.requests());
}
