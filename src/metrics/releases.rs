//! Releases.

use super::{
    Feature, Instrument, Metric, Moves, PROJECT_ID, Question, Rest, Source, Subject, Value,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "releases",
    metrics: &[Metric {
        name: "gitlab_project_releases",
        unit: "{release}",
        help: "Releases of the project",
        instrument: Instrument::Gauge,
        attributes: &[PROJECT_ID],
        source: Source::Asked(&[Value {
            attributes: &[],
            question: Question {
                graphql: "releases(first: 1).count",
                rest: Rest::Count("releases"),
                hidden: &[],
                when_empty: None,
                feature: Some(Feature::Releases),
                moves: Moves::WithActivity,
            },
        }]),
    }],
};
