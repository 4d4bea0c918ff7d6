//! However the answers to a poll are changed: it ends, with no more requests than it has work for, and
//! what it shows can be shown.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::Changing;
use crate::gitlab::{self, BudgetChoice, Client, CredentialSource};
use crate::metrics::{EnabledMetrics, Snapshot};
use crate::poll::{Config, Poller, Source};
use crate::simulator::{DEMO_TOKEN, GitLab, World};
use crate::tests::fuzz::{Outcome, Target};

/// Two polls of a handful of projects need far less.
const MOST_REQUESTS: usize = 1_000;
/// A poll of them is over long before.
const POLL: Duration = Duration::from_secs(3600);
/// A change of an answer is so many bytes of an input: which answer, what is done, where.
const STEP: usize = 5;

fn world() -> World {
    let mut world = World::new();
    for id in 1..=4 {
        let path = format!("group/project-{id}");
        world
            .project_with_id(&path, id)
            .commits(id)
            .issues(2, 1)
            .releases(1);
    }
    world
        .events("group/project-1")
        .push(3)
        .open_issue()
        .open_merge_request();
    world
}

fn poller(transport: &Arc<Changing>, url: &str) -> Poller {
    let config = gitlab::Config {
        url: url.parse().unwrap(),
        token: Some(CredentialSource::Value(
            "TOKEN".to_owned(),
            DEMO_TOKEN.into(),
        )),
        requests_per_second: 10_000.0,
        budget: BudgetChoice::Unlimited,
        attempts: 2,
        ..gitlab::Config::default()
    };
    fastrand::seed(4);
    let client = Client::over(config, Arc::<Changing>::clone(transport)).unwrap();
    let config = Config {
        selection: [Source::Membership, Source::Group("group".to_owned())]
            .as_slice()
            .into(),
        ..Config::default()
    };
    config.build(client, EnabledMetrics::standard())
}

/// The answer as the input has it: parts of its JSON are put elsewhere, away or become something else.
fn changed(input: &[u8], answer: usize, body: Vec<u8>) -> Vec<u8> {
    let steps = input.chunks_exact(STEP);
    let mut own = steps
        .filter(|step| usize::from(step[0] % 24) == answer % 24)
        .peekable();
    let Some(first) = own.peek() else {
        return body;
    };
    if first[1] % 16 == 15 {
        let most = body.len() * usize::from(first[2]) / 256;
        return body[..most].to_vec();
    }
    let Ok(mut json) = serde_json::from_slice(&body) else {
        return body;
    };
    // Each may double what is there.
    for step in own.take(6) {
        change(
            &mut json,
            step[1],
            u16::from_le_bytes([step[2], step[3]]),
            step[4],
        );
    }
    json.to_string().into_bytes()
}

fn change(json: &mut Value, what: u8, place: u16, how: u8) {
    let count = nodes(json);
    let other = node(json, &mut (usize::from(how) * 7 % count))
        .unwrap()
        .clone();
    let node = node(json, &mut (usize::from(place) % count)).unwrap();
    let number = [-1.0, 0.5, 1e300, 9_007_199_254_740_993.0][usize::from(how) % 4];
    match what % 15 {
        0 => *node = Value::Null,
        1 => *node = number.into(),
        2 => *node = u64::MAX.into(),
        3 => {
            *node = ["", "0", "gid://gitlab/Project/1", "\u{0}\n\"\u{10ffff}"][usize::from(how) % 4]
                .into()
        }
        4 => *node = Value::Array(Vec::new()),
        5 => *node = Value::Object(serde_json::Map::new()),
        6 => *node = how.is_multiple_of(2).into(),
        7 => *node = Value::Array(vec![node.clone(); usize::from(how % 8)]),
        8 => *node = other,
        9 => *node = "x".repeat(usize::from(how) * 64).into(),
        _ => match node {
            Value::Array(items) if !items.is_empty() => {
                let at = usize::from(how) % items.len();
                match what % 3 {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => items.reverse(),
                }
            }
            Value::Object(fields) => {
                let name = fields
                    .keys()
                    .nth(usize::from(how) % fields.len().max(1))
                    .cloned();
                name.map(|name| fields.remove(&name));
            }
            _ => *node = i64::MIN.into(),
        },
    }
}

fn children(json: &mut Value) -> Vec<&mut Value> {
    match json {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    }
}

fn nodes(json: &mut Value) -> usize {
    1 + children(json).into_iter().map(nodes).sum::<usize>()
}

/// The node at a place in depth-first order.
fn node<'a>(json: &'a mut Value, place: &mut usize) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(json);
    }
    *place -= 1;
    children(json)
        .into_iter()
        .find_map(|child| node(child, place))
}

/// All that is shown of a snapshot is a number, and no project is there twice.
fn assert_shown(snapshot: &Snapshot) {
    let ids: Vec<_> = snapshot
        .projects
        .iter()
        .map(|project| project.identity.id)
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let series = snapshot.all_series();
    assert!(series < 100_000, "{series} series");
}

#[test]
fn any_answers_to_polls() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let step = |answer, what| [answer, what, 7, 0, 3];
    let seeds = (0..24).flat_map(|answer| (0..16).map(move |what| step(answer, what)));
    Target::new("polls")
        .seeds(seeds)
        .memory(1 << 20, 64 << 20)
        .run(|input| {
            let input = input.to_vec();
            runtime.block_on(async move {
                let gitlab = Arc::new(GitLab::in_process(world()));
                let url = gitlab.url().to_owned();
                let transport =
                    Changing::new(gitlab, move |answer, body| changed(&input, answer, body));
                let transport = Arc::new(transport);
                let mut poller = poller(&transport, &url);
                let mut outcome = Outcome::new();
                for _ in 0..2 {
                    let polled = timeout(POLL, poller.poll()).await;
                    let asked = transport.asked();
                    let snapshot =
                        polled.unwrap_or_else(|_| panic!("no end after {asked} requests"));
                    assert_shown(&snapshot);
                    let errors = snapshot.report.as_ref().map(|report| &report.errors);
                    outcome += &format!("{errors:?} {:?}", snapshot.missing.len());
                    sleep(Duration::from_secs(300)).await;
                }
                let asked = transport.asked();
                assert!(asked <= MOST_REQUESTS, "{asked} requests");
                outcome
            })
        });
}
