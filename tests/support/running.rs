//! The bridge at work: set up for a GitLab, started, scraped.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use super::exposition::Exposition;
use super::process::{ASK_AGAIN, Finished, Process, Program, bridge, http_client};
use super::{PATIENCE, Series};

/// The token that the model GitLab takes where none was configured.
pub const TOKEN: &str = "demo-token";

/// The bridge for that GitLab: nothing else is set.
pub fn bridge_for(gitlab: &str) -> Program {
    bridge()
        .env("GITLAB_URL", gitlab)
        .env("GITLAB_TOKEN", TOKEN)
}

/// A bridge that runs and listens.
pub struct Running {
    /// The process.
    pub process: Process,
    address: String,
}

impl Running {
    /// Starts `run` with a poll every second, on a port of the system's choice.
    pub async fn start(program: Program) -> Self {
        Self::listening(program.args(["--listen", "127.0.0.1:0", "--interval", "1s"])).await
    }

    /// Starts a command that listens, exactly as it is set up.
    pub async fn listening(program: Program) -> Self {
        // A small GitLab need not be spared, and a hanging one is to be noticed within a test.
        let program = program
            .env("GITLAB_BRIDGE_REQUESTS_PER_SECOND", "1000")
            .env("GITLAB_BRIDGE_READ_TIMEOUT", "2s")
            .env("GITLAB_BRIDGE_ATTEMPTS", "2");
        let mut process = program.start();
        let line = process.wait_for_line("starting").await;
        // The same in logfmt and in JSON, but for the quotes.
        let address = line.split_once("listen").map(|(_, rest)| {
            rest.trim_start_matches(['=', '"', ':'])
                .split(['"', ' '])
                .next()
        });
        let address = address
            .flatten()
            .unwrap_or_else(|| panic!("no address in {line}"))
            .to_owned();
        Self { process, address }
    }

    /// The URL of one of its pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next();
        port.and_then(|port| port.parse().ok())
            .expect("an address ends with its port")
    }

    /// Asks for one of its pages, and returns the status and the body.
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.ask(Method::GET, path).await;
        let status = response.status();
        (status, response.text().await.expect("a body"))
    }

    /// Asks for one of its pages in any way.
    pub async fn ask(&self, method: Method, path: &str) -> reqwest::Response {
        let request = http_client().request(method, self.url(path));
        request.send().await.unwrap_or_else(|error| {
            panic!("asking for {path}: {error:?} {:#?}", self.process.output())
        })
    }

    /// Scrapes it.
    pub async fn scrape(&self) -> Exposition {
        let (status, body) = self.get("/metrics").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        Exposition::parse(&body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Scrapes it until a metric is as it should be, and returns that scrape.
    pub async fn wait_for_series(
        &self,
        metric: &str,
        condition: impl Fn(&Series) -> bool,
    ) -> Exposition {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let exposition = self.scrape().await;
            if condition(&exposition.series(metric)) {
                return exposition;
            }
            assert!(
                Instant::now() < deadline,
                "{metric} is still {:#?} {:#?}",
                exposition.series(metric),
                self.process.output()
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Waits for the first scrape with values of GitLab, and returns it.
    pub async fn first_scrape(&self) -> Exposition {
        let known = |series: &Series| !series.is_empty();
        self.wait_for_series("gitlab_project_count", known).await
    }

    /// Waits until `/-/ready` has that status, and returns what it says.
    pub async fn wait_for_readiness(&self, wanted: StatusCode) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get("/-/ready").await;
            if status == wanted {
                return body;
            }
            assert!(
                Instant::now() < deadline,
                "still {status}: {body} {:#?}",
                self.process.output()
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Sends SIGTERM and waits for the end, which is not to take longer than an operator waits.
    #[track_caller]
    pub fn stop(self) -> impl Future<Output = Finished> {
        self.process.terminate_within(Duration::from_secs(5))
    }
}
