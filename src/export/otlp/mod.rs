//! Pushes views over OTLP, batch by batch.
//!
//! The SDK collects and its own conversion makes the messages; our loop drives it and our transport
//! sends them. The SDK's periodic reader would send one message of any size, wait a whole interval before
//! the first, and hold up a shutdown; its exporter would swallow what receivers say, and send again what
//! they have refused.

mod beginnings;
mod config;
mod drain;
mod ended;
mod flagged;
mod gone;
mod grpc;
mod hint;
mod http;
mod job_attribute;
mod names;
mod outcome;
mod own_since;
mod queue;
mod reader;
mod rhythm;
mod sender;
mod takeover;
mod tally;
mod words;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::beginnings::Beginnings;
use self::ended::PushedEnded;
use self::gone::{Gone, OwnSeries};
use self::outcome::{Outcome, Why};
use self::own_since::OwnSince;
use self::queue::{Queue, now};
use self::reader::SharedReader;
use self::rhythm::Rhythm;
use self::sender::Sender;
use self::tally::Tally;
use super::batches::{Batch, Bounds, batches, halves};
use super::meter::{Instruments, ViewBatch};
use super::{Health, Introspect, Views};
use crate::lock::lock;
use crate::metrics::{BridgeStatus, EnabledMetrics, View};

pub use config::{Compression, NO_LIMIT, OtlpConfig, Protocol, Temporality};
pub use job_attribute::JobAttribute;
pub use names::Names;
pub use queue::QueueConfig;

impl OtlpConfig {
    /// Builds the exporter; it connects when it first pushes. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a certificate or key can't be read or a header is not valid.
    pub fn build(&self, resource: Resource, shown: EnabledMetrics) -> Result<Otlp> {
        Otlp::build(self, resource, shown)
    }
}

/// The OTLP exporter of the bridge.
pub struct Otlp {
    sender: Arc<Sender>,
    /// Where messages wait while the receiver is away, if they do.
    queue: Option<Arc<Queue>>,
    /// The endpoint as it may be shown.
    endpoint: Url,
    gone: Gone,
    job_attribute: JobAttribute,
    names: Names,
    own_since: Mutex<OwnSince>,
    last: Mutex<LastPush>,
    gitlab: Arc<Collector<ViewBatch>>,
    ended: Arc<Mutex<PushedEnded>>,
    bridge: Arc<Collector<BridgeStatus>>,
    shown: EnabledMetrics,
    interval: Duration,
    export_timeout: Duration,
    health: Arc<Health>,
    may_push: MayPush,
}

/// Whether this process may push at this moment.
pub type MayPush = Arc<dyn Fn() -> bool + Send + Sync>;

/// A reader and the instruments it reads.
struct Collector<T> {
    reader: SharedReader,
    instruments: Instruments<T>,
}

/// What was pushed last, taken or not: what is not in the next push has ended.
#[derive(Default)]
struct LastPush {
    view: Option<Arc<View>>,
    /// What showed the view, if that was another exporter.
    gone: Option<Gone>,
    bridge: OwnSeries,
    /// What the own series were made of.
    status: Option<BridgeStatus>,
    /// Messages that end series and were not taken yet.
    waiting: VecDeque<Bytes>,
}

/// What became of a message of an export.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// At the most some of its points were rejected, which are not to be sent again.
    Taken,
    /// It will never be taken as it is.
    Refused,
    /// It waits in the queue.
    Kept,
    /// It was not taken for now.
    Lost,
}

impl Otlp {
    /// How long the last push may take once the bridge is told to stop.
    const LAST_PUSH: Duration = Duration::from_secs(3);
    /// How many bytes of messages that end series may wait for a receiver that is away.
    const MOST_WAITING: usize = 8 << 20;

    fn build(config: &OtlpConfig, resource: Resource, shown: EnabledMetrics) -> Result<Otlp> {
        let sender = Sender::build(config)?;
        let shown = config.names.of(shown.under_own_names());
        let reader = || SharedReader::new(config.temporality);
        let (of_gitlab, of_bridge) = (reader(), reader());
        let ended = PushedEnded::new(&shown, resource.clone(), config.temporality);
        let job_attribute = config.job_attribute.unwrap_or_default();
        let names = config.names;
        let gone = Gone::new(
            &shown,
            resource.clone(),
            config.temporality,
            job_attribute,
            names,
        );
        let shown = shown.only(|metric| !metric.counts_ended());
        let gitlab = Instruments::about_gitlab(of_gitlab.clone(), resource.clone(), &shown);
        let bridge = Instruments::about_bridge(of_bridge.clone(), resource, &shown);
        Ok(Otlp {
            sender: Arc::new(sender),
            queue: None,
            endpoint: config.shown_endpoint(),
            gone,
            job_attribute,
            names,
            own_since: Mutex::new(OwnSince::now(config.temporality)),
            last: Mutex::default(),
            gitlab: Arc::new(Collector {
                reader: of_gitlab,
                instruments: gitlab,
            }),
            ended: Arc::new(Mutex::new(ended)),
            bridge: Arc::new(Collector {
                reader: of_bridge,
                instruments: bridge,
            }),
            shown,
            interval: config.interval,
            export_timeout: config.export_timeout,
            health: Arc::new(Health::new("otlp")),
            may_push: Arc::new(|| true),
        })
    }

    /// Lets messages wait on disk while the receiver is away: in the folder that is configured, else next to
    /// the state file, if there is one.
    pub fn beside(mut self, config: &OtlpConfig, state: Option<&Path>) -> Otlp {
        let beside = state.map(Self::queue_beside);
        let folder = config.queue.path.clone().or(beside);
        let Some(folder) = folder.filter(|_| config.queue.enabled) else {
            return self;
        };
        let (endpoint, health) = (config.shown_endpoint(), Arc::clone(&self.health));
        match Queue::open(folder.clone(), &config.queue, endpoint.as_str(), health) {
            Ok(queue) => {
                let messages = queue.len();
                if messages > 0 {
                    tracing::info!(
                        messages,
                        "an earlier process has left messages for the OTLP receiver"
                    );
                }
                self.queue = Some(Arc::new(queue));
            }
            Err(error) => tracing::warn!(
                %error,
                folder = %folder.display(),
                "the OTLP queue can't be used: what a receiver that is away does not take is not kept"
            ),
        }
        self
    }

    /// Where messages wait next to a state file.
    pub fn queue_beside(state: &Path) -> PathBuf {
        let mut folder = state.as_os_str().to_owned();
        folder.push(".otlp-queue");
        folder.into()
    }

    /// Goes on counting for another one.
    #[must_use]
    pub fn counting(self, health: Arc<Health>) -> Otlp {
        Otlp { health, ..self }
    }

    /// Pushes only while it may: what was collected before is sent, and bears that time, or is dropped.
    #[must_use]
    pub fn only_while(self, may_push: MayPush) -> Otlp {
        Otlp { may_push, ..self }
    }

    /// How the exports go.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Pushes every interval, right after the first poll of each GitLab, and once more when told to
    /// stop. While the receiver is away it tries again sooner, unless the receiver says when. What waits
    /// is delivered beside that.
    pub async fn run(self, views: Views, introspect: Introspect, stop: CancellationToken) {
        let never = CancellationToken::new();
        self.run_until_left(views, introspect, stop, never).await;
    }

    /// Like [`Otlp::run`]; told to `leave`, it lets the push under way end and leaves the next one to another
    /// exporter.
    pub async fn run_until_left(
        &self,
        mut views: Views,
        introspect: Introspect,
        stop: CancellationToken,
        leave: CancellationToken,
    ) {
        let live = Arc::new(watch::Sender::new(false));
        let draining = self.queue.clone().map(|queue| {
            let draining = drain::drain(Arc::clone(&self.sender), queue, Arc::clone(&live));
            AbortOnDrop(tokio::spawn(draining))
        });
        let mut rhythm = Rhythm::begin(self.interval);
        let mut known = 0;
        loop {
            tokio::select! {
                () = sleep_until(rhythm.next) => {}
                Ok(_) = views.wait_for(|view| view.known() > known) => {}
                () = stop.cancelled() => break,
                () = leave.cancelled() => match stop.is_cancelled() {
                    true => break,
                    false => return,
                },
            }
            let started = Instant::now();
            let view = views.borrow_and_update().clone();
            let turn = Turn {
                is_due: started >= rhythm.due || view.known() > known,
                until: Some(started + self.export_timeout),
            };
            known = view.known();
            let tally = tokio::select! {
                tally = self.push_within(&view, &introspect, turn) => tally,
                () = stop.cancelled() => break,
                () = left(&leave) => match stop.is_cancelled() {
                    true => break,
                    false => return,
                },
            };
            live.send_replace(!tally.is_away);
            let closed_until = self.sender.closed_until();
            rhythm.went(
                started,
                turn.is_due,
                tally.is_away,
                closed_until,
                self.queue.is_some(),
            );
            self.tell(&tally, rhythm.next);
        }
        drop(draining);
        let view = views.borrow().clone();
        if view.known() > 0 {
            self.push_last(&view, &introspect).await;
        }
    }

    async fn push_last(&self, view: &Arc<View>, introspect: &Introspect) {
        let turn = Turn {
            is_due: true,
            until: Some(Instant::now() + Self::LAST_PUSH),
        };
        let tally = self.push_within(view, introspect, turn).await;
        match tally.outcome() {
            Ok(()) => tracing::info!("last OTLP export done"),
            Err(error) if tally.kept > 0 => {
                tracing::warn!(
                    error,
                    kept = tally.kept,
                    "last OTLP export waits in the queue"
                );
            }
            Err(error) => tracing::warn!(error, "last OTLP export failed"),
        }
    }

    /// Says once why an export was not taken.
    fn tell(&self, tally: &Tally, next: Instant) {
        let Err(error) = tally.outcome() else {
            return;
        };
        let again = next.saturating_duration_since(Instant::now());
        let again = again.as_secs_f64().round() as u64;
        match (&self.queue, tally.is_away) {
            (Some(queue), true) => {
                let waiting = queue.len();
                tracing::warn!(
                    error,
                    again_in_seconds = again,
                    waiting,
                    "OTLP export failed; what was due waits in the queue"
                );
            }
            (None, true) => {
                tracing::warn!(
                    error,
                    again_in_seconds = again,
                    "OTLP export failed; will try again with fresh values"
                );
            }
            (_, false) => tracing::warn!(
                error,
                "OTLP export failed; what was refused is not sent again"
            ),
        }
    }

    /// Pushes one view and the bridge's own metrics.
    ///
    /// # Errors
    /// Why the target did not take all of it.
    pub async fn push(&self, view: &Arc<View>, introspect: &Introspect) -> Result<(), String> {
        let turn = Turn {
            is_due: true,
            until: None,
        };
        self.push_within(view, introspect, turn).await.outcome()
    }

    async fn push_within(&self, view: &Arc<View>, introspect: &Introspect, turn: Turn) -> Tally {
        let mut export = Export {
            otlp: self,
            view,
            turn,
            tally: Tally::default(),
        };
        if let Err(text) = export.send_all(introspect).await {
            export.tally.failed(Why { text, hint: None });
        }
        self.health.note(&export.tally.outcome());
        export.tally
    }

    /// The bytes of a message about GitLab.
    fn encoded(&self, metrics: &ResourceMetrics, beginnings: Option<&Beginnings>) -> Bytes {
        let mut message = ExportMetricsServiceRequest::from(metrics);
        if let Some(beginnings) = beginnings {
            beginnings.correct(&mut message);
        }
        self.job_attribute.rename(&mut message);
        self.names.finish(&mut message);
        message.encode_to_vec().into()
    }

    fn last(&self) -> MutexGuard<'_, LastPush> {
        lock(&self.last)
    }

    fn lock_ended(&self) -> MutexGuard<'_, PushedEnded> {
        lock(&self.ended)
    }
}

/// Ends once a push under way has had its time after we were told to leave.
async fn left(leave: &CancellationToken) {
    leave.cancelled().await;
    sleep(Otlp::LAST_PUSH).await;
}

/// Ends a task when it is not needed any more.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why and how long an export is made.
#[derive(Clone, Copy)]
struct Turn {
    /// Whether it is due; else it only looks whether the receiver is there again.
    is_due: bool,
    /// When it has to end, if it has to.
    until: Option<Instant>,
}

/// One export on its way.
struct Export<'a> {
    otlp: &'a Otlp,
    view: &'a Arc<View>,
    turn: Turn,
    tally: Tally,
}

impl Export<'_> {
    /// Sends all messages. A message that is refused does not stop the others; a receiver that is away
    /// does.
    ///
    /// # Errors
    /// If a part of it can't be made.
    async fn send_all(&mut self, introspect: &Introspect) -> Result<(), String> {
        self.of_ended(PushedEnded::begin).await?;
        self.send_gone().await;
        let (shown, whole) = (self.otlp.shown.clone(), Arc::clone(self.view));
        let batches = computed(move || batches(&shown, &whole, Bounds::DEFAULT)).await?;
        for batch in batches {
            self.send_batch(batch).await?;
        }
        if self.is_over() {
            return Ok(());
        }
        self.send_ended().await?;
        let mut own = self.otlp.shown.metrics.iter();
        match own.any(|metric| !metric.is_about_gitlab()) {
            true => self.send_bridge(introspect(self.view)).await,
            false => Ok(()),
        }
    }

    /// Ends the series about GitLab that have gone since the last push. This comes before the values: of
    /// two names of a thing, a receiver must never hold both.
    async fn send_gone(&mut self) {
        self.send_waiting().await;
        let (last, shown_by) = {
            let last = self.otlp.last();
            (last.view.clone(), last.gone.clone())
        };
        let is_another = |before: &Arc<View>| shown_by.is_some() || !Arc::ptr_eq(before, self.view);
        if let Some(before) = last.filter(is_another) {
            // One message at a time: all series may go at once.
            let (hand, mut handed) = mpsc::channel(1);
            let (gone, after) = (self.otlp.gone.clone(), Arc::clone(self.view));
            let finding = spawn_blocking(move || {
                let mut take = |message| hand.blocking_send(message).is_ok();
                match shown_by {
                    Some(shown_by) => shown_by.replaced_by(&gone, &before, &after, &mut take),
                    None => gone.between(&before, &after, &mut take),
                }
            });
            while let Some(message) = handed.recv().await {
                self.send_or_wait(message).await;
            }
            let _ = finding.await; // It ends with the last message.
        }
        let mut last = self.otlp.last();
        (last.view, last.gone) = (Some(Arc::clone(self.view)), None);
    }

    /// Sends what earlier pushes could not, in order.
    async fn send_waiting(&mut self) {
        loop {
            let first = self.otlp.last().waiting.front().cloned();
            let Some(message) = first else {
                return;
            };
            if self.send(message).await == Fate::Lost {
                return;
            }
            self.otlp.last().waiting.pop_front();
        }
    }

    /// Sends the bridge's own metrics, and ends those of its series that have gone since they were last
    /// taken.
    async fn send_bridge(&mut self, status: BridgeStatus) -> Result<(), String> {
        let now = self.otlp.gone.own_series(&status);
        let bridge = collected(&self.otlp.bridge, status.clone()).await??;
        let mut message = ExportMetricsServiceRequest::from(&bridge);
        lock(&self.otlp.own_since).correct(&mut message);
        lock(&self.otlp.own_since).pushed();
        self.otlp.last().status = Some(status);
        let gone = &self.otlp.gone;
        gone.of_bridge(&self.otlp.last().bridge, &now, &mut message);
        self.otlp.names.finish(&mut message);
        match self.send(message.encode_to_vec().into()).await {
            Fate::Taken | Fate::Kept | Fate::Refused => self.otlp.last().bridge = now,
            Fate::Lost => self.otlp.last().bridge.extend(now),
        }
        Ok(())
    }

    /// Sends a message that ends series. If the receiver is away it is kept for the next push, as long as
    /// there is room.
    async fn send_or_wait(&mut self, message: Bytes) {
        match self.send(message.clone()).await {
            Fate::Lost => {
                let mut last = self.otlp.last();
                let waiting: usize = last.waiting.iter().map(Bytes::len).sum();
                if waiting + message.len() <= Otlp::MOST_WAITING {
                    last.waiting.push_back(message);
                }
            }
            // What waits has values from before that: they must not bring a series back.
            Fate::Taken
                if self
                    .otlp
                    .queue
                    .as_ref()
                    .is_some_and(|queue| queue.len() > 0) =>
            {
                self.keep(message).await;
            }
            _ => {}
        }
    }

    /// Sends a batch. What can't be read of it is found by halves and left out: that is logged where it
    /// is read.
    async fn send_batch(&mut self, batch: Batch) -> Result<(), String> {
        let mut left = vec![batch];
        while let Some(batch) = left.pop() {
            if self.is_over() {
                return Ok(());
            }
            let content = ViewBatch {
                view: Arc::clone(self.view),
                batch: batch.clone(),
            };
            match collected(&self.otlp.gitlab, content).await? {
                Ok(metrics) => {
                    self.send(self.otlp.encoded(&metrics, None)).await;
                }
                Err(_) => left.extend(halves(batch).into_iter().flatten()),
            }
        }
        Ok(())
    }

    async fn send_ended(&mut self) -> Result<(), String> {
        let messages = self.of_ended(PushedEnded::collect).await??;
        for (at, (metrics, beginnings)) in messages.into_iter().enumerate() {
            let message = self.otlp.encoded(&metrics, Some(&beginnings));
            // What is refused may be taken as a part of what comes next.
            if [Fate::Taken, Fate::Kept].contains(&self.send(message).await) {
                self.otlp.lock_ended().delivered(at);
            }
        }
        Ok(())
    }

    /// Whether nothing more of it can be sent or kept.
    fn is_over(&self) -> bool {
        !(self.otlp.may_push)() || self.tally.is_away && self.queue().is_none()
    }

    /// Where its messages wait, if they do. An export that is not due is not kept: it would be one too
    /// many.
    fn queue(&self) -> Option<Arc<Queue>> {
        self.otlp.queue.clone().filter(|_| self.turn.is_due)
    }

    async fn send(&mut self, message: Bytes) -> Fate {
        // Asked once the message has its time: a process that was stopped before must not say now what was true then.
        if !(self.otlp.may_push)() {
            return Fate::Lost;
        }
        if self.tally.is_away {
            return self.keep(message).await;
        }
        match self.otlp.sender.send(&message, self.turn.until).await {
            Outcome::Delivered => {
                self.tally.taken();
                Fate::Taken
            }
            Outcome::Partial(why) => {
                self.tally.failed(why);
                Fate::Taken
            }
            Outcome::Refused(why) => {
                self.tally.failed(why);
                Fate::Refused
            }
            Outcome::Later { why, .. } => {
                self.tally.is_away = true;
                self.tally.failed(why);
                self.keep(message).await
            }
        }
    }

    /// Lets a message wait in the queue.
    async fn keep(&mut self, message: Bytes) -> Fate {
        let Some(queue) = self.queue() else {
            return Fate::Lost;
        };
        match computed(move || queue.add(&message, now())).await {
            Ok(true) => {
                self.tally.kept += 1;
                Fate::Kept
            }
            _ => Fate::Lost,
        }
    }

    /// Computes something with what has ended of the view.
    async fn of_ended<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&mut PushedEnded, &View) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (ended, view) = (Arc::clone(&self.otlp.ended), Arc::clone(self.view));
        computed(move || {
            let mut ended = lock(&ended);
            compute(&mut ended, &view)
        })
        .await
    }
}

/// What the instruments show of some content. The inner error is about that content alone.
async fn collected<T>(
    from: &Arc<Collector<T>>,
    content: T,
) -> Result<Result<ResourceMetrics, String>, String>
where
    T: Default + Send + 'static,
{
    let from = Arc::clone(from);
    computed(move || {
        let mut metrics = ResourceMetrics::default();
        let collected = from
            .instruments
            .collect(content, || from.reader.collect(&mut metrics))?;
        collected.map_err(|error| error.to_string())?;
        Ok(metrics)
    })
    .await
}

/// What takes milliseconds of computing, too long for the runtime's workers. Fails if it panics.
async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let computed = spawn_blocking(compute).await;
    computed.map_err(|error| error.to_string())
}
