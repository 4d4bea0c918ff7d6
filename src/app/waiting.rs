//! Says in the log what a command waits for, where a person may wonder why nothing happens.

use std::time::Duration;

use tokio::time::{Instant, interval, sleep_until};

use super::progress::WaitingLine;
use crate::gitlab::Client;
use crate::logged::seconds;

/// A shorter silence needs no explanation.
const SILENCE: Duration = Duration::from_secs(2);
/// From one line to the next.
const REPEAT: Duration = Duration::from_secs(10);

/// Asks GitLab through the client, and says every few seconds what that waits for.
pub async fn explained<T>(client: &Client, asking: impl Future<Output = T>) -> T {
    let mut asking = std::pin::pin!(asking);
    let mut tick = interval(SILENCE);
    tick.tick().await;
    let mut quiet_until = Instant::now();
    loop {
        tokio::select! {
            answer = &mut asking => return answer,
            _ = tick.tick() => {}
        }
        if Instant::now() >= quiet_until && explain(client) {
            quiet_until = Instant::now() + REPEAT;
        }
    }
}

/// Waits for something else than GitLab, and says every few seconds what that is.
pub async fn told<T>(what: &str, asking: impl Future<Output = T>) -> T {
    let _line = WaitingLine::show(what);
    let began = Instant::now();
    let mut asking = std::pin::pin!(asking);
    let mut next = SILENCE;
    loop {
        tokio::select! {
            answer = &mut asking => return answer,
            () = sleep_until(began + next) => {
                tracing::info!(waited_seconds = seconds(next), "waiting for {what}");
                next += REPEAT;
            }
        }
    }
}

/// Like [`explained`], with a line on the terminal too.
pub async fn shown<T>(client: &Client, what: &str, asking: impl Future<Output = T>) -> T {
    let _line = WaitingLine::show(what);
    explained(client, asking).await
}

/// Whether there was something to explain.
fn explain(client: &Client) -> bool {
    let usage = client.usage();
    let requests: u64 = usage.requests.values().sum();
    match (usage.waiting, usage.silent_for) {
        // However short the wait for the next request is, there are others behind it.
        (Some(waiting), _) => tracing::info!(requests, "{waiting}"),
        (_, Some(silent)) if silent >= SILENCE => {
            let silent_seconds = seconds(silent);
            tracing::info!(silent_seconds, requests, "waiting for GitLab to answer");
        }
        _ => return false,
    }
    true
}
