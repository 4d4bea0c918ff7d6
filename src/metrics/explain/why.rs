//! Why a series is absent, and what helps: a sentence each.

use super::settings::Settings;
use crate::metrics::subject::{Feature, Rows};
use crate::metrics::{Access, Choices, Column, Identity, Metric, Reason, Subject, SubjectState};
use crate::metrics::{judging::state_of, subject::Grain};

/// Why something is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub reason: &'static str,
    pub why: String,
    pub advice: Option<String>,
}

impl Why {
    pub fn new(reason: &'static str, why: impl Into<String>) -> Why {
        Why {
            reason,
            why: why.into(),
            advice: None,
        }
    }

    pub fn advise(self, advice: impl Into<String>) -> Why {
        Why {
            advice: Some(advice.into()),
            ..self
        }
    }
}

/// The configuration leaves the metric out.
pub(super) fn disabled(metric: &Metric, settings: &Settings) -> Why {
    if let Some(setting) = (settings.switched_off_by)(metric) {
        let why = format!("{setting} switches it off");
        return Why::new("disabled", why).advise("take it out of metrics.disabled");
    }
    let (name, subject) = (metric.name, metric.subject.name);
    let why = match metric.by_default {
        true => "the configuration leaves it out",
        false => "it is opt-in, and nothing switches it on",
    };
    let what = match metric.by_subject {
        true => {
            format!("add {name}, or {subject} for all metrics of that subject, to metrics.enabled")
        }
        false => format!("add {name} to metrics.enabled"),
    };
    Why::new("disabled", why).advise(what)
}

/// A value is not known. `read` says when it is read.
pub(super) fn unknown(reason: Reason, metric: &Metric, read: &str) -> Why {
    let (subject, name) = (metric.subject, reason.name());
    if matches!(reason, Reason::NotAsked | Reason::Pending) {
        let why = Why::new("pending", Reason::Pending.why());
        return why.advise(format!("wait for it: {}", lower_first(read)));
    }
    let more = match reason {
        Reason::Unsupported => {
            let asked = metric.asked_as();
            let asked = asked.first();
            asked.map(|asked| format!(": it does not know {asked}"))
        }
        Reason::NotFound => Some(", and has not said that it is gone".to_owned()),
        _ => None,
    };
    let why = format!("{}{}", reason.why(), more.unwrap_or_default());
    match advice(reason, subject) {
        Some(advice) => Why::new(name, why).advise(advice),
        None => Why::new(name, why),
    }
}

fn advice(reason: Reason, subject: &Subject) -> Option<String> {
    let text = match reason {
        Reason::Invalid => {
            "an administrator can let GitLab count the statistics of the project again"
        }
        Reason::Unauthorized => {
            "create a token with the scope read_api; the command check tries it"
        }
        Reason::RateLimited => {
            "lower gitlab.requests_per_second, or ask for a higher limit; it is tried again"
        }
        Reason::Budget => "raise poll.budget if GitLab allows more; it is tried again",
        Reason::NotGitlab | Reason::NotJson | Reason::Redirected | Reason::NotUnderstood => {
            "let the bridge through to GitLab's API; the command check says more"
        }
        reason => {
            let state = state_of(reason)?;
            return match state {
                SubjectState::Failing => {
                    Some("it is tried again; the log of failed requests says why".to_owned())
                }
                state => state.advice(subject.name),
            };
        }
    };
    Some(text.to_owned())
}

/// A value is known to be nothing.
pub(super) fn off(column: &Column, identity: &Identity) -> Why {
    if let (Some(feature), Access::Off) = (column.feature, identity.access(column.feature)) {
        return switched_off(feature);
    }
    Why::new("none", "there is none to tell of")
}

/// A project has switched a feature off.
pub(super) fn switched_off(feature: Feature) -> Why {
    let name = match feature {
        Feature::MergeRequests => "merge requests",
        Feature::Issues => "issues",
        Feature::Releases => "releases",
        Feature::Pipelines => "CI/CD",
    };
    let why = format!("the project has switched {name} off");
    Why::new("off", why).advise("the settings of the project, under Visibility, switch it on")
}

/// An owner has no row of a subject.
pub(super) fn no_rows(subject: &Subject, choices: &Choices) -> Why {
    let why = match subject.name {
        "pipelines" => {
            "no pipeline has run yet on the default branch, or on what metrics.refs names"
        }
        "jobs" => "the newest pipelines that are shown have no jobs yet",
        "test_reports" => "the newest pipelines that are shown have no test report",
        "environments" => {
            let names = choices.environments.join(", ");
            let why = format!("the project has none of the environments {names}");
            return Why::new("none", why).advise("metrics.environments names those that are read");
        }
        "issues_by_label" if choices.issue_labels.is_empty() => {
            let why = Why::new("none", "no label is named whose issues are counted");
            return why.advise("name labels in metrics.issue_labels");
        }
        "issues_by_label" => "none of the labels that metrics.issue_labels names is there",
        "queue" => "no job waits for a runner",
        "runners" => "the token sees no runner",
        "tokens" => "there are no access tokens that are valid",
        "pipeline_schedules" => "there are no pipeline schedules that run",
        _ => "GitLab tells of none",
    };
    Why::new("none", why)
}

/// Nothing has ended of what is counted when it ends.
pub(super) fn nothing_ended(subject: &Subject) -> Why {
    let what = match subject.name {
        "pipelines" => "no pipeline",
        "jobs" => "no job",
        "deployments" => "no deployment",
        "merge_request_events" => "no merge request that is counted here",
        "dora" => "nothing that is counted here",
        _ => "nothing",
    };
    let why = format!("{what} has ended since counting began");
    Why::new("none", why)
        .advise("wait for the next one: what ended before the bridge began is not counted")
}

/// Some rows have no value to show.
pub(super) fn no_value(metric: &Metric) -> Why {
    let absent = metric
        .help
        .split("; ")
        .find(|part| part.starts_with("absent"));
    let why = match absent {
        Some(absent) => format!("it is {absent}"),
        None => "GitLab tells no such value of it".to_owned(),
    };
    Why::new("none", why)
}

/// The owner's series give way to others.
pub(super) fn hidden_by_limit(choices: &Choices) -> Why {
    let limits = choices.limits;
    let settings = [
        ("metrics.limits.series_per_metric", limits.series_per_metric),
        ("metrics.limits.series", limits.series),
    ];
    let settings = settings.iter();
    let settings = settings.filter_map(|(name, limit)| Some(format!("{name} ({})", (*limit)?)));
    let settings = settings.collect::<Vec<_>>().join(" or ");
    let why = format!("{settings} leaves no room for it: those with the lowest ids give way");
    Why::new("limited", why).advise("raise the limit, or select fewer projects or metrics")
}

/// The bridge has nothing to tell of itself.
pub(super) fn nothing_of_bridge(metric: &Metric) -> Why {
    let why = format!(
        "the bridge has nothing to tell of it now: {}",
        lower_first(metric.help)
    );
    Why::new("none", why)
}

/// Rows have given way to newer ones.
pub(super) fn given_way(subject: &Subject, choices: &Choices) -> Why {
    let limits = choices.limits;
    let setting = match subject.name {
        "pipelines" => Some(("refs_per_project", limits.refs_per_project)),
        "jobs" | "test_reports" => Some(("jobs_per_project", limits.jobs_per_project)),
        "environments" => Some(("environments_per_project", limits.environments_per_project)),
        _ => None,
    };
    match (setting, &subject.rows) {
        (Some((name, limit)), _) => {
            let why =
                format!("metrics.limits.{name} ({limit}) leaves no room: the oldest give way");
            Why::new("limited", why).advise("raise the limit, or read fewer refs or environments")
        }
        (None, Rows::Many(many)) => {
            let why = format!(
                "no more than {} are kept: the oldest give way",
                many.at_most
            );
            Why::new("limited", why)
        }
        (None, _) => Why::new(
            "limited",
            "GitLab tells more than are kept: the oldest give way",
        ),
    }
}

/// What has a metric, as a word.
pub(super) fn word(metric: &Metric) -> &'static str {
    if !metric.is_about_gitlab() {
        return "bridge";
    }
    match metric.subject.of {
        Grain::Instance => "instance",
        Grain::Group => "group",
        Grain::Project => "project",
        Grain::Runner => "runner",
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_lowercase().to_string());
    let rest = letters.as_str().trim_end_matches('.');
    first.unwrap_or_default() + rest
}
