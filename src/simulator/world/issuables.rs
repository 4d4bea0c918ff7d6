//! Merge requests and issues one by one: those that something happened to are stored, and the far past is
//! made up from its counts, the same at every reading.

use jiff::{SignedDuration, Timestamp};

/// What became of a merge request or an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuableState {
    Opened,
    /// Closed without a merge.
    Closed,
    /// Locked while it merges.
    Locked,
    Merged,
}

/// The states in the order of the numbers of old things: what is open was created last.
const BY_AGE: [IssuableState; 4] = [
    IssuableState::Merged,
    IssuableState::Closed,
    IssuableState::Locked,
    IssuableState::Opened,
];

impl IssuableState {
    /// As GraphQL and REST write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            IssuableState::Opened => "opened",
            IssuableState::Closed => "closed",
            IssuableState::Locked => "locked",
            IssuableState::Merged => "merged",
        }
    }

    /// Whether a list of what is `wanted` holds things in this state.
    pub(crate) fn is(self, wanted: &str) -> bool {
        wanted == "all" || wanted == self.word()
    }
}

/// How many things there are in each state, in the order of [`BY_AGE`].
pub(crate) type StateCounts = [u64; 4];

/// Between which times the far past of a project lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    pub(crate) created_at: Timestamp,
    /// When the model began to know the project.
    pub(crate) known_since: Timestamp,
}

/// From a time to a time, both of which belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Span {
    /// Whether it holds the time. A time that is not there is in no span but the endless one.
    pub(crate) fn holds(self, when: Option<Timestamp>) -> bool {
        if self == Span::default() {
            return true;
        }
        when.is_some_and(|when| {
            self.from.is_none_or(|from| when >= from) && self.to.is_none_or(|to| when <= to)
        })
    }

    /// Whether nothing up to that time is in it.
    pub(crate) fn begins_after(self, when: Timestamp) -> bool {
        self.from.is_some_and(|from| from > when)
    }
}

/// A merge request or an issue.
pub(crate) trait Issuable: Copy {
    /// One of the far past. It ended at `ended_at`, unless it is open.
    fn of_old(iid: u64, state: IssuableState, created_at: Timestamp, ended_at: Timestamp) -> Self;
    fn iid(&self) -> u64;
    fn set_iid(&mut self, iid: u64);
    fn state(&self) -> IssuableState;
    fn updated_at(&self) -> Timestamp;
}

/// All merge requests, or all issues, of a project.
#[derive(Clone, Debug)]
pub(crate) struct Issuables<T> {
    /// How many the far past left in each state.
    old: StateCounts,
    /// How many of those something happened to since: the oldest of each state, now among the rows.
    taken: StateCounts,
    rows: Vec<T>,
}

impl<T: Issuable> Issuables<T> {
    /// Those of a project whose counts were set, and to which nothing has happened.
    pub(crate) fn of_counts(old: StateCounts) -> Self {
        Issuables {
            old,
            taken: [0; 4],
            rows: Vec::new(),
        }
    }

    /// Adds one under the next number.
    pub(crate) fn add(&mut self, mut row: T) -> u64 {
        // Rows of the far past have smaller numbers, and nothing is ever taken away.
        let added = self.rows.len() as u64 - self.taken.iter().sum::<u64>();
        let iid = self.old.iter().sum::<u64>() + added + 1;
        row.set_iid(iid);
        self.rows.push(row);
        iid
    }

    /// The one that is to change: of that number, or the one in that state whose last change is the oldest.
    pub(crate) fn row_to_change(
        &mut self,
        state: IssuableState,
        iid: Option<u64>,
        age: Age,
    ) -> Option<&mut T> {
        let at = BY_AGE.iter().position(|known| *known == state)?;
        if iid.is_none() && self.taken[at] < self.old[at] {
            let row = self.old_row(at, self.taken[at], age);
            self.taken[at] += 1;
            self.rows.push(row);
            return self.rows.last_mut();
        }
        let rows = self.rows.iter_mut();
        let in_state = rows.filter(|row| row.state() == state);
        let mut wanted = in_state.filter(|row| iid.is_none_or(|iid| row.iid() == iid));
        match iid {
            Some(_) => wanted.next(),
            None => wanted.min_by_key(|row| row.updated_at()),
        }
    }

    /// Those that something happened to.
    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.iter_mut()
    }

    /// All in a state, or all there are, with the far past or without it.
    pub(crate) fn all<'i>(
        &'i self,
        state: &'i str,
        with_old: bool,
        age: Age,
    ) -> impl Iterator<Item = T> + 'i {
        let states = BY_AGE.iter().enumerate();
        let states = states.filter(move |(_, known)| with_old && known.is(state));
        let old = states.flat_map(move |(at, _)| {
            let left = self.taken[at]..self.old[at];
            left.map(move |index| self.old_row(at, index, age))
        });
        let rows = self.rows.iter().copied();
        old.chain(rows.filter(move |row| row.state().is(state)))
    }

    /// Old things were created evenly over the life of the project, and ended some days later.
    fn old_row(&self, at: usize, index: u64, age: Age) -> T {
        let iid = self.old[..at].iter().sum::<u64>() + index + 1;
        let all = self.old.iter().sum::<u64>();
        let life = age.known_since.duration_since(age.created_at);
        let life = life.as_secs().max(0);
        let after = |seconds: i64| {
            let when = age.created_at + SignedDuration::from_secs(seconds);
            when.min(age.known_since.max(age.created_at))
        };
        let created = (i128::from(life) * i128::from(iid) / i128::from(all + 1)) as i64;
        let lasted = 3_600 + (iid.wrapping_mul(0x9e37_79b9) % (9 * 86_400)) as i64;
        T::of_old(iid, BY_AGE[at], after(created), after(created + lasted))
    }
}
