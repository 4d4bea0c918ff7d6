//! The client of tests: for a GitLab on this machine that need not be spared.

use std::time::Duration;

use gitlab_metrics_bridge::gitlab::{BudgetChoice, Config, CredentialSource};

/// With the token of the simulator, and as many tries as given.
pub fn config(url: &str, attempts: u32) -> Config {
    let token = "demo-token".into();
    Config {
        url: url.parse().unwrap(),
        token: Some(CredentialSource::Value("GITLAB_TOKEN".to_owned(), token)),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
        requests_per_second: 10_000.0,
        attempts,
        budget: BudgetChoice::Unlimited,
        ..Config::default()
    }
}
