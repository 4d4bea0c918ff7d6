//! What one GitLab answers: who we are there, what a poll reads, what is missing and why.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::findings::{Findings, good, note, of_two, problem};
use super::forecast::Checked;
use super::network::{self, Way};
use super::{forecast, selection};
use crate::app::polled_gitlabs::PolledGitLab;
use crate::app::waiting;
use crate::gitlab::{Client, TokenInfo};
use crate::metrics::{Catalogue, Metric, Missing, Reason, Snapshot, SubjectState};
use crate::poll::Filter;
use crate::prose::{agree, counted, duration, listed};

/// Clocks that differ by no more are the same.
const SAME: Duration = Duration::from_secs(2);
/// Clocks that differ by more are worth a note.
const ODD: Duration = Duration::from_secs(60);
/// The versions of GitLab whose schemas the queries are tested with.
const OLDEST: (u32, u32) = (16, 0);
const NEWEST: (u32, u32) = (18, 8);
/// How long GitLab may take to say who we are.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at the way there, asks who we are, polls once, and tells what came of it.
pub async fn check(gitlab: PolledGitLab, checked: &Checked<'_>, findings: &mut Findings) {
    let PolledGitLab {
        client, mut poller, ..
    } = gitlab;
    let (url, config) = (client.url().clone(), &checked.instance.gitlab);
    let way = Way {
        whose: "GitLab",
        url: &url,
        setting: "GITLAB_URL (gitlab.url)",
        takes_proxies: true,
    };
    if !way.check(findings).await {
        return;
    }
    network::check_certificate(config, findings).await;
    let asking = client.token_info(Instant::now() + PATIENCE);
    match waiting::shown(&client, "GitLab to say who the token is", asking).await {
        Ok(token) => report_token(&url, &token, findings),
        Err(error) => {
            let finding = problem("gitlab", format!("{url}: {error}"));
            let finding = finding.with("reason", error.reason());
            findings.tell(match error.advice() {
                Some(advice) => finding.advising(advice),
                None => finding,
            });
            return;
        }
    }
    report_clock(&client, findings).await;
    let selection = &checked.instance.poll.selection;
    let said = selection::check_names(&client, selection, findings).await;
    let snapshot = waiting::shown(&client, "the first poll to end", poller.poll()).await;
    report_poll(&snapshot, &selection.filter, &said, findings);
    report_patterns(&poller.known_paths(), &selection.filter, findings);
    report_apis(&client, findings);
    report_subjects(&snapshot, findings);
    for missing in &snapshot.missing {
        report_missing(missing, findings);
    }
    if said.is_empty() && snapshot.project_count.is_some() {
        let survey = poller.survey(Instant::now() + PATIENCE);
        let survey = waiting::shown(&client, "GitLab to tell what there is", survey).await;
        if let Ok(assumption) = survey {
            forecast::report(checked, &client, &assumption, findings);
        }
    }
}

/// Compares GitLab's clock with ours. The bridge bears any difference: ages are told by our clock alone, and what
/// ended by GitLab's. Tokens and certificates do not bear it.
async fn report_clock(client: &Client, findings: &mut Findings) {
    let asked = SystemTime::now();
    let Ok(answer) = client.get("version", Instant::now() + PATIENCE).await else {
        return;
    };
    let Some(theirs) = answer.date else {
        return findings.tell(note(
            "clock",
            "GitLab does not tell the time: its answers have no Date",
        ));
    };
    let ours = asked + asked.elapsed().unwrap_or_default() / 2;
    // Their time has no fractions of a second.
    let (apart, direction) = match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (
            behind.duration().saturating_sub(Duration::from_secs(1)),
            "behind",
        ),
    };
    let skew = match direction {
        "behind" => -apart.as_secs_f64(),
        _ => apart.as_secs_f64(),
    };
    let finding = if apart <= SAME {
        good("clock", "GitLab's clock and ours agree")
    } else {
        let text = format!("GitLab's clock is {} {direction} ours", duration(apart));
        match apart > ODD {
            true => note("clock", text).advising(
                "Let both machines take their time from NTP: the bridge bears this, but tokens, certificates and \
                 people who compare times do not.",
            ),
            false => good("clock", text),
        }
    };
    findings.tell(finding.with("skew_seconds", (skew * 1000.0).round() / 1000.0));
}

/// Says whether the version is one that the bridge is made for.
fn report_version(version: Option<&str>, findings: &mut Findings) {
    let (oldest, tested) = (OLDEST, NEWEST);
    let numbers = version.and_then(|version| {
        let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    let range = format!("{}.{} to {}.{}", oldest.0, oldest.1, tested.0, tested.1);
    let finding = match (version, numbers) {
        (Some(version), Some(numbers)) if numbers < oldest => note(
            "version",
            format!("GitLab {version} is older than {range}, for which the bridge is tested"),
        )
        .advising("What this GitLab does not have is left out, and told; update it when you can."),
        (Some(version), Some(numbers)) if numbers > tested => good(
            "version",
            format!("GitLab {version} is newer than {range}, for which the bridge is tested"),
        )
        .advising("Look for a newer version of the bridge if values are missing."),
        (Some(version), Some(_)) => good(
            "version",
            format!("GitLab {version} is among {range}, for which the bridge is tested"),
        ),
        _ => note("version", "GitLab does not tell its version to this token"),
    };
    findings.tell(finding.with("version", version));
}

/// Says which of its two interfaces answer.
fn report_apis(client: &Client, findings: &mut Findings) {
    let requests = client.usage().requests;
    let answers = |is_graphql: bool| {
        let mut of_api = requests
            .iter()
            .filter(|((class, _), _)| (*class == "graphql") == is_graphql);
        of_api.any(|((_, outcome), count)| outcome == "200" && *count > 0)
    };
    let (graphql, rest) = (answers(true), answers(false));
    let finding = match (graphql, rest) {
        (true, true) => good("capabilities", "GraphQL and REST both answer"),
        (true, false) => note("capabilities", "GraphQL answers, and REST does not")
            .advising("Let the bridge through to /api/v4 for what GraphQL does not have."),
        (false, true) => note("capabilities", "REST answers, and GraphQL does not")
            .advising("Let the bridge through to /api/graphql: REST costs many more requests."),
        (false, false) => note("capabilities", "neither GraphQL nor REST has answered"),
    };
    findings.tell(finding.with("graphql", graphql).with("rest", rest));
}

/// Says which patterns fit no project: they are probably mistyped.
fn report_patterns(paths: &[String], filter: &Filter, findings: &mut Findings) {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for (setting, unused) in filter.unused_patterns(&paths) {
        let text = format!(
            "{} of {setting} {} no project: {}",
            counted(unused.len(), "pattern"),
            agree(unused.len(), "fits", "fit"),
            unused.join(", ")
        );
        let finding = note("selection", text).advising(
            "A pattern stands for a whole path, such as group/project: * stays within one level, ** crosses levels.",
        );
        findings.tell(finding.with("setting", setting).with("patterns", unused));
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
    report_version(token.version.as_deref(), findings);
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
            format!("the token has the scopes {}", scopes.join(", ")),
        )
        .advising("Create one with read_api."),
        None => note(
            "scopes",
            "GitLab does not tell the scopes of this kind of token",
        )
        .advising("It needs read_api."),
    };
    findings.tell(scopes.with("scopes", token.scopes.clone()));
    let expiry = match &token.expires_at {
        Some(date) => good("expiry", format!("it expires on {date}")),
        None => note("expiry", "GitLab does not say when it expires"),
    };
    let date = token.expires_at.as_ref().map(ToString::to_string);
    findings.tell(expiry.with("expires_at", date));
}

/// `said` is what has been told of names that are not there.
fn report_poll(snapshot: &Snapshot, filter: &Filter, said: &[String], findings: &mut Findings) {
    let report = snapshot.report.as_ref();
    let selected = snapshot.projects.len();
    let filtered_out = report.map_or(0, |report| report.filtered_out);
    let projects = match report.and_then(|report| report.failure.as_ref()) {
        Some(failure) if said.iter().any(|said| said == failure) || *failure == listed(said) => {
            note("projects", "what is not found is left out")
        }
        Some(failure) => of_two("projects", failure),
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
                "{} that GitLab lists {} left out by {filter}",
                match filtered_out {
                    1 => "the one project".to_owned(),
                    _ => format!("all {filtered_out} projects"),
                },
                agree(filtered_out, "is", "are"),
            ),
        ).advising(
            "A pattern stands for a whole path, such as group/project: * stays within one level, ** crosses levels.",
        ));
    } else if selected == 0 && snapshot.project_count.is_some() {
        let finding = note(
            "selection",
            "nothing is selected: is the token a member of a project?",
        );
        findings.tell(finding.advising("See select in the configuration, or --all."));
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
            "these subjects have nothing to read yet",
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
        let finding = note("subject", format!("{what} is {}", state.name())).advising(advice);
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
            match advice(reason) {
                Some(advice) => problem(said).advising(advice),
                None => problem(said),
            }
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
