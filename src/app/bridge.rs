//! The running bridge: what polls, serves, pushes and takes webhooks. Another configuration takes effect while
//! it runs: parts whose settings have not changed go on untouched, and the others hand over what they know.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use opentelemetry_sdk::Resource;
use tokio::join;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::listening::Listening;
use super::memory;
use super::own_status::{OwnParts, OwnStatus};
use super::part::Part;
use super::polling::Polling;
use super::prepared::{Change, Door, InUse, Prepared};
use super::progress;
use super::reloads::Reloads;
use super::replicas::Replicas;
use super::settings_in_use::SettingsInUse;
use super::systemd::Systemd;
use super::{chosen, life, texts, webhooks};
use crate::config::{Changes, Config};
use crate::export::{
    Endpoints, Health, History, Lifecycle, Otlp, Prometheus, Readiness, Served, Server, Views, Web,
    WithOwners,
};
use crate::gitlab::Clock;
use crate::metrics::explain::Settings;
use crate::metrics::{EnabledMetrics, View};
use crate::webhook::{Counts, Routes, Secrets};

/// The running bridge.
pub struct Bridge {
    config: Config,
    resource: Resource,
    polling: Polling,
    /// What this process shares with other replicas, if it is one.
    replicas: Option<Arc<Replicas>>,
    views: Views,
    explained: Arc<Settings>,
    own: Arc<OwnStatus>,
    reloads: Arc<Reloads>,
    history: Arc<History>,
    settings: SettingsInUse,
    prometheus_health: Arc<Health>,
    otlp_health: Arc<Health>,
    webhook_counts: Arc<Counts>,
    web: Option<Arc<Web>>,
    /// Who takes the requests.
    door: Door,
    /// What is served, for a service that takes the requests.
    routes: Routes,
    /// Whether anything has been served yet.
    is_served: bool,
    listening: Option<Listening>,
    webhook_listening: Option<Listening>,
    prometheus: Option<(Arc<Prometheus>, Part)>,
    otlp: Option<Pushing>,
    console: Option<Part>,
    lifecycle: Lifecycle,
    stop: CancellationToken,
    /// The one in `prometheus`, for those who look at what it shows.
    shown: watch::Sender<Option<Arc<Prometheus>>>,
    /// What runs as long as the bridge.
    beside: Vec<Part>,
    /// What is not needed any more and has its time to end.
    ending: Vec<Part>,
}

/// An exporter at work.
struct Pushing {
    otlp: Arc<Otlp>,
    /// Ends it for good, after a last push.
    stop: CancellationToken,
    part: Part,
}

impl Bridge {
    /// Builds all that the configuration asks for, binds the listeners and starts everything.
    ///
    /// # Errors
    /// If a part can't be built; the message says what to do.
    pub async fn start(config: Config, lifecycle: Lifecycle, door: Door) -> Result<Bridge> {
        let (publish, views) = watch::channel(Arc::<View>::default());
        let reloads = Arc::<Reloads>::default();
        let memory = memory::limit(config.limits.memory);
        let config = memory::limited(config, &memory);
        let mut bridge = Bridge {
            resource: config.export.resource(),
            polling: Polling::new(publish),
            replicas: None,
            views,
            explained: Arc::default(),
            own: Arc::new(OwnStatus::with_reloads(Arc::clone(&reloads), memory)),
            reloads,
            history: Arc::default(),
            settings: SettingsInUse::default(),
            prometheus_health: Arc::new(Health::new("prometheus")),
            otlp_health: Arc::new(Health::new("otlp")),
            webhook_counts: Arc::default(),
            web: None,
            door,
            routes: Routes::new(),
            is_served: false,
            listening: None,
            webhook_listening: None,
            prometheus: None,
            otlp: None,
            console: None,
            lifecycle,
            stop: CancellationToken::new(),
            shown: watch::Sender::default(),
            beside: Vec::new(),
            ending: Vec::new(),
            config,
        };
        let config = bridge.config.clone();
        let prepared = Prepared::new(&bridge.in_use(), config, &mut Changes::default()).await?;
        bridge.take(prepared).await?;
        bridge.log_start();
        let (history, views) = (Arc::clone(&bridge.history), bridge.views.clone());
        let tell = bridge.own.introspect();
        let noting = Part::spawn(&bridge.stop, |end| history.run(views, tell, end));
        bridge.beside.push(noting);
        if door == Door::Own {
            let (polls, views) = (bridge.polling.asked(), bridge.views.clone());
            let polls = polls.into_iter().map(|asked| asked.progress).collect();
            let bar = Part::spawn(&bridge.stop, |end| progress::show(polls, views, end));
            bridge.beside.push(bar);
        }
        Ok(bridge)
    }

    /// What is served now, for the service that takes the requests; a first text can be shown by then.
    pub async fn routes(&self) -> Routes {
        if let Some((prometheus, _)) = &self.prometheus {
            prometheus.begun().await;
        }
        self.routes.clone()
    }

    /// Goes on under another configuration. Returns the settings that changed.
    ///
    /// # Errors
    /// If it can't be used: then nothing has changed.
    pub async fn change_to(&mut self, mut config: Config) -> Result<Changes> {
        let mut changes = self.config.changes(&config);
        // Bridge time goes on as it began, whatever the wall clock shows by now.
        let clock = self.clock();
        for instance in &mut config.instances {
            instance.gitlab.clock = clock.clone();
        }
        let config = memory::limited(config, &self.own.memory);
        let prepared = Prepared::new(&self.in_use(), config, &mut changes).await?;
        self.take(prepared).await?;
        Ok(changes)
    }

    /// Tells systemd how it gets on, from now on.
    pub fn tell_systemd(&mut self, systemd: &Arc<Systemd>) {
        let (systemd, own) = (Arc::clone(systemd), Arc::clone(&self.own));
        let (views, shown) = (self.views.clone(), self.shown.subscribe());
        let shown = move || match shown.borrow().as_ref() {
            Some(prometheus) => prometheus.view(),
            None => views.borrow().clone(),
        };
        let telling = Part::spawn(&self.stop, |stop| life::tell(systemd, own, shown, stop));
        self.beside.push(telling);
    }

    /// Notes how a reload went.
    pub fn note_reload(&self, succeeded: bool) {
        self.reloads.note(succeeded);
    }

    fn in_use(&self) -> InUse<'_> {
        InUse {
            config: &self.config,
            resource: &self.resource,
            polling: &self.polling,
            replicas: self.replicas.as_ref(),
            web: self.web.as_ref(),
            door: self.door,
            listen: self.listening.as_ref().map(|own| &own.listen),
            webhook_listen: self.webhook_listening.as_ref().map(|own| &own.listen),
            is_scraped: self.prometheus.is_some(),
            is_pushed: self.otlp.is_some(),
            prometheus_health: &self.prometheus_health,
            otlp_health: &self.otlp_health,
        }
    }

    fn clock(&self) -> Clock {
        let first = self.config.instances.first();
        first.map_or_else(Clock::system, |first| first.gitlab.clock.clone())
    }

    /// Ends what has to give way, and starts what takes its place. What is served stays as it is until what
    /// comes next can be shown.
    async fn take(&mut self, next: Prepared) -> Result<()> {
        let pushed_before = match &next.otlp {
            Change::Stays => None,
            _ => self.otlp.take(),
        };
        let is_pushed = matches!(next.otlp, Change::Begins(_));
        let shown_before = match &next.prometheus {
            Change::Stays => None,
            _ => self.prometheus.take(),
        };
        if matches!(next.prometheus, Change::Ends) {
            self.shown.send_replace(None);
        }
        let otlp_ended = async {
            let pushing = pushed_before?;
            if !is_pushed {
                pushing.stop.cancel();
            }
            pushing.part.ended().await;
            Some(pushing.otlp)
        };
        let shown_ended = async {
            if let Some((_, part)) = shown_before {
                part.ended().await;
            }
        };
        let (before, ()) = join!(otlp_ended, shown_ended);
        let broken = self
            .polling
            .begin(next.planned, &next.enabled, &self.stop)
            .await;
        self.own.panics.add("poll", broken);
        self.settings.begin_with(&next.config);
        self.config = next.config;
        self.resource = next.resource;
        self.explained = Arc::new(next.explained);
        self.web = next.web;
        self.replicas = next.replicas;
        if let Change::Begins(prometheus) = next.prometheus {
            if self.is_served && self.replicas.is_none() {
                prometheus.start(self.views.borrow().clone()).await;
            }
            self.show(prometheus);
        }
        if let Change::Begins(otlp) = next.otlp {
            self.push(match before {
                Some(before) => otlp.take_over(&before),
                None => otlp,
            });
        }
        self.tell();
        self.print(&next.enabled)?;
        self.serve(next.secrets, next.server, next.webhook_server)
            .await
    }

    fn show(&mut self, prometheus: Arc<Prometheus>) {
        let (shown, views, panics) = (
            Arc::clone(&prometheus),
            self.views.clone(),
            Arc::clone(&self.own.panics),
        );
        // It ends after the pollers, whose last snapshots it keeps.
        let alone = CancellationToken::new();
        let published = self.replicas.as_ref().map(|_| self.polling.texts());
        let part = Part::spawn(&alone, async move |end| match published {
            Some(published) => {
                let part = || texts::show(Arc::clone(&shown), published.clone(), end.clone());
                panics.survived("prometheus", &end, part).await;
            }
            None => {
                let part = || Arc::clone(&shown).run_until(views.clone(), end.clone());
                panics.survived("prometheus", &end, part).await;
            }
        });
        self.shown.send_replace(Some(Arc::clone(&prometheus)));
        self.prometheus = Some((prometheus, part));
    }

    fn push(&mut self, otlp: Otlp) {
        let (otlp, stop) = (Arc::new(otlp), self.stop.child_token());
        let (pushed, views, panics) = (
            Arc::clone(&otlp),
            self.views.clone(),
            Arc::clone(&self.own.panics),
        );
        let (introspect, stopped) = (self.own.introspect(), stop.clone());
        let part = Part::spawn(&stop, async move |leave| {
            let part = || {
                let (introspect, stopped) = (Arc::clone(&introspect), stopped.clone());
                pushed.run_until_left(views.clone(), introspect, stopped, leave.clone())
            };
            panics.survived("otlp", &leave, part).await;
        });
        self.otlp = Some(Pushing { otlp, stop, part });
    }

    /// Tells of the parts as they are now.
    fn tell(&self) {
        let otlp = self.otlp.as_ref().map(|_| Arc::clone(&self.otlp_health));
        let prometheus = self.prometheus.as_ref();
        let prometheus = prometheus.map(|_| Arc::clone(&self.prometheus_health));
        let counts = Arc::clone(&self.webhook_counts);
        self.own.is_about(OwnParts {
            gitlabs: self.polling.asked(),
            exports: otlp.into_iter().chain(prometheus).collect(),
            webhooks: self.config.webhook.enabled.then_some(counts),
            config: self.config.digest(),
            engine: self.replicas.as_ref().map(|own| Arc::clone(own.status())),
        });
    }

    /// Starts the console exporter anew, if there is one.
    fn print(&mut self, enabled: &EnabledMetrics) -> Result<()> {
        self.ending.extend(self.console.take());
        if let Some(every) = self.config.export.console {
            let console = Console {
                prometheus: Arc::new(Prometheus::build(&self.resource, enabled.clone())?),
                introspect: self.own.introspect(),
                every,
            };
            let (views, panics) = (self.views.clone(), Arc::clone(&self.own.panics));
            self.console = Some(Part::spawn(&self.stop, async move |end| {
                let part = || console.run(views.clone(), end.clone());
                panics.survived("console", &end, part).await;
            }));
        }
        Ok(())
    }

    /// Serves what there is now, on listeners that are new and on those that stay.
    async fn serve(
        &mut self,
        secrets: Option<Secrets>,
        server: Option<Server>,
        webhook_server: Option<Server>,
    ) -> Result<()> {
        let hooks = secrets.map(|secrets| {
            let (inboxes, counts) = (self.polling.inboxes(), &self.webhook_counts);
            webhooks::routes(secrets, inboxes, counts, &self.own.memory)
        });
        let own = match self.door {
            Door::Own => webhooks::own_address(&self.config).cloned(),
            Door::Host => None,
        };
        let (beside, apart) = match own {
            Some(_) => (Routes::new(), hooks),
            None => (hooks.unwrap_or_default(), None),
        };
        self.routes = self.endpoints().routes(self.allowed(), beside);
        self.is_served = true;
        let served = self.served(self.routes.clone());
        let begins = self.prometheus.as_ref().map(|(shown, _)| Arc::clone(shown));
        let panics = Arc::clone(&self.own.panics);
        let counted = |server: Server| server.counting(&self.own.connections);
        let (server, webhook_server) = (server.map(counted), webhook_server.map(counted));
        match (server, &self.listening) {
            (Some(server), _) => {
                let listen = self.config.export.listen.clone();
                let new = Listening::start(server, listen, served, begins, &panics, &self.stop)?;
                let old = self.listening.replace(new);
                self.ending.extend(old.map(Listening::into_part));
            }
            (None, Some(listening)) => listening.serve(served),
            (None, None) => {}
        }
        let served = apart.map(|routes| self.served(routes));
        match (served, webhook_server, own) {
            (Some(served), Some(server), Some(listen)) => {
                let new = Listening::start(server, listen, served, None, &panics, &self.stop)?;
                let old = self.webhook_listening.replace(new);
                self.ending.extend(old.map(Listening::into_part));
            }
            (Some(served), None, _) => {
                self.webhook_listening
                    .iter()
                    .for_each(|own| own.serve(served.clone()));
            }
            _ => {
                let old = self.webhook_listening.take();
                self.ending.extend(old.map(Listening::into_part));
            }
        }
        self.ending.retain(|part| !part.has_ended());
        self.ending.iter().for_each(Part::tell_to_end);
        Ok(())
    }

    fn served(&self, router: Routes) -> Served {
        Served {
            router,
            web: self.web.clone(),
            most: webhooks::most_connections(&self.config),
            panics: Arc::clone(&self.own.broken_requests),
        }
    }

    fn endpoints(&self) -> Endpoints {
        let otlp = self.config.export.otlp.as_ref();
        Endpoints {
            prometheus: self.prometheus.as_ref().map(|(shown, _)| Arc::clone(shown)),
            introspect: self.own.introspect(),
            views: self.views.clone(),
            with_owners: self.with_owners(),
            settings: Arc::clone(&self.explained),
            own_apart: self.replicas.is_some(),
            otlp: otlp.map(|_| Arc::clone(&self.otlp_health)),
            readiness: Readiness::new(otlp.map(|otlp| otlp.interval).unwrap_or_default()),
            memory: self.own.memory.clone(),
            history: Arc::clone(&self.history),
            shown_settings: self.settings.rows(&self.config),
        }
    }

    /// Tells of each owner, where that is read by whichever replica leads.
    fn with_owners(&self) -> Option<WithOwners> {
        self.replicas.as_ref()?;
        let texts = self.polling.texts();
        Some(Box::new(move || {
            let all = Arc::clone(&texts.borrow());
            all.with_owners()
        }))
    }

    /// What requests may change.
    fn allowed(&self) -> Lifecycle {
        Lifecycle {
            enabled: self.config.export.lifecycle && self.door == Door::Own,
            ..self.lifecycle.clone()
        }
    }

    /// Tells where the bridge listens, and what it is set up for.
    fn log_start(&self) {
        let summary = chosen::summary(&self.config);
        let address = |own: &Option<Listening>| own.as_ref().map(|own| own.address);
        let listen = address(&self.listening).map(|address| address.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            listen,
            config = summary,
            "starting"
        );
        if let Some(listen) = address(&self.webhook_listening) {
            tracing::info!(%listen, "taking webhooks");
        }
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listening.as_ref().map(|own| own.address)
    }

    /// Ends only if a part does that no other can stand in for.
    pub async fn failed(&mut self) {
        self.polling.one_ended().await;
    }

    /// Ends everything: open scrapes end, what is known is written, and pushed a last time.
    pub async fn ended(self) {
        self.stop.cancel();
        let polled_and_shown = async {
            self.polling.ended().await;
            if let Some((_, part)) = self.prometheus {
                part.ended().await;
            }
        };
        let others = async {
            let listeners = [self.listening, self.webhook_listening]
                .into_iter()
                .flatten();
            let parts = listeners.map(Listening::into_part).chain(self.ending);
            let parts = parts.chain(self.beside);
            let parts = parts
                .chain(self.console)
                .chain(self.otlp.map(|own| own.part));
            for part in parts {
                part.ended().await;
            }
        };
        join!(polled_and_shown, others);
    }
}
