//! The groups behind lists: their paths may change, and they may be gone.

use super::errors::is_gone;
use super::list::is_numeric;
use super::moment::Moment;
use super::poll::{GroupCheck, Poll};
use super::request::{Group, Kind, Request};
use super::{Engine, Next, Notice, Sent};
use crate::gitlab::Error;
use crate::poll::not_found;

impl Engine {
    /// Asks REST about the groups whose path is not known, or that GraphQL does not show any more.
    pub(super) fn ask_groups(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        for index in 0..poll.lists.len() {
            let wants = poll.lists[index].sweep || poll.lists[index].recent;
            let trusted = poll.lists[index].group == GroupCheck::Trusted;
            if trusted && self.gitlab.graphql && self.schedule.lists[index].lacks_path() {
                poll.lists[index].group = GroupCheck::ToAsk;
            }
            if poll.lists[index].group != GroupCheck::ToAsk || !wants || self.free() == 0 {
                continue;
            }
            let Some(key) = self.schedule.lists[index].group_key() else {
                continue;
            };
            poll.lists[index].group = GroupCheck::Asked;
            let request = Request::Group(key.clone());
            self.send(
                poll,
                now,
                next,
                request,
                Kind::Sweep,
                Sent::Group(index, key),
            );
        }
    }

    /// Takes in what REST says of a list's group.
    pub(super) fn group_answered(
        &mut self,
        poll: &mut Poll,
        index: usize,
        key: &str,
        answer: Result<Group, Error>,
        now: Moment,
    ) {
        poll.lists[index].group = GroupCheck::IsThere;
        let list = &mut self.schedule.lists[index];
        match answer {
            Ok(group) => {
                let before = list.group.replace((group.id, group.path.clone()));
                let before = before.map(|(_, path)| path);
                let known = before.as_deref().or(list.group_name());
                let moved = known.filter(|known| !known.eq_ignore_ascii_case(&group.path));
                if let Some(from) = moved.filter(|name| !is_numeric(name)) {
                    self.notices.push(Notice::GroupMoved {
                        id: group.id,
                        from: from.to_owned(),
                        to: group.path,
                    });
                }
                list.restart();
            }
            Err(error) if is_gone(&error) => self.lose_group(poll, index, &error),
            Err(error) => {
                poll.lists[index].group = GroupCheck::ToAsk;
                if self.waits(poll, &error, now) {
                    return;
                }
                let what = format!("reading the group {key:?}");
                (poll.lists[index].sweep, poll.lists[index].recent) = (false, false);
                self.strike(poll, what, error);
            }
        }
    }

    /// A group is not there. One that has been there was removed since; else it is a mistake.
    pub(super) fn lose_group(&mut self, poll: &mut Poll, index: usize, error: &Error) {
        let list = &self.schedule.lists[index];
        let Some(name) = list.group_name().map(str::to_owned) else {
            return;
        };
        let was_there = self.names.seen.contains(&name);
        self.note_missing(&name, not_found::group);
        *self.errors.entry(("projects", error.reason())).or_default() += 1;
        let gone = self.schedule.lost(poll, index, was_there);
        self.remove(poll, gone);
    }

    /// Notes that a list was read: its group is there.
    pub(super) fn note_there(&mut self, index: usize) {
        if let Some(name) = self.schedule.lists[index].group_name() {
            self.names.note_there(name);
        }
    }
}
