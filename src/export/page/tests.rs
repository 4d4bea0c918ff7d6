//! The shape of the status, held against docs/status.md: each member is there, and what is there is documented.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::history::History;
use super::problems::judged;
use super::ranking::{Ranked, Ranking};
use super::settings::ShownSetting;
use super::status::{Known, Status};
use crate::metrics::{
    Age, BridgeStatus, Catalogue, ClusterStatus, EnabledMetrics, Export, ExportQueue, GitLabStatus,
    Grain, Identity, Leadership, MemoryUse, Missing, Owner, Process, Reading, Reason, Reload,
    Report, Snapshot, SubjectState, Usage,
};

const NOW: u64 = 1_795_765_800;

/// What is known of a GitLab of which everything can be said.
fn snapshot() -> Snapshot {
    let columns = Catalogue::standard().project_columns().len();
    let identity = Identity {
        id: 7,
        path: "group/a".into(),
        last_activity: Some(NOW - 60),
        ..Identity::default()
    };
    let values = vec![Reading::known(5.0, NOW); columns];
    let project = Arc::new(Owner::new(identity, NOW, values));
    let report = Report {
        ended: NOW - 30,
        took: Duration::from_millis(1_250),
        requests: 12,
        reached: true,
        failure: Some("status 502".to_owned()),
        absent: vec!["group/gone".to_owned()],
        left_out: Some(0),
        last_complete: Some(NOW - 90),
        errors: [(("issues", "timeout"), 2)].into(),
        kept: Some(true),
        ..Report::default()
    };
    let enabled = EnabledMetrics::standard();
    let mut snapshot = Snapshot::new(1, vec![project], Some(1), report, &enabled);
    snapshot.ages = vec![Age {
        collector: "commits",
        oldest: NOW - 30,
    }];
    for (subject, state) in &mut snapshot.states {
        if *subject == "issues" {
            *state = SubjectState::Forbidden;
        }
    }
    snapshot.missing = vec![Missing {
        metric: "gitlab_commits_total",
        reason: Reason::Hidden,
        count: 3,
    }];
    let places = Catalogue::standard().columns(Grain::Instance).iter();
    let values = places.map(|placed| match placed.full_name().as_str() {
        "bridge.expiry" => Reading::known((NOW + 86_400) as f64, NOW),
        _ => Reading::Unknown(Reason::Pending),
    });
    snapshot.instance = Arc::new(Owner::new(Identity::default(), NOW, values.collect()));
    snapshot
}

fn gitlab() -> GitLabStatus {
    GitLabStatus {
        name: Some("com".into()),
        url: "https://gitlab.com/".to_owned(),
        now: NOW,
        wall_clock: NOW,
        interval: Duration::from_secs(60),
        snapshot: Arc::new(snapshot()),
        usage: Usage {
            requests: [(("graphql", "200".into()), 40)].into(),
            by_subject: [("projects", 39.0)].into(),
            retries: 1,
            rate_limit_remaining: Some(100),
            budget_remaining: Some(0),
            silent_for: Some(Duration::from_secs(300)),
            ..Usage::default()
        },
        leadership: Some(Leadership {
            leader: Some("bridge-1".to_owned()),
            token: Some(1_795_777_200_123),
            changes: 1,
            shown: Some(41),
            shown_at: Some(NOW - 400),
            published: Some(42),
            ..Leadership::default()
        }),
        shard: None,
    }
}

/// Everything that can be said is.
fn bridge() -> BridgeStatus {
    let export = Export {
        exporter: "otlp",
        succeeded: 3,
        failed: 1,
        last: Some(false),
        last_success: Some(Duration::from_secs(90)),
        error: Some("refused".to_owned()),
        queue: Some(ExportQueue::default()),
    };
    let other = GitLabStatus {
        name: Some("own".into()),
        ..GitLabStatus::default()
    };
    BridgeStatus {
        version: "0.1.0",
        wall_clock: NOW,
        gitlabs: vec![gitlab(), other],
        exports: vec![export],
        webhooks: [(("push", "accepted"), 4)].into(),
        process: Some(Process {
            cpu_seconds: 1.0,
            resident_bytes: 1 << 20,
            virtual_bytes: 1 << 30,
            open_files: None,
            most_open_files: None,
            threads: 4,
            started: NOW as f64 - 600.0,
        }),
        memory: Some(MemoryUse {
            limit: 1 << 30,
            ..MemoryUse::default()
        }),
        panics: [("poll", 1), ("otlp", 0)].into(),
        cluster: Some(ClusterStatus {
            group: "gitlab.com".to_owned(),
            replica: "bridge-0".to_owned(),
            engine_up: Some(false),
            engine_took: Some(Duration::from_millis(2)),
            refused_writes: [("version", 1)].into(),
        }),
        reload: Some(Reload {
            succeeded: false,
            last_success: NOW as f64 - 600.0,
        }),
        ..BridgeStatus::default()
    }
}

fn status() -> Status {
    let (bridge, history) = (bridge(), History::default());
    history.note(&bridge);
    let ranked = |number| {
        vec![Ranked {
            id: 7,
            path: "group/a".into(),
            number,
        }]
    };
    let ranking = Ranking {
        storage: ranked(45.0),
        commits: ranked(5.0),
        active: ranked(NOW as f64 - 60.0),
    };
    let text = || Some("a".to_owned());
    let settings = [ShownSetting {
        setting: "gitlab.url".to_owned(),
        gitlab: text(),
        value: text(),
        source: text(),
        after_restart: text(),
    }];
    let status = Status::of(&Known {
        bridge: &bridge,
        history: &history,
        rankings: &[ranking],
        ready: false,
        settings: &settings,
    });
    judged(
        status,
        Some("com: no poll has been complete yet: status 502"),
    )
}

/// The members of a document, with the kind of each value that it has somewhere.
fn members(path: &str, value: &Json, found: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    /// Their members are words that are counted, not members of the API.
    const COUNTS: [&str; 4] = [
        "panics",
        "memory.refused",
        "exports[].given_up",
        "replica.refused_writes",
    ];
    let is_time = |text: &str| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok();
    let kind = match value {
        Json::Null => None,
        Json::Bool(_) => Some("boolean"),
        Json::Number(_) => Some("number"),
        Json::String(text) if is_time(text) => Some("time"),
        Json::String(_) => Some("text"),
        Json::Array(_) => Some("list"),
        Json::Object(_) => Some("object"),
    };
    if !path.is_empty() && !path.ends_with("[]") {
        found.entry(path.to_owned()).or_default().extend(kind);
    }
    match value {
        Json::Array(items) => {
            for item in items {
                members(&format!("{path}[]"), item, found);
            }
        }
        Json::Object(entries) if !COUNTS.contains(&path) => {
            for (key, value) in entries {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                members(&below, value, found);
            }
        }
        _ => {}
    }
}

/// The table of docs/status.md: the kind of each member.
fn documented() -> BTreeMap<String, BTreeSet<&'static str>> {
    const KINDS: [&str; 6] = ["boolean", "number", "time", "text", "list", "object"];
    let rows = include_str!("../../../docs/status.md").lines();
    let rows = rows.filter_map(|row| {
        let mut cells = row.strip_prefix("| `")?.split(" | ");
        let member = cells.next()?.trim_end_matches('`');
        let cell = cells.next()?;
        let kind = KINDS.into_iter().find(|kind| *kind == cell)?;
        Some((member.to_owned(), BTreeSet::from([kind])))
    });
    rows.collect()
}

#[test]
fn the_status_has_the_members_that_are_documented_and_no_others() {
    let json = serde_json::to_value(status()).unwrap();
    let mut found = BTreeMap::new();
    members("", &json, &mut found);
    let documented = documented();
    assert!(documented.len() > 90, "{}", documented.len());
    for (member, kinds) in &found {
        assert_eq!(
            documented.get(member),
            Some(kinds),
            "{member} in docs/status.md"
        );
    }
    let gone: Vec<_> = documented
        .keys()
        .filter(|own| !found.contains_key(*own))
        .collect();
    assert!(gone.is_empty(), "documented, but not there: {gone:?}");
}

#[test]
fn what_is_not_known_is_null_and_never_zero() {
    let json = serde_json::to_value(status()).unwrap();
    let unknown = &json["gitlabs"][1];
    for member in [
        "projects_selected",
        "projects_filtered_out",
        "last_poll",
        "last_complete_poll",
        "last_complete_poll_age_seconds",
        "silent_seconds",
        "token_expires",
        "token_expires_in_seconds",
        "state_written",
        "leadership",
    ] {
        assert_eq!(unknown[member], Json::Null, "{member}");
    }
    assert_eq!(unknown["requests"]["budget_remaining"], Json::Null);
    assert_eq!(unknown["requests"]["rate_limit_remaining"], Json::Null);
    assert_eq!(unknown["biggest_by_storage"], Json::Array(Vec::new()));
}

#[test]
fn what_is_wrong_is_told_first_with_what_to_do() {
    let status = serde_json::to_value(status()).unwrap();
    assert_eq!(status["health"], "not_ready");
    let summary = status["summary"].as_str().unwrap();
    assert!(summary.starts_with("Not healthy, not ready: "), "{summary}");
    assert!(summary.contains("status 502"), "{summary}");
    let problems = status["problems"].as_array().unwrap();
    let about = |problem: &Json| problem["about"].as_str().unwrap().to_owned();
    let about: Vec<String> = problems.iter().map(about).collect();
    let all = [
        "readiness",
        "gitlab",
        "poll",
        "budget",
        "token",
        "version",
        "export",
        "reload",
        "engine",
        "panic",
    ];
    assert_eq!(about, all);
    for problem in problems {
        assert!(problem["advice"].is_string(), "{problem}");
    }
}
