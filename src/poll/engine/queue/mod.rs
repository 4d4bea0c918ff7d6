//! Jobs that wait for a runner. An administrator is told all of them at once; anybody else is told an
//! empty list, which is not taken for an empty queue: the projects with a pipeline under way are asked.

mod asking;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::moment::Moment;
use crate::metrics::QueuedJob;

/// So many projects are asked at once for the jobs of their pipelines, and so many pipelines of each.
const PROJECTS: usize = 50;
const PIPELINES: usize = 20;
/// How many rows a page has.
const PAGE: usize = 100;
/// What is known of how the queue is asked for.
#[derive(Debug, Default)]
pub struct Queue {
    /// Whether GitLab tells the token all jobs, and when that was tried.
    all: Option<(bool, Moment)>,
    asked: Option<Moment>,
}

/// What one poll still asks of the queue.
#[derive(Debug, Default)]
pub struct QueueWork {
    planned: bool,
    /// Whether something is said to have changed since it was asked.
    hinted: bool,
    asks: VecDeque<QueueAsk>,
    /// The jobs that came so far, by id; none once something failed.
    found: BTreeMap<u64, QueuedJob>,
    under_way: usize,
    pages: usize,
    failed: bool,
}

impl QueueWork {
    /// Asks in this poll, once more if need be.
    pub fn hint(&mut self) {
        self.hinted = true;
    }

    fn is_under_way(&self) -> bool {
        !self.asks.is_empty() || self.under_way > 0
    }
}

/// A request about the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAsk {
    /// All jobs, behind a cursor.
    All(Option<String>),
    /// The jobs of the pipelines under way of some projects.
    Projects(Vec<u64>),
    /// A page of the jobs of a project, over REST.
    Rest(u64, u32),
}

const ALL: &str = "query Queue($after: String) { any: jobs(first: 1) { nodes { id } } \
                   pending: jobs(statuses: [PENDING], first: 100, after: $after) { \
                   nodes { id tags queuedAt } pageInfo { hasNextPage endCursor } } \
                   queryComplexity { score limit } }";

/// The queries as they are sent at the most.
pub fn most() -> [(String, Value); 2] {
    let ids: Vec<u64> = (1..=PROJECTS as u64).collect();
    [
        (ALL.to_owned(), json!({ "after": "cursor" })),
        of_projects(&ids),
    ]
}

fn of_projects(ids: &[u64]) -> (String, Value) {
    let list = |arguments: &str| {
        format!(
            "pipelines({arguments}, first: $pipelines) {{ nodes {{ jobs(statuses: [PENDING], first: {PAGE}) {{ \
             nodes {{ id tags queuedAt }} pageInfo {{ hasNextPage }} }} }} pageInfo {{ hasNextPage }} }}"
        )
    };
    let lists = [
        ("waiting", "scope: PENDING"),
        ("running", "scope: RUNNING"),
        (
            "waitingChildren",
            "scope: PENDING, source: \"parent_pipeline\"",
        ),
        (
            "runningChildren",
            "scope: RUNNING, source: \"parent_pipeline\"",
        ),
    ];
    let lists = lists.map(|(alias, arguments)| format!("{alias}: {}", list(arguments)));
    let document = format!(
        "query QueueOfProjects($ids: [ID!], $count: Int, $pipelines: Int) {{ \
         projects(ids: $ids, first: $count) {{ nodes {{ id {} }} }} queryComplexity {{ score limit }} }}",
        lists.join(" ")
    );
    let gids: Vec<String> = ids
        .iter()
        .map(|id| format!("gid://gitlab/Project/{id}"))
        .collect();
    (
        document,
        json!({ "ids": gids, "count": ids.len(), "pipelines": PIPELINES }),
    )
}
