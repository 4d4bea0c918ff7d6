//! All that the status page and `/api/v1/status` say, as one value: docs/status.md explains each member.
//!
//! What is not known is none and never 0.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clock::{Clock, Time};
use super::history::History;
use super::ranking::{Ranked, Ranking};
use super::replicas::{Leadership, Replica};
use super::settings::ShownSetting;
use super::subjects::{Subject, subjects};
use crate::logged::seconds;
use crate::metrics::{self, BridgeStatus, Catalogue, Choices, GitLabStatus};

/// How the bridge gets on at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub health: Health,
    /// Whether `/-/ready` says so.
    pub ready: bool,
    /// The first line of the page.
    pub summary: String,
    pub problems: Vec<Problem>,
    pub version: &'static str,
    pub time: Time,
    pub started: Option<Time>,
    pub gitlabs: Vec<GitLab>,
    pub exports: Vec<Export>,
    pub webhooks: Vec<Webhooks>,
    pub memory: Option<Memory>,
    pub panics: BTreeMap<&'static str, u64>,
    pub reload: Option<Reload>,
    /// None where one process is alone.
    pub replica: Option<Replica>,
    pub settings: Vec<ShownSetting>,
}

/// How the bridge gets on, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// There is nothing to do.
    Healthy,
    /// The first poll has not ended yet.
    Starting,
    /// What is shown is good, and something is to be done.
    Attention,
    /// What is shown is not complete, or old, or does not arrive.
    NotReady,
}

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is about: a word that stays.
    pub about: &'static str,
    /// The name of the GitLab, where there are several.
    pub gitlab: Option<String>,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
}

/// How the bridge gets on with a GitLab.
#[derive(Clone, Debug, Serialize)]
pub struct GitLab {
    pub name: Option<String>,
    pub url: String,
    pub interval_seconds: f64,
    /// How many projects are read by now.
    pub projects: u64,
    /// How many are selected, once that is known.
    pub projects_selected: Option<u64>,
    pub projects_filtered_out: Option<u64>,
    /// Those that there is no memory for.
    pub projects_left_out: Option<u64>,
    pub series: u64,
    pub last_poll: Option<Poll>,
    pub last_complete_poll: Option<Time>,
    pub last_complete_poll_age_seconds: Option<u64>,
    /// For how long GitLab owes an answer.
    pub silent_seconds: Option<f64>,
    pub requests: Requests,
    pub token_expires: Option<Time>,
    pub token_expires_in_seconds: Option<u64>,
    pub subjects: Vec<Subject>,
    pub errors: Vec<Errors>,
    /// None where one process is alone.
    pub leadership: Option<Leadership>,
    /// Selected groups and projects that are gone.
    pub gone: Vec<String>,
    pub state_written: Option<bool>,
    /// The newest first.
    pub recent_polls: Vec<Poll>,
    pub biggest_by_storage: Vec<Project>,
    pub biggest_by_commits: Vec<Project>,
    pub last_changed: Vec<Project>,
}

/// A poll that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Poll {
    pub ended: Time,
    pub took_seconds: f64,
    pub requests: u64,
    pub complete: bool,
    pub failure: Option<String>,
}

/// Requests to a GitLab, and what limits them.
#[derive(Clone, Debug, Serialize)]
pub struct Requests {
    pub since_start: u64,
    pub repeated: u64,
    pub last_hour: u64,
    /// How much of the last hour was counted: less than all of it soon after the start.
    pub last_hour_counted_seconds: u64,
    pub waited_seconds: f64,
    /// What `poll.budget` allows at this moment; none without one.
    pub budget_remaining: Option<u64>,
    /// What GitLab last said is left; none if it does not say.
    pub rate_limit_remaining: Option<u64>,
}

/// Errors of polls since the start.
#[derive(Clone, Debug, Serialize)]
pub struct Errors {
    pub subject: &'static str,
    pub reason: &'static str,
    pub count: u64,
    pub advice: Option<&'static str>,
}

/// A project that stands out; one of the numbers is told.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Project {
    pub id: u64,
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Time>,
}

/// How the exports to a target go.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    pub exporter: &'static str,
    pub succeeded: u64,
    pub failed: u64,
    /// Whether the last one succeeded; none before the first.
    pub last_succeeded: Option<bool>,
    pub last_success: Option<Time>,
    pub last_success_age_seconds: Option<f64>,
    /// Why the last one failed, if it did.
    pub error: Option<String>,
    pub advice: Option<&'static str>,
    pub waiting_messages: Option<u64>,
    pub waiting_bytes: Option<u64>,
    /// Messages that were given up since the start, by reason.
    pub given_up: BTreeMap<&'static str, u64>,
}

/// What GitLab sent.
#[derive(Clone, Debug, Serialize)]
pub struct Webhooks {
    pub event: &'static str,
    pub outcome: &'static str,
    pub count: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    pub resident_bytes: Option<u64>,
    pub limit_bytes: u64,
    pub refused: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    pub succeeded: bool,
    /// When the configuration in use was taken.
    pub last_success: Time,
}

/// What a status is made of.
pub struct Known<'a> {
    pub bridge: &'a BridgeStatus,
    pub history: &'a History,
    /// In the order of the GitLabs.
    pub rankings: &'a [Ranking],
    /// Whether the bridge is ready.
    pub ready: bool,
    pub settings: &'a [ShownSetting],
}

impl Status {
    /// What is known, not judged yet.
    pub fn of(known: &Known<'_>) -> Status {
        let bridge = known.bridge;
        let none = Ranking::default();
        let gitlabs = bridge.gitlabs.iter().enumerate().map(|(place, gitlab)| {
            let ranking = known.rankings.get(place).unwrap_or(&none);
            GitLab::of(gitlab, known.history, ranking)
        });
        let process = bridge.process.as_ref();
        let mut status = Status {
            health: Health::Healthy,
            ready: known.ready,
            summary: String::new(),
            problems: Vec::new(),
            version: bridge.version,
            time: Time(bridge.wall_clock),
            started: process.map(|process| Time(process.started as u64)),
            gitlabs: gitlabs.collect(),
            exports: exports(bridge),
            webhooks: webhooks(bridge),
            memory: bridge.memory.as_ref().map(|memory| Memory {
                resident_bytes: process.map(|process| process.resident_bytes),
                limit_bytes: memory.limit,
                refused: memory.refused.clone(),
            }),
            panics: bridge.panics.clone(),
            reload: bridge.reload.map(|reload| Reload {
                succeeded: reload.succeeded,
                last_success: Time(reload.last_success as u64),
            }),
            replica: bridge.cluster.as_ref().map(Replica::of),
            settings: known.settings.to_vec(),
        };
        status.panics.retain(|_, count| *count > 0);
        status
    }
}

impl GitLab {
    /// More polls are not told one by one.
    const POLLS: usize = 60;

    fn of(gitlab: &GitLabStatus, history: &History, ranking: &Ranking) -> GitLab {
        let (snapshot, clock) = (&gitlab.snapshot, Clock::of(gitlab));
        let report = snapshot.report.as_ref();
        let own = report.filter(|report| !report.restored);
        let name = gitlab.name.as_deref();
        let polls = history.polls(name);
        let complete = report.and_then(|report| report.last_complete);
        let expiry = token_expiry(gitlab);
        let last_hour = history.last_hour(name, gitlab.now);
        GitLab {
            name: name.map(str::to_owned),
            url: gitlab.url.clone(),
            interval_seconds: seconds(gitlab.interval),
            projects: snapshot.projects.len() as u64,
            projects_selected: snapshot.project_count,
            projects_filtered_out: own.map(|report| report.filtered_out),
            projects_left_out: own.and_then(|report| report.left_out),
            series: snapshot.all_series(),
            last_poll: own.map(|report| Poll {
                ended: clock.time(report.ended),
                took_seconds: seconds(report.took),
                requests: report.requests,
                complete: report.failure.is_none(),
                failure: report.failure.clone(),
            }),
            last_complete_poll: complete.map(|at| clock.time(at)),
            last_complete_poll_age_seconds: complete.map(|at| clock.age(at)),
            silent_seconds: gitlab.usage.silent_for.map(seconds),
            requests: requests(gitlab, &last_hour),
            token_expires: expiry.map(Time),
            token_expires_in_seconds: expiry.map(|at| at.saturating_sub(gitlab.wall_clock)),
            subjects: subjects(gitlab, &last_hour),
            errors: errors(gitlab),
            leadership: (gitlab.leadership.as_ref()).map(|own| Leadership::of(own, clock)),
            gone: report
                .map(|report| report.absent.clone())
                .unwrap_or_default(),
            state_written: report.and_then(|report| report.kept),
            recent_polls: polls
                .iter()
                .rev()
                .take(Self::POLLS)
                .map(|poll| Poll::of(poll, clock))
                .collect(),
            biggest_by_storage: projects(&ranking.storage, |own, number| {
                own.storage_bytes = Some(number as u64);
            }),
            biggest_by_commits: projects(&ranking.commits, |own, number| {
                own.commits = Some(number as u64);
            }),
            // When it was active is GitLab's own word, by its own clock.
            last_changed: projects(&ranking.active, |own, number| {
                own.last_activity = Some(Time(number as u64));
            }),
        }
    }
}

impl Poll {
    pub fn of(poll: &super::history::Poll, clock: Clock) -> Poll {
        Poll {
            ended: clock.time(poll.ended),
            took_seconds: seconds(poll.took),
            requests: poll.requests,
            complete: poll.failure.is_none(),
            failure: poll.failure.as_deref().map(str::to_owned),
        }
    }
}

fn requests(gitlab: &GitLabStatus, last_hour: &super::history::LastHour) -> Requests {
    let usage = &gitlab.usage;
    Requests {
        since_start: usage.requests.values().sum(),
        repeated: usage.retries,
        last_hour: last_hour.requests,
        last_hour_counted_seconds: last_hour.counted.as_secs(),
        waited_seconds: seconds(usage.waited),
        budget_remaining: usage.budget_remaining,
        rate_limit_remaining: usage.rate_limit_remaining,
    }
}

/// When the token of the bridge ends, where GitLab tells that.
fn token_expiry(gitlab: &GitLabStatus) -> Option<u64> {
    let metric = Catalogue::standard().find("gitlab_bridge_token_expiry_timestamp_seconds")?;
    let mut expiry = None;
    let emit = &mut |_: &[(&'static str, &str)], value: f64| expiry = Some(value as u64);
    metric.observe(&gitlab.snapshot, 0..0, &Choices::default(), emit);
    expiry
}

fn errors(gitlab: &GitLabStatus) -> Vec<Errors> {
    let report = gitlab.snapshot.report.iter();
    let errors = report.flat_map(|report| &report.errors);
    let errors = errors.map(|((subject, reason), count)| Errors {
        subject,
        reason,
        count: *count,
        advice: super::reasons::advice(reason),
    });
    errors.collect()
}

fn projects(ranked: &[Ranked], tell: impl Fn(&mut Project, f64)) -> Vec<Project> {
    let projects = ranked.iter().map(|own| {
        let mut project = Project {
            id: own.id,
            path: own.path.to_string(),
            ..Project::default()
        };
        tell(&mut project, own.number);
        project
    });
    projects.collect()
}

fn exports(bridge: &BridgeStatus) -> Vec<Export> {
    let now = bridge.wall_clock;
    let export = |own: &metrics::Export| Export {
        exporter: own.exporter,
        succeeded: own.succeeded,
        failed: own.failed,
        last_succeeded: own.last,
        last_success: own
            .last_success
            .map(|ago| Time(now.saturating_sub(ago.as_secs()))),
        last_success_age_seconds: own.last_success.map(seconds),
        error: own.error.clone(),
        advice: own
            .error
            .as_ref()
            .map(|_| super::reasons::of_export(own.exporter)),
        waiting_messages: own.queue.as_ref().map(|queue| queue.messages),
        waiting_bytes: own.queue.as_ref().map(|queue| queue.bytes),
        given_up: own
            .queue
            .as_ref()
            .map(|queue| queue.given_up.clone())
            .unwrap_or_default(),
    };
    bridge.exports.iter().map(export).collect()
}

fn webhooks(bridge: &BridgeStatus) -> Vec<Webhooks> {
    let webhooks = bridge.webhooks.iter();
    let webhooks = webhooks.map(|((event, outcome), count)| Webhooks {
        event,
        outcome,
        count: *count,
    });
    webhooks.collect()
}
