//! A subject for tests that panics where it is read of one project.

use crate::metrics::subject::{Cadence, Rows, Shows, gauge};
use crate::metrics::{Grain, Subject};

pub static FRAGILE: Subject = Subject {
    name: "fragile",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[gauge(
        "gitlab_fragile",
        "{thing}",
        "Can't be read of project 13",
        &[],
        Shows::Identity {
            value: |identity| identity.last_activity,
            attributes: |identity| match identity.id {
                13 => panic!("unlucky"),
                _ => Vec::new(),
            },
        },
    )],
};
