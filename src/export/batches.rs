//! Cuts a view into batches of series small enough to collect and to send at once.

use std::ops::Range;

use crate::metrics::{EnabledMetrics, Identity, Metric, PROJECT_ID, ProjectLabels, View};

/// Bounds of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Series in a batch.
    pub series: usize,
    /// Bytes of a batch as OTLP protobuf, estimated from above.
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

/// For each enabled metric the projects whose series are in the batch; `None` if the metric is not.
pub type Batch = Vec<Option<Range<usize>>>;

/// The bytes a data point takes besides its attributes: value, two timestamps, framing.
const POINT_BYTES: usize = 40;
/// The bytes an attribute takes besides its key and its value.
const ATTRIBUTE_BYTES: usize = 14;
/// The bytes of an id at the most.
const ID_BYTES: usize = 20;
/// The bytes of a value from a closed set at the most, and of a text GitLab bounds, such as a ref.
const WORD_BYTES: usize = 32;
const TEXT_BYTES: usize = 255;

/// All series of the view, in batches. Series are counted, not built: what is in a batch is collected
/// when it is sent.
pub fn batches(enabled: &EnabledMetrics, view: &View, bounds: Bounds) -> Vec<Batch> {
    let mut batches = Batches {
        done: Vec::new(),
        empty: vec![None; enabled.metrics.len()],
        batch: vec![None; enabled.metrics.len()],
        bounds,
        series: 0,
        bytes: 0,
    };
    let about_gitlab = enabled.metrics.iter().enumerate();
    for (index, metric) in about_gitlab.filter(|(_, metric)| metric.is_about_gitlab()) {
        let labels = enabled.choices.project_labels;
        let text = match metric.table() {
            Some(_) => TEXT_BYTES,
            None => WORD_BYTES,
        };
        let bytes_of = |identity: &Identity, gitlab: usize| {
            series_bytes(metric, identity, text, labels, gitlab)
        };
        if !metric.is_per_project_by(&enabled.choices) {
            let bytes = bytes_of(&Identity::default(), WORD_BYTES);
            batches.add(
                index,
                0..0,
                view.count(metric, 0..0, &enabled.choices),
                bytes,
            );
            continue;
        }
        let mut project = 0;
        for gitlab in &view.gitlabs {
            let name = gitlab.name.as_ref().map_or(0, |name| name.len());
            for (own, owner) in gitlab.snapshot.projects.iter().enumerate() {
                let series = metric.count(&gitlab.snapshot, own..own + 1, &enabled.choices);
                let bytes = bytes_of(&owner.identity, name);
                batches.add(index, project..project + 1, series, bytes);
                project += 1;
            }
        }
    }
    batches.finish()
}

/// Two batches with half of what is in one; none if that is of one project, or not told apart by project.
pub fn halves(batch: Batch) -> Option<[Batch; 2]> {
    let own = batch.iter().enumerate().filter(|(_, own)| own.is_some());
    let own: Vec<usize> = own.map(|(index, _)| index).collect();
    let (mut first, mut second) = (batch.clone(), batch);
    if let [index] = own[..] {
        let projects = first[index].clone()?;
        if projects.len() < 2 {
            return None;
        }
        let middle = projects.start + projects.len() / 2;
        first[index] = Some(projects.start..middle);
        second[index] = Some(middle..projects.end);
        return Some([first, second]);
    }
    let middle = own.get(own.len() / 2)?;
    first[*middle..].fill(None);
    second[..*middle].fill(None);
    Some([first, second])
}

struct Batches {
    done: Vec<Batch>,
    empty: Batch,
    batch: Batch,
    bounds: Bounds,
    series: usize,
    bytes: usize,
}

impl Batches {
    /// Adds what some projects have of a metric: so many series of so many bytes each.
    fn add(&mut self, index: usize, projects: Range<usize>, series: usize, bytes: usize) {
        if series == 0 {
            return;
        }
        let bytes = series * bytes;
        if self.series + series > self.bounds.series || self.bytes + bytes > self.bounds.bytes {
            self.close();
        }
        let slice = self.batch[index].get_or_insert(projects.clone());
        slice.end = projects.end;
        self.series += series;
        self.bytes += bytes;
    }

    fn close(&mut self) {
        if self.series > 0 {
            let full = std::mem::replace(&mut self.batch, self.empty.clone());
            self.done.push(full);
        }
        (self.series, self.bytes) = (0, 0);
    }

    fn finish(mut self) -> Vec<Batch> {
        self.close();
        self.done
    }
}

/// The bytes of a series of a project, estimated from above: with texts of at least `text` bytes, with
/// the labels of projects that are shown, and with the name of its GitLab.
fn series_bytes(
    metric: &Metric,
    identity: &Identity,
    text: usize,
    shown: ProjectLabels,
    gitlab: usize,
) -> usize {
    let attribute = |key: &str, value: usize| key.len() + value + ATTRIBUTE_BYTES;
    let branch = identity
        .default_branch
        .as_ref()
        .map_or(0, |name| name.len());
    let own = identity.path.len().max(identity.name.len()).max(branch);
    let attributes = metric.attributes.iter().map(|known| match known.name {
        name if name == PROJECT_ID.name => attribute(name, ID_BYTES),
        name => attribute(name, own.max(text)),
    });
    let topics = identity.topics.as_ref().map_or(0, |topics| topics.len());
    let more = [
        (shown.path, "project_path", identity.path.len()),
        (shown.namespace, "namespace", identity.path.len()),
        (shown.topics, "topics", topics),
    ];
    let more = more.iter().filter(|(is_shown, ..)| *is_shown);
    let more: usize = more.map(|(_, name, bytes)| attribute(name, *bytes)).sum();
    let more = more + told_bytes(metric, identity);
    POINT_BYTES + attributes.sum::<usize>() + more + attribute("gitlab_instance", gitlab)
}

/// The bytes that a series has more by the names of the semantic conventions: longer names of attributes, and
/// those that name the repository.
fn told_bytes(metric: &Metric, identity: &Identity) -> usize {
    /// What a namespace, and an address without the path, take at the most.
    const NAMESPACE_BYTES: usize = 32;
    const ADDRESS_BYTES: usize = 128;
    if metric.ours() == metric.name {
        return 0;
    }
    let names = (metric.attributes.len() + 2) * NAMESPACE_BYTES;
    // Address, repository, owner, provider and pipeline.
    names + 5 * (NAMESPACE_BYTES + ATTRIBUTE_BYTES) + ADDRESS_BYTES + 3 * identity.path.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_halved_down_to_one_metric_of_one_project() {
        let batch = vec![Some(0..3), None, Some(0..0), Some(2..3)];
        let (mut left, mut whole) = (vec![batch], Vec::new());
        while let Some(batch) = left.pop() {
            match halves(batch.clone()) {
                Some(halves) => left.extend(halves),
                None => whole.push(batch),
            }
        }
        let only = |index: usize, projects: Range<usize>| {
            let mut batch = vec![None; 4];
            batch[index] = Some(projects);
            batch
        };
        whole.reverse();
        let all = [
            only(0, 0..1),
            only(0, 1..2),
            only(0, 2..3),
            only(2, 0..0),
            only(3, 2..3),
        ];
        assert_eq!(whole, all);
        assert_eq!(halves(vec![None]), None);
    }
}
