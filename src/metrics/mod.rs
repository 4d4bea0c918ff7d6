//! What we measure: one file per GitLab subject in `subjects`, each a table of rows that say what is
//! asked, what is kept and which metrics show it.
//!
//! Everything else is derived from these rows: the GraphQL document, the reading of answers, the
//! instruments, the state file, the registry and the reference in `otel/`, the switches of the
//! configuration. Nothing here does I/O, looks at a clock or knows OpenTelemetry.

mod answer;
mod api;
mod asked_columns;
mod by_place;
mod catalogue;
mod choices;
mod ci_exporter;
mod conventions;
mod counted_jobs;
mod departed;
mod deployed_row;
mod deployment;
mod enabled;
mod ended;
mod environment;
pub mod explain;
mod failure_reason;
mod feed;
mod folding;
mod given_way;
mod identity;
mod job;
mod judging;
mod latest_deployment;
mod limiting;
mod metric;
mod nearest;
mod observe;
mod outline;
mod owner;
mod owner_update;
mod placed;
mod queued;
mod reading;
mod reference;
mod rows;
mod selection;
mod series;
mod snapshot;
mod status;
pub mod subject;
mod subject_state;
mod subjects;
mod summary;
mod table;
mod table_answer;
mod test_report;
mod text;
mod time;
mod told_apart;
mod value;
mod view;

pub use answer::{OwnerAnswer, ProjectAnswer};
pub use api::Api;
pub use asked_columns::{AskedColumns, Failures, ToldOfRound, answered, table_over_graphql};
pub use by_place::{Blank, ByPlace};
pub use catalogue::Catalogue;
pub use choices::{
    Choices, Conventions, HistogramsBy, Limits, ProjectLabels, Refs, ScrapeNames, matches,
};
pub use ci_exporter::ci_exporter_markdown;
pub use conventions::{VERSION as CONVENTIONS_VERSION, names_by_conventions};
pub use counted_jobs::{CountedJobs, JobEnd};
pub use departed::Departed;
pub use deployment::{CountedDeployments, Deployment, merged_at};
pub use enabled::{EnabledMetrics, Round};
pub use ended::{Ended, EndedSeries};
pub use environment::{DEPLOYED_FIELDS, DEPLOYMENT_ENDS, ENVIRONMENT_FIELDS, Environment};
pub use feed::{Live, OVERLAP, Progress, Reach, Record, RefChoice};
pub use given_way::Limit;
pub use identity::{Access, Identity};
pub use job::{JOB_FIELDS, Job, JobFailure};
pub use latest_deployment::{Behind, LatestDeployment};
pub use metric::Metric;
pub use nearest::{nearest, nearest_path};
pub use outline::Outline;
pub use owner::Owner;
pub use placed::{EndedPlace, PlacedColumn, PlacedFeed, PlacedTable, place_of};
pub use queued::QueuedJob;
pub use reading::{Reading, Reason};
pub use reference::{json, markdown, registry, text};
pub use rows::RefOf;
pub use selection::{Selection, keys, member};
pub use series::Emit;
pub use snapshot::{Age, Missing, Owners, Report, Snapshot};
pub use status::{
    BridgeStatus, ClusterStatus, Export, ExportQueue, GitLabStatus, Leadership, MemoryUse, Process,
    Reload, ShardStatus, Usage,
};
pub use subject::{
    Attribute, Cadence, ChangesWith, Column, Feature, Feed, Feeds, Grain, Instrument, Kind, Named,
    PROJECT_ID, Raw, Rest, Stage, Subject,
};
pub use subject_state::{SubjectPart, SubjectState, needs};
pub use subjects::SHARD_PROJECTS;
pub use table::{GivenWay, Row, Table, TableReading};
pub use table_answer::TableAnswer;
pub use test_report::{SUITE_FIELDS, TEST_FIELDS, TestCases, TestReport};
pub use text::cut;
pub use time::{UnixTime, stamp};
pub use value::{Answered, NotUnderstood};
pub use view::{GitLabView, View};
