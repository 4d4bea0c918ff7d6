//! The queries that are not made of the plan, as they are sent at the most: for the tests that hold
//! them against GitLab's schemas and its limit of complexity.

use serde_json::Value;

use super::details_plan::{DetailsPart, PipelineId, Wanted};
use super::engine::{environments_queries, queue_queries};

/// Each query and its variables.
pub fn own_queries() -> Vec<(String, Value)> {
    let most = Wanted {
        jobs: true,
        tests: true,
        suites: true,
        children: true,
    };
    let jobs = Wanted {
        suites: false,
        children: false,
        ..most
    };
    let changed = |count: u64, first: usize| DetailsPart::Changed {
        projects: (1..=count).collect(),
        since: 1,
        first,
    };
    let one = DetailsPart::One {
        project: 1,
        pipeline: PipelineId { id: 70, iid: 7 },
        after: Some("cursor".to_owned()),
    };
    let mut all = vec![
        jobs.request(&[changed(100, 20)]),
        most.request(&[changed(30, 20)]),
        most.request(&[one.clone(), one]),
    ];
    all.extend(queue_queries());
    all.extend(environments_queries());
    all
}

/// What we make of the complexity of details, for the test that compares it with GitLab's formula.
pub fn scored_details() -> Vec<((String, Value), usize)> {
    let mut all = Vec::new();
    for (tests, suites, children) in [
        (false, false, false),
        (true, false, true),
        (true, true, true),
    ] {
        let wanted = Wanted {
            jobs: true,
            tests,
            suites,
            children,
        };
        for (count, first) in [(1, 5), (50, 5), (100, 20)] {
            let part = DetailsPart::Changed {
                projects: (1..=count).collect(),
                since: 1,
                first,
            };
            all.push((
                wanted.request(std::slice::from_ref(&part)),
                wanted.score(&part),
            ));
        }
        let one = DetailsPart::One {
            project: 1,
            pipeline: PipelineId { id: 70, iid: 7 },
            after: None,
        };
        all.push((
            wanted.request(std::slice::from_ref(&one)),
            wanted.score(&one),
        ));
    }
    all
}
