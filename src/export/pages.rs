//! Cuts a view into pages of series small enough to collect and to send at once.

use std::ops::Range;

use crate::metrics::{EnabledMetrics, View};

/// Bounds of one page.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Series in a page.
    pub series: usize,
    /// Bytes of a page as OTLP protobuf, estimated from above.
    pub bytes: usize,
}

impl Bounds {
    /// gRPC receivers refuse messages over 4 MiB by default, and about 20,000 series are where the
    /// SDK's maps still fit the processor's caches. A single project's series always fit.
    pub const DEFAULT: Bounds = Bounds {
        series: 20_000,
        bytes: 3 << 20,
    };
}

/// For each shown metric the projects whose series are in the page; `None` if the metric is not.
pub type Page = Vec<Option<Range<usize>>>;

/// The bytes a data point takes besides its attributes: value, two timestamps, framing.
const POINT_BYTES: usize = 40;
/// The bytes an attribute takes besides its key and its value.
const ATTRIBUTE_BYTES: usize = 14;

/// All series of the view, in pages. A page of the exposition holds a `single` metric, since a
/// metric's lines must stand together there.
pub fn pages(shown: &EnabledMetrics, view: &View, bounds: Bounds, single: bool) -> Vec<Page> {
    let mut pages = Vec::new();
    let empty: Page = vec![None; shown.metrics.len()];
    let mut page = empty.clone();
    let (mut series, mut bytes) = (0, 0);
    for (index, metric) in shown.metrics.iter().enumerate() {
        if !metric.is_about_gitlab() {
            continue;
        }
        let projects = if metric.is_per_project() {
            view.projects()
        } else {
            1
        };
        for project in 0..projects {
            let range = if metric.is_per_project() {
                project..project + 1
            } else {
                0..0
            };
            let (mut more_series, mut more_bytes) = (0, 0);
            view.observe(
                metric,
                range.clone(),
                shown.project_path,
                &mut |attributes, _| {
                    more_series += 1;
                    let sizes = attributes
                        .iter()
                        .map(|(key, value)| key.len() + value.len() + ATTRIBUTE_BYTES);
                    more_bytes += POINT_BYTES + sizes.sum::<usize>();
                },
            );
            if series + more_series > bounds.series || bytes + more_bytes > bounds.bytes {
                pages.push(std::mem::replace(&mut page, empty.clone()));
                (series, bytes) = (0, 0);
            }
            if more_series > 0 {
                let slice = page[index].get_or_insert(range.clone());
                slice.end = range.end;
                series += more_series;
                bytes += more_bytes;
            }
        }
        if single && series > 0 {
            pages.push(std::mem::replace(&mut page, empty.clone()));
            (series, bytes) = (0, 0);
        }
    }
    if series > 0 {
        pages.push(page);
    }
    pages
}
