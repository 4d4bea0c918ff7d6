//! Drives the engine against GitLab: sends what it wants sent, hands in the answers, publishes what is
//! known, and keeps it over a restart.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span};

use super::asking::Asking;
use super::charged::shares;
use super::checkpoint::{Checkpoint, Polled, State};
use super::config::{Config, Rhythm};
use super::engine::{Answer, Asked, Engine, Moment, Next, Notice, RequestId};
use super::handover::HandedOver;
use super::inbox::Inbox;
use super::lateness::Lateness;
use super::log;
use super::outlet::Outlet;
use super::progress::Progress;
use super::subject_log::SubjectLog;
use crate::gitlab::Client;
use crate::lock::lock;
use crate::memory_limit::MemoryLimit;
use crate::metrics::{EnabledMetrics, Snapshot};

/// From so many projects on, what looks at all of them takes longer than a worker of the runtime may
/// be kept.
const MANY: usize = 1_000;

/// Polls one GitLab.
pub struct Poller {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) asking: Asking,
    pub(super) enabled: Arc<EnabledMetrics>,
    engine: Arc<Mutex<Engine>>,
    progress: Arc<Progress>,
    inbox: Arc<Inbox>,
    /// When the clock was read, and what it showed: our own goes on evenly from there.
    clock: (Instant, Moment),
    last: Arc<Snapshot>,
    lateness: Lateness,
    /// What the log has said of subjects.
    said: SubjectLog,
    checkpoint: Option<Checkpoint>,
    /// Whether it goes on for another poller of this process.
    is_successor: bool,
    /// Whether what is shown stays until the first poll has ended: then it is known what is selected.
    holds_back: bool,
    /// Whether anything was learned since the last snapshot was published.
    has_learned: bool,
}

/// Tells the engine whether there is memory for further projects.
struct Crowding {
    memory: MemoryLimit,
    /// How many are shown: what takes memory for showing the others is still to come.
    shown: usize,
}

impl Crowding {
    fn note(&self, engine: &mut Engine) {
        let not_shown = engine.projects().saturating_sub(self.shown);
        let limited = self.memory.bytes();
        engine.note_room(limited.map(|_| self.memory.has_room(not_shown)));
    }
}

impl Config {
    /// A poller that has not asked anything yet.
    pub fn build(self, client: Client, shown: EnabledMetrics) -> Poller {
        Poller::new(client, self, shown)
    }
}

impl Poller {
    fn new(client: Client, config: Config, enabled: EnabledMetrics) -> Poller {
        let enabled = Arc::new(enabled);
        let engine = engine(&client, &config, &enabled);
        let since_1970 = client.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Poller {
            asking: Asking::new(client.clone(), Arc::clone(&enabled)),
            engine: Arc::new(Mutex::new(engine)),
            client,
            config,
            enabled,
            progress: Arc::default(),
            inbox: Arc::default(),
            clock: (Instant::now(), since_1970.into()),
            last: Arc::default(),
            lateness: Lateness::default(),
            said: SubjectLog::default(),
            checkpoint: None,
            is_successor: false,
            holds_back: false,
            has_learned: false,
        }
    }

    /// Goes on where an earlier process ended, and keeps what it learns for the next one.
    #[must_use]
    pub fn resume(mut self, mut checkpoint: Checkpoint) -> Poller {
        if let Some(memory) = checkpoint.take_memory() {
            let room = self
                .config
                .memory
                .bytes()
                .map(|_| self.config.memory.has_room(0));
            lock(&self.engine).note_room(room);
            let recalled = lock(&self.engine).recall(memory, self.now());
            self.last = recalled.unwrap_or_default();
        }
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Tells how far it is, and takes hints, where another one did.
    #[must_use]
    pub fn in_place_of(self, progress: &Arc<Progress>, inbox: &Arc<Inbox>) -> Poller {
        Poller {
            progress: Arc::clone(progress),
            inbox: Arc::clone(inbox),
            ..self
        }
    }

    /// Goes on where the poller of another process was when it wrote this.
    #[must_use]
    pub fn go_on(mut self, state: State) -> Poller {
        let recalled = lock(&self.engine).recall(state.into_memory(), self.now());
        self.last = recalled.unwrap_or_default();
        self
    }

    /// Goes on for another poller of this process, whose settings were others. Where that one kept no file at
    /// the same place, `state` is the file. This takes a while where much is known.
    #[must_use]
    pub fn take_over(mut self, mut handed: HandedOver, state: Option<Checkpoint>) -> Poller {
        let polled = self.polled();
        let was_whole = handed.before.last.project_count.is_some();
        handed.before.memory = handed.memory(&polled);
        let now = self.now();
        let mut engine = lock(&self.engine);
        self.last = engine.take_over(handed.before, now);
        self.holds_back = was_whole && !engine.is_whole();
        drop(engine);
        self.progress = handed.progress;
        self.inbox = handed.inbox;
        self.said = handed.said;
        let kept = handed.checkpoint.map(|before| before.go_on(polled));
        self.checkpoint = kept.or(state);
        self.is_successor = true;
        self
    }

    /// What it polls.
    fn polled(&self) -> Polled {
        Polled::new(self.client.url(), &self.config, &self.enabled)
    }

    /// What was known last: before the first poll, what an earlier process knew.
    pub fn last(&self) -> Arc<Snapshot> {
        Arc::clone(&self.last)
    }

    /// The full paths of all projects that are known, those that the filter leaves out too.
    pub fn known_paths(&self) -> Vec<String> {
        lock(&self.engine).known_paths()
    }

    /// How far the poll under way is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Where hints are taken.
    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Polls on the interval and publishes every snapshot, until told to stop.
    pub async fn run(self, outlet: impl Into<Outlet>, stop: CancellationToken) {
        let never = CancellationToken::new();
        self.run_until_left(outlet, stop, never).await;
    }

    /// Like [`Poller::run`]; told to `leave`, it gives what is left to a successor.
    pub async fn run_until_left(
        mut self,
        outlet: impl Into<Outlet>,
        stop: CancellationToken,
        leave: CancellationToken,
    ) -> Option<HandedOver> {
        /// How long a poll under way may take that a successor would have to make again.
        const LEAVE: Duration = Duration::from_secs(3);
        let outlet = outlet.into();
        self.start(&outlet).await;
        let client = self.client.clone();
        let left = async {
            leave.cancelled().await;
            let waiting = client.usage().waiting;
            if waiting.is_none_or(|waiting| waiting.remaining < LEAVE) {
                sleep(LEAVE).await;
            }
        };
        tokio::select! {
            () = self.poll_for_ever(&outlet, &leave) => {}
            () = left => {}
            () = stop.cancelled() => {}
        }
        if !stop.is_cancelled() && leave.is_cancelled() {
            return Some(self.hand_over().await);
        }
        self.finish(&outlet).await;
        None
    }

    /// What is left to a successor.
    async fn hand_over(mut self) -> HandedOver {
        let now = self.now();
        let before = self.with_engine(move |engine| engine.hand_over(now)).await;
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.settle().await;
        }
        HandedOver {
            before,
            polled: self.polled(),
            client: self.client,
            progress: self.progress,
            inbox: self.inbox,
            said: self.said,
            checkpoint: self.checkpoint,
        }
    }

    async fn finish(mut self, outlet: &Outlet) {
        if matches!(outlet, Outlet::Stored(_)) && !self.has_learned {
            return; // It is stored, and others wait for their turn.
        }
        // What is kept over a restart is what is shown last, also of a poll that was broken off.
        let now = self.now();
        let so_far = move |engine: &mut Engine| (engine.projects() > 0).then(|| engine.so_far(now));
        if let Some(snapshot) = self.with_engine(so_far).await
            && !self.holds_back
        {
            self.last = snapshot;
            self.publish(outlet).await;
        }
        self.end().await;
    }

    /// Shows what an earlier process knew, and takes its file over: from now on a crash is one.
    async fn start(&mut self, outlet: &Outlet) {
        if self.last.generation > 0 {
            if !self.is_successor {
                log::restored(&self.last, self.now().as_secs());
            }
            // What is stored is shown already.
            if let Outlet::Shown(shown) = outlet {
                shown.send_replace(Arc::clone(&self.last));
            }
        }
        self.keep().await;
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.settle().await;
        }
    }

    async fn poll_for_ever(&mut self, outlet: &Outlet, leave: &CancellationToken) {
        let Rhythm { interval, .. } = self.config.rhythm;
        // The first poll is made at once, since somebody may be looking. The second comes early by
        // chance, so that a fleet that was started together does not go on asking in the same second;
        // earlier, and not later, so that nothing is seen later than promised.
        let mut pause = interval.mul_f64(1.0 - 0.9 * fastrand::f64());
        loop {
            let next = Instant::now() + std::mem::replace(&mut pause, interval);
            self.survive(async |this| drop(this.poll_and_publish(Some(outlet)).await))
                .await;
            let waiting = async {
                self.survive(async |this| this.wait(outlet, next).await)
                    .await;
                sleep_until(next).await; // Where following a hint broke off.
            };
            tokio::select! {
                () = waiting => {}
                () = leave.cancelled() => return,
            }
        }
    }

    /// Does a part of polling. Where it panics the engine may be in disorder: another one goes on with what
    /// that one knew.
    async fn survive(&mut self, work: impl AsyncFnOnce(&mut Self)) {
        if AssertUnwindSafe(work(self)).catch_unwind().await.is_ok() {
            return;
        }
        self.progress.note_panic();
        tracing::error!("a poll failed unexpectedly and is made again: please report this");
        let now = self.now();
        let mut anew = engine(&self.client, &self.config, &self.enabled);
        let known = self.with_engine(move |engine| engine.memory(now));
        if let Ok(memory) = AssertUnwindSafe(known).catch_unwind().await {
            anew.recall(memory, now);
            self.engine = Arc::new(Mutex::new(anew));
        }
    }

    /// Waits for the next poll: follows hints, and writes what is known once that is due.
    async fn wait(&mut self, outlet: &Outlet, next: Instant) {
        /// A burst of hints is waited for and asked together.
        const SETTLE: Duration = Duration::from_secs(2);
        /// From one answer to hints to the next, however many there are.
        const SPACING: Duration = Duration::from_secs(10);
        let mut earliest = Instant::now();
        let inbox = Arc::clone(&self.inbox);
        loop {
            self.progress.expects(next);
            let due = self.checkpoint.as_ref().and_then(Checkpoint::due);
            tokio::select! {
                () = sleep_until(next) => return,
                () = sleep_until(due.unwrap_or(next)), if due.is_some() => {
                    self.keep().await;
                    continue;
                }
                () = inbox.arrival() => {}
            }
            let at = (Instant::now() + SETTLE).max(earliest);
            sleep_until(at.min(next)).await;
            if at >= next {
                return; // The poll takes them along.
            }
            self.follow_hints(outlet).await;
            earliest = Instant::now() + SPACING;
        }
    }

    /// Asks what was hinted at, and nothing else.
    async fn follow_hints(&mut self, outlet: &Outlet) {
        let began = self.now();
        self.with_engine(move |engine| engine.begin_between(began))
            .await;
        self.drive(None).await;
        let now = self.now();
        self.last = self
            .with_engine(move |engine| engine.end_between(now))
            .await;
        self.keep_counts().await;
        self.publish(outlet).await;
    }

    /// Polls once and tells what is known then.
    pub async fn poll(&mut self) -> Arc<Snapshot> {
        self.poll_and_publish(None).await
    }

    async fn poll_and_publish(&mut self, outlet: Option<&Outlet>) -> Arc<Snapshot> {
        if let Err(error) = self.client.reload_secrets() {
            tracing::warn!(%error, "reading the token or a header again failed; its last value is used");
        }
        let before = self.client.usage();
        let began = self.now();
        let crowding = self.crowding();
        self.with_engine(move |engine| {
            crowding.note(engine);
            engine.begin(began);
        })
        .await;
        self.drive(outlet).await;
        let after = self.client.usage();
        let sum = |usage: &crate::gitlab::Usage| usage.requests.values().sum::<u64>();
        let (now, requests) = (self.now(), sum(&after) - sum(&before));
        let kept = self.checkpoint.as_ref().and_then(Checkpoint::is_kept);
        let last = Arc::clone(&self.last);
        let filter = self.config.selection.filter.clone();
        let snapshot = self
            .with_engine(move |engine| {
                let snapshot = engine.end(now, requests, kept);
                if last.report.is_none() && snapshot.project_count.is_some() {
                    log::unused_patterns(&filter, &engine.known_paths());
                }
                log::poll(&last, &snapshot);
                snapshot
            })
            .await;
        self.said.log(&snapshot);
        let waited = after.waited_for_budget > before.waited_for_budget;
        self.lateness
            .note(&snapshot, self.config.rhythm.interval, waited);
        self.last = Arc::clone(&snapshot);
        let written = self.keep_counts().await;
        if let Some(outlet) = outlet {
            self.publish(outlet).await;
            self.holds_back = false;
        }
        if !written {
            self.keep().await;
        }
        snapshot
    }

    /// Sends what the engine wants sent and hands in the answers, until the poll is over. Shows what has
    /// come so far, when that takes longer than an interval.
    async fn drive(&mut self, outlet: Option<&Outlet>) {
        let interval = self.config.rhythm.interval;
        let mut shown = Instant::now();
        let mut answers = FuturesUnordered::new();
        loop {
            let Next { requests, again } = self.next();
            for asked in requests {
                let about = debug_span!("request", asks = asked.kind.name());
                answers.push(self.answer(asked).instrument(about));
            }
            if answers.is_empty() && again.is_none() {
                return;
            }
            let again = again.map(|again| self.instant(again));
            let show = shown + interval;
            self.progress.expects(match outlet {
                Some(_) => show,
                None => Instant::now() + self.config.timeout,
            });
            tokio::select! {
                Some((id, answer)) = answers.next() => {
                    self.has_learned = true;
                    let (now, crowding) = (self.now(), self.crowding());
                    self.with_engine(move |engine| {
                        crowding.note(engine);
                        engine.answered(id, answer, now);
                    })
                    .await;
                }
                () = sleep_until(again.unwrap_or(show)), if again.is_some() => {}
                () = sleep_until(show), if outlet.is_some() => {
                    shown = Instant::now();
                    self.show(outlet).await;
                }
            }
        }
    }

    /// Asks, and counts the requests for the subjects that they are about.
    fn answer(&self, asked: Asked) -> impl Future<Output = (RequestId, Answer)> + use<> {
        let sent = Arc::<AtomicU64>::default();
        let (asking, at) = (self.asking.counting(&sent), self.now());
        let deadline = self.instant(asked.deadline);
        let (progress, shares) = (self.progress(), shares(&asked, &self.enabled));
        async move {
            let answer = asking.ask(asked.request, deadline, at).await;
            progress.note_asked(&shares, sent.load(Ordering::Relaxed));
            (asked.id, answer)
        }
    }

    fn next(&mut self) -> Next {
        let hints = self.inbox.take();
        let mut engine = lock(&self.engine);
        for id in hints.projects {
            engine.hint(Some(id));
        }
        for (id, subject) in hints.subjects {
            engine.hint_at(id, subject);
        }
        if hints.anything {
            engine.hint(None);
        }
        let next = engine.next(self.now());
        self.progress.note_read(engine.progress());
        engine.take_notices().iter().for_each(Notice::log);
        next
    }

    /// Shows what is known in the middle of a poll.
    async fn show(&mut self, outlet: Option<&Outlet>) {
        let now = self.now();
        self.last = self.with_engine(move |engine| engine.so_far(now)).await;
        self.keep_counts().await;
        if let Some(outlet) = outlet.filter(|_| !self.holds_back) {
            self.publish(outlet).await;
        }
        self.keep().await;
    }

    /// Lets others see what is known.
    async fn publish(&mut self, outlet: &Outlet) {
        let last = Arc::clone(&self.last);
        match outlet {
            Outlet::Shown(shown) => {
                shown.send_replace(last);
            }
            Outlet::Stored(store) => {
                let (now, polled) = (self.now(), self.polled());
                let state = self
                    .with_engine(move |engine| State::written(&engine.memory(now), &polled))
                    .await;
                store.publish(last, state).await;
            }
        }
        // Where this is broken off, it is said again at the end.
        self.has_learned = false;
    }

    /// Writes what is known before it is shown, if something was counted since the last write: after a
    /// crash it would be counted once more, and what was shown would go back. Where the disk refuses it
    /// is shown all the same. True if it was written.
    async fn keep_counts(&mut self) -> bool {
        if !lock(&self.engine).take_unsaved() || self.checkpoint.is_none() {
            return false;
        }
        let now = self.now();
        let memory = self.with_engine(move |engine| engine.memory(now)).await;
        match &mut self.checkpoint {
            Some(checkpoint) => checkpoint.keep_now(memory).await,
            None => false,
        }
    }

    /// Keeps what is known now; later, if the last time is not long enough ago.
    async fn keep(&mut self) {
        let Some(checkpoint) = &mut self.checkpoint else {
            return;
        };
        if !checkpoint.wants_now() {
            return;
        }
        let now = self.now();
        let memory = self.with_engine(move |engine| engine.memory(now)).await;
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.keep(memory);
        }
    }

    /// Keeps what is known at a clean end.
    async fn end(&mut self) {
        if let Some(checkpoint) = self.checkpoint.take() {
            let now = self.now();
            let memory = self.with_engine(move |engine| engine.memory(now)).await;
            checkpoint.end(memory, self.client.remaining_budget()).await;
        }
    }

    /// Does what may take long, where it keeps no worker of the runtime.
    async fn with_engine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> T {
        // Whoever has it is doing such work, for a poll that was broken off.
        if let Ok(mut engine) = self.engine.try_lock()
            && engine.projects() < MANY
        {
            return work(&mut engine);
        }
        let engine = Arc::clone(&self.engine);
        let span = tracing::Span::current();
        let worked = spawn_blocking(move || span.in_scope(|| work(&mut lock(&engine))));
        worked
            .await
            .unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }

    fn crowding(&self) -> Crowding {
        Crowding {
            memory: self.config.memory.clone(),
            shown: self.last.projects.len(),
        }
    }

    /// Bridge time.
    pub(super) fn now(&self) -> Moment {
        let (read, showed) = self.clock;
        showed + read.elapsed()
    }

    fn instant(&self, moment: Moment) -> Instant {
        let (read, showed) = self.clock;
        read + moment.since(showed)
    }
}

/// An engine that knows nothing yet.
fn engine(client: &Client, config: &Config, enabled: &Arc<EnabledMetrics>) -> Engine {
    Engine::new(config, client.concurrency(), Arc::clone(enabled))
        .with_budget(client.hourly_budget())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::gitlab::{self, CredentialSource};
    use crate::metrics::{Catalogue, Choices, Identity, Owner, Reading};
    use crate::poll::engine::Memory;
    use futures::FutureExt;

    /// A poller that knows so many projects, and whose GitLab is not there.
    fn poller(projects: usize) -> Poller {
        let token = CredentialSource::Value("GITLAB_TOKEN".to_owned(), "token".into());
        let client = gitlab::Config {
            url: "http://127.0.0.1:1".parse().unwrap(),
            token: Some(token),
            ..gitlab::Config::default()
        };
        let enabled = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
        let project = |id: usize| {
            let identity = Identity {
                id: id as u64,
                ..Identity::default()
            };
            let (mut values, columns) = (Vec::new(), enabled.catalogue.project_columns());
            values.resize(columns.len(), Reading::Off);
            (Arc::new(Owner::new(identity, 1, values)), None)
        };
        let memory = Memory {
            at: 1,
            course: Default::default(),
            feeds: Default::default(),
            instance: Arc::default(),
            groups: Vec::new(),
            runners: Vec::new(),
            projects: (1..=projects).map(project).collect(),
        };
        let poller = Config::default().build(client.build().unwrap(), enabled.clone());
        lock(&poller.engine).recall(memory, poller.now());
        poller
    }

    #[tokio::test(start_paused = true)]
    async fn what_looks_at_many_projects_keeps_no_worker_of_the_runtime() {
        let ours = thread::current().id();
        for (projects, is_beside) in [(MANY - 1, false), (MANY, true)] {
            let mut poller = poller(projects);
            let at = poller.with_engine(|_| thread::current().id()).await;
            assert_eq!(at != ours, is_beside, "{projects} projects");
            let snapshot = poller.poll().await;
            assert_eq!(snapshot.projects.len(), projects);
        }
    }

    /// What is known outlives a panic, and so does polling.
    #[tokio::test(start_paused = true)]
    async fn a_poll_that_panics_is_counted_and_the_next_one_goes_on_with_what_was_known() {
        for projects in [1, MANY] {
            let mut poller = poller(projects);
            let broken = async |this: &mut Poller| this.with_engine(|_| panic!("broken")).await;
            poller.survive(broken).await;
            assert_eq!(poller.progress().panics(), 1);
            let snapshot = poller.poll().await;
            assert_eq!(snapshot.projects.len(), projects);
            poller.survive(async |_| ()).await;
            assert_eq!(poller.progress().panics(), 1);
        }
    }

    /// A poll that is broken off leaves such work behind, and its end is to be waited for.
    #[tokio::test(start_paused = true)]
    async fn work_that_is_under_way_is_not_waited_for_on_a_worker_of_the_runtime() {
        let poller = poller(1);
        let engine = Arc::clone(&poller.engine);
        let held = lock(&engine);
        let mut asked = Box::pin(poller.with_engine(|engine| engine.projects()));
        assert_eq!((&mut asked).now_or_never(), None);
        drop(held);
        assert_eq!(asked.await, 1);
    }
}
