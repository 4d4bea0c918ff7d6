//! `check` as a doctor: the way to GitLab and to the receiver, each with what was found and what to do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use gitlab_metrics_bridge::simulator::GitLab;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::certificates::Certificates;
use crate::support::process::{Program, free_ports};
use crate::support::running::bridge_for;
use crate::{gitlab_of_two, world_of_two};

fn check(url: &str) -> Program {
    bridge_for(url)
        .env("GITLAB_BRIDGE_ATTEMPTS", "2")
        .args(["check", "--listen", "127.0.0.1:0"])
}

/// What was found in an area.
async fn found(program: Program, area: &str) -> Vec<Value> {
    let finished = program.args(["--format", "json"]).finish().await;
    let report: Value = serde_json::from_str(&finished.stdout())
        .unwrap_or_else(|error| panic!("{error}: {finished:#?}"));
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["area"] == area)
        .cloned()
        .collect()
}

#[tokio::test]
async fn every_area_is_told_of_a_good_set_up_in_a_table_and_as_json() {
    let gitlab = gitlab_of_two().await;
    let areas = [
        "configuration",
        "proxy",
        "dns",
        "tls",
        "gitlab",
        "version",
        "clock",
        "token",
        "selection",
        "poll",
        "capabilities",
        "forecast",
        "state",
        "exports",
        "web",
        "webhooks",
    ];
    let finished = check(gitlab.url()).finish().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let told = finished.stdout();
    let of_area = |area: &str| {
        told.lines()
            .any(|line| line.starts_with(&format!("{area} ")))
    };
    for area in areas {
        assert!(of_area(area), "{area}: {told}");
        let found = found(check(gitlab.url()), area).await;
        assert!(!found.is_empty(), "{area}");
        for finding in found {
            assert!(
                finding["text"].is_string() && finding["check"].is_string(),
                "{finding}"
            );
        }
    }
    let results = told.lines().skip(1).filter(|line| !line.starts_with(' '));
    for line in results {
        let result = line.get(15..21).unwrap_or_default().trim();
        assert!(["ok", "note"].contains(&result), "{line:?}");
    }
}

#[tokio::test]
async fn on_a_narrow_terminal_no_line_is_wider() {
    let gitlab = gitlab_of_two().await;
    for columns in [60, 80, 120] {
        let finished = check(gitlab.url())
            .env("COLUMNS", columns.to_string())
            .finish()
            .await;
        for line in finished.stdout().lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

/// TLS before an address, with the certificate of a server.
struct Tls {
    url: String,
    task: JoinHandle<()>,
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tls_before(upstream: SocketAddr, certificates: &Certificates) -> Tls {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = certificates.http1_acceptor();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else {
                    return;
                };
                let Ok(mut server) = TcpStream::connect(upstream).await else {
                    return;
                };
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let url = format!("https://127.0.0.1:{port}");
    Tls { url, task }
}

fn address(gitlab: &GitLab) -> SocketAddr {
    gitlab
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_a_note_with_its_issuer_and_its_end() {
    let gitlab = gitlab_of_two().await;
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    for (days, level) in [(5, "note"), (90, "ok"), (-2, "problem")] {
        let end = today + days.days();
        let end = (end.year().into(), end.month() as u8, end.day() as u8);
        let certificates = Certificates::good_until(Some(end));
        let tls = tls_before(address(&gitlab), &certificates).await;
        let program = check(&tls.url).env("GITLAB_CA_FILE", &certificates.ca);
        let [found] = found(program, "tls").await.try_into().unwrap();
        assert_eq!(found["level"], level, "{days}: {found}");
        if days > 0 {
            assert_eq!(found["issuer"], "authority of a test", "{found}");
            assert!(
                (days - 1..=days).contains(&found["days_left"].as_i64().unwrap()),
                "{found}"
            );
            let text = found["text"].as_str().unwrap();
            assert!(text.contains(&*certificates.ca.to_string_lossy()), "{text}");
        } else {
            assert!(
                found["text"].as_str().unwrap().contains("expired"),
                "{found}"
            );
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    for (ahead, level) in [(0_i64, "ok"), (3_600, "note"), (-3_600, "note")] {
        let clock = move || Timestamp::now() + ahead.seconds();
        let world = world_of_two().clock(Arc::new(clock));
        let gitlab = GitLab::start(world).await.unwrap();
        let [found] = found(check(gitlab.url()), "clock")
            .await
            .try_into()
            .unwrap();
        assert_eq!(found["level"], level, "{found}");
        let skew = found["skew_seconds"].as_f64().unwrap();
        assert!((skew - ahead as f64).abs() < 5.0, "{ahead}: {found}");
    }
}

#[tokio::test]
async fn the_proxy_is_told_with_the_variable_that_names_it_and_no_password() {
    let gitlab = gitlab_of_two().await;
    let proxy = format!("http://somebody:s3cret@{}", address(&gitlab));
    let program = || check("http://gitlab.example.invalid").env("HTTP_PROXY", &proxy);
    let through = found(program(), "proxy").await;
    assert_eq!(through[0]["variable"], "HTTP_PROXY", "{through:?}");
    assert_eq!(
        through[0]["proxy"],
        address(&gitlab).to_string(),
        "{through:?}"
    );
    assert!(!format!("{through:?}").contains("s3cret"), "{through:?}");
    let excepted = found(program().env("NO_PROXY", "example.invalid"), "proxy").await;
    assert_eq!(excepted[0]["proxy"], Value::Null, "{excepted:?}");
    let text = excepted[0]["text"].as_str().unwrap();
    assert!(
        text.contains("NO_PROXY excepts it from HTTP_PROXY"),
        "{text}"
    );
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_told_before_anything_is_asked() {
    let [dns] = found(check("http://gitlab.example.invalid"), "dns")
        .await
        .try_into()
        .unwrap();
    assert_eq!(dns["level"], "problem", "{dns}");
    assert!(
        dns["text"]
            .as_str()
            .unwrap()
            .contains("gitlab.example.invalid does not resolve"),
        "{dns}"
    );
    let gitlab = gitlab_of_two().await;
    let program = check(gitlab.url()).args(["--otlp-endpoint", "http://otel.example.invalid:4318"]);
    let exports = found(program, "dns").await;
    assert!(
        exports
            .iter()
            .any(|dns| dns["host"] == "otel.example.invalid" && dns["level"] == "problem"),
        "{exports:?}"
    );
}

#[tokio::test]
async fn an_otlp_port_that_is_closed_is_told_with_what_to_do() {
    let gitlab = gitlab_of_two().await;
    let [port] = free_ports();
    for protocol in ["grpc", "http/protobuf"] {
        let endpoint = format!("http://127.0.0.1:{port}");
        let program = check(gitlab.url())
            .args(["--otlp-endpoint", &endpoint, "--otlp-protocol", protocol])
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
        let exports = found(program, "exports").await;
        let otlp = exports
            .iter()
            .find(|finding| finding["check"] == "otlp")
            .unwrap();
        assert_eq!(otlp["level"], "problem", "{otlp}");
        assert!(
            otlp["text"]
                .as_str()
                .unwrap()
                .contains("does not accept OTLP"),
            "{otlp}"
        );
        assert!(otlp["advice"].is_string(), "{otlp}");
    }
}

#[tokio::test]
async fn the_forecast_is_that_of_plan() {
    let gitlab = gitlab_of_two().await;
    let [forecast] = found(check(gitlab.url()), "forecast")
        .await
        .try_into()
        .unwrap();
    let plan = bridge_for(gitlab.url())
        .args(["plan", "--format", "json"])
        .finish()
        .await;
    let plan: Value = serde_json::from_str(&plan.stdout()).unwrap();
    assert_eq!(forecast["first_sweep"], plan[0]["first_sweep"]);
    let an_hour = plan[0]["requests_an_hour"].as_f64().unwrap().round();
    assert_eq!(forecast["requests_an_hour"].as_f64(), Some(an_hour));
    assert_eq!(forecast["budget_an_hour"], 18_000);
}

#[tokio::test]
async fn patterns_that_fit_no_project_are_told() {
    let gitlab = gitlab_of_two().await;
    let program = check(gitlab.url()).args(["--exclude", "no/such/**", "--exclude", "group/b"]);
    let selection = found(program, "selection").await;
    let unused = selection
        .iter()
        .find(|found| found["setting"] == "select.exclude")
        .unwrap();
    assert_eq!(
        unused["patterns"],
        serde_json::json!(["no/such/**"]),
        "{unused}"
    );
    assert_eq!(unused["level"], "note");
}
