//! What one of several shards of `/metrics` holds, so that it can be seen whether all of them are scraped.

use crate::metrics::subject::{Attribute, Cadence, Grain, Rows, Shows, Subject, gauge};

/// How many projects a shard has.
pub const SHARD_PROJECTS: &str = "gitlab_bridge_shard_projects";

pub(super) static SUBJECT: Subject = Subject {
    name: "bridge",
    of: Grain::Instance,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[gauge(
        SHARD_PROJECTS,
        "{project}",
        "Projects that have series in this shard of the exposition; only in what `/metrics?shard=` answers",
        &[SHARD, SHARDS],
        Shows::GitLab(|gitlab, emit| {
            if let Some(shard) = &gitlab.shard {
                let attributes = [(SHARD.name, &*shard.shard), (SHARDS.name, &*shard.shards)];
                emit(&attributes, shard.projects as f64);
            }
        }),
    )],
};

const SHARD: Attribute = Attribute {
    name: "shard",
    meaning: "The number of the shard, from 1 on.",
    examples: &["2"],
};

const SHARDS: Attribute = Attribute {
    name: "shards",
    meaning: "How many shards the exposition is scraped in.",
    examples: &["4"],
};
