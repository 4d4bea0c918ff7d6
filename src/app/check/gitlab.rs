//! What one GitLab answers: who we are there, what a poll reads, what is missing and why.

use std::time::Duration;

use tokio::time::Instant;

use super::findings::{Findings, good, note, problem};
use crate::app::polled_gitlabs::PolledGitLab;
use crate::app::waiting;
use crate::gitlab::TokenInfo;
use crate::metrics::{Catalogue, Metric, Missing, Reason, Snapshot, SubjectState};
use crate::poll::Filter;
use crate::prose::{advised, agree, counted, duration};

/// How long GitLab may take to say who we are.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks who we are, polls once, and tells what came of it.
pub async fn check(gitlab: PolledGitLab, filter: &Filter, findings: &mut Findings) {
    let PolledGitLab {
        client, mut poller, ..
    } = gitlab;
    let url = client.url().clone();
    let asking = client.token_info(Instant::now() + PATIENCE);
    match waiting::explained(&client, asking).await {
        Ok(token) => report_token(&url, &token, findings),
        Err(error) => {
            let text = format!("{url}: {}", error.with_advice());
            findings.tell(problem("gitlab", text).with("reason", error.reason()));
            return;
        }
    }
    let snapshot = waiting::explained(&client, poller.poll()).await;
    report_poll(&snapshot, filter, findings);
    report_subjects(&snapshot, findings);
    for missing in &snapshot.missing {
        report_missing(missing, findings);
    }
}

fn report_token(url: &url::Url, token: &TokenInfo, findings: &mut Findings) {
    let version = token.version.as_deref().unwrap_or("of unknown version");
    let is_gitlab = good("gitlab", format!("{url} is GitLab {version}"));
    findings.tell(
        is_gitlab
            .with("url", url.as_str())
            .with("version", token.version.as_deref()),
    );
    let user = token.username.as_deref();
    let user = user.unwrap_or("somebody it does not name");
    let belongs = match &token.token_name {
        Some(name) => format!("the token {name:?} belongs to {user}"),
        None => format!("the token belongs to {user}"),
    };
    let belongs = good("token", belongs).with("name", token.token_name.as_deref());
    findings.tell(belongs.with("user", token.username.as_deref()));
    let may_read = |scope: &String| scope == "api" || scope == "read_api";
    let scopes = match &token.scopes {
        Some(scopes) if scopes.iter().any(may_read) => {
            good("scopes", format!("its scopes are {}", scopes.join(", ")))
        }
        Some(scopes) => problem(
            "scopes",
            format!(
                "the token has the scopes {}: create one with read_api",
                scopes.join(", ")
            ),
        ),
        None => note(
            "scopes",
            "GitLab does not tell the scopes of this kind of token; it needs read_api",
        ),
    };
    findings.tell(scopes.with("scopes", token.scopes.clone()));
    let expiry = match &token.expires_at {
        Some(date) => good("expiry", format!("it expires on {date}")),
        None => note("expiry", "GitLab does not say when it expires"),
    };
    let date = token.expires_at.as_ref().map(ToString::to_string);
    findings.tell(expiry.with("expires_at", date));
}

fn report_poll(snapshot: &Snapshot, filter: &Filter, findings: &mut Findings) {
    let report = snapshot.report.as_ref();
    let selected = snapshot.projects.len();
    let filtered_out = report.map_or(0, |report| report.filtered_out);
    let projects = match report.and_then(|report| report.failure.as_ref()) {
        Some(failure) => problem("projects", failure),
        None => {
            let are = agree(selected, "is", "are");
            let selected = counted(selected, "project");
            good("projects", format!("{selected} {are} selected"))
        }
    };
    let projects = projects.with("selected", selected);
    findings.tell(projects.with("filtered_out", filtered_out));
    if selected == 0 && filtered_out > 0 {
        findings.tell(problem(
            "selection",
            format!(
                "all {} that GitLab lists {} left out by {filter}. A pattern stands for a whole path, such as \
                 group/project: * stays within one level, ** crosses levels.",
                counted(filtered_out, "project"),
                agree(filtered_out, "is", "are"),
            ),
        ));
    } else if selected == 0 && snapshot.project_count.is_some() {
        findings.tell(note(
            "selection",
            "nothing is selected: is the token a member of a project? See select in the \
             configuration, or --all",
        ));
    }
    if let Some(report) = report {
        let text = format!(
            "one poll makes {} and takes {}",
            counted(report.requests, "request"),
            duration(report.took)
        );
        let poll = good("poll", text).with("requests", report.requests);
        let poll = poll.with("series", snapshot.all_series());
        findings.tell(poll.with_seconds("took_seconds", report.took));
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
    let disabled = states().filter(|(_, state)| *state == SubjectState::Disabled);
    let disabled: Vec<_> = disabled.collect();
    for (finding, state, what, subjects) in [
        (
            good as fn(_, String) -> _,
            "active",
            "these subjects work",
            working,
        ),
        (
            note,
            "unasked",
            "these subjects had nothing to be asked of yet",
            unasked,
        ),
        (
            note,
            "disabled",
            "these subjects are not enabled (see metrics.enabled)",
            disabled,
        ),
    ] {
        let names: Vec<&str> = subjects.iter().map(|(name, _)| *name).collect();
        if !names.is_empty() {
            let finding = finding("subjects", format!("{what}: {}", names.join(", ")));
            findings.tell(finding.with("subjects", names).with("state", state));
        }
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

/// Says what can't be read, why, and what would help.
fn report_state(what: String, subject: &str, state: SubjectState, findings: &mut Findings) {
    if let Some(advice) = state.advice(subject) {
        let finding = note("subject", format!("{what} is {}: {advice}", state.name()));
        let finding = finding.with("subject", subject);
        findings.tell(finding.with("state", state.name()));
    }
}

/// Says why values of a metric are absent. It is no problem of this set-up where GitLab does not tell them,
/// or tells nonsense.
fn report_missing(missing: &Missing, findings: &mut Findings) {
    let (name, count) = (missing.metric, missing.count);
    let values = counted(count, "value");
    let metric = Catalogue::standard().find(name);
    let note = |text: String| note("missing", text);
    let problem = |text: String| problem("missing", text);
    let finding = match missing.reason {
        Reason::Hidden => note(format!(
            "{name}: {values} {} hidden from the token, or this GitLab does not keep {} (statistics and merge \
             requests of private projects need the Reporter role)",
            agree(count, "is", "are"),
            agree(count, "it", "them")
        )),
        Reason::Forbidden => note(format!("{name}: GitLab forbids the token {values}")),
        Reason::Unsupported => {
            let asked = metric.map(Metric::asked_as).unwrap_or_default();
            let asked = asked.first().copied().unwrap_or_default();
            note(format!(
                "{name}: this GitLab does not have all of it (it is asked as {asked})"
            ))
        }
        Reason::Invalid => {
            let noun = match metric.is_some_and(|metric| metric.unit == "By") {
                true => "size",
                false => "number",
            };
            note(format!(
                "{name}: GitLab tells a negative {noun}, or one that can't be, for {values}, which {} left out \
                 until an administrator has GitLab count again",
                agree(count, "is", "are")
            ))
        }
        reason => {
            let said = format!("{name}: {values} could not be read: {}", reason.name());
            problem(advice(reason).map_or(said.clone(), |advice| advised(said, advice)))
        }
    };
    let finding = finding.with("metric", name).with("count", count);
    findings.tell(finding.with("reason", missing.reason.name()));
}

/// What to do about values that could not be read. The log has GitLab's words about each.
fn advice(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NotGitlab | Reason::NotJson | Reason::Redirected => {
            "A proxy or a login page answers in place of GitLab's API: let the bridge through."
        }
        Reason::NotUnderstood => {
            "The answer is not in the form of GitLab's API: look for a proxy that changes it."
        }
        Reason::RateLimited => "Lower gitlab.requests_per_second, or ask for a higher limit.",
        Reason::Budget => "Raise poll.budget if GitLab allows more.",
        Reason::ServerError | Reason::Timeout | Reason::Network => {
            "GitLab, or the way to it, fails: run check again, with --log-level debug for more."
        }
        _ => return None,
    })
}
