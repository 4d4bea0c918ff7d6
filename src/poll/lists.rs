//! Lists that GraphQL can't walk: those it refuses, which REST may tell, and projects by name. And
//! what to make of a list that is not there.

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::graphql::is_broken;
use super::merge::mistake;
use super::plan::List;
use super::schedule::{Errand, Position, Purpose};
use super::selection::Source;
use super::turn::{Asking, BLOCKED_INTERVAL, STRIKES, is_refused, wait_for_budget};
use super::{Poller, rest};
use crate::gitlab::Error;

impl Poller {
    /// A page of a sweep could not be read over GraphQL. REST may do better.
    pub(super) async fn fail_sweep(&mut self, asking: &mut Asking, index: usize, error: Error) {
        let list = &self.schedule.lists()[index];
        let source = list.source().clone();
        let at_start = list.position().is_none();
        let refused = is_blocked(&error) || is_refused(&error) || is_broken(&error);
        if !at_start && (is_refused(&error) || matches!(error, Error::NotFound { .. })) {
            // An old cursor, or a list that is not there any more.
            self.schedule.sweep_failed(&mut asking.turn, index, true);
            return self.strike(asking, source.to_string(), error);
        }
        let gone = matches!(error, Error::NotFound { .. });
        if at_start && refused && self.graphql {
            if !gone && self.schedule.sweep_failed(&mut asking.turn, index, false) {
                return; // Once may be a mishap, and REST costs many requests more.
            }
            tracing::warn!(%error, %source, "GraphQL refuses; REST is used, at more requests");
            let instead = !is_blocked(&error);
            let before = asking.tally.failures.len();
            self.sweep_over_rest(asking, index).await;
            if instead && asking.tally.failures.len() == before {
                // Asking it first at every poll would be a waste.
                self.graphql = false;
                self.probe_due = Some(Instant::now() + BLOCKED_INTERVAL);
            }
            return;
        }
        self.schedule.sweep_failed(&mut asking.turn, index, false);
        self.strike(asking, source.to_string(), error);
    }

    /// Runs an errand that has no place in a GraphQL request.
    pub(super) async fn run_alone(&mut self, asking: &mut Asking, errand: Errand) {
        let rest = self.rest(asking.deadline);
        let at = self.moment();
        match (errand.purpose, errand.part.list) {
            (Purpose::Sweep(index), _) => match self.source(index).clone() {
                Source::Projects(names) => self.sweep_named(asking, index, &names).await,
                _ => self.sweep_over_rest(asking, index).await,
            },
            (Purpose::Look(index), _) => {
                let source = self.source(index).clone();
                match rest.recent(&source, errand.part.after.as_deref()).await {
                    Ok((nodes, next)) => {
                        self.schedule
                            .looked(&mut asking.turn, index, at, &nodes, next);
                    }
                    Err(error) => {
                        self.schedule.look_failed(&mut asking.turn, index, false);
                        self.strike(asking, format!("{source} by activity"), error);
                    }
                }
            }
            (Purpose::Glance, List::Ids(ids)) => {
                // REST has no way to ask many at once; the sweep sees them.
                ids.iter().for_each(|id| self.schedule.glanced_at(*id, at));
            }
            (_, List::Ids(ids)) => self.read_over_rest(asking, ids).await,
            _ => {}
        }
    }

    /// Asks everything about single projects over REST.
    pub(super) async fn read_over_rest(&mut self, asking: &mut Asking, ids: Vec<u64>) {
        let (rest, at) = (self.rest(asking.deadline), self.moment());
        let mut reads = stream::iter(ids)
            .map(|id| {
                let rest = rest.clone();
                async move { (id, rest.project(&id.to_string()).await) }
            })
            .buffer_unordered(self.client.concurrency());
        while let Some((id, read)) = reads.next().await {
            match read {
                Ok(Some(found)) => self.learn(asking, found, at, false),
                Ok(None) => self.remove(vec![id]),
                Err(Error::Budget { until, .. }) => wait_for_budget(asking, until).await,
                Err(error) => self.strike(asking, format!("reading the project {id}"), error),
            }
            if asking.strikes >= STRIKES {
                break;
            }
        }
    }

    async fn sweep_over_rest(&mut self, asking: &mut Asking, index: usize) {
        let list = &self.schedule.lists()[index];
        let source = list.source().clone();
        let position = match list.position() {
            Some(Position::Path(path)) => Some(path.clone()),
            Some(Position::Cursor(_)) => {
                self.schedule.restart(index);
                None
            }
            None => None,
        };
        let at = self.moment();
        match self
            .rest(asking.deadline)
            .page(&source, position.as_deref())
            .await
        {
            Ok(page) => {
                asking.strikes = 0;
                let ids: Vec<u64> = page.found.iter().map(|found| found.identity.id).collect();
                self.progress.add(ids.len());
                for found in page.found {
                    self.learn(asking, found, at, false);
                }
                self.note_there(index);
                let next = page.next.map(Position::Path);
                let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, next);
                self.remove(gone);
            }
            Err(Error::Budget { until, .. }) => wait_for_budget(asking, until).await,
            Err(error) if rest::is_gone(&error) => self.lose_group(asking, index, &source, error),
            Err(error) => {
                let forgotten = matches!(error, Error::Refused { .. });
                self.schedule
                    .sweep_failed(&mut asking.turn, index, forgotten);
                self.strike(asking, source.to_string(), error);
            }
        }
    }

    async fn sweep_named(&mut self, asking: &mut Asking, index: usize, names: &[String]) {
        let at = self.moment();
        let rest = self.rest(asking.deadline);
        let listing = match self.graphql {
            true => {
                self.read_named(names, &self.asker(asking.deadline), &rest)
                    .await
            }
            false => rest.named(names).await,
        };
        if listing.failure.is_none() {
            self.note_named(names, &listing);
        }
        let ids: Vec<u64> = listing
            .found
            .iter()
            .map(|found| found.identity.id)
            .collect();
        self.progress.add(ids.len());
        for found in listing.found {
            self.learn(asking, found, at, false);
        }
        match listing.failure {
            None => {
                let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, None);
                self.remove(gone);
            }
            Some(Error::Budget { until, .. }) => wait_for_budget(asking, until).await,
            Some(error) => {
                self.schedule.sweep_failed(&mut asking.turn, index, false);
                self.strike(asking, self.source(index).to_string(), error);
            }
        }
    }

    /// A group is not there. One that has been there was removed since; else it is a mistake.
    fn lose_group(&mut self, asking: &mut Asking, index: usize, source: &Source, error: Error) {
        let was_there = matches!(source, Source::Group(path) if self.seen.contains(path));
        let gone = self.schedule.lost(&mut asking.turn, index, was_there);
        self.remove(gone);
        if let Source::Group(path) = source {
            match was_there {
                true => {
                    self.absent.insert(path.clone());
                }
                false => {
                    self.mistaken.insert(path.clone(), mistake(source, &error));
                }
            }
        }
        *self.errors.entry(("projects", error.reason())).or_default() += 1;
    }

    pub(super) fn note_there(&mut self, index: usize) {
        if let Source::Group(path) = self.source(index).clone() {
            self.absent.remove(&path);
            self.mistaken.remove(&path);
            self.seen.insert(path);
        }
    }
}

/// Whether something between us and GitLab, or GitLab itself, keeps the API from us.
pub(super) fn is_blocked(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::NotGitLab { .. }
            | Error::NotUnderstood { .. }
            | Error::NotJson { .. }
    )
}
