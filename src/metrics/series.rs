//! How the series of a metric are handed over, one by one.

use super::EndedSeries;

/// Takes one series: its attributes and its value.
pub type Emit<'a> = dyn FnMut(&[(&'static str, &str)], f64) + 'a;

/// Takes one series of what has ended, and since when it is counted, in seconds since 1970.
pub type EmitEnded<'a> = dyn FnMut(&[(&'static str, &str)], &EndedSeries, u32) + 'a;
