//! Asks what is due of all that lies beside the projects, and hands out the answers.

use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::Answer;
use super::super::round::told;
use super::super::{Engine, Next};
use super::EstateAsk;
use super::state::SUBJECT;
use crate::metrics::Grain;

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

    /// Goes on after a restart: what was told is asked again when its time has passed.
    pub(in crate::poll::engine) fn resume_estate(&mut self) {
        for round in &mut self.estate.instance_rounds {
            round.resume(&self.instance);
        }
        let paths = self.estate.groups.values().map(|group| &group.identity);
        let ids = paths.map(|identity| (identity.path.to_string(), identity.id));
        self.estate.listing_groups.ids = ids.collect();
        let rounds = &self.estate.group_rounds;
        let groups = self.estate.groups.values();
        let oldest = groups
            .flat_map(|group| rounds.iter().map(|round| told(round, group)))
            .min();
        let every = rounds.iter().map(|round| round.every).min();
        if let (Some(oldest), Some(every)) = (oldest, every) {
            self.estate.listing_groups.resume(oldest, every);
        }
        let mut runners = self.enabled.rounds(Grain::Instance);
        if let Some(round) = runners.find(|round| round.subject.name == SUBJECT)
            && (!self.estate.listing_runners.each || !self.estate.runners.is_empty())
        {
            self.estate
                .listing_runners
                .resume(told(round, &self.instance));
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
