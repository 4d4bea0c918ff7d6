//! What is sought of a ref over REST, whose lists do not tell a branch from a tag of its name: the newest
//! thing of each kind that is wanted, and the newest that succeeded.

use std::collections::{BTreeMap, VecDeque};

/// What a document told of a thing, or what was known of it before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `branch`, `tag` or `merge_request`.
    pub kind: String,
    /// Whether its end is the last success of its ref, or its ref's row has one that is older.
    pub succeeded: bool,
    /// Whether the ref's row already shows it, so that nothing more is to be asked of it.
    pub is_shown: bool,
}

/// What is sought of one ref.
#[derive(Debug, Default)]
pub struct Sought {
    /// What the ref may be, as far as that is wanted.
    wanted: Vec<&'static str>,
    /// What was found of it, and whether with one that succeeded.
    found: BTreeMap<String, bool>,
    /// What the list has of it, the newest first.
    listed: VecDeque<Listed>,
}

#[derive(Clone, Copy, Debug)]
struct Listed {
    key: u64,
    succeeded: bool,
    /// What it is, where that was told before.
    is_tag: Option<bool>,
}

/// What is to be done next about a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextOfRef {
    /// Ask for the document of this thing.
    Ask(u64),
    /// This thing is the newest of its kind, and is to be shown.
    Newest(u64),
}

impl Sought {
    pub fn new(wanted: Vec<&'static str>) -> Sought {
        Sought {
            wanted,
            ..Sought::default()
        }
    }

    /// Adds a thing of the list that is older than those before.
    pub fn add(&mut self, key: u64, succeeded: bool, is_tag: Option<bool>) {
        self.listed.push_back(Listed {
            key,
            succeeded,
            is_tag,
        });
    }

    /// What is to be done next; none if all is found.
    pub fn next(&mut self, told: &BTreeMap<u64, Told>) -> Option<NextOfRef> {
        while let Some(first) = self.listed.front().copied() {
            let is_newest = match told.get(&first.key) {
                Some(told) => self.find(told),
                None if self.is_of_use(first) => return Some(NextOfRef::Ask(first.key)),
                None => false,
            };
            self.listed.pop_front();
            if is_newest {
                return Some(NextOfRef::Newest(first.key));
            }
        }
        None
    }

    /// Whether the newest thing of a kind was found.
    pub fn has(&self, kind: &str) -> bool {
        self.found.contains_key(kind)
    }

    /// Whether a newest thing was found, and none that succeeded.
    pub fn lacks_success(&self) -> bool {
        self.found.values().any(|succeeded| !succeeded)
    }

    /// Takes in what a thing is. True if it is the newest of its kind and is to be shown.
    fn find(&mut self, told: &Told) -> bool {
        if !self.wanted.contains(&&*told.kind) {
            return false;
        }
        let is_first = !self.has(&told.kind);
        *self.found.entry(told.kind.clone()).or_default() |= told.succeeded;
        is_first && !told.is_shown
    }

    /// Whether the document of a thing may tell what is still sought.
    fn is_of_use(&self, thing: Listed) -> bool {
        self.wanted.iter().any(|kind| {
            let may_be = match thing.is_tag {
                Some(is_tag) => (*kind == "tag") == is_tag,
                None => true,
            };
            let found = self.found.get(*kind);
            may_be && (found.is_none() || found == Some(&false) && thing.succeeded)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, succeeded: bool) -> Told {
        Told {
            kind: kind.to_owned(),
            succeeded,
            is_shown: false,
        }
    }

    #[test]
    fn the_newest_of_a_branch_is_sought_behind_a_tag_of_its_name_and_then_the_newest_success() {
        let mut sought = Sought::new(vec!["branch"]);
        for (key, succeeded) in [(9, true), (8, false), (7, false), (6, true), (5, true)] {
            sought.add(key, succeeded, None);
        }
        let mut told = BTreeMap::new();
        assert_eq!(sought.next(&told), Some(NextOfRef::Ask(9)));
        assert_eq!(
            sought.next(&told),
            Some(NextOfRef::Ask(9)),
            "it is not told"
        );
        told.insert(9, of("tag", true));
        assert_eq!(sought.next(&told), Some(NextOfRef::Ask(8)));
        told.insert(8, of("branch", false));
        assert_eq!(sought.next(&told), Some(NextOfRef::Newest(8)));
        assert!(sought.lacks_success());
        assert_eq!(sought.next(&told), Some(NextOfRef::Ask(6)));
        told.insert(6, of("branch", true));
        assert_eq!(sought.next(&told), None);
        assert!(!sought.lacks_success());
    }

    #[test]
    fn what_is_shown_or_was_told_not_to_be_of_a_kind_is_not_asked_again() {
        let mut sought = Sought::new(vec!["branch", "tag"]);
        sought.add(9, true, None);
        sought.add(8, true, Some(false));
        sought.add(7, true, Some(true));
        let shown = Told {
            is_shown: true,
            ..of("branch", true)
        };
        let told = BTreeMap::from([(9, shown)]);
        assert_eq!(sought.next(&told), Some(NextOfRef::Ask(7)));
    }
}
