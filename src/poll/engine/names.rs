//! Groups and projects that are selected by name: which id a name stands for, whether it has ever
//! been there, and how far a sweep of projects by name has come.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::gitlab::Error;

/// GitLab takes no more paths at once.
pub const MOST_PATHS: usize = 50;

/// What is known of the names of the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Names {
    /// Ids of the projects that are selected by path: a rename does not lose them.
    pub ids: HashMap<String, u64>,
    /// Names that have been there.
    pub seen: HashSet<String>,
    /// Those of them that are not any more.
    pub absent: BTreeSet<String>,
    /// Names that have never been there, and what is to be said about each.
    pub mistaken: BTreeMap<String, String>,
}

/// The sweep of projects that are selected by name, while it is under way.
#[derive(Debug, Default)]
pub struct Named {
    /// How many parts of requests are queued or under way.
    pub parts: usize,
    /// Names that REST is still to be asked for, one by one, and how many are under way.
    pub over_rest: VecDeque<String>,
    pub asked_over_rest: usize,
    /// Full paths that GraphQL was asked for.
    pub paths: Vec<String>,
    /// The projects that were found: ids and full paths.
    pub found: Vec<(u64, String)>,
    /// The ids behind names; an old path leads to a project that is called otherwise by now.
    pub resolved: Vec<(String, u64)>,
    pub failed: Vec<(String, Error)>,
    pub at: Moment,
}

impl Named {
    /// Why it did not come to its end, if something failed.
    pub fn into_failure(mut self) -> Option<Error> {
        self.failed.pop().map(|(_, error)| error)
    }
}

impl Names {
    /// The id that a name stands for, as far as is known.
    pub fn id_of(&self, name: &str) -> Option<u64> {
        name.parse().ok().or_else(|| self.ids.get(name).copied())
    }

    /// Notes that something was there.
    pub fn note_there(&mut self, name: &str) {
        self.absent.remove(name);
        self.mistaken.remove(name);
        if !self.seen.contains(name) {
            self.seen.insert(name.to_owned());
        }
    }

    /// Notes that something is not there: either not any more, or it never was.
    pub fn note_missing(&mut self, name: &str, mistake: impl FnOnce() -> String) {
        match self.seen.contains(name) {
            true => {
                self.absent.insert(name.to_owned());
            }
            false => {
                self.mistaken.insert(name.to_owned(), mistake());
            }
        }
    }
}
