//! What we measure: one file per GitLab subject, each a table of rows that say what a metric is
//! called, what it means, how GitLab is asked for it and how the answer is read.
//!
//! Everything else is derived from these rows: the GraphQL document, the instruments, the registry
//! and the reference in `otel/`, the switches of the configuration. Nothing here does I/O, looks at
//! a clock or knows OpenTelemetry.

mod bridge;
mod commits;
mod issues;
mod merge_requests;
mod projects;
mod question;
mod reference;
mod releases;
mod snapshot;
mod storage;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

pub use bridge::{Bridge, Export, Instance, Usage};
pub use projects::{Identity, Standing};
pub use question::{Feature, Moves, Question, Rest, Selection, keys, member, number};
pub use reference::{json, markdown, registry, text};
pub use snapshot::{Age, Missing, Project, Reading, Reason, Report, Snapshot, UnixTime};
pub use view::{Seen, View};

/// Everything we measure, subject by subject, in the order it is shown.
pub static SUBJECTS: &[Subject] = &[
    commits::SUBJECT,
    merge_requests::SUBJECT,
    projects::SUBJECT,
    issues::SUBJECT,
    releases::SUBJECT,
    storage::SUBJECT,
    bridge::SUBJECT,
];

/// One of GitLab's things and the metrics about it.
pub struct Subject {
    /// The subject's name: the value of the `collector` attribute of our own metrics.
    pub name: &'static str,
    /// Its metrics.
    pub metrics: &'static [Metric],
}

/// One metric: the only place where it is defined.
pub struct Metric {
    /// The name, the same over OTLP and in the exposition.
    pub name: &'static str,
    /// The unit in UCUM, chosen so that no translation to Prometheus changes the name.
    pub unit: &'static str,
    /// The help text: one sentence.
    pub help: &'static str,
    /// Gauge or counter.
    pub instrument: Instrument,
    /// The attributes of its series.
    pub attributes: &'static [Attribute],
    /// Where its values come from.
    pub source: Source,
}

/// The kind of instrument that records a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// A value that can go up and down.
    Gauge,
    /// A count since the bridge started.
    Counter,
}

/// One attribute (label) of a metric.
pub struct Attribute {
    /// Its key.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// Some values it takes; all of them where the set is closed.
    pub examples: &'static [&'static str],
}

/// Where a metric's values come from.
pub enum Source {
    /// GitLab is asked one question for each project and value.
    Asked(&'static [Value]),
    /// Known of a project once it is listed.
    Known {
        /// The value, if there is one.
        value: fn(&Identity) -> Option<u64>,
        /// The attributes besides `project_id`.
        attributes: fn(&Identity) -> Vec<(&'static str, &str)>,
    },
    /// The sum of another metric over all selected projects, once every one of them is known.
    Sum(&'static str),
    /// How many projects are selected.
    Projects,
    /// The bridge itself.
    Bridge(fn(&Bridge, &mut Emit<'_>)),
    /// How the bridge gets on with one GitLab.
    Instance(fn(&Instance, &mut Emit<'_>)),
}

/// Takes one series: its attributes and its value.
pub type Emit<'a> = dyn FnMut(&[(&'static str, &str)], f64) + 'a;

/// One value of an asked metric: its fixed attributes and the question that obtains it.
pub struct Value {
    /// Attributes besides `project_id`, such as the state.
    pub attributes: &'static [(&'static str, &'static str)],
    /// What GitLab is asked.
    pub question: Question,
}

/// The identity of a project.
pub(crate) const PROJECT_ID: Attribute = Attribute {
    name: "project_id",
    meaning: "GitLab's id of the project; it survives renames and transfers.",
    examples: &["2540"],
};

/// The state of a thing that is opened and ends in one of several ways.
pub(crate) const STATE: Attribute = Attribute {
    name: "state",
    meaning: "The state, in GitLab's words; issues are never merged or locked.",
    examples: &["opened", "closed", "merged", "locked"],
};

static METRICS: LazyLock<Vec<&'static Metric>> = LazyLock::new(|| {
    SUBJECTS
        .iter()
        .flat_map(|subject| subject.metrics)
        .collect()
});

/// Every question, and the subject it belongs to. A question's place in this list is its slot in
/// [`Project::readings`].
static QUESTIONS: LazyLock<Vec<(&'static Question, &'static str)>> = LazyLock::new(|| {
    let mut questions = Vec::new();
    for subject in SUBJECTS {
        for value in subject.metrics.iter().flat_map(Metric::values) {
            questions.push((&value.question, subject.name));
        }
    }
    questions
});

/// What the configuration lets be shown, and how.
#[derive(Clone)]
pub struct Shown {
    /// The metrics, in the order they are shown.
    pub metrics: Vec<&'static Metric>,
    /// Whether every series of a project also carries its path.
    pub project_path: bool,
}

impl Shown {
    /// The metrics whose name `keep` accepts.
    pub fn new(keep: impl Fn(&str) -> bool, project_path: bool) -> Shown {
        let metrics = catalogue()
            .iter()
            .copied()
            .filter(|metric| keep(metric.name))
            .collect();
        Shown {
            metrics,
            project_path,
        }
    }

    /// The slots of the questions that must be asked for it.
    pub fn slots(&self) -> BTreeSet<usize> {
        self.metrics
            .iter()
            .flat_map(|metric| metric.slots())
            .collect()
    }

    /// How many series a snapshot has about GitLab.
    pub fn series(&self, snapshot: &Snapshot) -> u64 {
        let mut series = 0;
        for metric in &self.metrics {
            metric.observe(snapshot, 0..snapshot.projects.len(), false, &mut |_, _| {
                series += 1
            });
        }
        series
    }
}

/// Every metric, in the order it is shown.
pub fn catalogue() -> &'static [&'static Metric] {
    &METRICS
}

/// Every question, with the name of its subject; the index is the question's slot.
pub fn questions() -> &'static [(&'static Question, &'static str)] {
    &QUESTIONS
}

impl Metric {
    /// The values GitLab is asked for; none for metrics of another source.
    pub fn values(&self) -> &'static [Value] {
        match self.source {
            Source::Asked(values) => values,
            _ => &[],
        }
    }

    /// True for what is measured of GitLab, false for the bridge's own metrics.
    pub fn is_about_gitlab(&self) -> bool {
        !matches!(self.source, Source::Bridge(_) | Source::Instance(_))
    }

    /// True if there is a series for each project.
    pub fn is_per_project(&self) -> bool {
        matches!(self.source, Source::Asked(_) | Source::Known { .. })
    }

    /// The slots of the questions this metric needs answered.
    pub fn slots(&self) -> Range<usize> {
        let values = match self.source {
            Source::Sum(other) => find(other).map_or(&[][..], Metric::values),
            _ => self.values(),
        };
        let Some(first) = values.first() else {
            return 0..0;
        };
        // Every value of the catalogue has its question in the list, which is made of them.
        let start = QUESTIONS
            .iter()
            .position(|(question, _)| std::ptr::eq(*question, &first.question))
            .unwrap_or_default();
        start..start + values.len()
    }

    /// Shows what `projects` (indices into the snapshot) have of this metric, with their path if
    /// `project_path`. A metric over all projects is shown whatever the range.
    pub fn observe(
        &self,
        snapshot: &Snapshot,
        projects: Range<usize>,
        project_path: bool,
        emit: &mut Emit<'_>,
    ) {
        let slots = self.slots();
        match self.source {
            Source::Asked(values) => {
                for project in &snapshot.projects[projects] {
                    for (value, reading) in values.iter().zip(&project.readings[slots.clone()]) {
                        if let Reading::Known { value: number, .. } = reading {
                            let mut attributes = project.identity.labels(project_path);
                            attributes.extend_from_slice(value.attributes);
                            emit(&attributes, *number as f64);
                        }
                    }
                }
            }
            Source::Known { value, attributes } => {
                for project in &snapshot.projects[projects] {
                    let identity = &project.identity;
                    if let Some(number) = value(identity) {
                        let mut all = attributes(identity);
                        let named = all
                            .iter()
                            .any(|(key, _)| *key == projects::PROJECT_PATH.name);
                        all.extend(identity.labels(project_path && !named));
                        emit(&all, number as f64);
                    }
                }
            }
            Source::Sum(_) => {
                if let Some(sum) = snapshot.sum(slots) {
                    emit(&[], sum as f64);
                }
            }
            Source::Projects => {
                if let Some(count) = snapshot.project_count {
                    emit(&[], count as f64);
                }
            }
            Source::Bridge(_) | Source::Instance(_) => {}
        }
    }

    /// Shows what the bridge has of this metric, if it is one of its own.
    pub fn observe_bridge(&self, bridge: &Bridge, emit: &mut Emit<'_>) {
        match self.source {
            Source::Bridge(read) => read(bridge, emit),
            Source::Instance(read) => {
                for instance in &bridge.instances {
                    let name = instance.name.as_deref();
                    view::of_instance(name, emit, |emit| read(instance, emit));
                }
            }
            _ => {}
        }
    }
}

/// The metric of that name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).copied()
}
