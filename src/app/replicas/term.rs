//! The time in which this replica holds a lease: it goes on from what is published, reads GitLab, publishes and
//! pushes, until it is told to end or the lease is over.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Held;
use super::publisher::Publisher;
use super::pushing::Pushing;
use super::spending::Spending;
use super::standing::{Ended, Standing};
use super::version::Version;
use crate::cluster::Lease;
use crate::lock::lock;
use crate::metrics::View;
use crate::poll::{Outlet, Polled, Poller, State, Unusable};

/// A replica can't lead with what is published.
struct CantLead;

impl Standing {
    /// Leads until told to end, or until the lease is over.
    pub(super) async fn lead(&self, lease: &Lease, held: Held, end: &CancellationToken) -> Ended {
        /// How long giving the lease up may take.
        const PATIENCE: Duration = Duration::from_secs(1);
        self.status
            .leads(self.replicas.engine().replica(), lease.token());
        tracing::info!(
            gitlab = self.called,
            token = lease.token(),
            "this replica reads GitLab from now on"
        );
        let ended = tokio::select! {
            ended = self.term(lease, end) => ended,
            () = lease.over() => Ended::Lost,
        };
        self.progress.rests();
        self.status.leads_no_more();
        drop(held);
        if lease.is_over() {
            tracing::warn!(
                gitlab = self.called,
                "the lease is over, so another replica reads GitLab"
            );
        } else {
            let resigned = timeout(PATIENCE, lease.resign()).await;
            tracing::info!(
                gitlab = self.called,
                at_once = matches!(resigned, Ok(Ok(()))),
                "this replica leaves reading GitLab to another"
            );
        }
        ended
    }

    async fn term(&self, lease: &Lease, end: &CancellationToken) -> Ended {
        /// So long nothing else is asked until it is known whose the token is.
        const FIRST: Duration = Duration::from_secs(5);
        let (pushed, views) = watch::channel(Arc::<View>::default());
        let publisher = self.publisher(lease, &pushed);
        let going_on = async {
            let newest = self.newest(&publisher).await?;
            self.poller(newest.as_deref()).await
        };
        let poller = tokio::select! {
            poller = going_on => poller,
            () = end.cancelled() => return Ended::AsTold,
        };
        let Ok(poller) = poller else {
            return Ended::Lost;
        };
        if poller.last().report.is_some() {
            let view = View::of_one(self.name.clone(), poller.last());
            pushed.send_replace(Arc::new(view));
        }
        let user = *lock(&self.user);
        let spending = Spending::begin(lease, &self.client, user);
        // What has ended may be waited for again.
        let mut learning = Box::pin(self.learn_user(&spending).fuse());
        tokio::select! {
            _ = timeout(FIRST, &mut learning) => {}
            () = end.cancelled() => return Ended::AsTold,
        }
        let pushing = Pushing::begin(&self.replicas, lease, &self.instance, &self.called, views);
        let (stop, never) = (end.child_token(), CancellationToken::new());
        let polling = poller.run_until_left(Outlet::Stored(publisher), stop.clone(), never);
        let mut polling = Box::pin(polling);
        tokio::select! {
            _ = &mut polling => {}
            () = async { learning.await; pending().await } => {}
            () = self.take_hints(lease) => {}
            () = self.has_too_many() => {
                stop.cancel();
                polling.await;
            }
        }
        pushing.end().await;
        match end.is_cancelled() {
            true => Ended::AsTold,
            false => Ended::Lost,
        }
    }

    fn publisher(&self, lease: &Lease, pushed: &watch::Sender<Arc<View>>) -> Arc<Publisher> {
        Arc::new(Publisher {
            lease: lease.clone(),
            client: self.client.clone(),
            replica: self.replicas.engine().replica().to_owned(),
            name: self.name.clone(),
            renderer: self.renderer.clone(),
            shown: self.shown.clone(),
            pushed: pushed.clone(),
            status: Arc::clone(&self.status),
        })
    }

    /// Ends when this replica holds more leases than its share and should leave this one to another.
    async fn has_too_many(&self) {
        const LOOK: Duration = Duration::from_secs(5);
        loop {
            sleep(LOOK.mul_f64(1.0 + fastrand::f64())).await;
            let replicas = self.replicas.status().noted(self.seat.replicas().await);
            if replicas.is_some_and(|replicas| self.replicas.leaves_one(replicas, &self.called)) {
                return;
            }
        }
    }

    async fn learn_user(&self, spending: &Spending) {
        if lock(&self.user).is_none() {
            let user = spending.learn_user(&self.client).await;
            *lock(&self.user) = Some(user);
        }
    }

    /// The newest version there is: the one in the engine, or the one that is shown here if the engine has lost it.
    async fn newest(&self, publisher: &Publisher) -> Result<Option<Arc<Version>>, CantLead> {
        const AGAIN: Duration = Duration::from_millis(250);
        loop {
            let stored = self.fetch().await;
            if !self.may_lead() {
                return Err(CantLead);
            }
            let held = self.shown.borrow().clone();
            if let Some(stored) = stored.filter(|stored| *stored <= Some(held.order())) {
                let version = held.version.clone();
                if let Some(lost) = version.as_deref()
                    && stored < Some(held.order())
                {
                    publisher.publish_again(&held, lost).await;
                }
                return Ok(version);
            }
            sleep(AGAIN).await;
        }
    }

    /// A poller that goes on from a version, or begins with nothing where there is none of use.
    async fn poller(&self, version: Option<&Version>) -> Result<Poller, CantLead> {
        let config = self.instance.poll.clone();
        let polled = Polled::new(self.client.url(), &config, &self.enabled);
        let state = version.map(|version| (version.order(), version.state()));
        let (client, enabled) = (self.client.clone(), self.enabled.clone());
        let (progress, inbox) = (Arc::clone(&self.progress), Arc::clone(&self.inbox));
        let built = spawn_blocking(move || {
            let poller = config.build(client, enabled).in_place_of(&progress, &inbox);
            match state {
                None => Ok(poller),
                Some((order, state)) => match State::read(&state, &polled) {
                    Ok(state) => Ok(poller.go_on(state)),
                    Err(Unusable::OtherSelection { .. }) => Ok(poller),
                    Err(unusable) => Err((order, unusable)),
                },
            }
        });
        match built.await {
            Ok(Ok(poller)) => Ok(poller),
            Ok(Err((order, unusable))) => {
                tracing::error!(
                    gitlab = self.called,
                    "this replica can't go on from what is published, and leaves that to others: {unusable}"
                );
                *lock(&self.not_for_us) = Some(order);
                Err(CantLead)
            }
            Err(error) => {
                tracing::error!(%error, "what is published can't be gone on from: please report this");
                Err(CantLead)
            }
        }
    }

    /// Takes the hints that other replicas were given.
    async fn take_hints(&self, lease: &Lease) {
        const LOOK: Duration = Duration::from_secs(1);
        loop {
            let subjects = || self.enabled.catalogue.subjects().iter().map(|own| own.name);
            for word in lease.drain().await.unwrap_or_default() {
                self.inbox.put_word(&word, subjects());
            }
            self.seat.stirred(LOOK).await;
        }
    }
}
