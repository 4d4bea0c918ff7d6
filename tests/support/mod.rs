//! What the integration tests share: the bridge as a process, an OTLP receiver that is not ours, a
//! strict reader of the exposition, and the real tools. Nothing here uses the bridge's own code: it
//! would agree with its own mistakes.
#![allow(
    dead_code,
    reason = "every test file compiles its own copy and none uses all of it; `expect` would fail in the one that does"
)]

pub mod certificates;
pub mod exposition;
pub mod front;
pub mod process;
pub mod received;
pub mod receiver;
pub mod redis_server;
pub mod running;
pub mod tools;

use std::collections::BTreeMap;
use std::time::Duration;

/// The labels of a series, or the attributes of a point: sorted, values as text.
pub type Labels = BTreeMap<String, String>;

/// The series of one metric, and their values.
pub type Series = BTreeMap<Labels, f64>;

/// How long a helper waits for what should happen at once. Long, for a machine that has other work:
/// it is only ever spent by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `labels([("state", "opened")])`, as the series are keyed.
pub fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
