//! Since when the bridge's own counters count. The SDK begins anew with each provider, and lets nobody say
//! otherwise.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::metrics::Temporality;

/// Since when the bridge's own counters count, for a provider that the SDK takes for new.
#[derive(Clone, Copy)]
pub struct OwnSince {
    temporality: Temporality,
    /// In nanoseconds since 1970: when the first provider was built; with deltas when the last push was made.
    at: u64,
}

impl OwnSince {
    pub fn now(temporality: Temporality) -> OwnSince {
        OwnSince {
            temporality,
            at: nanoseconds(),
        }
    }

    /// With deltas the next message tells of what comes from now on.
    pub fn pushed(&mut self) {
        if self.temporality != Temporality::Cumulative {
            self.at = nanoseconds();
        }
    }

    /// Sets the start times right that the SDK makes of its provider.
    pub fn correct(self, message: &mut ExportMetricsServiceRequest) {
        let resources = message.resource_metrics.iter_mut();
        let scopes = resources.flat_map(|resource| &mut resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &mut scope.metrics) {
            if let Some(Data::Sum(sum)) = &mut metric.data {
                for point in &mut sum.data_points {
                    point.start_time_unix_nano = point.start_time_unix_nano.min(self.at);
                }
            }
        }
    }
}

fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or_default()
}
