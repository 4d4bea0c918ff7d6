//! One exporter goes on for another one of the same process, under other settings: what was sent is not sent
//! again, what is counted goes on, and series that nobody shows any more are ended.

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;

use super::{LastPush, Otlp};
use crate::lock::lock;
use crate::metrics::BridgeStatus;

impl Otlp {
    /// Goes on for another exporter, which runs no more. Its queue stays where it is.
    #[must_use]
    pub fn take_over(mut self, before: &Otlp) -> Otlp {
        self.health = Arc::clone(&before.health);
        self.queue.clone_from(&before.queue);
        if let Some(queue) = &self.queue {
            queue.is_for(self.endpoint.as_str());
        }
        if self.endpoint == before.endpoint {
            self.sender.take_over(&before.sender);
        }
        lock(&self.ended).take_over(&mut lock(&before.ended));
        let last = std::mem::take(&mut *before.last());
        self.take_over_own(before, last.status.as_ref());
        let gone = last.gone.or_else(|| Some(before.gone.clone()));
        let mut after = LastPush {
            waiting: last.waiting,
            gone: gone.filter(|_| last.view.is_some()),
            view: last.view,
            status: last.status,
            ..LastPush::default()
        };
        let (kept, ended) = self.gone.own_after(&before.gone, last.bridge);
        after.bridge = kept;
        after.waiting.extend(ended);
        *self.last() = after;
        self
    }

    /// Goes on with the bridge's own counters. The SDK keeps them in its provider: another provider is told
    /// what was sent last.
    fn take_over_own(&mut self, before: &Otlp, sent: Option<&BridgeStatus>) {
        let own = |otlp: &Otlp| -> HashSet<&'static str> {
            let metrics = otlp.shown.metrics.iter();
            let own = metrics.filter(|metric| !metric.is_about_gitlab());
            own.map(|metric| metric.name).collect()
        };
        let temporality = before.gone.temporality();
        let is_alike = self.gone.resource() == before.gone.resource()
            && self.gone.temporality() == temporality
            && own(self) == own(before);
        if self.gone.temporality() == temporality {
            *lock(&self.own_since) = *lock(&before.own_since);
        }
        if is_alike {
            self.bridge = Arc::clone(&before.bridge);
        } else if self.gone.temporality() != Temporality::Cumulative
            && let Some(sent) = sent
        {
            let mut discarded = ResourceMetrics::default();
            let collect = || self.bridge.reader.collect(&mut discarded);
            // What can't be read is logged where it is read.
            let _ = self.bridge.instruments.collect(sent.clone(), collect);
        }
    }
}
