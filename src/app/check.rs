//! `check`: what would work and what would not, each problem with what to do about it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, timeout};

use super::findings::Findings;
use super::instances::Instance;
use super::{parts, waiting, webhooks};
use crate::config::Config;
use crate::export::Server;
use crate::gitlab::TokenInfo;
use crate::metrics::{Catalogue, Metric, Reason, Snapshot, View};

/// How long GitLab may take to say who we are.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an export target may take to accept a first export.
const EXPORT_PATIENCE: Duration = Duration::from_secs(15);

/// Checks the configuration against the real GitLab and the real export targets.
///
/// # Errors
/// If there is any problem; all of them have been printed then.
pub async fn check(config: Config) -> Result<()> {
    let mut findings = Findings::default();
    findings.good("the configuration is valid");
    let shown = parts::shown(&config)?;
    for instance in &config.instances {
        let name = config.label(instance);
        findings.about = name.map(str::to_owned);
        match Instance::build(instance, name, &shown) {
            Ok(instance) => check_gitlab(instance, &mut findings).await,
            Err(error) => findings.problem(format!("{error:#}")),
        }
    }
    findings.about = None;
    check_exports(&config, &mut findings).await;
    check_webhooks(&config, &mut findings).await;
    findings.end()
}

async fn check_gitlab(instance: Instance, findings: &mut Findings) {
    let Instance {
        client, mut poller, ..
    } = instance;
    let url = client.url().clone();
    let asking = client.token_info(Instant::now() + PATIENCE);
    match waiting::explained(&client, asking).await {
        Ok(introduction) => introduce(&url, &introduction, findings),
        Err(error) => {
            findings.problem(format!("{url}: {}", error.with_advice()));
            return;
        }
    }
    let snapshot = waiting::explained(&client, poller.poll()).await;
    let report = snapshot.report.as_ref();
    match report.and_then(|report| report.failure.as_ref()) {
        Some(failure) => findings.problem(failure),
        None => findings.good(format!("{} projects are selected", snapshot.projects.len())),
    }
    if snapshot.projects.is_empty() && snapshot.project_count.is_some() {
        findings.note("nothing is selected: is the token a member of a project? See select in the configuration, or --all");
    }
    if let Some(report) = report {
        findings.good(format!(
            "one poll makes {} requests and takes {:.1?}",
            report.requests, report.took
        ));
    }
    missing(&snapshot, findings);
}

fn introduce(url: &url::Url, introduction: &TokenInfo, findings: &mut Findings) {
    let version = introduction
        .version
        .as_deref()
        .unwrap_or("of unknown version");
    findings.good(format!("{url} is GitLab {version}"));
    let user = introduction
        .username
        .as_deref()
        .unwrap_or("somebody it does not name");
    let name = introduction
        .token_name
        .as_ref()
        .map(|name| format!(" {name:?}"))
        .unwrap_or_default();
    findings.good(format!("the token{name} belongs to {user}"));
    match &introduction.scopes {
        Some(scopes)
            if !scopes
                .iter()
                .any(|scope| scope == "api" || scope == "read_api") =>
        {
            findings.problem(format!(
                "the token has the scopes {}: create one with read_api",
                scopes.join(", ")
            ));
        }
        Some(scopes) => findings.good(format!("its scopes are {}", scopes.join(", "))),
        None => findings
            .note("GitLab does not tell the scopes of this kind of token; it needs read_api"),
    }
    match &introduction.expires_at {
        Some(date) => findings.good(format!("it expires on {date}")),
        None => findings.note("GitLab does not say when it expires"),
    }
}

/// Which metrics lack values, and why.
fn missing(snapshot: &Snapshot, findings: &mut Findings) {
    for missing in &snapshot.missing {
        let (metric, count) = (missing.metric, missing.count);
        match missing.reason {
            Reason::Hidden => findings.note(format!(
                "{metric}: {count} values are hidden from the token, or this GitLab does not keep them \
                 (statistics and merge requests of private projects need the Reporter role)"
            )),
            Reason::Forbidden => findings.note(format!("{metric}: GitLab forbids the token {count} values")),
            Reason::Unsupported => {
                let asked = Catalogue::standard().find(metric).map(Metric::asked_as).unwrap_or_default();
                let asked = asked.first().copied().unwrap_or_default();
                findings.note(format!("{metric}: this GitLab does not have all of it (it is asked as {asked})"));
            }
            Reason::Invalid => findings.problem(invalid(metric, count)),
            reason => findings.problem(format!("{metric}: {count} values could not be read: {}", reason.name())),
        }
    }
}

/// What GitLab told and can't be true. A size is never negative; one that is comes of a counter that
/// GitLab has lost count of.
fn invalid(metric: &str, count: u64) -> String {
    let is_size = Catalogue::standard()
        .find(metric)
        .is_some_and(|metric| metric.unit == "By");
    let told = match is_size {
        true => "a negative or impossible size",
        false => "a negative or impossible number",
    };
    format!(
        "{metric}: GitLab told {told} for {count} values, so they are left out; an administrator can \
         let GitLab count them again"
    )
}

async fn check_exports(config: &Config, findings: &mut Findings) {
    let listen = &config.export.listen;
    let address = format!("{}:{}", listen.host, listen.port);
    match Server::bind(listen, "--listen").await {
        Ok(_) if config.export.prometheus => {
            findings.good(format!("{address} is free for /metrics and health"))
        }
        Ok(_) => findings.good(format!(
            "{address} is free for health; the Prometheus exporter is off"
        )),
        Err(error) => findings.problem(format!("{error:#}")),
    }
    let Some(otlp) = &config.export.otlp else {
        return;
    };
    let endpoint = otlp.shown_endpoint();
    let built = parts::shown(config).and_then(|shown| otlp.build(config.export.resource(), shown));
    let pushed = match built {
        Ok(otlp) => {
            let nothing = Arc::<View>::default();
            let introspect = Arc::new(|_: &View| crate::metrics::BridgeStatus {
                version: env!("CARGO_PKG_VERSION"),
                ..Default::default()
            });
            let push = timeout(EXPORT_PATIENCE, otlp.push(&nothing, &(introspect as _))).await;
            push.unwrap_or_else(|_| Err(format!("no answer within {EXPORT_PATIENCE:?}")))
        }
        Err(error) => Err(format!("{error:#}")),
    };
    match pushed {
        Ok(()) => findings.good(format!("{endpoint} accepts OTLP")),
        Err(error) => findings.problem(format!(
            "{endpoint} does not accept OTLP: {error}. Is it the right port (4317 gRPC, 4318 HTTP), protocol and \
             authentication? See otlp in the configuration, or OTEL_EXPORTER_OTLP_*"
        )),
    }
}

async fn check_webhooks(config: &Config, findings: &mut Findings) {
    match webhooks::build(config, Vec::new()).await {
        Ok(None) => {}
        Ok(Some(_)) => {
            let own = config.webhook_listen.as_ref();
            let address = own.unwrap_or(&config.export.listen);
            findings.good(format!("webhooks are taken at http://{address}/webhook"));
        }
        Err(error) => findings.problem(format!("{error:#}")),
    }
}
