//! `check`: what would work and what would not, each problem with what to do about it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, timeout};

use super::findings::Findings;
use super::polled_gitlabs::PolledGitLab;
use super::{chosen, waiting, webhooks};
use crate::config::Config;
use crate::export::{Introspect, OtlpConfig, Server, Web};
use crate::gitlab::TokenInfo;
use crate::metrics::{
    BridgeStatus, Catalogue, Metric, Missing, Reason, Snapshot, SubjectState, View,
};

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
    let enabled = chosen::enabled_metrics(&config)?;
    for instance in &config.instances {
        let name = config.label(instance);
        findings.about = name.map(str::to_owned);
        match PolledGitLab::build(instance, name, &enabled) {
            Ok(gitlab) => check_gitlab(gitlab, &mut findings).await,
            Err(error) => findings.problem(format!("{error:#}")),
        }
    }
    findings.about = None;
    check_exports(&config, &mut findings).await;
    check_webhooks(&config, &mut findings).await;
    findings.end()
}

async fn check_gitlab(gitlab: PolledGitLab, findings: &mut Findings) {
    let PolledGitLab {
        client, mut poller, ..
    } = gitlab;
    let url = client.url().clone();
    let asking = client.token_info(Instant::now() + PATIENCE);
    match waiting::explained(&client, asking).await {
        Ok(token) => report_token(&url, &token, findings),
        Err(error) => {
            findings.problem(format!("{url}: {}", error.with_advice()));
            return;
        }
    }
    let snapshot = waiting::explained(&client, poller.poll()).await;
    report_poll(&snapshot, findings);
    report_subjects(&snapshot, findings);
    for missing in &snapshot.missing {
        report_missing(missing, findings);
    }
}

fn report_token(url: &url::Url, token: &TokenInfo, findings: &mut Findings) {
    let version = token.version.as_deref().unwrap_or("of unknown version");
    findings.good(format!("{url} is GitLab {version}"));
    let user = token.username.as_deref();
    let user = user.unwrap_or("somebody it does not name");
    match &token.token_name {
        Some(name) => findings.good(format!("the token {name:?} belongs to {user}")),
        None => findings.good(format!("the token belongs to {user}")),
    }
    let may_read = |scope: &String| scope == "api" || scope == "read_api";
    match &token.scopes {
        Some(scopes) if scopes.iter().any(may_read) => {
            findings.good(format!("its scopes are {}", scopes.join(", ")));
        }
        Some(scopes) => findings.problem(format!(
            "the token has the scopes {}: create one with read_api",
            scopes.join(", ")
        )),
        None => findings
            .note("GitLab does not tell the scopes of this kind of token; it needs read_api"),
    }
    match &token.expires_at {
        Some(date) => findings.good(format!("it expires on {date}")),
        None => findings.note("GitLab does not say when it expires"),
    }
}

fn report_poll(snapshot: &Snapshot, findings: &mut Findings) {
    let report = snapshot.report.as_ref();
    match report.and_then(|report| report.failure.as_ref()) {
        Some(failure) => findings.problem(failure),
        None => findings.good(format!("{} projects are selected", snapshot.projects.len())),
    }
    if snapshot.projects.is_empty() && snapshot.project_count.is_some() {
        findings.note(
            "nothing is selected: is the token a member of a project? See select in the \
             configuration, or --all",
        );
    }
    if let Some(report) = report {
        findings.good(format!(
            "one poll makes {} requests and takes {:.1?}",
            report.requests, report.took
        ));
    }
}

/// Says which subjects work for this token, and which don't and why.
fn report_subjects(snapshot: &Snapshot, findings: &mut Findings) {
    let states = || snapshot.states.iter();
    let was_asked = |subject: &str| {
        let mut parts = snapshot.parts.iter();
        parts.any(|part| part.subject == subject && part.is_asked)
    };
    let active = states().filter(|(_, state)| *state == SubjectState::Active);
    let (working, unasked): (Vec<_>, Vec<_>) = active.partition(|(name, _)| was_asked(name));
    if !working.is_empty() {
        findings.good(format!("these subjects work: {}", names(&working)));
    }
    if !unasked.is_empty() {
        findings.note(format!(
            "these subjects had nothing to be asked of yet: {}",
            names(&unasked)
        ));
    }
    let disabled = states().filter(|(_, state)| *state == SubjectState::Disabled);
    let disabled: Vec<_> = disabled.collect();
    if !disabled.is_empty() {
        findings.note(format!(
            "these subjects are not enabled (see metrics.enabled): {}",
            names(&disabled)
        ));
    }
    for (subject, state) in &snapshot.states {
        report_state((*subject).to_owned(), subject, *state, findings);
        // What holds for the whole subject holds for its parts.
        if *state == SubjectState::Active {
            let parts = snapshot.parts.iter();
            for part in parts.filter(|part| part.subject == *subject) {
                let what = format!("{} of {subject}", part.metrics.join(", "));
                report_state(what, subject, part.state, findings);
            }
        }
    }
}

fn names(subjects: &[&(&'static str, SubjectState)]) -> String {
    let names: Vec<_> = subjects.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Says what can't be read, why, and what would help.
fn report_state(what: String, subject: &str, state: SubjectState, findings: &mut Findings) {
    if let Some(advice) = state.advice(subject) {
        findings.note(format!("{what} is {}: {advice}", state.name()));
    }
}

/// Says why values of a metric are absent. It is no problem of this set-up where GitLab does not tell them,
/// or tells nonsense.
fn report_missing(missing: &Missing, findings: &mut Findings) {
    let (name, count) = (missing.metric, missing.count);
    let metric = Catalogue::standard().find(name);
    match missing.reason {
        Reason::Hidden => findings.note(format!(
            "{name}: {count} values are hidden from the token, or this GitLab does not keep them \
             (statistics and merge requests of private projects need the Reporter role)"
        )),
        Reason::Forbidden => {
            findings.note(format!("{name}: GitLab forbids the token {count} values"));
        }
        Reason::Unsupported => {
            let asked = metric.map(Metric::asked_as).unwrap_or_default();
            let asked = asked.first().copied().unwrap_or_default();
            findings.note(format!(
                "{name}: this GitLab does not have all of it (it is asked as {asked})"
            ));
        }
        Reason::Invalid => {
            let noun = match metric.is_some_and(|metric| metric.unit == "By") {
                true => "size",
                false => "number",
            };
            findings.note(format!(
                "{name}: GitLab tells a negative {noun}, or one that can't be, for {count} values; they \
                 are left out until an administrator lets GitLab count them again"
            ));
        }
        reason => findings.problem(format!(
            "{name}: {count} values could not be read: {}{}",
            reason.name(),
            advice(reason)
        )),
    }
}

/// What to do about values that could not be read. The log has GitLab's words about each.
fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::NotGitlab | Reason::NotJson | Reason::Redirected => {
            ". A proxy or a login page answers in place of GitLab's API: let the bridge through"
        }
        Reason::NotUnderstood => {
            ". The answer is not in the form of GitLab's API: look for a proxy that changes it"
        }
        Reason::RateLimited => ". Lower gitlab.requests_per_second, or ask for a higher limit",
        Reason::Budget => ". Raise poll.budget if GitLab allows more",
        Reason::ServerError | Reason::Timeout | Reason::Network => {
            ". GitLab, or the way to it, fails: run check again, with --log-level debug for more"
        }
        _ => "",
    }
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
    match Web::build(&config.export) {
        Ok(None) => {}
        Ok(Some(_)) => findings.good("the web configuration is valid"),
        Err(error) => findings.problem(format!("{error:#}")),
    }
    if let Some(otlp) = &config.export.otlp {
        let endpoint = otlp.shown_endpoint();
        match push_nothing(config, otlp).await {
            Ok(()) => findings.good(format!("{endpoint} accepts OTLP")),
            Err(error) => findings.problem(format!(
                "{endpoint} does not accept OTLP: {error}. See otlp in the configuration, or \
                 OTEL_EXPORTER_OTLP_*"
            )),
        }
    }
}

/// Pushes what the bridge knows before it has asked GitLab: nothing but its version.
async fn push_nothing(config: &Config, otlp: &OtlpConfig) -> Result<(), String> {
    let enabled = chosen::enabled_metrics(config).map_err(|error| format!("{error:#}"))?;
    let built = otlp.build(config.export.resource(), enabled);
    let otlp = built.map_err(|error| format!("{error:#}"))?;
    let view = Arc::<View>::default();
    let status: Introspect = Arc::new(|_: &View| BridgeStatus {
        version: env!("CARGO_PKG_VERSION"),
        ..Default::default()
    });
    let pushed = timeout(EXPORT_PATIENCE, otlp.push(&view, &status)).await;
    pushed.unwrap_or_else(|_| Err(format!("no answer within {EXPORT_PATIENCE:?}")))
}

async fn check_webhooks(config: &Config, findings: &mut Findings) {
    // What is wrong with it has been said.
    let web = Web::build(&config.export).ok().flatten();
    let scheme = match web.is_some_and(|web| web.rules().tls.is_some()) {
        true => "https",
        false => "http",
    };
    match webhooks_set_up(config).await {
        Ok(false) => {}
        Ok(true) => {
            let own = config.webhook_listen.as_ref();
            let address = own.unwrap_or(&config.export.listen);
            findings.good(format!(
                "webhooks are taken at {scheme}://{address}/webhook"
            ));
        }
        Err(error) => findings.problem(format!("{error:#}")),
    }
}

/// Whether webhooks are taken, and can be.
async fn webhooks_set_up(config: &Config) -> Result<bool> {
    if webhooks::secrets(config)?.is_none() {
        return Ok(false);
    }
    if let Some(own) = webhooks::own_address(config) {
        webhooks::bound(own).await?;
    }
    Ok(true)
}
