//! Whether the bridge is healthy, and what to do where it is not.

use super::reasons;
use super::status::{Export, GitLab, Health, Problem, Status};
use super::words::{counted, span};
use crate::prose::sentence;

/// A token that ends sooner is to be replaced.
const SOON: u64 = 14 * 24 * 60 * 60;
/// So many intervals without a new value mean that a poll is late.
const LATE_INTERVALS: f64 = 3.0;

/// The status with what is to be done about it. `complaint` says why the bridge is not ready.
pub fn judged(status: Status, complaint: Option<&str>) -> Status {
    let status = Status {
        problems: problems(&status, complaint),
        ..status
    };
    let (health, summary) = summary(&status);
    Status {
        health,
        summary,
        ..status
    }
}

/// The first line: whether all is well, or what to do.
fn summary(status: &Status) -> (Health, String) {
    let projects: u64 = status.gitlabs.iter().map(|gitlab| gitlab.projects).sum();
    let projects = counted(projects, "project");
    let is_starting = status
        .gitlabs
        .iter()
        .any(|gitlab| gitlab.last_poll.is_none() && gitlab.last_complete_poll.is_none());
    match (&status.problems[..], status.ready) {
        ([], _) if is_starting => (
            Health::Starting,
            "Starting, not ready yet: the first poll has not ended. Wait for it.".to_owned(),
        ),
        ([], _) => {
            let ages = status.gitlabs.iter();
            let oldest = ages.filter_map(|gitlab| gitlab.last_complete_poll_age_seconds);
            let age = span(oldest.max().unwrap_or_default() as f64);
            let text = format!(
                "Healthy and ready: {projects}, all read; the last complete poll ended {age} ago."
            );
            (Health::Healthy, text)
        }
        ([first, others @ ..], ready) => {
            let (health, word) = match ready {
                true => (Health::Attention, "Ready, but look at this"),
                false => (Health::NotReady, "Not healthy, not ready"),
            };
            let advice = first.advice.iter().map(|advice| format!(" {advice}"));
            let advice: String = advice.collect();
            let more = match others.len() {
                0 => String::new(),
                more => format!(" And {} more below.", more),
            };
            let name = first.gitlab.iter().map(|name| format!("{name}: "));
            let name: String = name.collect();
            (
                health,
                format!("{word}: {name}{}{advice}{more}", first.text),
            )
        }
    }
}

/// What is to be done, the most urgent first.
fn problems(status: &Status, complaint: Option<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let several = status.gitlabs.len() > 1;
    for gitlab in &status.gitlabs {
        of_gitlab(gitlab, several, &mut problems);
    }
    problems.extend(status.exports.iter().filter_map(of_export));
    of_bridge(status, &mut problems);
    let is_starting = status.gitlabs.iter().any(|gitlab| {
        gitlab.last_poll.is_none() && gitlab.silent_seconds.is_none_or(|silent| silent < 30.0)
    });
    if let Some(complaint) = complaint
        && !(problems.is_empty() && is_starting)
    {
        let advice = problems.iter().find_map(|problem| problem.advice.clone());
        problems.insert(
            0,
            Problem {
                about: "readiness",
                gitlab: None,
                text: sentence(complaint),
                advice,
            },
        );
    }
    problems
}

fn of_gitlab(gitlab: &GitLab, several: bool, problems: &mut Vec<Problem>) {
    let name = gitlab.name.as_ref().filter(|_| several);
    let found = [
        answers(gitlab),
        polls(gitlab),
        limits(gitlab),
        token(gitlab),
        leader(gitlab),
    ];
    let found = found.into_iter().flatten().chain(values(gitlab));
    problems.extend(found.map(|own| Problem {
        gitlab: name.cloned(),
        ..own
    }));
}

fn problem(about: &'static str, text: &str, advice: Option<&str>) -> Problem {
    Problem {
        about,
        gitlab: None,
        text: sentence(text),
        advice: advice.map(sentence),
    }
}

fn answers(gitlab: &GitLab) -> Vec<Problem> {
    const ADVICE: &str = "Look at GitLab and at the way to it; polling goes on when it answers";
    let limit = 2.0 * gitlab.interval_seconds.max(1.0);
    let silent = gitlab.silent_seconds.filter(|silent| *silent > limit);
    let text = silent.map(|silent| format!("GitLab has not answered for {}", span(silent)));
    text.iter()
        .map(|text| problem("gitlab", text, Some(ADVICE)))
        .collect()
}

fn polls(gitlab: &GitLab) -> Vec<Problem> {
    const STAYS: &str = "Polling goes on, and the last good values stay";
    const LATE: &str =
        "Raise poll.interval, or poll.budget if GitLab allows more; the command plan computes both";
    let Some(poll) = &gitlab.last_poll else {
        return Vec::new();
    };
    if let Some(failure) = &poll.failure {
        return vec![problem("poll", failure, Some(STAYS))];
    }
    let limit = LATE_INTERVALS * gitlab.interval_seconds.max(1.0);
    let age = gitlab.last_complete_poll_age_seconds.unwrap_or_default() as f64;
    let text = format!("the last complete poll ended {} ago", span(age));
    let late = (age > limit).then(|| problem("lateness", &text, Some(LATE)));
    late.into_iter().collect()
}

fn limits(gitlab: &GitLab) -> Vec<Problem> {
    let requests = &gitlab.requests;
    let budget = (requests.budget_remaining == Some(0)).then(|| {
        let text = "poll.budget is used up, so requests wait";
        problem("budget", text, reasons::advice("budget"))
    });
    let rate_limit = (requests.rate_limit_remaining == Some(0)).then(|| {
        let text = "GitLab's rate limit is used up, so requests wait";
        problem("rate_limit", text, reasons::advice("rate_limited"))
    });
    budget.into_iter().chain(rate_limit).collect()
}

fn token(gitlab: &GitLab) -> Vec<Problem> {
    const NEW: &str =
        "Make a new one with the scope read_api; one in a file is taken without a restart";
    match gitlab.token_expires_in_seconds {
        Some(0) => vec![problem("token", "the access token has expired", Some(NEW))],
        Some(left) if left < SOON => {
            let text = format!("the access token expires in {}", span(left as f64));
            vec![problem("token", &text, Some(NEW))]
        }
        _ => Vec::new(),
    }
}

/// Whether nobody is known to lead, or this replica shows an old version.
fn leader(gitlab: &GitLab) -> Vec<Problem> {
    const NOBODY: &str = "One of the replicas takes the lead within seconds of the engine's answer; see whether \
                          it answers them";
    const OLD: &str =
        "See whether the engine answers this replica, and its log; start it anew if it does";
    let Some(own) = &gitlab.leadership else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if own.leader.is_none() && !own.is_ours {
        problems.push(problem(
            "leader",
            "no replica is known to lead",
            Some(NOBODY),
        ));
    }
    // A newer version takes a moment to get here.
    let is_old = own
        .published_age_seconds
        .is_some_and(|age| age as f64 > LATE_INTERVALS * gitlab.interval_seconds.max(1.0));
    if own.is_behind() && is_old {
        problems.push(problem(
            "version",
            "this replica shows an old version",
            Some(OLD),
        ));
    }
    problems
}

/// What is wrong with values, and with keeping them.
fn values(gitlab: &GitLab) -> Vec<Problem> {
    const ROOM: &str = "Make room on its disk, and let the bridge write there";
    let failing = gitlab.subjects.iter().filter(|own| own.state == "failing");
    let mut problems: Vec<Problem> = failing
        .map(|own| {
            let text = format!("the subject {} can't be read at the moment", own.subject);
            problem("subject", &text, own.advice.as_deref())
        })
        .collect();
    if gitlab.state_written == Some(false) {
        let text = "what is known could not be written to state.path";
        problems.push(problem("state", text, Some(ROOM)));
    }
    problems
}

fn of_export(export: &Export) -> Option<Problem> {
    let error = export.error.as_deref()?;
    let text = format!("the last export over {} failed: {error}", export.exporter);
    Some(problem("export", &text, export.advice))
}

fn of_bridge(status: &Status, problems: &mut Vec<Problem>) {
    let mut add = |about, text: String, advice: &str| {
        problems.push(Problem {
            about,
            gitlab: None,
            text,
            advice: Some(advice.to_owned()),
        });
    };
    if status
        .reload
        .as_ref()
        .is_some_and(|reload| !reload.succeeded)
    {
        add(
            "reload",
            "The last reload was refused, and the settings from before hold.".to_owned(),
            "The log says what is wrong with the configuration; mend it and reload again.",
        );
    }
    let engine_is_up = status.replica.as_ref().and_then(|own| own.engine_up);
    if engine_is_up == Some(false) {
        add(
            "engine",
            "The engine that replicas share does not answer this one.".to_owned(),
            "The last version is shown on; the command check tells apart address, certificate, password and rights.",
        );
    }
    for (task, count) in &status.panics {
        let times = counted(*count, "time");
        add(
            "panic",
            format!("A part of the bridge, {task}, broke off {times} and began anew."),
            "Please report this, with the log.",
        );
    }
}
