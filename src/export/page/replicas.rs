//! What the page says of several replicas that are one bridge: who leads each GitLab, which version of it this
//! replica shows, and how the engine between them gets on.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Serialize;

use super::clock::{Clock, Time};
use super::layout::{foreign, time};
use super::words::{counted, span};
use crate::logged::seconds;
use crate::metrics::{self, ClusterStatus};

/// This replica, and the engine that it shares with others.
#[derive(Clone, Debug, Serialize)]
pub struct Replica {
    pub name: String,
    pub group: String,
    /// Whether the engine answered when it was last asked.
    pub engine_up: Option<bool>,
    /// How long its last answer took.
    pub engine_seconds: Option<f64>,
    pub refused_writes: BTreeMap<&'static str, u64>,
}

/// Who leads a GitLab, and what this replica shows of it.
#[derive(Clone, Debug, Serialize)]
pub struct Leadership {
    pub leader: Option<String>,
    /// Whether that is this replica.
    pub is_ours: bool,
    pub token: Option<u64>,
    pub changes: u64,
    pub version_shown: Option<u64>,
    pub version_published: Option<u64>,
    /// When the version that is shown was published.
    pub published: Option<Time>,
    pub published_age_seconds: Option<u64>,
}

impl Replica {
    pub fn of(cluster: &ClusterStatus) -> Replica {
        Replica {
            name: cluster.replica.clone(),
            group: cluster.group.clone(),
            engine_up: cluster.engine_up,
            engine_seconds: cluster.engine_took.map(seconds),
            refused_writes: cluster.refused_writes.clone(),
        }
    }

    /// How the engine gets on, for people.
    pub fn engine(&self) -> Markup {
        let took = self
            .engine_seconds
            .map(|took| format!("{:.1} ms", took * 1e3));
        html! {
            @match (self.engine_up, took) {
                (Some(true), Some(took)) => { span.good { "answers" } ", its last answer took " (took) }
                (Some(true), None) => span.good { "answers" },
                (Some(false), _) => span.bad { "does not answer" },
                (None, _) => span.soft { "has not been asked yet" }
            }
            @for (what, count) in self.refused_writes.iter().filter(|(_, count)| **count > 0) {
                ", " (counted(*count, "write")) " refused: " (what)
            }
        }
    }
}

impl Leadership {
    pub fn of(own: &metrics::Leadership, clock: Clock) -> Leadership {
        Leadership {
            leader: own.leader.clone(),
            is_ours: own.is_ours,
            token: own.token,
            changes: own.changes,
            version_shown: own.shown,
            version_published: own.published,
            published: own.shown_at.map(|at| clock.time(at)),
            published_age_seconds: own.shown_at.map(|at| clock.age(at)),
        }
    }

    /// Whether a newer version than the one that is shown is in the engine.
    pub fn is_behind(&self) -> bool {
        self.version_published.is_some() && self.version_shown < self.version_published
    }
}

/// What the page says of one GitLab's leader and versions.
pub fn section(own: &Leadership) -> Markup {
    html! {
        h3 { "Replicas" }
        dl {
            div {
                dt { "Leader" }
                dd {
                    @match (&own.leader, own.is_ours) {
                        (Some(name), true) => { (foreign(name)) ", this replica" }
                        (Some(name), false) => (foreign(name)),
                        (None, true) => "this replica",
                        (None, false) => span.bad { "nobody, as far as this replica knows" }
                    }
                }
            }
            div { dt { "Changes of the leader" } dd { (counted(own.changes, "change")) " seen since the start" } }
            div { dt { "Token" } dd { (number(own.token)) } }
            div {
                dt { "Version shown" }
                dd {
                    (number(own.version_shown))
                    @if let (Some(at), Some(age)) = (own.published, own.published_age_seconds) {
                        ", published " (span(age as f64)) " ago, " (time(at))
                    }
                }
            }
            div {
                dt { "Version published" }
                dd {
                    (number(own.version_published))
                    @if own.is_behind() { span.warn { ": newer than what is shown" } }
                }
            }
        }
    }
}

/// A number that is a name, and is not grouped.
fn number(number: Option<u64>) -> Markup {
    html! {
        @match number {
            Some(number) => (number),
            None => span.soft { "none yet" }
        }
    }
}
