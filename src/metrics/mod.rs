//! What we measure: one file per GitLab subject, each a table of rows that say what is asked, what is
//! kept and which metrics show it.
//!
//! Everything else is derived from these rows: the GraphQL document, the reading of answers, the
//! instruments, the state file, the registry and the reference in `otel/`, the switches of the
//! configuration. Nothing here does I/O, looks at a clock or knows OpenTelemetry.

mod answer;
mod bridge;
mod catalogue;
mod commits;
mod enabled;
mod ended;
mod identity;
mod issues;
mod merge_requests;
mod observe;
mod owner;
mod projects;
mod reading;
mod reference;
mod releases;
mod selection;
mod snapshot;
mod storage;
pub mod subject;
mod table;
mod value;
mod view;

pub use answer::{AskedColumns, Failures, NotUnderstood, OwnerAnswer, ProjectAnswer, answered};
pub use bridge::{BridgeStatus, Export, GitLabStatus, Usage};
pub use catalogue::{Catalogue, EndedPlace, Metric, PlacedColumn, PlacedTable};
pub use enabled::EnabledMetrics;
pub use ended::{Ended, EndedSeries};
pub use identity::{Access, Identity};
pub use observe::Emit;
pub use owner::Owner;
pub use reading::{Reading, Reason, stamp};
pub use reference::{json, markdown, registry, text};
pub use selection::{Selection, keys, member};
pub use snapshot::{Age, Missing, Owners, Report, Snapshot, UnixTime};
pub use subject::{
    Attribute, ChangesWith, Column, Feature, Grain, Instrument, Kind, Rest, Subject,
};
pub use table::{Api, Row, Table, TableAnswer, TableReading};
pub use value::Answered;
pub use view::{GitLabView, View};

/// The identity of a project.
pub const PROJECT_ID: Attribute = Attribute {
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
