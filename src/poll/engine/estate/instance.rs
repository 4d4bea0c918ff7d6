//! What the GitLab itself is asked at a pace of its own, subject by subject: over GraphQL, and value by
//! value over REST where GraphQL does not tell it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::errors::failed_at_root;
use super::super::lookups::{Failure, Lookup, LookupOutcome, LookupValue, Open, State};
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Answer, Kind, Request};
use super::super::round;
use super::super::{Engine, Next, Sent};
use super::EstateAsk;
use crate::gitlab::Error;
use crate::metrics::{Catalogue, Grain, Identity, Owner, OwnerAnswer, Reason, Round};

/// What GitLab does not tell is asked again after this.
pub(super) const PAUSE: Duration = Duration::from_secs(3600);
/// What failed is asked again after this.
pub(super) const SHORT_PAUSE: Duration = Duration::from_secs(300);

/// What GitLab answers 400, 401 or 404 for is nothing that this token, or this GitLab, has.
const NOT_HAD: [Reason; 3] = [Reason::NotFound, Reason::Refused, Reason::Unauthorized];

impl Engine {
    pub(super) fn ask_instance_rounds(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        for index in 0..self.estate.instance_rounds.len() {
            let own = &self.estate.instance_rounds[index];
            if self.free() == 0 || own.asking || now < own.next {
                continue;
            }
            let asked = &self.gitlab.plan.instance_rounds[index];
            if own.open.is_none() && self.gitlab.graphql && !asked.is_empty() {
                let request = Request::Query(asked.instance_query(), json!({}));
                let what = Sent::Estate(EstateAsk::Instance(index));
                self.estate.instance_rounds[index].asking = true;
                self.send(poll, now, next, request, Kind::Instance, what);
                continue;
            }
            self.look_up_of_instance(poll, index, now, next);
        }
    }

    /// Asks REST for the next value of a subject.
    fn look_up_of_instance(&mut self, poll: &mut Poll, index: usize, now: Moment, next: &mut Next) {
        let catalogue = self.enabled.catalogue;
        let own = &mut self.estate.instance_rounds[index];
        let round = &own.round;
        let open = own
            .open
            .get_or_insert_with(|| Open::new(untold(round, catalogue)));
        let (enabled, capabilities) = (&self.enabled, &self.gitlab.capabilities);
        match open.state(enabled, capabilities) {
            State::Next(lookup) => {
                open.asked.get_or_insert(now);
                own.asking = true;
                let request = lookup.request();
                let what = Sent::Estate(EstateAsk::InstanceValue(index, lookup));
                self.send(poll, now, next, request, Kind::Instance, what);
            }
            State::Done(found) => {
                let at = open.asked.unwrap_or(now);
                self.learn_of_instance(index, *found, at);
            }
            State::Gone => own.next = now + PAUSE,
        }
    }

    pub(super) fn instance_round_told(
        &mut self,
        poll: &mut Poll,
        index: usize,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        self.estate.instance_rounds[index].asking = false;
        let Answer::Query(answer) = answer else {
            return;
        };
        let told = match answer {
            Ok(told) => told,
            Err(error) if self.waits(poll, &error, now) => return,
            Err(error) if self.learns(&error) => return,
            Err(Error::Graphql { errors }) if self.lose_root_fields(&errors) => return,
            Err(Error::Deadline | Error::Network { .. } | Error::Timeout { .. }) => {
                self.estate.instance_rounds[index].next = now + SHORT_PAUSE;
                return;
            }
            // REST may tell it.
            Err(_) => return self.look_up_next(index),
        };
        if !told.data.is_object() {
            return self.look_up_next(index);
        }
        let failures: Vec<_> = told.errors.iter().map(failed_at_root).collect();
        let (grain, catalogue) = (Grain::Instance, self.enabled.catalogue);
        let asked = &self.gitlab.plan.instance_rounds[index];
        let (values, tables) = asked.told(&told.data, grain, &failures, catalogue, at.as_secs());
        let mut found = OwnerAnswer::of_grain(grain, Identity::default(), catalogue);
        found.fill(&values, tables, at.as_secs());
        self.learn_of_instance(index, found, at);
    }

    fn look_up_next(&mut self, index: usize) {
        let own = &mut self.estate.instance_rounds[index];
        own.open = Some(Open::new(untold(&own.round, self.enabled.catalogue)));
    }

    pub(super) fn instance_round_value(
        &mut self,
        poll: &mut Poll,
        (index, lookup): (usize, Lookup),
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        self.estate.instance_rounds[index].asking = false;
        let Some(what) = LookupValue::of(answer) else {
            return;
        };
        let what = match what {
            Ok(what) => Ok(what),
            Err(error) if self.waits(poll, &error, now) => return,
            Err(Error::Deadline) => return,
            Err(error) => Err(Failure::of(&error).of_instance()),
        };
        let at = at.as_secs();
        if let Some(open) = &mut self.estate.instance_rounds[index].open {
            open.answers.insert(lookup, LookupOutcome { what, at });
        }
    }

    fn learn_of_instance(&mut self, index: usize, mut found: OwnerAnswer, at: Moment) {
        found.hide(&NOT_HAD);
        let own = &mut self.estate.instance_rounds[index];
        own.open = None;
        let mut instance = Owner::clone(&self.instance);
        instance.fit(self.enabled.catalogue, Grain::Instance);
        instance.take(&found, &own.round.columns, &own.round.tables, at.as_secs());
        let pause = match round::outcome(&own.round, &instance, &found) {
            round::Outcome::Known => own.round.every,
            round::Outcome::Refused => PAUSE,
            round::Outcome::Failed => SHORT_PAUSE.min(own.round.every),
        };
        own.next = at + pause;
        self.instance = Arc::new(instance);
    }
}

/// A subject of which everything is still to be asked over REST.
fn untold(round: &Round, catalogue: &'static Catalogue) -> OwnerAnswer {
    let mut found = OwnerAnswer::of_grain(Grain::Instance, Identity::default(), catalogue);
    found.expect(&round.columns, &round.tables, true);
    found
}
