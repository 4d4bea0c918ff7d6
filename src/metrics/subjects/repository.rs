//! What a repository holds: branches, tags, contributors and languages.

use serde_json::Value as Json;

use crate::metrics::subject::{
    Attribute, Cadence, Convention, Grain, Instrument, Made, MadeRow, PROJECT_ID, Rest, Rows,
    Shows, Subject, Told, count, gauge, label, ratio,
};

/// Each is a call of GitLab's Git server.
pub(super) static REFS: Subject = Subject {
    name: "repository",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        count("branches", "", Rest::Count("repository/branches")),
        count("tags", "", Rest::Count("repository/tags")),
    ],
    metrics: &[
        gauge(
            "gitlab_project_branches",
            "{branch}",
            "Branches of the repository",
            &[PROJECT_ID],
            Shows::Value("branches"),
        )
        .as_convention(&Convention {
            attributes: &[Told::Always("vcs.ref.type", "branch")],
            ..REFS_COUNTED
        })
        .opt_in(),
        gauge(
            "gitlab_project_tags",
            "{tag}",
            "Tags of the repository",
            &[PROJECT_ID],
            Shows::Value("tags"),
        )
        .as_convention(&Convention {
            attributes: &[Told::Always("vcs.ref.type", "tag")],
            ..REFS_COUNTED
        })
        .opt_in(),
    ],
};

const REFS_COUNTED: Convention = Convention {
    name: "vcs.ref.count",
    instrument: Instrument::UpDownCounter,
    unit: "{ref}",
    help: "The number of refs of type branch or tag in a repository",
    shows: None,
    attributes: &[],
};

/// GitLab reads the whole history for it.
pub(super) static CONTRIBUTORS: Subject = Subject {
    name: "repository",
    of: Grain::Project,
    cadence: Cadence::DAILY,
    rows: Rows::One,
    columns: &[count(
        "contributors",
        "",
        Rest::Count("repository/contributors"),
    )],
    metrics: &[gauge(
        "gitlab_project_contributors",
        "{contributor}",
        "Authors of commits on the default branch",
        &[PROJECT_ID],
        Shows::Value("contributors"),
    )
    .as_convention(&Convention {
        name: "vcs.contributor.count",
        instrument: Instrument::Gauge,
        unit: "{contributor}",
        help: "The number of unique contributors to a repository",
        shows: None,
        attributes: &[],
    })
    .opt_in()],
};

pub(super) static LANGUAGES: Subject = Subject {
    name: "repository",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::Made(Made {
        graphql: &["languages.name", "languages.share"],
        at: "languages",
        rest: "languages",
        is_list: false,
        rows: languages,
    }),
    columns: &[
        label("language", "name", Rest::Nowhere),
        ratio("share", "share", Rest::Nowhere),
    ],
    metrics: &[gauge(
        "gitlab_project_language_ratio",
        "1",
        "Share of the code that is written in a language, 0 to 1",
        &[LANGUAGE, PROJECT_ID],
        Shows::Value("share"),
    )
    .opt_in()],
};

const LANGUAGE: Attribute = Attribute {
    name: "language",
    meaning: "The programming language, as GitLab names it.",
    examples: &["Rust", "Go"],
};

/// GraphQL tells a list, REST an object whose members are the languages; both tell percents.
fn languages(told: &Json) -> Option<Vec<MadeRow>> {
    let row = |name: &str, share: &Json| {
        let share = share.as_f64().filter(|share| (0.0..=100.0).contains(share));
        Some((vec![name.to_owned()], vec![Some(share? / 100.0)]))
    };
    match told {
        Json::Array(rows) => {
            let rows = rows
                .iter()
                .map(|own| row(own["name"].as_str()?, &own["share"]));
            rows.collect()
        }
        Json::Object(members) => members
            .iter()
            .map(|(name, share)| row(name, share))
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_tell_the_same_shares() {
        let list = json!([{"name": "Go", "share": 25.5}, {"name": "Rust", "share": 74.5}]);
        let object = json!({"Go": 25.5, "Rust": 74.5});
        assert_eq!(languages(&list), languages(&object));
        assert_eq!(
            languages(&list).unwrap()[0],
            (vec!["Go".to_owned()], vec![Some(0.255)])
        );
        assert_eq!(languages(&json!([])), Some(Vec::new()));
        assert_eq!(languages(&json!([{"name": "Go"}])), None);
    }
}
