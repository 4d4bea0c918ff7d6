//! Members of a project by access level: inherited and invited ones too, each user once.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::metrics::subject::{
    Attribute, Cadence, Grain, Made, MadeRow, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
    label,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "members",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::Made(Made {
        graphql: &[],
        at: "",
        rest: "members/all",
        is_list: true,
        rows: by_level,
    }),
    columns: &[
        label("access_level", "", Rest::Nowhere),
        count("members", "", Rest::Nowhere),
    ],
    metrics: &[gauge(
        "gitlab_project_members",
        "{member}",
        "Members of the project, inherited and invited ones too, each with the highest level",
        &[ACCESS_LEVEL, PROJECT_ID],
        Shows::Value("members"),
    )
    .opt_in()],
};

const ACCESS_LEVEL: Attribute = Attribute {
    name: "access_level",
    meaning: "What the members may do, in GitLab's words; a level without one is its number.",
    examples: &[
        "guest",
        "planner",
        "reporter",
        "developer",
        "maintainer",
        "owner",
    ],
};

/// Counts users by their highest level. Nothing else of a person is kept.
fn by_level(told: &Json) -> Option<Vec<MadeRow>> {
    let mut levels = BTreeMap::<u64, u64>::new();
    for member in told.as_array()? {
        let level = member["access_level"].as_u64()?;
        let highest = levels.entry(member["id"].as_u64()?).or_default();
        *highest = level.max(*highest);
    }
    let mut counts = BTreeMap::<u64, f64>::new();
    for level in levels.into_values() {
        *counts.entry(level).or_default() += 1.0;
    }
    let rows = counts
        .into_iter()
        .map(|(level, count)| (vec![word(level)], vec![Some(count)]));
    Some(rows.collect())
}

fn word(level: u64) -> String {
    let word = match level {
        5 => "minimal_access",
        10 => "guest",
        15 => "planner",
        20 => "reporter",
        25 => "security_manager",
        30 => "developer",
        40 => "maintainer",
        50 => "owner",
        level => return level.to_string(),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_user_counts_once_with_the_highest_level() {
        let told = json!([
            {"id": 1, "access_level": 30}, {"id": 2, "access_level": 10},
            {"id": 1, "access_level": 40}, {"id": 3, "access_level": 40}, {"id": 4, "access_level": 77},
        ]);
        let row = |word: &str, count| (vec![word.to_owned()], vec![Some(count)]);
        let rows = vec![row("guest", 1.0), row("maintainer", 2.0), row("77", 1.0)];
        assert_eq!(by_level(&told), Some(rows));
        assert_eq!(
            by_level(&json!([{"id": 1}])),
            None,
            "not understood is not gone"
        );
    }
}
