//! What the bridge knows of itself: how it gets on with each GitLab, and how its exports go.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Snapshot, UnixTime};

/// What the bridge knows of itself at one moment.
#[derive(Clone, Debug, Default)]
pub struct BridgeStatus {
    /// Our version.
    pub version: &'static str,
    /// What the wall clock shows; only what is shown as a time of day goes by it.
    pub wall_clock: UnixTime,
    /// How it gets on with each GitLab.
    pub gitlabs: Vec<GitLabStatus>,
    /// How the exports went.
    pub exports: Vec<Export>,
    /// What GitLab sent, by event and outcome.
    pub webhooks: BTreeMap<(&'static str, &'static str), u64>,
    /// What the system tells of the process, if it does.
    pub process: Option<Process>,
    /// What `limits.memory` allows, and what was refused because of it; none without a limit.
    pub memory: Option<MemoryUse>,
    /// Connections to our endpoints that could not be taken, or were cut, by why.
    pub connections: BTreeMap<&'static str, u64>,
    /// How often a part of the bridge panicked, by its name.
    pub panics: BTreeMap<&'static str, u64>,
    /// A digest of the settings in use.
    pub config: String,
    /// How the last reload went; none where there are none.
    pub reload: Option<Reload>,
    /// How this replica gets on with the engine that several replicas share; none where one process is alone.
    pub cluster: Option<ClusterStatus>,
}

/// How this replica gets on with the engine that the replicas of a group share.
#[derive(Clone, Debug, Default)]
pub struct ClusterStatus {
    /// The name of the group.
    pub group: String,
    /// The name of this replica in the group.
    pub replica: String,
    /// Whether the engine answered when it was last asked; none before that.
    pub engine_up: Option<bool>,
    /// How long its last answer took; none before the first.
    pub engine_took: Option<Duration>,
    /// Writes of this replica that the engine refused since the start, because another one leads, by what was
    /// to be written. What can be refused and was not is here with 0.
    pub refused_writes: BTreeMap<&'static str, u64>,
}

/// Who leads a GitLab among the replicas of a group, and which version of it this replica shows.
#[derive(Clone, Debug, Default)]
pub struct Leadership {
    /// The name of the replica that leads; none if nobody does, or it is not known.
    pub leader: Option<String>,
    /// Whether this replica leads.
    pub is_ours: bool,
    /// The newest token of a lease that this replica knows of.
    pub token: Option<u64>,
    /// How often this replica has seen another one begin to lead, itself included, since its start.
    pub changes: u64,
    /// The version that this replica shows; none before the first.
    pub shown: Option<u64>,
    /// When that was published.
    pub shown_at: Option<UnixTime>,
    /// The newest version in the engine that this replica knows of.
    pub published: Option<u64>,
}

/// How the last reload of the configuration went. The start counts as one.
#[derive(Clone, Copy, Debug)]
pub struct Reload {
    pub succeeded: bool,
    /// When the last good one ended, in seconds since 1970.
    pub last_success: f64,
}

/// How much memory the process may take.
#[derive(Clone, Debug, Default)]
pub struct MemoryUse {
    pub limit: u64,
    /// How often work was refused to stay below, by what it was.
    pub refused: BTreeMap<&'static str, u64>,
}

/// What the system tells of the process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Processor time that it has used.
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub virtual_bytes: u64,
    pub open_files: Option<u64>,
    /// None where there is no limit.
    pub most_open_files: Option<u64>,
    pub threads: u64,
    /// When it began, in seconds since 1970.
    pub started: f64,
}

/// How the bridge gets on with one GitLab.
#[derive(Clone, Debug, Default)]
pub struct GitLabStatus {
    /// Its name, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    /// Its address.
    pub url: String,
    /// Now, in bridge time: what the snapshot is stamped in.
    pub now: UnixTime,
    /// What the wall clock shows; only what is shown as a time of day goes by it.
    pub wall_clock: UnixTime,
    /// How often it is polled.
    pub interval: Duration,
    /// What is shown of it.
    pub snapshot: Arc<Snapshot>,
    /// What was asked of it.
    pub usage: Usage,
    /// Who leads it among several replicas; none where one process is alone.
    pub leadership: Option<Leadership>,
    /// What is shown of it in a scrape of one shard; none in all others.
    pub shard: Option<ShardStatus>,
}

/// What one of several shards shows of a GitLab.
#[derive(Clone, Debug)]
pub struct ShardStatus {
    /// Its number, from 1 on.
    pub shard: String,
    /// How many there are.
    pub shards: String,
    pub projects: u64,
}

/// What was asked of GitLab since the start.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Requests by endpoint class and outcome (an HTTP status, or a reason).
    pub requests: BTreeMap<(&'static str, Cow<'static, str>), u64>,
    /// The same by subject, as far as polls made them. One that was about several counts for each with its
    /// share.
    pub by_subject: BTreeMap<&'static str, f64>,
    /// Tries that were repeated.
    pub retries: u64,
    /// Time spent waiting for limits.
    pub waited: Duration,
    /// What GitLab last said is left of its rate limit.
    pub rate_limit_remaining: Option<u64>,
    /// What is left of the request budget; none without one.
    pub budget_remaining: Option<u64>,
    /// How long ago GitLab last gave an answer that makes sense; none while it owes none.
    pub silent_for: Option<Duration>,
    /// What came of the last request that got no such answer.
    pub silent_because: Option<String>,
}

impl GitLabStatus {
    /// So many intervals without an answer mean that GitLab is down.
    const SILENT_INTERVALS: u32 = 2;

    /// Whether GitLab has been asked and has not answered for too long, also in a poll under way.
    pub(super) fn is_silent(&self) -> bool {
        let limit = self.interval * Self::SILENT_INTERVALS;
        self.usage.silent_for.is_some_and(|silent| silent >= limit)
    }
}

/// How the exports to one target went since the start.
#[derive(Clone, Debug)]
pub struct Export {
    /// `otlp` or `prometheus`.
    pub exporter: &'static str,
    /// Exports that succeeded.
    pub succeeded: u64,
    /// Exports that failed.
    pub failed: u64,
    /// Whether the last one succeeded; none before the first.
    pub last: Option<bool>,
    /// How long ago the last good one ended.
    pub last_success: Option<Duration>,
    /// Why the last one failed, if it did.
    pub error: Option<String>,
    /// What waits for a target that is away, if anything is to.
    pub queue: Option<ExportQueue>,
}

/// What waits for a target that is away.
#[derive(Clone, Debug, Default)]
pub struct ExportQueue {
    pub messages: u64,
    pub bytes: u64,
    /// Messages that were given up since the start, by reason.
    pub given_up: BTreeMap<&'static str, u64>,
}
