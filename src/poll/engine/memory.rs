//! What an engine knows, as it is kept over a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deployments::DeploymentsKnown;
use super::details::PipelinesKnown;
use super::feeds::{FeedsCourse, KeptFeeds};
use super::left_out::LeftOut;
use super::list::ListProgress;
use super::names::Names;
use super::track::Track;
use crate::metrics::{Departed, Owner, Snapshot, UnixTime};

/// What an engine knows.
#[derive(Clone)]
pub struct Memory {
    /// When.
    pub at: UnixTime,
    /// All that it knows beside the projects.
    pub course: Course,
    /// What is known of the GitLab itself.
    pub instance: Arc<Owner>,
    pub groups: Vec<Arc<Owner>>,
    pub runners: Vec<Arc<Owner>>,
    /// How far the feeds of projects have been read, by project and the feed's name.
    pub feeds: BTreeMap<u64, KeptFeeds>,
    /// The projects, selected or not, and when they were asked what.
    pub projects: Vec<(Arc<Owner>, Option<Track>)>,
}

/// Where polling goes on, and what is known of names.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Course {
    /// The walks of the lists.
    pub lists: Vec<ListProgress>,
    /// Projects to be asked for everything out of turn, and the list that showed one that was not
    /// known.
    pub reads: BTreeMap<u64, Option<usize>>,
    #[serde(flatten)]
    pub names: Names,
    /// The pipelines whose jobs are counted.
    #[serde(default)]
    pub details: PipelinesKnown,
    #[serde(default)]
    pub deployments: DeploymentsKnown,
    #[serde(default)]
    pub feeds: FeedsCourse,
    /// Projects that there was no memory for.
    #[serde(default)]
    pub left_out: LeftOut,
    /// What has ended of projects that are gone.
    #[serde(default)]
    pub departed: Departed,
    /// The last poll; none before the first has ended.
    pub last: Option<LastPoll>,
}

/// What stays true of a poll after a restart.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct LastPoll {
    /// When it ended.
    pub ended: UnixTime,
    /// When the last complete one ended.
    pub complete: Option<UnixTime>,
}

/// What an engine leaves to the one that goes on under other settings.
pub struct Before {
    /// What it knew; none if that is about something else.
    pub memory: Option<Memory>,
    /// What it showed last.
    pub last: Arc<Snapshot>,
    pub(super) errors: BTreeMap<(&'static str, &'static str), u64>,
    pub(super) counted: BTreeMap<&'static str, u64>,
    pub(super) unsaved: bool,
}
