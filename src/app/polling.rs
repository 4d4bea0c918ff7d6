//! The GitLabs that are polled by the running bridge: each on its own, so that a reload replaces those whose
//! settings have changed and leaves the others alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use futures::future::select_all;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::own_status::Asked;
use super::part::Part;
use super::polled_gitlabs::{PolledGitLab, polled, span};
use super::replicas::{Replicas, Shown, Standing};
use super::texts::AllTexts;
use super::webhooks::HintInbox;
use crate::config::{Config, Instance};
use crate::gitlab::Client;
use crate::metrics::{EnabledMetrics, GitLabView, Snapshot, View};
use crate::poll::{Checkpoint, HandedOver, Inbox};

/// The GitLabs that are polled, in the order of the configuration.
pub struct Polling {
    gitlabs: Vec<Running>,
    /// What puts their snapshots into the view of all.
    joins: JoinSet<()>,
    publish: watch::Sender<Arc<View>>,
    /// What is shown of each by several replicas.
    texts: watch::Sender<Arc<AllTexts>>,
    /// The clients of GitLabs that are not polled any more: what was spent there stays spent.
    retired: Vec<Client>,
}

/// A GitLab that is polled.
struct Running {
    instance: Instance,
    asked: Asked,
    inbox: HintInbox,
    snapshots: Snapshots,
    part: Part<Option<HandedOver>>,
}

/// What one leaves that does not stay.
struct LeftGitLab {
    asked: Asked,
    inbox: Arc<Inbox>,
    /// What it showed, where several replicas show the same.
    shown: Shown,
    handed: Option<HandedOver>,
}

/// Where its snapshots come from.
#[derive(Clone)]
enum Snapshots {
    /// From a poller of this process.
    Polled(watch::Receiver<Arc<Snapshot>>),
    /// From whichever replica leads, with the texts that are shown.
    Published(watch::Receiver<Shown>),
}

/// What becomes of the GitLabs at a reload, in the order of the new configuration.
pub struct Planned(Vec<PlannedGitLab>);

#[expect(
    clippy::large_enum_variant,
    reason = "there are as many as GitLabs, and most of them begin"
)]
enum PlannedGitLab {
    /// Nothing about it has changed: the one at that place goes on.
    Stays(usize),
    /// It begins, in place of the one at that place if there is one.
    Begins {
        instance: Instance,
        built: PolledGitLab,
        before: Option<usize>,
        /// The file to keep, where it is another one than before.
        state: Option<Checkpoint>,
    },
    /// The same where several replicas stand for it.
    Stands {
        instance: Instance,
        standing: Standing,
        before: Option<usize>,
    },
}

impl Polling {
    /// Polls nothing yet.
    pub fn new(publish: watch::Sender<Arc<View>>) -> Polling {
        Polling {
            gitlabs: Vec::new(),
            joins: JoinSet::new(),
            publish,
            texts: watch::Sender::default(),
            retired: Vec::new(),
        }
    }

    /// Builds what polls the GitLabs of a configuration. `is_alike` says whether what is measured is as before, and
    /// who pushes it where there are several `replicas`.
    ///
    /// # Errors
    /// For the first that can't be built, with its name. Nothing has changed then.
    pub async fn plan(
        &self,
        config: &Config,
        enabled: &EnabledMetrics,
        is_alike: bool,
        replicas: Option<&Arc<Replicas>>,
    ) -> Result<Planned> {
        let mut planned = Vec::new();
        for (instance, before) in config.instances.iter().zip(self.matched(config)) {
            let name = config.label(instance);
            let stays = before.filter(|before| {
                let before = &self.gitlabs[*before];
                is_alike
                    && before.asked.name.as_deref() == name
                    && before.instance.is_alike(instance)
            });
            planned.push(match stays {
                Some(before) => PlannedGitLab::Stays(before),
                None => {
                    let built = match replicas {
                        Some(replicas) => stands(replicas, instance, name, enabled, before),
                        None => self.built(instance, name, enabled, before).await,
                    };
                    match name {
                        Some(name) => built.with_context(|| name.to_owned())?,
                        None => built?,
                    }
                }
            });
        }
        Ok(Planned(planned))
    }

    /// For each GitLab of a configuration the one that it takes over from: of that name, else at that address.
    fn matched(&self, config: &Config) -> Vec<Option<usize>> {
        let position = |fits: &dyn Fn(&Running) -> bool| self.gitlabs.iter().position(fits);
        let mut taken: Vec<Option<usize>> = Vec::new();
        for instance in &config.instances {
            taken.push(position(&|own| own.instance.name == instance.name));
        }
        for (index, instance) in config.instances.iter().enumerate() {
            let Ok(url) = instance.gitlab.address() else {
                continue;
            };
            if taken[index].is_none() {
                taken[index] = self.gitlabs.iter().enumerate().position(|(place, own)| {
                    own.asked.client.url() == &url && !taken.contains(&Some(place))
                });
            }
        }
        taken
    }

    async fn built(
        &self,
        instance: &Instance,
        name: Option<&str>,
        enabled: &EnabledMetrics,
        before: Option<usize>,
    ) -> Result<PlannedGitLab> {
        let (own, enabled) = (instance.clone(), enabled.clone());
        let label = name.map(str::to_owned);
        let is_kept = before.is_some_and(|before| self.state(before) == own.poll.state.as_deref());
        let is_ours =
            |path: &PathBuf| (0..self.gitlabs.len()).any(|at| self.state(at) == Some(path));
        let to_be_taken = own.poll.state.clone();
        let to_be_taken = to_be_taken.filter(|path| !is_kept && !is_ours(path));
        let takes_over = before.is_some();
        let built = spawn_blocking(move || -> Result<_> {
            if !takes_over {
                // Reading and taking over a large state takes a while.
                return Ok((
                    PolledGitLab::resume(&own, label.as_deref(), &enabled)?,
                    None,
                ));
            }
            let built = PolledGitLab::build(&own, label.as_deref(), &enabled)?;
            let state = to_be_taken
                .map(|path| anew(&path, &own, &enabled))
                .transpose()?;
            Ok((built, state))
        });
        let (built, state) = built
            .await
            .context("going on where an earlier process ended")??;
        Ok(PlannedGitLab::Begins {
            instance: instance.clone(),
            built,
            before,
            state,
        })
    }

    /// The file that the GitLab at that place keeps.
    fn state(&self, place: usize) -> Option<&Path> {
        self.gitlabs[place].instance.poll.state.as_deref()
    }

    /// Lets begin what is planned, in place of what was polled so far. Polls that are under way there are given
    /// a moment to end. Returns how often polls broke off of those that are gone.
    pub async fn begin(
        &mut self,
        planned: Planned,
        enabled: &EnabledMetrics,
        stop: &CancellationToken,
    ) -> u64 {
        let (mut before, mut left) = self.leave(&planned).await;
        let mut gitlabs = Vec::new();
        for own in planned.0 {
            gitlabs.push(match own {
                PlannedGitLab::Stays(place) => before.remove(&place),
                PlannedGitLab::Begins {
                    instance,
                    built,
                    before,
                    state,
                } => {
                    let left = before.and_then(|before| left.remove(&before));
                    let handed = left.and_then(|left| left.handed);
                    let built = self
                        .succeeding(&instance, built, handed, state, enabled)
                        .await;
                    Some(Running::start(instance, built, stop))
                }
                PlannedGitLab::Stands {
                    instance,
                    standing,
                    before,
                } => {
                    let left = before.and_then(|before| left.remove(&before));
                    let standing = match left {
                        Some(left) => standing.in_place_of(&left.asked, &left.inbox, left.shown),
                        None => standing,
                    };
                    Some(Running::stand(instance, standing, stop))
                }
            });
        }
        let mut broken = 0;
        for mut gone in left.into_values().filter_map(|left| left.handed) {
            gone.close_state().await;
            broken += gone.panics();
            self.retired.push(gone.client().clone());
        }
        self.gitlabs = gitlabs.into_iter().flatten().collect();
        self.show();
        self.join();
        broken
    }

    /// Tells those to end that don't stay, and waits for that. Returns who stays, and what the others leave.
    async fn leave(
        &mut self,
        planned: &Planned,
    ) -> (HashMap<usize, Running>, HashMap<usize, LeftGitLab>) {
        let before = std::mem::take(&mut self.gitlabs).into_iter().enumerate();
        let stays = |place: usize| {
            let mut planned = planned.0.iter();
            planned.any(|own| matches!(own, PlannedGitLab::Stays(at) if *at == place))
        };
        let (before, leaving): (Vec<_>, Vec<_>) = before.partition(|(place, _)| stays(*place));
        for (_, running) in &leaving {
            running.part.tell_to_end();
        }
        let mut left = HashMap::new();
        for (place, running) in leaving {
            let snapshots = running.snapshots;
            let handed = running.part.ended().await.flatten();
            let own = LeftGitLab {
                asked: running.asked,
                inbox: running.inbox.inbox,
                shown: snapshots.shown(),
                handed,
            };
            left.insert(place, own);
        }
        self.joins.shutdown().await;
        (before.into_iter().collect(), left)
    }

    /// Shows what is known of each now.
    fn show(&self) {
        let view = Arc::new(self.view());
        let shown = self.gitlabs.iter().map(|own| own.snapshots.shown());
        self.texts.send_replace(Arc::new(AllTexts {
            view: Arc::clone(&view),
            shown: shown.collect(),
        }));
        self.publish.send_replace(view);
    }

    /// What is built, going on where another one or an earlier one of the same GitLab was.
    async fn succeeding(
        &mut self,
        instance: &Instance,
        built: PolledGitLab,
        handed: Option<HandedOver>,
        state: Option<Checkpoint>,
        enabled: &EnabledMetrics,
    ) -> PolledGitLab {
        let url = built.client.url().clone();
        let is_same = handed
            .as_ref()
            .is_some_and(|handed| handed.client().url() == &url);
        if let Some(handed) = &handed {
            built.client.take_over_counts(handed.client());
        }
        match &handed {
            Some(handed) if is_same => built.client.take_over_limits(handed.client()),
            _ => {
                let retired = self.retired.iter().rposition(|client| client.url() == &url);
                if let Some(retired) = retired.map(|place| self.retired.remove(place)) {
                    built.client.take_over_limits(&retired);
                }
            }
        }
        let Some(mut handed) = handed else {
            return built;
        };
        if !is_same {
            self.retired.push(handed.client().clone());
        }
        let path = instance.poll.state.clone();
        if !is_same || handed.state() != path.as_deref() {
            handed.close_state().await;
        }
        let (instance, enabled) = (instance.clone(), enabled.clone());
        let taking = spawn_blocking(move || {
            // Where it is a file of ours, it has just been left.
            let state = state.or_else(|| {
                let path = path.filter(|_| handed.state().is_none())?;
                let opened = anew(&path, &instance, &enabled);
                opened
                    .inspect_err(|error| {
                        tracing::error!(error = format!("{error:#}"), "what is known can't be kept")
                    })
                    .ok()
            });
            PolledGitLab {
                poller: built.poller.take_over(handed, state),
                ..built
            }
        });
        match taking.await {
            Ok(built) => built,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What is known of each now.
    fn view(&self) -> View {
        let gitlabs = self.gitlabs.iter().map(|own| GitLabView {
            name: own.asked.name.clone(),
            snapshot: own.snapshots.now(),
        });
        View {
            gitlabs: gitlabs.collect(),
        }
    }

    /// Puts every snapshot into the view of all from now on.
    fn join(&mut self) {
        for (index, own) in self.gitlabs.iter().enumerate() {
            let publish = self.publish.clone();
            match own.snapshots.clone() {
                Snapshots::Polled(snapshots) => {
                    self.joins.spawn(join(index, snapshots, publish));
                }
                Snapshots::Published(shown) => {
                    let texts = self.texts.clone();
                    self.joins.spawn(join_shown(index, shown, texts, publish));
                }
            }
        }
    }

    /// What several replicas show.
    pub fn texts(&self) -> watch::Receiver<Arc<AllTexts>> {
        self.texts.subscribe()
    }

    /// Who is asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.gitlabs.iter().map(|own| own.asked.clone()).collect()
    }

    /// Where hints about each go.
    pub fn inboxes(&self) -> Vec<HintInbox> {
        self.gitlabs.iter().map(|own| own.inbox.clone()).collect()
    }

    /// Ends when a poller does, which none does by itself.
    pub async fn one_ended(&mut self) {
        let parts = self.gitlabs.iter_mut();
        let ends: Vec<_> = parts.map(|own| Box::pin(own.part.end())).collect();
        if !ends.is_empty() {
            select_all(ends).await;
        }
    }

    /// Waits until all have ended, which were told to, and their last snapshots are published.
    pub async fn ended(mut self) {
        for own in std::mem::take(&mut self.gitlabs) {
            own.part.joined().await;
        }
        while self.joins.join_next().await.is_some() {}
    }
}

impl Running {
    fn start(instance: Instance, built: PolledGitLab, stop: &CancellationToken) -> Running {
        let inbox = HintInbox {
            name: built.name.clone(),
            url: built.client.url().clone(),
            inbox: built.poller.inbox(),
        };
        let asked = Asked {
            name: built.name.clone(),
            client: built.client.clone(),
            interval: built.interval,
            progress: built.poller.progress(),
            standing: None,
        };
        let (publish, snapshots) = watch::channel(built.poller.last());
        let (poller, name, stop) = (built.poller, built.name, stop.clone());
        let parent = stop.clone();
        let part = Part::spawn(&parent, |leave| {
            let polling = poller.run_until_left(publish, stop, leave);
            polling.instrument(span(&name))
        });
        Running {
            instance,
            asked,
            inbox,
            snapshots: Snapshots::Polled(snapshots),
            part,
        }
    }

    fn stand(instance: Instance, standing: Standing, stop: &CancellationToken) -> Running {
        let asked = standing.asked();
        let inbox = HintInbox {
            name: asked.name.clone(),
            url: asked.client.url().clone(),
            inbox: standing.inbox(),
        };
        let (shown, span) = (standing.shown(), span(&asked.name));
        let part = Part::spawn(stop, |end| {
            async move {
                standing.run(end).await;
                None
            }
            .instrument(span)
        });
        Running {
            instance,
            asked,
            inbox,
            snapshots: Snapshots::Published(shown),
            part,
        }
    }
}

impl Snapshots {
    fn now(&self) -> Arc<Snapshot> {
        match self {
            Snapshots::Polled(snapshots) => snapshots.borrow().clone(),
            Snapshots::Published(shown) => Arc::clone(&shown.borrow().snapshot),
        }
    }

    fn shown(&self) -> Shown {
        match self {
            Snapshots::Polled(_) => Shown::default(),
            Snapshots::Published(shown) => shown.borrow().clone(),
        }
    }
}

/// A GitLab that this replica is to stand for.
fn stands(
    replicas: &Arc<Replicas>,
    instance: &Instance,
    name: Option<&str>,
    enabled: &EnabledMetrics,
    before: Option<usize>,
) -> Result<PlannedGitLab> {
    let built = PolledGitLab::build(instance, name, enabled)?;
    let standing = Standing::new(replicas, instance.clone(), built.name, built.client)?;
    Ok(PlannedGitLab::Stands {
        instance: instance.clone(),
        standing,
        before,
    })
}

/// A file for what is known already.
fn anew(path: &Path, instance: &Instance, enabled: &EnabledMetrics) -> Result<Checkpoint> {
    Checkpoint::anew(path, polled(instance, enabled)?).context("opening the state")
}

/// Puts every snapshot of one GitLab into the view of all, until there are no more.
async fn join(
    index: usize,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    publish: watch::Sender<Arc<View>>,
) {
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        publish.send_if_modified(|view| {
            let is_new = !Arc::ptr_eq(&view.snapshot(index), &snapshot);
            if is_new {
                *view = Arc::new(view.with(index, snapshot));
            }
            is_new
        });
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

/// The same with the texts that are shown. What is about the bridge tells of nothing that is not shown yet.
async fn join_shown(
    index: usize,
    mut shown: watch::Receiver<Shown>,
    texts: watch::Sender<Arc<AllTexts>>,
    publish: watch::Sender<Arc<View>>,
) {
    loop {
        let now = shown.borrow_and_update().clone();
        texts.send_modify(|all| *all = Arc::new(all.with(index, &now)));
        publish.send_modify(|view| *view = Arc::new(view.with(index, Arc::clone(&now.snapshot))));
        if shown.changed().await.is_err() {
            return;
        }
    }
}
