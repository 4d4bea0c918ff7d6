//! Asks what GitLab can do, and changes over between GraphQL and REST.

use std::time::Duration;

use super::errors::{advice, is_blocked};
use super::gitlab::{Verdict, judge};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{Kind, Request};
use super::{Engine, Next, Notice, Sent};
use crate::gitlab::Error;
use crate::poll::plan::Capabilities;

/// How long GitLab's fields are taken to be the same.
const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// How soon a GraphQL that could not be used is tried again: REST costs many requests more.
const BLOCKED_INTERVAL: Duration = Duration::from_secs(300);
/// One page of a proxy does not show that GraphQL is blocked: it is asked once more after this.
const SECOND_TRY: Duration = Duration::from_secs(2);
/// So often in a row all of GraphQL is refused before it is asked again what it can do.
const BLOCKED: u32 = 2;
/// So often in a row single parts are refused, with nothing answered in between, before REST is used.
const REFUSED: u32 = 8;

impl Engine {
    /// Asks what GitLab can do, once in a while; more often as long as GraphQL can't be used.
    pub(super) fn ask_probe(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        let can_wait = poll.is_between && !self.gitlab.unknown;
        if self.gitlab.asking || can_wait {
            return;
        }
        match self.gitlab.due.filter(|due| now < *due) {
            Some(due) if self.gitlab.unknown => next.again = Some(due),
            Some(_) => {}
            None if self.free() == 0 => {}
            None => {
                self.gitlab.asking = true;
                self.send(poll, now, next, Request::Probe, Kind::Probe, Sent::Probe);
            }
        }
    }

    pub(super) fn probed(
        &mut self,
        poll: &mut Poll,
        answer: Result<Capabilities, Error>,
        now: Moment,
    ) {
        self.gitlab.asking = false;
        let before = self.gitlab.graphql;
        let (graphql, interval) = match judge(answer, self.filter.forks) {
            Verdict::Graphql(capabilities) => {
                self.gitlab.know(*capabilities, &self.enabled);
                (true, PROBE_INTERVAL)
            }
            Verdict::LacksForks(capabilities) => {
                if before {
                    self.notices.push(Notice::ForksUntold);
                }
                self.gitlab.know(*capabilities, &self.enabled);
                (false, PROBE_INTERVAL)
            }
            Verdict::Rest(error) => {
                let again = is_blocked(&error) && before && !self.gitlab.doubted;
                if again {
                    self.gitlab.doubted = true;
                    self.gitlab.due = Some(now + SECOND_TRY);
                    return;
                }
                if before {
                    let error = advice(&"asking GraphQL what GitLab can do", &error);
                    self.notices.push(Notice::GraphqlBlocked { error });
                }
                (false, BLOCKED_INTERVAL)
            }
            Verdict::Unknown(error) => {
                if self.waits(poll, &error, now) {
                    return;
                }
                if self.gitlab.unknown {
                    let what = "asking GitLab what it can do".to_owned();
                    poll.fail(what, error);
                    return poll.stop();
                }
                (before, BLOCKED_INTERVAL)
            }
        };
        (self.gitlab.unknown, self.gitlab.doubted) = (false, false);
        (poll.blocked, poll.refused) = (0, 0);
        self.gitlab.due = Some(now + interval);
        self.schedule.try_all();
        self.use_graphql(poll, graphql);
    }

    /// Changes over between GraphQL and REST, in the middle of a poll if need be.
    fn use_graphql(&mut self, poll: &mut Poll, graphql: bool) {
        let before = std::mem::replace(&mut self.gitlab.graphql, graphql);
        if before == graphql {
            return;
        }
        for index in std::mem::take(&mut poll.named).into_keys() {
            poll.lists[index].sweeping = false;
        }
        if graphql {
            self.notices.push(Notice::GraphqlBack);
            // It tells in one request what REST tells in hundreds.
            for id in std::mem::take(&mut self.open).into_keys() {
                self.schedule.want_again(poll, id);
            }
            poll.open.clear();
            for id in std::mem::take(&mut poll.rest_reads) {
                poll.reads.push_back(id);
            }
        } else {
            poll.again.clear();
        }
    }

    /// All of GraphQL was refused. If it is again, it is asked what it can do: that decides.
    pub(super) fn note_blocked(&mut self, poll: &mut Poll) {
        poll.blocked += 1;
        if poll.blocked >= BLOCKED {
            poll.blocked = 0;
            self.gitlab.doubt();
        }
    }

    /// A part of a request was refused. If nothing else is answered either, REST is used for a while.
    pub(super) fn note_refused(&mut self, poll: &mut Poll, error: &Error, now: Moment) {
        poll.refused += 1;
        if poll.refused >= REFUSED && self.gitlab.graphql {
            let error = advice(&"asking GraphQL about projects", error);
            self.notices.push(Notice::GraphqlBlocked { error });
            self.gitlab.due = Some(now + BLOCKED_INTERVAL);
            self.use_graphql(poll, false);
        }
    }
}
