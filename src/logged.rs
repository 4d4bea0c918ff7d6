//! Values as the log writes them, the same in both of its formats.

use std::time::Duration;

/// Seconds, to the millisecond: a number for programs, and short enough for people.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
