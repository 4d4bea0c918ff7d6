//! A moment of bridge time, compact enough to be kept several times for each of 100,000 projects.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::UnixTime;

/// Milliseconds since 1970 by a clock that never goes back: the time of day when the bridge started
/// and what has passed since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    pub const ZERO: Moment = Moment(0);

    /// A moment beyond all clocks is the last whole second: it is written as it was read.
    pub fn from_secs(seconds: u64) -> Moment {
        Moment(seconds.min(u64::MAX / 1000) * 1000)
    }

    /// Whole seconds, rounded down: nothing is taken for younger than it is.
    pub fn as_secs(self) -> UnixTime {
        self.0 / 1000
    }

    /// How long ago an earlier moment was; nothing for a later one.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Moment {
    fn from(since_1970: Duration) -> Moment {
        Moment(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(Moment::from(duration).0))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(Moment::from(duration).0))
    }
}

/// Kept in whole seconds.
impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_secs())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        u64::deserialize(deserializer).map(Moment::from_secs)
    }
}
