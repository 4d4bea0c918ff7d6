//! How the series of a metric are handed over, one by one.

use super::EndedSeries;

/// Takes one series: its attributes and its value.
pub type Emit<'a> = dyn FnMut(&[(&'static str, &str)], f64) + 'a;

/// Takes one series of what has ended.
pub type EmitEnded<'a> = dyn FnMut(&[(&'static str, &str)], &EndedSeries) + 'a;
