//! One poll: what is due is asked, and every answer is taken in as it comes. Nothing moves on that
//! was not answered.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::graphql::{self, Trouble, is_broken};
use super::lists::is_blocked;
use super::plan::{Capabilities, PROBE};
use super::request::{Room, pack, parts};
use super::schedule::{Errand, Position, Purpose, Round, Turn};
use super::selection::Source;
use super::{Poller, Publish, Tally, lock, rest};
use crate::gitlab::Error;

/// How long a single request may take with all its tries: a slow page must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so many failures in a row GitLab is taken for down, and left alone until the next poll.
pub(super) const STRIKES: u32 = 2;
/// How long GitLab's fields are taken to be the same.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// How soon a GraphQL that could not be used is tried again: REST costs many requests more.
pub(super) const BLOCKED_INTERVAL: Duration = Duration::from_secs(300);

/// What a poll under way has to keep.
pub(super) struct Asking {
    pub(super) turn: Turn,
    pub(super) tally: Tally,
    pub(super) deadline: Instant,
    pub(super) published: Instant,
    pub(super) strikes: u32,
}

impl Poller {
    /// Asks all that is due.
    pub(super) async fn ask(&mut self, publish: Option<&Publish>) -> Tally {
        if let Err(error) = self.client.reload_token() {
            tracing::warn!(%error, "reading the token again failed; the last one is used");
        }
        let mut tally = Tally::default();
        if let Err(error) = self.probe(Instant::now() + self.config.timeout).await {
            let what = "asking GitLab what it can do".to_owned();
            tally.failures.push((what, error));
            return tally;
        }
        let turn = self.schedule.turn(self.moment(), !self.graphql);
        self.ask_turn(turn, publish).await
    }

    /// Asks what was hinted at, and nothing else. What fails is asked by the next poll.
    pub(super) async fn ask_hints(&mut self) {
        let turn = self.schedule.pause(self.moment());
        let tally = self.ask_turn(turn, None).await;
        for (what, error) in tally.failures {
            tracing::debug!(what, %error, "following a hint failed; the next poll asks again");
        }
    }

    async fn ask_turn(&mut self, turn: Turn, publish: Option<&Publish>) -> Tally {
        let mut asking = Asking {
            turn,
            tally: Tally::default(),
            deadline: Instant::now() + self.config.timeout,
            published: Instant::now(),
            strikes: 0,
        };
        loop {
            self.take_hints(&mut asking.turn);
            let apart = self.schedule.set_apart(&mut asking.turn);
            self.read_over_rest(&mut asking, apart).await;
            let page = lock(&self.capacity).page();
            let round = self.schedule.round(&mut asking.turn, page);
            if round.now.is_empty() {
                break;
            }
            self.run_round(&mut asking, round).await;
            self.publish_meanwhile(&mut asking, publish);
        }
        self.complete(&mut asking).await;
        asking.tally
    }

    /// Whom a hint is about is asked for everything; a stranger may show among the recently active.
    fn take_hints(&mut self, turn: &mut Turn) {
        let hints = self.inbox.take();
        let mut strangers = hints.anything;
        for id in hints.projects {
            match self.projects.contains_key(&id) {
                true => self.schedule.want(id),
                false => strangers = true,
            }
        }
        if strangers {
            self.schedule.look_again(turn);
        }
    }

    /// Asks what GitLab can do, once in a while. GraphQL may be blocked or broken; REST is left then.
    pub(super) async fn probe(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.probe_due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        let mut interval = PROBE_INTERVAL;
        match self.client.graphql(PROBE, json!({}), deadline).await {
            Ok(answer) => {
                let capabilities = Capabilities::from_probe(&answer.data);
                self.graphql = self.config.selection.filter.forks || capabilities.has("isForked");
                if !self.graphql {
                    tracing::warn!(
                        "this GitLab does not tell forks over GraphQL; REST is used, at more requests"
                    );
                }
                *lock(&self.capabilities) = capabilities;
            }
            Err(Error::Graphql { .. }) => {
                // Introspection is refused: what it lacks will show when it is asked.
                self.graphql = self.config.selection.filter.forks;
                *lock(&self.capabilities) = Capabilities::default();
            }
            Err(error) if is_blocked(&error) || is_broken(&error) => {
                tracing::warn!(%error, "GraphQL can't be used; REST is, at more requests");
                self.graphql = false;
                interval = BLOCKED_INTERVAL;
            }
            Err(error) => return Err(error),
        }
        self.probe_due = Some(Instant::now() + interval);
        self.schedule.try_all();
        Ok(())
    }

    /// Runs a round of errands, several at a time.
    async fn run_round(&mut self, asking: &mut Asking, round: Round) {
        let by_rest = |errand: &Errand| match errand.purpose {
            Purpose::Sweep(index) => {
                let list = &self.schedule.lists()[index];
                let over_rest = matches!(list.position(), Some(Position::Path(_)));
                matches!(list.source(), Source::Projects(_)) || over_rest || !self.graphql
            }
            _ => !self.graphql,
        };
        let (alone, now): (Vec<_>, Vec<_>) = round.now.into_iter().partition(by_rest);
        let asker = self.asker(asking.deadline);
        let room = Room {
            score: lock(&self.capabilities).most_score(),
            weight: lock(&self.capacity).size(),
        };
        let spare = round.spare;
        let (packs, spare) = pack(Round { now, spare }, &asker.plan(), room);
        asking.turn.keep(spare);
        for errand in alone {
            self.run_alone(asking, errand).await;
        }
        let clock = self.clock;
        let mut answers = stream::iter(packs)
            .map(|pack| {
                let asker = asker.clone();
                async move {
                    let at = clock.1 + clock.0.elapsed();
                    let answer = asker.ask(&parts(&pack)).await;
                    (pack, at, answer)
                }
            })
            .buffer_unordered(self.client.concurrency());
        // What takes more asking waits until all of these are answered: nobody listens meanwhile.
        let (mut less, mut failed) = (Vec::new(), Vec::new());
        while let Some((pack, at, answer)) = answers.next().await {
            let pages = match answer {
                Ok(pages) => pages,
                Err(error) => {
                    failed.push((pack, error));
                    continue;
                }
            };
            asking.strikes = 0;
            for (errand, page) in pack.into_iter().zip(pages) {
                match page {
                    Ok(page) => self.take_page(asking, &errand, at, page),
                    Err(Trouble::TooMuch) => less.push((errand, at)),
                    Err(Trouble::Failed(error)) => failed.push((vec![errand], error)),
                }
            }
        }
        for (errand, at) in less {
            self.take_less(asking, errand, at).await;
        }
        for (pack, error) in failed {
            self.fail(asking, pack, error).await;
        }
    }

    /// Errands could not be run: what they were for stays due.
    pub(super) async fn fail(&mut self, asking: &mut Asking, errands: Vec<Errand>, error: Error) {
        match error {
            Error::Budget { until, .. } => {
                asking.turn.put_back(errands);
                return wait_for_budget(asking, until).await;
            }
            Error::RateLimited { until, .. } if until < asking.deadline => {
                asking.turn.put_back(errands);
                return sleep_until(until).await;
            }
            _ => {}
        }
        let only = match &errands[..] {
            [errand] => Some(errand.purpose),
            _ => None,
        };
        match (only, &error) {
            (Some(Purpose::Look(index)), Error::NotFound { .. }) => {
                return self.schedule.doubt(&mut asking.turn, index);
            }
            (Some(Purpose::Sweep(index)), _) => {
                return self.fail_sweep(asking, index, error).await;
            }
            _ => {}
        }
        let refused = is_refused(&error);
        for errand in &errands {
            match errand.purpose {
                Purpose::Sweep(index) => {
                    self.schedule.sweep_failed(&mut asking.turn, index, false);
                }
                Purpose::Look(index) => {
                    self.schedule.look_failed(&mut asking.turn, index, refused);
                }
                Purpose::Follow | Purpose::Glance | Purpose::Read => {}
            }
        }
        let what = match errands.first().map(|errand| errand.purpose) {
            Some(Purpose::Look(index)) => format!("{} by activity", self.source(index)),
            Some(Purpose::Sweep(index)) => self.source(index).to_string(),
            _ => "asking for single projects again".to_owned(),
        };
        if refused && matches!(only, Some(Purpose::Look(_))) {
            tracing::warn!(%error, "{what} is refused; changes show when the sweep comes to them");
            return;
        }
        self.strike(asking, what, error);
    }

    /// Notes a failure; after some in a row, or one that others would share, nothing more is asked.
    pub(super) fn strike(&mut self, asking: &mut Asking, what: String, error: Error) {
        asking.strikes += 1;
        let all = matches!(
            error,
            Error::Unauthorized { .. } | Error::RateLimited { .. } | Error::Deadline
        );
        if all {
            asking.strikes = STRIKES;
        }
        if matches!(error, Error::Deadline) && !self.schedule.is_whole() {
            // A first sweep may take more than one poll.
            return asking.turn.stop();
        }
        // Two tries of one thing are one failure.
        asking.tally.failures.retain(|(known, _)| *known != what);
        asking.tally.failures.push((what, error));
        if asking.strikes >= STRIKES {
            asking.turn.stop();
        }
    }

    /// Shows what has come so far, when a poll takes longer than its interval.
    fn publish_meanwhile(&mut self, asking: &mut Asking, publish: Option<&Publish>) {
        let Some(publish) = publish else {
            return;
        };
        if asking.published.elapsed() >= self.config.rhythm.interval {
            asking.published = Instant::now();
            self.show(publish);
            self.keep();
        }
    }

    pub(super) fn source(&self, index: usize) -> &Source {
        self.schedule.lists()[index].source()
    }

    pub(super) fn asker(&self, deadline: Instant) -> graphql::Asker {
        graphql::Asker {
            client: self.client.clone(),
            enabled: Arc::clone(&self.enabled),
            capabilities: Arc::clone(&self.capabilities),
            capacity: Arc::clone(&self.capacity),
            deadline,
            now: self.now(),
        }
    }

    pub(super) fn rest(&self, deadline: Instant) -> rest::Asker {
        rest::Asker {
            client: self.client.clone(),
            enabled: Arc::clone(&self.enabled),
            capabilities: self.capabilities(),
            concurrency: self.client.concurrency(),
            deadline: deadline.min(Instant::now() + PATIENCE),
            now: self.now(),
        }
    }
}

/// Waits until the budget allows another request. The poll's own time stands still meanwhile.
pub(super) async fn wait_for_budget(asking: &mut Asking, until: Instant) {
    let now = Instant::now();
    tracing::debug!(wait = ?until.saturating_duration_since(now), "waiting for the request budget");
    asking.deadline += until.saturating_duration_since(now);
    sleep_until(until).await;
}

/// Whether GraphQL does not take the question, however small the page.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Graphql { .. })
}
