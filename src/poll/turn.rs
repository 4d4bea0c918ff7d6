//! One poll: what is due is asked, and every answer is taken in as it comes. Nothing moves on that
//! was not answered.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::found::Found;
use super::graphql::{self, Answered, Node, Page, Trouble, is_broken};
use super::merge::{self, mistake};
use super::plan::{Capabilities, List, PROBE};
use super::request::{Room, pack, parts};
use super::schedule::{Errand, Moment, Position, Purpose, Turn};
use super::selection::Source;
use super::{Poller, Publish, Tally, lock, rest};
use crate::gitlab::Error;
use crate::metrics::{Project, Reading, UnixTime, questions};

/// How long a single request may take with all its tries: a slow page must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so many failures in a row GitLab is taken for down, and left alone until the next poll.
const STRIKES: u32 = 2;

/// What a poll under way has to keep.
struct Asking {
    turn: Turn,
    tally: Tally,
    deadline: Instant,
    published: Instant,
    strikes: u32,
}

impl Poller {
    /// How long GitLab's fields are taken to be the same.
    const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
    /// How soon a GraphQL that could not be used is tried again: REST costs many requests more.
    const BLOCKED_INTERVAL: Duration = Duration::from_secs(300);
    /// A value that was forbidden is asked for again every so many polls: a role that was granted
    /// shows after ten minutes of the default interval.
    const RETRY_FORBIDDEN: u64 = 10;

    /// Asks all that is due.
    pub(super) async fn ask(&mut self, publish: Option<&Publish>) -> Tally {
        if let Err(error) = self.client.reload_token() {
            tracing::warn!(%error, "reading the token again failed; the last one is used");
        }
        let mut tally = Tally::default();
        if let Err(error) = self.probe(Instant::now() + self.settings.timeout).await {
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
            deadline: Instant::now() + self.settings.timeout,
            published: Instant::now(),
            strikes: 0,
        };
        loop {
            self.take_hints(&mut asking.turn);
            let page = lock(&self.capacity).page();
            let errands = self.schedule.errands(&mut asking.turn, page);
            if errands.is_empty() {
                break;
            }
            self.run_errands(&mut asking, errands).await;
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
    async fn probe(&mut self, deadline: Instant) -> Result<(), Error> {
        if self.probe_due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        let mut interval = Self::PROBE_INTERVAL;
        match self.client.graphql(PROBE, json!({}), deadline).await {
            Ok(answer) => {
                let capabilities = Capabilities::from_probe(&answer.data);
                self.graphql = self.settings.selection.filter.forks || capabilities.has("isForked");
                if !self.graphql {
                    tracing::warn!(
                        "this GitLab does not tell forks over GraphQL; REST is used, at more requests"
                    );
                }
                *lock(&self.capabilities) = capabilities;
            }
            Err(Error::Graphql { .. }) => {
                // Introspection is refused: what it lacks will show when it is asked.
                self.graphql = self.settings.selection.filter.forks;
                *lock(&self.capabilities) = Capabilities::default();
            }
            Err(error) if is_blocked(&error) || is_broken(&error) => {
                tracing::warn!(%error, "GraphQL can't be used; REST is, at more requests");
                self.graphql = false;
                interval = Self::BLOCKED_INTERVAL;
            }
            Err(error) => return Err(error),
        }
        self.probe_due = Some(Instant::now() + interval);
        self.schedule.try_all();
        Ok(())
    }

    /// Runs errands, several at a time.
    async fn run_errands(&mut self, asking: &mut Asking, errands: Vec<Errand>) {
        let by_rest = |errand: &Errand| match errand.purpose {
            Purpose::Sweep(index) => {
                let list = &self.schedule.lists()[index];
                let over_rest = matches!(list.position(), Some(Position::Path(_)));
                matches!(list.source(), Source::Projects(_)) || over_rest || !self.graphql
            }
            _ => !self.graphql,
        };
        let (alone, packed): (Vec<_>, Vec<_>) = errands.into_iter().partition(by_rest);
        for errand in alone {
            self.run_alone(asking, errand).await;
        }
        if packed.is_empty() {
            return;
        }
        let asker = self.asker(asking.deadline);
        let room = Room {
            score: lock(&self.capabilities).most_score(),
            weight: lock(&self.capacity).size(),
        };
        let packs = pack(packed, &asker.plan(), room);
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
            .buffer_unordered(self.settings.concurrency);
        while let Some((pack, at, answer)) = answers.next().await {
            match answer {
                Ok(pages) => {
                    asking.strikes = 0;
                    for (errand, page) in pack.into_iter().zip(pages) {
                        self.take(asking, errand, at, page).await;
                    }
                }
                Err(error) => self.fail(asking, pack, error).await,
            }
        }
    }

    /// Takes in the answer to an errand.
    async fn take(
        &mut self,
        asking: &mut Asking,
        errand: Errand,
        at: Moment,
        page: Result<Page, Trouble>,
    ) {
        match page {
            Ok(page) => self.take_page(asking, &errand, at, page),
            Err(Trouble::TooMuch) => self.take_less(asking, errand, at).await,
            Err(Trouble::Failed(error)) => self.fail(asking, vec![errand], error).await,
        }
    }

    fn take_page(&mut self, asking: &mut Asking, errand: &Errand, at: Moment, page: Page) {
        let (mut ids, mut times) = (Vec::new(), Vec::new());
        for node in page.nodes {
            match node {
                Node::Found(found) => {
                    ids.push(found.identity.id);
                    let again = matches!(errand.purpose, Purpose::Sweep(_));
                    self.learn(asking, *found, at, again);
                }
                Node::Moved {
                    id,
                    activity,
                    readings,
                } => {
                    ids.push(id);
                    self.moved(asking, id, activity, &readings);
                    self.schedule.followed_up(id, at);
                    self.schedule
                        .noticed(&mut asking.turn, id, activity, at, None);
                }
                Node::Seen {
                    id,
                    activity,
                    path,
                    archived,
                    pipelines,
                } => {
                    ids.push(id);
                    times.push((id, activity));
                    if errand.purpose == Purpose::Glance {
                        let known = self.projects.get(&id).map(|project| &project.identity);
                        let other = known.is_none_or(|known| {
                            path.is_some_and(|path| path != known.path)
                                || archived != known.archived
                        });
                        self.schedule.glanced_at(id, at);
                        if other || pipelines.unwrap_or_default() > 0 {
                            self.schedule.want(id);
                        } else {
                            self.schedule
                                .noticed(&mut asking.turn, id, activity, at, None);
                        }
                    }
                }
            }
        }
        match errand.purpose {
            Purpose::Sweep(index) => {
                self.progress.add(ids.len());
                self.note_there(index);
                let next = page.next.map(Position::Cursor);
                let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, next);
                self.remove(gone);
            }
            Purpose::Look(index) => {
                self.schedule
                    .looked(&mut asking.turn, index, at, &times, page.next);
            }
            Purpose::Follow | Purpose::Glance | Purpose::Read => {
                let List::Ids(asked) = &errand.part.list else {
                    return;
                };
                for id in asked.iter().filter(|id| !ids.contains(id)) {
                    match errand.purpose {
                        // Asked for by its id alone, and not shown: it is gone, or hidden from us.
                        Purpose::Read => self.remove(vec![*id]),
                        _ => self.schedule.want(*id),
                    }
                }
            }
        }
    }

    /// Asks for less after GitLab could not manage a part.
    async fn take_less(&mut self, asking: &mut Asking, errand: Errand, at: Moment) {
        let asker = self.asker(asking.deadline);
        match (errand.purpose, &errand.part.list) {
            (Purpose::Sweep(index), _) => match asker.light(&errand.part).await {
                Ok(page) => self.take_suspects(asking, index, at, page),
                Err(error) => self.fail(asking, vec![errand], error).await,
            },
            (Purpose::Look(index), _) => self.schedule.look_failed(&mut asking.turn, index, false),
            (_, List::Ids(ids)) if ids.len() > 1 => self.schedule.halve(&mut asking.turn, &errand),
            (Purpose::Read, _) => match asker.light(&errand.part).await {
                Ok(page) => {
                    for node in page.nodes {
                        if let Node::Found(found) = node {
                            let id = found.identity.id;
                            self.learn(asking, *found, at, false);
                            self.schedule.broke(id, at);
                        }
                    }
                }
                Err(error) => self.fail(asking, vec![errand], error).await,
            },
            (_, List::Ids(ids)) => ids.iter().for_each(|id| self.schedule.want(*id)),
            _ => {}
        }
    }

    /// Somebody on a page breaks it. The list goes on behind it, and those who are on it are asked by
    /// halves until it is known who it is.
    fn take_suspects(&mut self, asking: &mut Asking, index: usize, at: Moment, page: Page) {
        let mut ids = Vec::new();
        for node in page.nodes {
            if let Node::Found(mut found) = node {
                let id = found.identity.id;
                ids.push(id);
                found.failed.clear(); // They are asked by halves, not one by one.
                self.learn(asking, *found, at, false);
            }
        }
        let next = page.next.map(Position::Cursor);
        let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, next);
        self.remove(gone);
        self.note_there(index);
        self.schedule.suspect(&mut asking.turn, &ids, at);
    }

    /// Errands could not be run: what they were for stays due.
    async fn fail(&mut self, asking: &mut Asking, errands: Vec<Errand>, error: Error) {
        if let Error::Budget { until, .. } = error {
            asking.turn.put_back(errands);
            return wait_for_budget(asking, until).await;
        }
        if let (
            Error::NotFound { .. },
            [
                Errand {
                    purpose: Purpose::Look(index),
                    ..
                },
            ],
        ) = (&error, &errands[..])
        {
            return self.schedule.doubt(&mut asking.turn, *index);
        }
        if let [
            Errand {
                purpose: Purpose::Sweep(index),
                ..
            },
        ] = errands[..]
        {
            return self.fail_sweep(asking, index, error).await;
        }
        let refused = is_refused(&error);
        for errand in &errands {
            match errand.purpose {
                Purpose::Sweep(index) => self.schedule.sweep_failed(&mut asking.turn, index, false),
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
        if refused
            && matches!(
                errands[..],
                [Errand {
                    purpose: Purpose::Look(_),
                    ..
                }]
            )
        {
            tracing::warn!(%error, "{what} is refused; changes show when the sweep comes to them");
            return;
        }
        self.strike(asking, what, error);
    }

    /// A page of a sweep could not be read over GraphQL. REST may do better.
    async fn fail_sweep(&mut self, asking: &mut Asking, index: usize, error: Error) {
        let list = &self.schedule.lists()[index];
        let source = list.source().clone();
        let at_start = list.position().is_none();
        let refused = is_blocked(&error) || is_refused(&error) || is_broken(&error);
        if !at_start && (is_refused(&error) || matches!(error, Error::NotFound { .. })) {
            // An old cursor, or a list that is not there any more.
            self.schedule.sweep_failed(&mut asking.turn, index, true);
            return self.strike(asking, source.to_string(), error);
        }
        if at_start && refused && self.graphql {
            tracing::warn!(%error, %source, "GraphQL refuses; REST is used, at more requests");
            let instead = !is_blocked(&error);
            let before = asking.tally.failures.len();
            self.sweep_over_rest(asking, index).await;
            if instead && asking.tally.failures.len() == before {
                // Asking it first at every poll would be a waste.
                self.graphql = false;
                self.probe_due = Some(Instant::now() + Self::BLOCKED_INTERVAL);
            }
            return;
        }
        self.schedule.sweep_failed(&mut asking.turn, index, false);
        self.strike(asking, source.to_string(), error);
    }

    /// Runs an errand that has no place in a GraphQL request.
    async fn run_alone(&mut self, asking: &mut Asking, errand: Errand) {
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
            (_, List::Ids(ids)) => {
                let mut reads = stream::iter(ids)
                    .map(|id| {
                        let rest = rest.clone();
                        async move { (id, rest.project(&id.to_string()).await) }
                    })
                    .buffer_unordered(self.settings.concurrency);
                while let Some((id, read)) = reads.next().await {
                    match read {
                        Ok(Some(found)) => self.learn(asking, found, at, false),
                        Ok(None) => self.remove(vec![id]),
                        Err(Error::Budget { until, .. }) => wait_for_budget(asking, until).await,
                        Err(error) => {
                            self.strike(asking, format!("reading the project {id}"), error)
                        }
                    }
                    if asking.strikes >= STRIKES {
                        break;
                    }
                }
            }
            _ => {}
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

    fn note_there(&mut self, index: usize) {
        if let Source::Group(path) = self.source(index).clone() {
            self.absent.remove(&path);
            self.mistaken.remove(&path);
            self.seen.insert(path);
        }
    }

    /// Notes a failure; after some in a row, or one that others would share, nothing more is asked.
    fn strike(&mut self, asking: &mut Asking, what: String, error: Error) {
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

    /// Takes in everything that was asked of a project. What failed is asked `again` in a smaller
    /// company, if it was little; else it is left to be asked value by value.
    fn learn(&mut self, asking: &mut Asking, mut found: Found, at: Moment, again: bool) {
        let identity = &found.identity;
        let (id, activity) = (identity.id, identity.last_activity);
        let taken = self.settings.selection.filter.takes(identity, self.now());
        let last = self.projects.get(&id);
        if !self.polls.is_multiple_of(Self::RETRY_FORBIDDEN)
            && let Some(last) = last
        {
            // Asking at every poll for what is forbidden would be a waste.
            for slot in found.open(&self.slots) {
                if last.readings[slot] == Reading::Unknown(Reading::FORBIDDEN) {
                    found.readings[slot] = last.readings[slot];
                    found.failed.retain(|failed| *failed != slot);
                }
            }
        }
        let few = !found.failed.is_empty() && found.failed.len() < self.slots.len() / 2;
        let open = found.open(&self.slots);
        if taken && !open.is_empty() && !(again && few) {
            self.open.insert(id, found.clone());
            for slot in open {
                found.readings[slot] = Reading::Unknown(Reading::PENDING);
            }
        } else {
            self.open.remove(&id);
            if !(again && few) {
                asking.tally.count(0..found.readings.len(), &found.readings);
            }
        }
        let now = self.now();
        let project = merge::project(found, self.projects.get(&id).map(|last| &**last), now);
        self.projects.insert(id, Arc::new(project));
        self.schedule.read(id, activity, taken, at);
        if again && few && taken {
            self.schedule.want_again(&mut asking.turn, id);
        }
    }

    /// Takes in what activity moves. A number that has come to nothing may be one that is hidden by
    /// now, and one that was hidden may be known: who it is, is asked with it then.
    fn moved(
        &mut self,
        asking: &mut Asking,
        id: u64,
        activity: Option<UnixTime>,
        answers: &[(usize, Answered)],
    ) {
        let Some(project) = self.projects.get(&id) else {
            return self.schedule.want(id);
        };
        let mut next = Project::clone(project);
        let (mut doubt, now) = (false, self.now());
        for &(slot, answer) in answers {
            let reading = &mut next.readings[slot];
            match (*reading, answer) {
                (Reading::Known { value, .. }, Answered::Number(number))
                    if number > 0 || value == 0 =>
                {
                    *reading = Reading::Known {
                        value: number,
                        at: now,
                    };
                }
                (Reading::Known { .. }, Answered::Failed(reason)) => {
                    let subject = questions()[slot].1;
                    *asking.tally.values.entry((subject, reason)).or_default() += 1;
                }
                (Reading::Known { .. }, _) | (_, Answered::Number(1..)) => doubt = true,
                _ => {}
            }
        }
        next.identity.last_activity = activity.or(next.identity.last_activity);
        self.projects.insert(id, Arc::new(next));
        if doubt {
            self.schedule.want(id);
        }
    }

    /// Asks in other ways for what is still open, the oldest first: if time runs out, it runs out for
    /// others than in the last poll.
    async fn complete(&mut self, asking: &mut Asking) {
        let mut open: Vec<u64> = self.open.keys().copied().collect();
        open.sort_by_key(|id| self.projects.get(id).map_or(0, |project| told(project)));
        while !open.is_empty() && asking.strikes < STRIKES {
            let rest = self.rest(asking.deadline);
            let batch: Vec<u64> = open
                .drain(..open.len().min(4 * self.settings.concurrency))
                .collect();
            let asked: Vec<Found> = batch
                .iter()
                .filter_map(|id| self.open.get(id).cloned())
                .collect();
            let mut completed = stream::iter(asked)
                .map(|found| {
                    let rest = rest.clone();
                    async move { (found.identity.id, rest.complete(found).await) }
                })
                .buffer_unordered(self.settings.concurrency);
            let mut held_back = false;
            while let Some((id, found)) = completed.next().await {
                match found {
                    Some(found) => held_back |= self.close(asking, id, found),
                    None => self.remove(vec![id]),
                }
            }
            if held_back || Instant::now() >= asking.deadline {
                break;
            }
        }
    }

    /// Takes in what was asked in other ways; what had no time stays open. True if it was a limit that
    /// allowed no more.
    fn close(&mut self, asking: &mut Asking, id: u64, found: Found) -> bool {
        let (Some(asked), Some(project)) = (self.open.get(&id), self.projects.get(&id)) else {
            return false;
        };
        let open = asked.open(&self.slots);
        let mut next = Project::clone(project);
        next.identity.standing = found.identity.standing;
        let (mut held_back, mut late) = (false, false);
        for &slot in &open {
            let reading = found.readings[slot];
            held_back |= matches!(reading, Reading::Unknown("budget" | "rate_limited"));
            late |= reading == Reading::Unknown("timeout");
            next.readings[slot] = reading.or_last_good(project.readings.get(slot));
        }
        asking.tally.count(open, &found.readings);
        self.projects.insert(id, Arc::new(next));
        if !held_back && !late {
            self.open.remove(&id);
        }
        held_back
    }

    /// Forgets projects that are not there any more.
    pub(super) fn remove(&mut self, gone: Vec<u64>) {
        for id in gone {
            self.projects.remove(&id);
            self.open.remove(&id);
            self.schedule.forget(id);
        }
    }

    /// Shows what has come so far, when a poll takes longer than its interval.
    fn publish_meanwhile(&mut self, asking: &mut Asking, publish: Option<&Publish>) {
        let Some(publish) = publish else {
            return;
        };
        if asking.published.elapsed() >= self.settings.rhythm.interval {
            asking.published = Instant::now();
            let snapshot = Arc::new(self.snapshot(self.last.report.clone()));
            self.last = Arc::clone(&snapshot);
            publish.send_replace(snapshot);
            self.keep();
        }
    }

    fn source(&self, index: usize) -> &Source {
        self.schedule.lists()[index].source()
    }

    fn asker(&self, deadline: Instant) -> graphql::Asker {
        graphql::Asker {
            client: self.client.clone(),
            slots: Arc::clone(&self.slots),
            capabilities: Arc::clone(&self.capabilities),
            capacity: Arc::clone(&self.capacity),
            deadline: deadline.min(Instant::now() + PATIENCE),
            now: self.now(),
        }
    }

    fn rest(&self, deadline: Instant) -> rest::Asker {
        rest::Asker {
            client: self.client.clone(),
            slots: Arc::clone(&self.slots),
            capabilities: self.capabilities(),
            concurrency: self.settings.concurrency,
            deadline: deadline.min(Instant::now() + PATIENCE),
            now: self.now(),
        }
    }
}

impl Tally {
    /// Counts the values among `slots` that could not be read. What GitLab hides or does not have is
    /// no failure, and what is still to be asked is none yet.
    fn count(&mut self, slots: impl IntoIterator<Item = usize>, readings: &[Reading]) {
        for slot in slots {
            if let Reading::Unknown(reason) = readings[slot]
                && !Reading::QUIET.contains(&reason)
                && reason != Reading::PENDING
            {
                *self
                    .values
                    .entry((questions()[slot].1, reason))
                    .or_default() += 1;
            }
        }
    }
}

/// Waits until the budget allows another request. The poll's own time stands still meanwhile.
async fn wait_for_budget(asking: &mut Asking, until: Instant) {
    let now = Instant::now();
    tracing::debug!(wait = ?until.saturating_duration_since(now), "waiting for the request budget");
    asking.deadline += until.saturating_duration_since(now);
    sleep_until(until).await;
}

/// Whether something between us and GitLab, or GitLab itself, keeps the API from us.
fn is_blocked(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::NotJson { .. }
    )
}

/// Whether GraphQL does not take the question, however small the page.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Graphql { .. })
}

/// When the oldest value of a project was told; 0 if it lacks one.
fn told(project: &Project) -> UnixTime {
    let at = project.readings.iter().map(|reading| match reading {
        Reading::Known { at, .. } => *at,
        Reading::Unknown(reason) if !Reading::QUIET.contains(reason) => 0,
        Reading::Unknown(_) | Reading::Off => UnixTime::MAX,
    });
    at.min().unwrap_or_default()
}
