//! The budget over a client: every exchange counts, and a restart forgets none.

use std::time::UNIX_EPOCH;

use serde_json::json;

use super::transports::{client_of, far, reply};
use super::*;
use crate::gitlab::Clock;
use crate::gitlab::{Budget, Error, RemainingBudget};

/// Twelve at once, then one every 4.4 seconds or so.
const BUDGET: Budget = Budget {
    per_hour: 900,
    per_minute: 25,
};

/// A clock that goes with tokio's.
fn clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || UNIX_EPOCH + Duration::from_secs(1_787_137_500) + start.elapsed())
}

fn budgeted(remaining_budget: Option<RemainingBudget>, clock: &Clock) -> Config {
    Config {
        budget: BudgetChoice::Limited(BUDGET),
        remaining_budget,
        clock: clock.clone(),
        ..config("http://gitlab.model")
    }
}

fn remaining(client: &Client) -> u64 {
    client.usage().budget_remaining.unwrap()
}

#[tokio::test(start_paused = true)]
async fn retries_and_redirects_and_questions_about_the_token_count() {
    let client = client_of(budgeted(None, &clock()), |request, before| {
        let place = [("location", "/api/v4/projects/2")];
        match before {
            0 => reply(502, &[], ""),
            1 => reply(301, &place, ""),
            2 => reply(200, &[], "{}"),
            _ if request.method() == "POST" => {
                reply(401, &[], r#"{"errors": [{"message": "Invalid token"}]}"#)
            }
            _ => reply(401, &[], r#"{"message": "401 Unauthorized"}"#),
        }
    });
    let full = remaining(&client);
    client.get("projects/1", far()).await.unwrap();
    let error = client.graphql("{ a }", json!({}), far()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert_eq!(client.usage().requests.values().sum::<u64>(), 5);
    assert_eq!(full - remaining(&client), 5);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_what_was_left() {
    let answer = |_, _| reply(200, &[], "{}");
    let clock = clock();
    let client = client_of(budgeted(None, &clock), answer);
    let full = remaining(&client);
    for _ in 0..full - 2 {
        client.get("user", far()).await.unwrap();
    }
    let kept = serde_json::to_string(&client.remaining_budget()).unwrap();
    let remaining_budget = serde_json::from_str(&kept).unwrap();

    let client = client_of(budgeted(Some(remaining_budget), &clock), answer);
    assert_eq!(remaining(&client), 2);
    let client = client_of(
        budgeted(Some(RemainingBudget::unknown(clock.now())), &clock),
        answer,
    );
    assert_eq!(remaining(&client), 0);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(remaining(&client), full);
}

#[tokio::test(start_paused = true)]
async fn any_hour_and_any_minute_of_a_client_hold_the_budget() {
    let start = Instant::now();
    let passed: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let memory = Arc::clone(&passed);
    let client = client_of(budgeted(None, &clock()), move |_, before| {
        memory.lock().unwrap().push(start.elapsed());
        match before % 3 {
            0 => reply(502, &[], ""),
            _ => reply(200, &[], "{}"),
        }
    });
    let deadline = start + Duration::from_secs(3 * 3600);
    let asking = (0..8).map(|number| {
        let client = client.clone();
        let path = ["user", "projects", "projects/1", "projects/1/jobs"][number % 4];
        async move { while client.get(path, deadline).await.is_ok() {} }
    });
    futures::future::join_all(asking).await;

    let passed = passed.lock().unwrap();
    for (window, limit) in [(60, 25), (3600, 900)] {
        for many in passed.windows(limit + 1) {
            assert!(many[limit] - many[0] > Duration::from_secs(window));
        }
    }
    assert!(passed.len() >= 3 * 900 * 85 / 100, "{}", passed.len());
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_known_to_be_left() {
    let clock = clock();
    let config = Config {
        budget: BudgetChoice::Unlimited,
        ..budgeted(None, &clock)
    };
    let client = client_of(config, |_, _| reply(200, &[], "{}"));
    assert_eq!(client.usage().budget_remaining, None);
    assert_eq!(
        client.remaining_budget(),
        RemainingBudget::unknown(clock.now())
    );
}

#[tokio::test]
async fn a_budget_of_nothing_is_refused() {
    let config = Config {
        budget: BudgetChoice::Limited(Budget {
            per_hour: 0,
            per_minute: 1,
        }),
        ..config("http://gitlab.model")
    };
    assert!(config.build().is_err());
}
