//! What the log says of subjects that can't be had: each once, with what would help, and once more when
//! it comes back.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::{Catalogue, Metric, Snapshot, SubjectPart, SubjectState, TableReading};

/// What this process has said of subjects.
#[derive(Debug, Default)]
pub struct SubjectLog {
    /// How a subject, or a part of one, gets on that can't be had.
    said: BTreeMap<String, SubjectState>,
    /// The metrics that can be had of some owners only.
    partly: BTreeSet<&'static str>,
    /// Whether a limit keeps series out.
    limited: bool,
}

/// One thing to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Saying {
    /// A subject, or the metrics of one, can't be had.
    Lost {
        what: String,
        state: SubjectState,
        advice: Option<String>,
    },
    /// It is read again.
    Back { what: String },
    /// Some series of a metric are refused.
    Partly {
        metric: &'static str,
        series: u64,
        state: SubjectState,
        advice: Option<String>,
    },
    /// A limit keeps series of this metric out: of this, first of all.
    Limited {
        metric: &'static str,
        series: u64,
        first: Option<String>,
    },
}

impl SubjectLog {
    /// Logs what is news about subjects.
    pub fn log(&mut self, snapshot: &Snapshot) {
        for saying in self.news(snapshot) {
            saying.log();
        }
    }

    fn news(&mut self, snapshot: &Snapshot) -> Vec<Saying> {
        let mut news = Vec::new();
        for (subject, state) in &snapshot.states {
            self.note((*subject).to_owned(), subject, *state, &mut news);
            // What is said of the whole subject is not said of its parts.
            if *state == SubjectState::Active {
                let parts = snapshot.parts.iter();
                let parts = parts.filter(|part| part.subject == *subject);
                parts.for_each(|part| self.note_part(part, &mut news));
            }
        }
        let first = snapshot.dropped.first();
        if let (Some((metric, series)), false) = (first, self.limited) {
            news.push(Saying::Limited {
                metric,
                series: *series,
                first: kept_out(snapshot, metric),
            });
        }
        self.limited = first.is_some();
        news
    }

    fn note_part(&mut self, part: &SubjectPart, news: &mut Vec<Saying>) {
        let Some(first) = part.metrics.first() else {
            return;
        };
        let what = format!("{} ({})", part.subject, part.metrics.join(", "));
        self.note(what, part.subject, part.state, news);
        match part.refused {
            Some((state, series)) if self.partly.insert(first) => news.push(Saying::Partly {
                metric: first,
                series,
                state,
                advice: state.advice(part.subject),
            }),
            Some(_) => {}
            None => drop(self.partly.remove(first)),
        }
    }

    fn note(&mut self, what: String, subject: &str, state: SubjectState, news: &mut Vec<Saying>) {
        match state {
            SubjectState::Disabled => {}
            SubjectState::Active => {
                if self.said.remove(&what).is_some() {
                    news.push(Saying::Back { what });
                }
            }
            state => {
                if self.said.insert(what.clone(), state) != Some(state) {
                    let advice = state.advice(subject);
                    news.push(Saying::Lost {
                        what,
                        state,
                        advice,
                    });
                }
            }
        }
    }
}

/// Something that a limit keeps out.
fn kept_out(snapshot: &Snapshot, metric: &str) -> Option<String> {
    snapshot.projects.iter().find_map(|project| {
        let of = format!("project {}", project.identity.id);
        if project.hides(metric) {
            return Some(of);
        }
        let mut tables = project.tables.iter().filter_map(TableReading::known);
        let row = tables.find_map(|table| table.given_way.last())?;
        Some(format!("{} of {of}", row.of))
    })
}

/// Whether a subject shows something that nobody asked for: most tokens may not see all that is shown
/// where they may.
fn is_by_default(subject: &str) -> bool {
    let of = |metric: &Metric| metric.subject.name == subject && metric.by_default;
    Catalogue::standard().metrics().iter().any(of)
}

impl Saying {
    fn log(&self) {
        match self {
            Saying::Lost {
                what,
                state,
                advice,
            } if *state != SubjectState::Failing && is_by_default(what) => tracing::info!(
                subject = what,
                state = state.name(),
                advice,
                "the subject can't be read"
            ),
            Saying::Lost {
                what,
                state,
                advice,
            } => tracing::warn!(
                subject = what,
                state = state.name(),
                advice,
                "the subject can't be read"
            ),
            Saying::Back { what } => tracing::info!(subject = what, "the subject is read again"),
            Saying::Partly {
                metric,
                series,
                state,
                advice,
            } => tracing::info!(
                metric,
                series,
                state = state.name(),
                advice,
                "some of it can't be read"
            ),
            Saying::Limited {
                metric,
                series,
                first,
            } => tracing::warn!(
                metric,
                series,
                first,
                "a limit keeps series out; see metrics.limits and gitlab_bridge_dropped_series"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SubjectState::{Active, Forbidden, Unlicensed};

    /// A snapshot in which two parts of a subject get on like this.
    fn snapshot(one: SubjectState, other: SubjectState) -> Snapshot {
        let part = |metric: &'static str, state| SubjectPart {
            subject: "instance",
            metrics: vec![metric],
            state,
            is_asked: true,
            refused: None,
        };
        let state = if one == other { one } else { Active };
        Snapshot {
            parts: vec![part("one", one), part("other", other)],
            states: vec![("instance", state)],
            ..Snapshot::default()
        }
    }

    fn told(log: &mut SubjectLog, one: SubjectState, other: SubjectState) -> Vec<String> {
        let news = log.news(&snapshot(one, other));
        let text = |saying: &Saying| match saying {
            Saying::Lost { what, state, .. } => format!("{what} {}", state.name()),
            Saying::Back { what } => format!("{what} back"),
            other => format!("{other:?}"),
        };
        news.iter().map(text).collect()
    }

    #[test]
    fn what_can_not_be_had_is_said_once_and_once_more_when_it_comes_back() {
        let mut log = SubjectLog::default();
        assert!(told(&mut log, Active, Active).is_empty());
        assert_eq!(told(&mut log, Forbidden, Forbidden), ["instance forbidden"]);
        assert!(told(&mut log, Forbidden, Forbidden).is_empty());
        let news = told(&mut log, Active, Unlicensed);
        assert_eq!(news, ["instance back", "instance (other) unlicensed"]);
        assert!(told(&mut log, Active, Unlicensed).is_empty());
        assert_eq!(told(&mut log, Active, Active), ["instance (other) back"]);
    }

    #[test]
    fn what_can_be_had_of_some_only_is_said_once() {
        let mut log = SubjectLog::default();
        let mut partly = snapshot(Active, Active);
        partly.parts[1].refused = Some((Forbidden, 3));
        assert_eq!(log.news(&partly).len(), 1);
        assert!(log.news(&partly).is_empty());
    }

    #[test]
    fn the_first_that_a_limit_keeps_out_is_named_once() {
        let mut log = SubjectLog::default();
        let mut limited = snapshot(Active, Active);
        limited.dropped = vec![("one", 30), ("other", 2)];
        let first = Saying::Limited {
            metric: "one",
            series: 30,
            first: None,
        };
        assert_eq!(log.news(&limited), [first]);
        assert!(log.news(&limited).is_empty());
    }

    #[test]
    fn what_is_shown_where_it_may_be_seen_is_no_reason_to_warn() {
        for (subject, by_default) in [("runners", true), ("members", false), ("tokens", false)] {
            assert_eq!(is_by_default(subject), by_default, "{subject}");
        }
    }

    #[test]
    fn whatever_keeps_a_subject_out_there_is_advice() {
        for state in [Forbidden, Unlicensed, SubjectState::Unsupported] {
            for subject in ["members", "security", "runners", "something"] {
                assert!(state.advice(subject).is_some(), "{subject}");
            }
        }
    }
}
