//! Publishes what the holder of a lease has read: rendered, stored in the engine, and shown then.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::shown::Shown;
use super::status::StandingStatus;
use super::version::{Content, Version};
use crate::cluster::{Digest, Error, Lease, Published};
use crate::export::{self, TextsRenderer};
use crate::gitlab::Client;
use crate::lock::lock;
use crate::metrics::{Outline, Snapshot, View};
use crate::poll::Store;

/// How soon an engine that did not answer is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// Publishes under one lease.
pub struct Publisher {
    pub lease: Lease,
    pub client: Client,
    /// The name of this replica.
    pub replica: String,
    /// The name of the GitLab, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    /// None where nothing is scraped.
    pub renderer: Option<Arc<Mutex<TextsRenderer>>>,
    pub shown: watch::Sender<Shown>,
    /// What is pushed.
    pub pushed: watch::Sender<Arc<View>>,
    pub status: Arc<StandingStatus>,
}

impl Store for Publisher {
    fn publish(&self, snapshot: Arc<Snapshot>, state: Vec<u8>) -> BoxFuture<'_, ()> {
        self.publish_snapshot(snapshot, state).boxed()
    }
}

impl Publisher {
    async fn publish_snapshot(&self, snapshot: Arc<Snapshot>, state: Vec<u8>) {
        let view = Arc::new(View::of_one(self.name.clone(), Arc::clone(&snapshot)));
        let (renderer, rendered) = (self.renderer.clone(), Arc::clone(&view));
        let (token, number) = (self.lease.token(), self.next());
        let (replica, at) = (self.replica.clone(), export::seconds(self.client.now()));
        let outline = Outline::of(&snapshot);
        let made = spawn_blocking(move || {
            let texts = renderer.map(|renderer| lock(&renderer).render(&rendered));
            let texts = texts.unwrap_or_default();
            let content = Content {
                replica,
                at,
                outline,
                texts: texts.blocks(),
                state,
            };
            Version::new(token, number, content).map(|version| (texts, version))
        });
        let (texts, version) = match made.await {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => return not_made(&error),
            Err(error) => return not_made(&error),
        };
        let show = |version| Shown::of_ours(snapshot, texts, version);
        if self.stored(version, show).await {
            self.pushed.send_replace(view);
        }
    }

    /// Publishes what this replica held when the lease began, as the engine has lost it.
    pub async fn publish_again(&self, held: &Shown, version: &Version) {
        match version.again(self.lease.token(), self.next()) {
            Ok(again) => {
                self.stored(again, |version| held.again(version)).await;
            }
            Err(error) => not_made(&error),
        }
    }

    fn next(&self) -> u64 {
        let shown = self.shown.borrow();
        let number = shown.version.as_ref().map_or(0, |version| version.number);
        number.max(self.lease.newest()) + 1
    }

    /// Stores a version, and shows it then. False if the lease is over before that.
    async fn stored(&self, mut version: Version, show: impl FnOnce(Version) -> Shown) -> bool {
        let mut lacking = self.not_shown_yet(&version);
        let digests: Vec<_> = version.manifest.digests().collect();
        while !self.lease.is_over() {
            let put = self.lease.put(&lacking).await;
            let published = match put {
                Ok(()) => {
                    let body = version.body.clone();
                    self.lease.publish(version.number, body, &digests).await
                }
                Err(error) => Err(error),
            };
            match published {
                Ok(Published::Stored) => {
                    self.status.shows(&version);
                    self.shown.send_replace(show(version));
                    return true;
                }
                Ok(Published::Lacks(digests)) => {
                    let chunks = version.chunks.iter();
                    let chunks = chunks.filter(|(digest, _)| digests.contains(digest));
                    lacking = chunks.cloned().collect();
                }
                Ok(Published::Behind(newest)) => version.number = newest + 1,
                Ok(Published::Refused) | Err(Error::Refused) => return false,
                Err(error) => {
                    tracing::debug!(%error, "storing a version failed and is tried again");
                    sleep(AGAIN).await;
                }
            }
        }
        false
    }

    /// The chunks that were not in the version before: the engine has got the others.
    fn not_shown_yet(&self, version: &Version) -> Vec<(Digest, Bytes)> {
        let shown = self.shown.borrow();
        let before = shown.version.as_ref().map(|version| &version.chunks[..]);
        let before: HashSet<_> = before
            .unwrap_or_default()
            .iter()
            .map(|(digest, _)| *digest)
            .collect();
        let chunks = version.chunks.iter();
        chunks
            .filter(|(digest, _)| !before.contains(digest))
            .cloned()
            .collect()
    }
}

fn not_made(error: &dyn Display) {
    tracing::error!(%error, "a version can't be made: please report this");
}
