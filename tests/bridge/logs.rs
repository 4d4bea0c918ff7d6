//! The log: what it tells of requests, the same in both of its formats.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{Fault, GitLab};
use serde_json::{Map, Value};

use crate::gitlab_of_two;
use crate::support::process::{Finished, Program};
use crate::support::running::bridge_for;

const NOW: Duration = Duration::ZERO;

/// One poll, logged with everything about requests.
fn once(gitlab: &GitLab, format: &str) -> Program {
    bridge_for(gitlab.url()).args(["once", "--log-level", "debug", "--log-format", format])
}

/// The lines of a JSON log; each has to be an object.
fn events(finished: &Finished) -> Vec<Map<String, Value>> {
    let lines = finished.output.stderr.iter();
    let object = |line: &String| match serde_json::from_str(line) {
        Ok(Value::Object(event)) => event,
        other => panic!("{other:?}: {line}"),
    };
    // How a command ends is said to whoever called it, and is no line of the log.
    let logged = lines.filter(|line| !line.starts_with("gitlab-metrics-bridge: "));
    logged.map(object).collect()
}

/// The events with these words.
fn saying<'a>(events: &'a [Map<String, Value>], words: &str) -> Vec<&'a Map<String, Value>> {
    let events = events.iter();
    events.filter(|event| event["message"] == words).collect()
}

/// The names of the fields of a line of logfmt, and its message.
fn logfmt(line: &str) -> (String, BTreeSet<String>) {
    let (mut names, mut message, mut rest) = (BTreeSet::new(), String::new(), line);
    while let Some((name, after)) = rest.split_once('=') {
        let quoted = after.strip_prefix('"').map(|inside| {
            let mut escaped = false;
            let end = inside.find(|letter| {
                let ends = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                ends
            });
            inside.split_at(end.unwrap_or_else(|| panic!("an open quote: {line}")))
        });
        let (value, after) = match quoted {
            Some((value, after)) => (value, &after[1..]),
            None => after.split_at(after.find(' ').unwrap_or(after.len())),
        };
        if name == "message" {
            message = value.to_owned();
        }
        assert!(names.insert(name.to_owned()), "{name} twice: {line}");
        rest = after.trim_start_matches(' ');
    }
    (message, names)
}

#[tokio::test]
async fn both_formats_carry_the_same_fields() {
    let gitlab = gitlab_of_two().await;
    let trouble = || {
        gitlab.fault(Fault::operation("Projects").times(1).status(503));
        gitlab.fault(
            Fault::operation("Projects")
                .after(1)
                .times(1)
                .retry_later(NOW),
        );
    };
    trouble();
    let json = events(&once(&gitlab, "json").finish().await);
    gitlab.clear_faults();
    trouble();
    let text = once(&gitlab, "text").finish().await;
    let mut told = BTreeMap::<_, BTreeSet<BTreeSet<String>>>::new();
    for event in &json {
        for key in ["ts", "level", "message"] {
            assert!(event[key].is_string(), "{key}: {event:?}");
        }
        let names = event.keys().cloned().collect();
        let message = event["message"].as_str().unwrap().to_owned();
        told.entry(message).or_default().insert(names);
    }
    let mut said = BTreeMap::<_, BTreeSet<BTreeSet<String>>>::new();
    for line in &text.output.stderr {
        let (message, names) = logfmt(line);
        said.entry(message).or_default().insert(names);
    }
    assert!(told.contains_key("asking GitLab again"), "{json:#?}");
    assert_eq!(told, said);
}

#[tokio::test]
async fn at_debug_each_request_is_told_with_what_it_cost_and_brought() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(Fault::operation("Projects").times(1).status(502));
    let finished = once(&gitlab, "json").finish().await;
    let events = events(&finished);
    let asked = saying(&events, "asked GitLab");
    assert_eq!(asked.len(), gitlab.requests().len(), "{events:#?}");
    for event in &asked {
        for name in ["endpoint", "path", "outcome", "asks"] {
            assert!(event[name].is_string(), "{name}: {event:?}");
        }
        for name in ["status", "attempt", "took_seconds", "bytes"] {
            assert!(event[name].is_number(), "{name}: {event:?}");
        }
    }
    let failed = asked
        .iter()
        .find(|event| event["outcome"] == "server_error");
    let failed = failed.unwrap_or_else(|| panic!("{asked:#?}"));
    assert_eq!(
        (&failed["status"], &failed["attempt"]),
        (&502.into(), &1.into())
    );
    let again = saying(&events, "asking GitLab again");
    assert_eq!(again.len(), 1, "{again:#?}");
    assert_eq!(again[0]["reason"], "server_error");
    assert!(again[0]["pause_seconds"].is_number(), "{again:#?}");
    // What both projects are told by has a score, and they are its rows.
    let sweep = asked.iter().filter(|event| event["asks"] == "sweep");
    let brought: Vec<_> = sweep.filter_map(|event| event.get("rows")).collect();
    assert!(brought.contains(&&Value::from(2)), "{asked:#?}");
    let graphql = asked.iter().filter(|event| event["outcome"] == "answered");
    for event in graphql.filter(|event| event["endpoint"] == "graphql") {
        assert!(event.contains_key("score"), "{event:?}");
    }
}

#[tokio::test]
async fn at_debug_a_wait_is_told_with_its_reason() {
    let gitlab = gitlab_of_two().await;
    let refusal = Fault::operation("Projects").times(1);
    gitlab.fault(refusal.retry_later(Duration::from_secs(1)));
    let events = events(&once(&gitlab, "json").finish().await);
    let waits = saying(&events, "waiting before a request");
    let mut waits = waits.iter().filter(|event| event["reason"] == "rate_limit");
    let wait = waits.next().unwrap_or_else(|| panic!("{events:#?}"));
    assert!(wait["wait_seconds"].as_f64() > Some(0.5), "{wait:?}");
}
