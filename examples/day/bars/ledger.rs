//! What was true when, and when it was first shown: whether anything is late, lost or shown wrongly.

use std::collections::BTreeMap;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Owner, Reading, Snapshot};
use gitlab_metrics_bridge::poll::Rhythm;
use tokio::time::Instant;

/// What kind of change something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Commits,
    MergeRequests,
    Issues,
    Releases,
    Created,
    Pipelines,
    Renamed,
    Archived,
    Deleted,
    Stars,
}

impl Class {
    /// What GitLab counts as activity.
    pub const ACTIVE: [Class; 4] = [
        Class::Commits,
        Class::MergeRequests,
        Class::Issues,
        Class::Releases,
    ];

    /// Something that is no activity, by a number below 100.
    pub fn quiet(chance: u8) -> Class {
        match chance {
            0..70 => Class::Pipelines,
            70..84 => Class::Stars,
            84..89 => Class::Renamed,
            89..94 => Class::Archived,
            94..97 => Class::Created,
            _ => Class::Deleted,
        }
    }

    /// What it is called in a table.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::Commits => "commits (since GitLab shows them)",
            Class::MergeRequests => "merge requests",
            Class::Issues => "issues",
            Class::Releases => "releases",
            Class::Created => "new projects",
            Class::Pipelines => "pipelines (artifacts)",
            Class::Renamed => "renamed",
            Class::Archived => "archived or not any more",
            Class::Deleted => "deleted",
            Class::Stars => "stars",
        }
    }

    /// Within which time it is seen, as the schedule promises.
    pub fn promised(self, rhythm: Rhythm) -> Duration {
        match self {
            Class::Commits | Class::MergeRequests | Class::Issues | Class::Releases => {
                rhythm.interval
            }
            Class::Created => rhythm.interval,
            Class::Pipelines | Class::Renamed | Class::Archived | Class::Deleted => rhythm.glance,
            Class::Stars => rhythm.sweep,
        }
    }
}

/// Something of a project that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The value in a slot.
    Value(u64, usize),
    Path(u64),
    Archived(u64),
    There(u64),
}

/// What is shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Number(u64),
    Text(String),
    Flag(bool),
    Unknown,
}

/// All that was true of one thing, and how far it has been seen.
struct Strand {
    /// What became true when, and by what; the first was true from the beginning.
    truths: Vec<(Instant, Class, Fact)>,
    /// The latest of them that was shown.
    seen: usize,
}

/// Holds what is shown beside what is true.
pub struct Ledger {
    rhythm: Rhythm,
    strands: BTreeMap<Key, Strand>,
    /// How long each change took to be seen.
    pub seen: BTreeMap<Class, Vec<Duration>>,
    /// Changes by class, seen or not.
    pub made: BTreeMap<Class, usize>,
    /// Those that a poll saw that began too late.
    pub late: BTreeMap<Class, Vec<String>>,
    /// What was shown although it was not true any more, or never was.
    pub wrong: Vec<String>,
}

impl Ledger {
    /// Nothing has happened yet.
    pub fn new(rhythm: Rhythm) -> Ledger {
        Ledger {
            rhythm,
            strands: BTreeMap::new(),
            seen: BTreeMap::new(),
            made: BTreeMap::new(),
            late: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Notes what a change made true, to be seen from `at` on. What was there `before` is what the
    /// last snapshot shows.
    pub fn note(&mut self, at: Instant, class: Class, key: Key, fact: Fact, before: &Snapshot) {
        if key.is_deletion(&fact) {
            // Whatever else was still to be seen of it never will be.
            let id = key.project();
            self.strands.retain(|key, _| key.project() != id);
        }
        let strand = self.strands.entry(key).or_insert_with(|| Strand {
            truths: vec![(at, class, key.shown(before))],
            seen: 0,
        });
        let last = strand.truths.last().map(|(_, _, fact)| fact);
        if last != Some(&fact) {
            strand.truths.push((at, class, fact));
            *self.made.entry(class).or_default() += 1;
        }
    }

    /// Takes in what is shown now, by a poll that began at `began`.
    pub fn show(&mut self, snapshot: &Snapshot, began: Instant) {
        let now = Instant::now();
        for (key, strand) in &mut self.strands {
            let shown = key.shown(snapshot);
            let ahead = &strand.truths[strand.seen..];
            let Some(further) = ahead.iter().rposition(|(_, _, fact)| *fact == shown) else {
                let truths: Vec<_> = ahead.iter().map(|(_, _, fact)| fact).collect();
                self.wrong
                    .push(format!("{key:?} shows {shown:?}, not {truths:?}"));
                continue;
            };
            for (at, class, _) in &ahead[1..=further] {
                self.seen.entry(*class).or_default().push(now - *at);
                if began > *at + class.promised(self.rhythm) {
                    let late = format!("{class:?} {key:?} after {:?}", now - *at);
                    self.late.entry(*class).or_default().push(late);
                }
            }
            strand.seen += further;
        }
    }

    /// What has not been seen by now.
    pub fn unseen(&self) -> Vec<String> {
        let unseen = self.strands.iter().flat_map(|(key, strand)| {
            let unseen = strand.truths[strand.seen + 1..].iter();
            unseen.map(move |(_, class, fact)| format!("{class:?} {key:?} {fact:?}"))
        });
        unseen.collect()
    }
}

impl Key {
    fn project(&self) -> u64 {
        match self {
            Key::Value(id, _) | Key::Path(id) | Key::Archived(id) | Key::There(id) => *id,
        }
    }

    fn is_deletion(&self, fact: &Fact) -> bool {
        matches!((self, fact), (Key::There(_), Fact::Flag(false)))
    }

    fn shown(&self, snapshot: &Snapshot) -> Fact {
        let Some(project) = find(snapshot, self.project()) else {
            return match self {
                Key::There(_) => Fact::Flag(false),
                _ => Fact::Unknown,
            };
        };
        match self {
            Key::There(_) => Fact::Flag(true),
            Key::Path(_) => Fact::Text(project.identity.path.to_string()),
            Key::Archived(_) => project.identity.archived.map_or(Fact::Unknown, Fact::Flag),
            Key::Value(_, slot) => {
                let value = project.values.get(*slot).and_then(Reading::value);
                value.map_or(Fact::Unknown, |value| Fact::Number(value as u64))
            }
        }
    }
}

/// Snapshots hold their projects by id.
fn find(snapshot: &Snapshot, id: u64) -> Option<&Owner> {
    let projects = &snapshot.projects;
    let at = projects.binary_search_by_key(&id, |project| project.identity.id);
    at.ok().map(|at| projects[at].as_ref())
}
