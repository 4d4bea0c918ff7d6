//! What has ended of an owner's things: a count, or a histogram of how long they took.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What has ended of an owner's rows, for one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// When counting began, in seconds since 1970: what ended before is not counted.
    pub since: u32,
    pub series: Box<[EndedSeries]>,
}

/// What has ended with the same attributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndedSeries {
    /// The values of the metric's attributes, in their order, without the owner's.
    #[serde(deserialize_with = "shared", serialize_with = "texts")]
    pub attributes: Box<[Arc<str>]>,
    pub count: u64,
    pub sum: f64,
    /// How many are in each bucket, from each bound (not included) to the next (included).
    pub buckets: Box<[u64]>,
}

impl EndedSeries {
    /// Adds what has ended elsewhere.
    pub(super) fn add(&mut self, other: &EndedSeries) {
        self.count += other.count;
        self.sum += other.sum;
        if self.buckets.len() < other.buckets.len() {
            let mut buckets = std::mem::take(&mut self.buckets).into_vec();
            buckets.resize(other.buckets.len(), 0);
            self.buckets = buckets.into();
        }
        for (own, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += more;
        }
    }

    pub(super) fn record(&mut self, value: f64, bounds: &[f64]) {
        self.count += 1;
        self.sum += value;
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
    }
}

fn shared<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Box<[Arc<str>]>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    Ok(texts.into_iter().map(Arc::from).collect())
}

fn texts<S: serde::Serializer>(texts: &[Arc<str>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(texts.iter().map(|text| &**text))
}
