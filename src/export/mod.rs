//! How it is shown: observable gauges over the latest snapshots, pushed over OTLP and served to
//! Prometheus.
//!
//! Readers are driven a batch of series at a time (see `batches`). That bounds an OTLP message, the
//! SDK's cardinality limit and memory at once, whatever the number of projects, and every batch of
//! one export comes from the same view.

mod ask_explain;
mod ask_health;
mod batches;
mod config;
mod explain;
#[cfg(test)]
mod fragile;
mod health;
mod histograms;
mod http;
mod lifecycle;
mod listener;
mod meter;
mod negotiation;
mod otlp;
mod page;
mod prometheus;
mod readiness;
mod running;
mod scrape;
mod web;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::metrics::{BridgeStatus, UnixTime, View};

pub use ask_explain::{Answered, User, ask_explain};
pub use ask_health::ask_health;
pub use config::{Config, Listen};
pub use health::Health;
pub use http::{Endpoints, WithOwners};
pub use lifecycle::{Lifecycle, Reload};
pub use listener::{RefusedConnections, Served, ServedNow, Server, most_connections};
pub use negotiation::{Coding, Format};
pub use otlp::{
    Compression, JobAttribute, NO_LIMIT, Names, Otlp, OtlpConfig, Protocol, QueueConfig,
    Temporality,
};
pub use page::{History, ShownSetting};
pub use prometheus::{Exposition, OnDemand, Portion, Prometheus, Shard, Texts, TextsRenderer};
pub use readiness::Readiness;
pub use web::Web;

/// The latest view.
pub type Views = watch::Receiver<Arc<View>>;

/// Tells what the bridge knows of itself now, beside a view that is shown.
pub type Introspect = Arc<dyn Fn(&View) -> BridgeStatus + Send + Sync>;

/// A moment as it is kept and shown: in whole seconds.
pub fn seconds(time: SystemTime) -> UnixTime {
    let since_1970 = time.duration_since(UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs()
}
