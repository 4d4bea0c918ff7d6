//! What the GitLab itself is asked: one request of its own in each poll, and value by value over REST
//! where GraphQL can't be used.

use std::sync::Arc;

use super::lookups::{self, Failure, Lookup, LookupOutcome, LookupValue, State};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{Answer, Kind, Request};
use super::{Engine, Next, Sent};
use crate::gitlab::Error;
use crate::metrics::{Grain, Owner, OwnerAnswer, Reading};

impl Engine {
    /// Whether any metric shows what the GitLab itself has.
    pub(super) fn asks_instance(&self) -> bool {
        let grain = Grain::Instance;
        !self.enabled.columns_of(grain).is_empty() || !self.enabled.tables_of(grain).is_empty()
    }

    pub(super) fn ask_instance(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if !poll.instance.is_due || self.free() == 0 {
            return;
        }
        poll.instance.is_due = false;
        if self.gitlab.graphql {
            if self.gitlab.plan.instance.is_some() {
                let request = Request::Instance(self.gitlab.plan.clone());
                self.send(poll, now, next, request, Kind::Read, Sent::Instance);
            }
            return;
        }
        let found = OwnerAnswer::pending_instance(&self.enabled);
        let capabilities = &self.gitlab.capabilities;
        match lookups::state(&found, &self.enabled, capabilities, &poll.instance.answers) {
            State::Next(lookup) => {
                let request = lookup.request();
                let what = Sent::InstanceValue(lookup);
                self.send(poll, now, next, request, Kind::Values, what);
            }
            State::Done(found) => self.learn_instance(poll, *found, now),
            State::Gone => {}
        }
    }

    /// Takes in the answer of GraphQL. What it does not know is left out, and the rest asked again.
    pub(super) fn instance_answered(
        &mut self,
        poll: &mut Poll,
        at: Moment,
        answer: Result<OwnerAnswer, Error>,
        now: Moment,
    ) {
        match answer {
            Ok(found) => self.learn_instance(poll, found, at),
            Err(error) if self.waits(poll, &error, now) => poll.instance.is_due = true,
            Err(Error::Graphql { errors }) if self.lose_root_fields(&errors) => {
                poll.instance.is_due = true;
            }
            Err(error) => self.fail_instance(poll, &error),
        }
    }

    /// Takes in what REST told, and asks for what is still missing.
    pub(super) fn instance_value_answered(
        &mut self,
        poll: &mut Poll,
        lookup: Lookup,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        let what = match answer {
            Answer::Body(Ok(body)) => Ok(LookupValue::Body(body)),
            Answer::Count(Ok(count)) => Ok(LookupValue::Count(count)),
            Answer::Body(Err(error)) | Answer::Count(Err(error)) => {
                if self.waits(poll, &error, now) {
                    poll.instance.is_due = true;
                    return;
                }
                Err(Failure::of(&error).of_instance())
            }
            _ => return,
        };
        let at = at.as_secs();
        poll.instance
            .answers
            .insert(lookup, LookupOutcome { what, at });
        poll.instance.is_due = true;
    }

    fn learn_instance(&mut self, poll: &mut Poll, found: OwnerAnswer, at: Moment) {
        let columns = self.enabled.catalogue.columns(Grain::Instance);
        for (placed, value) in columns.iter().zip(&found.values) {
            if let Reading::Unknown(reason) = value
                && !reason.is_fact()
            {
                let failed = (placed.subject.name, reason.name());
                *poll.values.entry(failed).or_default() += 1;
            }
        }
        let last = Some(&*self.instance);
        self.instance = Arc::new(Owner::updated(found, last, at.as_secs()));
    }

    /// Everything about the GitLab failed: the last good values stay.
    fn fail_instance(&mut self, poll: &mut Poll, error: &Error) {
        let mut found = OwnerAnswer::pending_instance(&self.enabled);
        let reason = Failure::of(error).of_instance().reason();
        for &place in self.enabled.columns_of(Grain::Instance) {
            found.values[place] = Reading::Unknown(reason);
        }
        let now = self.instance.listed.into();
        self.learn_instance(poll, found, Moment::from_secs(now));
    }
}
