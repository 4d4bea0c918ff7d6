//! One GitLab at one replica: it shows what is published, and stands for the lease whenever nobody holds it.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::shown::{Reader, Shown};
use super::status::StandingStatus;
use super::version::{Fetched, Version};
use super::{Held, Replicas, called};
use crate::app::own_status::Asked;
use crate::cluster::{Error, Known, Lease, Seat};
use crate::config::Instance;
use crate::export::TextsRenderer;
use crate::gitlab::Client;
use crate::lock::lock;
use crate::metrics::EnabledMetrics;
use crate::poll::{Inbox, Polled, Progress, State};

/// How often the engine is looked at where it does not say that something happened.
const LOOK: Duration = Duration::from_secs(1);

/// Why a term ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The replica was told to end.
    AsTold,
    /// The lease is over, or was given up.
    Lost,
}

/// One GitLab at one replica.
pub struct Standing {
    pub(super) replicas: Arc<Replicas>,
    pub(super) instance: Instance,
    /// Its name, where there are several to tell apart.
    pub(super) name: Option<Arc<str>>,
    /// What it is called in the engine.
    pub(super) called: String,
    pub(super) client: Client,
    pub(super) enabled: EnabledMetrics,
    pub(super) progress: Arc<Progress>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) seat: Seat,
    pub(super) renderer: Option<Arc<Mutex<TextsRenderer>>>,
    pub(super) shown: watch::Sender<Shown>,
    pub(super) status: Arc<StandingStatus>,
    /// Reads versions of other replicas.
    reader: Reader,
    /// Whose the token is, once that is known.
    pub(super) user: Mutex<Option<u64>>,
    /// A version that this bridge can't go on from, so that others are to.
    pub(super) not_for_us: Mutex<Option<(u64, u64)>>,
}

impl Standing {
    /// Stands for a GitLab.
    ///
    /// # Errors
    /// If the instruments can't be built.
    pub fn new(
        replicas: &Arc<Replicas>,
        instance: Instance,
        name: Option<Arc<str>>,
        client: Client,
    ) -> anyhow::Result<Standing> {
        let called = called(&instance, name.as_deref());
        let enabled = replicas.enabled.with_cadence(&instance.poll.cadence);
        let renderer = replicas
            .is_scraped
            .then(|| TextsRenderer::build(&replicas.resource, enabled.clone(), &replicas.memory));
        let renderer = renderer.transpose()?;
        let reader = reader(&instance, &client, &enabled);
        Ok(Standing {
            seat: replicas.engine().seat(&called),
            replicas: Arc::clone(replicas),
            instance,
            name,
            called,
            client,
            enabled,
            progress: Arc::default(),
            inbox: Arc::default(),
            renderer: renderer.map(|renderer| Arc::new(Mutex::new(renderer))),
            shown: watch::Sender::default(),
            status: Arc::default(),
            reader,
            user: Mutex::default(),
            not_for_us: Mutex::default(),
        })
    }

    /// Goes on counting, and showing, where another one of this process did.
    #[must_use]
    pub fn in_place_of(self, asked: &Asked, inbox: &Arc<Inbox>, shown: Shown) -> Standing {
        self.client.take_over_counts(&asked.client);
        self.client.take_over_limits(&asked.client);
        let status = asked.standing.as_ref().map(Arc::clone);
        self.shown.send_replace(shown);
        Standing {
            progress: Arc::clone(&asked.progress),
            inbox: Arc::clone(inbox),
            status: status.unwrap_or_default(),
            ..self
        }
    }

    /// Who is asked.
    pub fn asked(&self) -> Asked {
        Asked {
            name: self.name.clone(),
            client: self.client.clone(),
            interval: self.instance.poll.rhythm.interval,
            progress: Arc::clone(&self.progress),
            standing: Some(Arc::clone(&self.status)),
        }
    }

    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// What is shown.
    pub fn shown(&self) -> watch::Receiver<Shown> {
        self.shown.subscribe()
    }

    /// Follows and leads, until told to end: then a lease is given up.
    pub async fn run(self, end: CancellationToken) {
        loop {
            let (lease, held) = tokio::select! {
                led = self.stand_by() => led,
                () = self.forward_hints() => return,
                () = end.cancelled() => return,
            };
            let led = AssertUnwindSafe(self.lead(&lease, held, &end)).catch_unwind();
            match led.await {
                Ok(Ended::AsTold) => return,
                Ok(Ended::Lost) => {}
                Err(_) => self.broke_off(&lease).await,
            }
        }
    }

    /// Leaves a lease to others, or to another try, after something panicked: that is logged where it happens.
    async fn broke_off(&self, lease: &Lease) {
        self.progress.note_panic();
        self.progress.rests();
        self.status.leads_no_more();
        let _ = lease.resign().await; // Else it ends by itself.
        tracing::error!(
            gitlab = self.called,
            "reading GitLab broke off and is begun anew: please report this"
        );
        sleep(LOOK).await;
    }

    /// Shows what is published, until this replica is to lead.
    async fn stand_by(&self) -> (Lease, Held) {
        let mut free_since = None;
        loop {
            self.follow().await;
            if let Some(led) = self.contended(&mut free_since).await {
                return led;
            }
            self.seat.stirred(LOOK).await;
        }
    }

    /// Shows the newest version, if that is another one than before.
    async fn follow(&self) {
        let newest = self.replicas.status().noted(self.seat.newest().await);
        if let Some(Some((token, version))) = newest {
            self.status.published(token, version);
            if (token, version) > self.shown.borrow().order() {
                self.fetch().await;
            }
        }
        let (_, number) = self.shown.borrow().order();
        self.replicas
            .status()
            .noted(self.seat.note_seen(number).await);
    }

    /// Shows the engine's newest version, if that is newer than what is shown. Returns what orders it; none if
    /// the engine does not answer.
    pub(super) async fn fetch(&self) -> Option<Option<(u64, u64)>> {
        let status = self.replicas.status();
        let Some(head) = status.noted(self.seat.head().await)? else {
            return Some(None);
        };
        let (order, held) = ((head.token, head.version), self.shown.borrow().clone());
        if order > held.order() {
            let fetched = Version::fetch(&self.seat, head, held.version.as_deref()).await;
            match status.noted(fetched)? {
                Fetched::Whole(version) => self.show(*version),
                Fetched::Unreadable => *lock(&self.not_for_us) = Some(order),
                Fetched::Gone => {}
            }
        }
        Some(Some(order))
    }

    /// Shows a version that another replica has published.
    fn show(&self, version: Version) {
        let Some(texts) = version.texts() else {
            *lock(&self.not_for_us) = Some(version.order());
            tracing::error!(
                version = version.number,
                "the texts of a published version can't be put together, so an older one is shown"
            );
            return;
        };
        if !version.is_of_use() && self.may_lead() {
            tracing::warn!(
                gitlab = self.called,
                version = version.number,
                "a newer bridge has published in a form that this one can't go on from: it shows what is published, \
                 and leaves reading GitLab to newer replicas"
            );
        }
        self.status.shows(&version);
        let catalogue = self.enabled.catalogue;
        let shown = Shown::of_another(texts, version, catalogue, &self.reader);
        self.shown.send_replace(shown);
    }

    /// Stands for the lease once. Who holds others lets those go first who hold fewer, so that several GitLabs
    /// spread over the replicas.
    async fn contended(&self, free_since: &mut Option<Instant>) -> Option<(Lease, Held)> {
        /// For each lease that is held already.
        const COURTESY: Duration = Duration::from_secs(1);
        // One after another, so that each counts what this replica got just before.
        let _turn = self.replicas.lasting.turn.lock().await;
        let held = self.replicas.held();
        let holder = self.replicas.status().noted(self.seat.holder().await);
        self.status
            .is_led_by(holder.as_ref().and_then(Option::as_deref));
        if holder?.is_some() {
            *free_since = None;
            return None;
        }
        if held > 0 {
            let since = *free_since.get_or_insert_with(Instant::now);
            if since.elapsed() < COURTESY * held {
                return None;
            }
        }
        if !self.may_lead() {
            return None;
        }
        let (token, version) = self.shown.borrow().order();
        let contended = self.seat.contend(Known { token, version }).await;
        let lease = self.replicas.status().noted(contended)??;
        Some((lease, self.replicas.hold()))
    }

    /// Whether this bridge can go on from what is published.
    pub(super) fn may_lead(&self) -> bool {
        let not_for_us = *lock(&self.not_for_us);
        let shown = self.shown.borrow();
        let is_of_use = shown
            .version
            .as_ref()
            .is_none_or(|version| version.is_of_use());
        is_of_use && not_for_us.is_none_or(|order| order < shown.order())
    }

    /// Leaves in the engine what is hinted at here, as long as another replica leads.
    async fn forward_hints(&self) {
        loop {
            self.inbox.arrival().await;
            let words = self.inbox.take().words();
            while let Err(error) = self.seat.hint(&words).await {
                if !matches!(error, Error::Away(_)) {
                    break; // It is logged where it is asked more often.
                }
                sleep(LOOK).await;
            }
        }
    }
}

/// Reads versions as a poller would that goes on from them.
fn reader(instance: &Instance, client: &Client, enabled: &EnabledMetrics) -> Reader {
    let (config, client, enabled) = (instance.poll.clone(), client.clone(), enabled.clone());
    Arc::new(move |version| {
        let polled = Polled::new(client.url(), &config, &enabled);
        let state = State::read(&version.state(), &polled);
        let state = state.inspect_err(|error| {
            tracing::warn!(%error, "what is known of each project can't be read from what is published");
        });
        let poller = config.clone().build(client.clone(), enabled.clone());
        Some(poller.go_on(state.ok()?).last())
    })
}
