//! What a listener serves, replaceable while it does.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use tokio::sync::watch;

use crate::export::Web;

/// What a listener serves. All of it may be replaced: the next request is answered with the new one, on
/// connections that are open too.
#[derive(Clone)]
pub struct Served {
    pub router: Router,
    pub web: Option<Arc<Web>>,
    /// How many connections there may be.
    pub most: usize,
    /// How often answering a request panicked.
    pub panics: Arc<AtomicU64>,
}

/// What is served now.
pub type ServedNow = watch::Receiver<Arc<Served>>;
