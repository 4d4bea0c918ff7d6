//! Asks what is due of all that lies beside the projects, and hands out the answers.

use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::Answer;
use super::super::{Engine, Next};
use super::EstateAsk;

impl Engine {
    /// Asks what is due of all that lies beside the projects.
    pub(in crate::poll::engine) fn ask_estate(
        &mut self,
        poll: &mut Poll,
        now: Moment,
        next: &mut Next,
    ) {
        if poll.estate {
            self.ask_instance_rounds(poll, now, next);
            self.ask_for_groups(poll, now, next);
            self.ask_for_runners(poll, now, next);
        }
    }

    pub(in crate::poll::engine) fn estate_answered(
        &mut self,
        poll: &mut Poll,
        ask: EstateAsk,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        match ask {
            EstateAsk::Instance(index) => self.instance_round_told(poll, index, at, answer, now),
            EstateAsk::InstanceValue(index, lookup) => {
                self.instance_round_value(poll, (index, lookup), at, answer, now);
            }
            EstateAsk::Groups => self.groups_told(poll, at, answer, now),
            EstateAsk::GroupValue(id, lookup) => {
                self.group_value_told(poll, (id, lookup), at, answer, now);
            }
            EstateAsk::Runners => self.runners_told(poll, at, answer, now),
        }
    }

    /// Whatever was under way when a poll ended is asked again by the next.
    pub(in crate::poll::engine) fn close_estate(&mut self) {
        for round in &mut self.estate.instance_rounds {
            round.asking = false;
        }
        self.estate.listing_groups.asking = 0;
        self.estate.listing_groups.requeue();
        self.estate.listing_runners.asking = false;
    }
}
