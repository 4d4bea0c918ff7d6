//! Delivers what waits in the queue, in order, beside the live exports: only while these are taken, and at a
//! pace that leaves the receiver at least half of its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::outcome::Outcome;
use super::queue::{Queue, now};
use super::sender::Sender;

/// The shortest pause between two messages, and how long an empty queue is left alone.
const PAUSE: Duration = Duration::from_millis(20);
const EMPTY: Duration = Duration::from_millis(500);

/// Delivers for ever. `live` tells whether the last live export found the receiver there.
pub async fn drain(sender: Arc<Sender>, queue: Arc<Queue>, live: Arc<watch::Sender<bool>>) {
    let mut is_there = live.subscribe();
    let mut delivered = 0_u64;
    while is_there.wait_for(|is_there| *is_there).await.is_ok() {
        let began = Instant::now();
        let Some((number, message)) = first(&queue).await else {
            if delivered > 0 {
                tracing::info!(
                    messages = delivered,
                    "what waited for the OTLP receiver is delivered"
                );
                delivered = 0;
            }
            sleep(EMPTY).await;
            continue;
        };
        let settled = match sender.send(&message, None).await {
            Outcome::Delivered => Some(true),
            Outcome::Partial(why) | Outcome::Refused(why) => {
                tracing::debug!(error = %why, "the OTLP receiver refused what had waited for it");
                Some(false)
            }
            Outcome::Later { why, .. } => {
                tracing::debug!(error = %why, "the OTLP receiver is away again");
                live.send_replace(false);
                None
            }
        };
        if let Some(taken) = settled {
            delivered += u64::from(taken);
            let queue = Arc::clone(&queue);
            let removed = spawn_blocking(move || match taken {
                true => queue.delivered(number),
                false => queue.refused(number),
            });
            let _ = removed.await; // It can't panic.
            sleep(began.elapsed().max(PAUSE)).await;
        }
    }
}

async fn first(queue: &Arc<Queue>) -> Option<(u64, axum::body::Bytes)> {
    let queue = Arc::clone(queue);
    spawn_blocking(move || queue.first(now())).await.ok()?
}
