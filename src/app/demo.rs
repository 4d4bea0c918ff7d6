//! `demo`: the main job without any GitLab: a model of one in this process, over real HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::misconfigured::misconfigured;
use super::run::run_and;
use super::{Hangups, Source, chosen, logging};
use crate::cli::Demo;
use crate::config::{Config, Instance, LogFormat, Place};
use crate::export::JobAttribute;
use crate::gitlab::CredentialSource;
use crate::prose::{self, duration};
use crate::simulator::{AccessToken, DEMO_TOKEN, GitLab, World};
use crate::stdio;

/// A poll every few seconds shows that something happens.
const INTERVAL: Duration = Duration::from_secs(5);
/// Any will do; the same one gives the same demo.
const SEED: u64 = 42;

/// How many requests the model takes in a minute: more than the demo makes, and told in each answer.
const RATE_LIMIT: u64 = 20_000;
/// What is about a real GitLab.
const IGNORED: [&str; 9] = [
    "gitlab.url",
    "gitlab.token",
    "gitlab.token_file",
    "gitlab.token_variable",
    "gitlab.headers",
    "gitlab.ca_file",
    "gitlab.client_certificate",
    "gitlab.client_key",
    "state.path",
];
const REMEDY: &str = "remove it, or use the command run";

/// How long the demo's token is good.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 21);

/// Starts a model GitLab whose counts change, and runs the bridge against it until told to stop.
///
/// # Errors
/// Like [`super::run`].
pub async fn demo(config: Config, source: Source, hangups: Hangups, demo: &Demo) -> Result<()> {
    refuse_ignored(&config)?;
    let mut world = match demo.projects {
        None => World::demo(Timestamp::now()),
        Some(projects) => World::large(projects as usize),
    };
    world.token(
        AccessToken::new(DEMO_TOKEN)
            .administrator()
            .expires_at(&expiry()),
    );
    world.rate_limit(RATE_LIMIT, Duration::from_secs(60));
    let change_every = demo.change_every;
    let gitlab = GitLab::start(world)
        .await
        .context("starting the model GitLab")?;
    gitlab.live(change_every, SEED);
    let url: Url = gitlab
        .url()
        .parse()
        .context("the address of the model GitLab")?;
    let config = of_model(config, &url);
    let model = format!(
        "A model of GitLab runs at {}; its counts change every {}.",
        gitlab.url(),
        duration(change_every)
    );
    let otlp = config.export.otlp.as_ref();
    let otlp = otlp.map(|otlp| format!("OTLP goes to {}.", otlp.shown_endpoint()));
    let scheme = match chosen::web(&config)?.is_some_and(|web| web.rules().tls.is_some()) {
        true => "https",
        false => "http",
    };
    let listening = move |address: SocketAddr| {
        let listener = format!("{scheme}://{address}");
        let open = format!("Open {listener}/ or {listener}/metrics ; stop with Ctrl-C.");
        let all = [Some(model), Some(open), otlp];
        all.into_iter().flatten().for_each(|text| tell(&text));
    };
    let source: Source = Arc::new(move || Ok(of_model(source()?, &url)));
    let ended = run_and(config, source, hangups, listening).await;
    gitlab.stop().await;
    ended
}

/// Refuses what a person has written for the bridge to do and a demo would not. A variable may be there for other
/// commands, so it is only said that it is not used.
fn refuse_ignored(config: &Config) -> Result<()> {
    if config
        .instances
        .iter()
        .any(|instance| !instance.name.is_empty())
    {
        let error = anyhow!("demo asks a model of its own, not the GitLabs of instances: {REMEDY}");
        return Err(misconfigured(error));
    }
    for key in IGNORED {
        match config.places.of(key) {
            None => {}
            Some(Place::Variable(name)) => {
                tracing::info!("demo does not use {name}: it asks a model of its own");
            }
            Some(place) => {
                let why = match key {
                    "state.path" => "demo keeps nothing over a restart",
                    _ => "demo asks a model of GitLab of its own",
                };
                let error = place.error(format!("{why}, so it would ignore this: {REMEDY}"));
                return Err(misconfigured(error));
            }
        }
    }
    Ok(())
}

/// The configuration, for the model in place of a GitLab.
fn of_model(mut config: Config, url: &Url) -> Config {
    let mut instance = Instance {
        name: String::new(),
        ..config.instances.swap_remove(0)
    };
    instance.gitlab.url = url.clone();
    let token = DEMO_TOKEN.to_owned().into();
    instance.gitlab.token = Some(CredentialSource::Value("the demo".to_owned(), token));
    const MODEL: &str = "the demo";
    let ours = ["gitlab.url", "gitlab.token", "state.path"];
    ours.iter()
        .for_each(|key| instance.sources.note(key, MODEL));
    if config.places.of("poll.interval").is_none() {
        instance.poll.rhythm.interval = INTERVAL;
        instance.sources.note("poll.interval", MODEL);
    }
    // Whatever a variable says: the state is that of a real GitLab, and the model forgets everything.
    instance.poll.state = None;
    config.instances = vec![instance];
    if config.metrics.enabled.is_empty() {
        // There is something to see in all of them.
        config.metrics.enabled = vec!["*".to_owned()];
        config.sources.note("metrics.enabled", MODEL);
    }
    if let Some(otlp) = &mut config.export.otlp {
        // The dashboards ask a Prometheus.
        otlp.job_attribute.get_or_insert(JobAttribute::ExportedJob);
    }
    let labels = &mut config.metrics.choices.issue_labels;
    if labels.is_empty() {
        *labels = ["bug", "urgent"].map(str::to_owned).to_vec();
        config.sources.note("metrics.issue_labels", MODEL);
    }
    config
}

/// The day on which the demo's token is no longer good.
fn expiry() -> String {
    let end = Timestamp::now().saturating_add(TOKEN_LIFE);
    let end = end.unwrap_or(Timestamp::MAX);
    end.strftime("%Y-%m-%d").to_string()
}

/// Tells a person who has just started a command something; a program that reads the log finds it there.
fn tell(text: &str) {
    match logging::running_format() {
        Some(LogFormat::Json) => tracing::info!("{}", prose::within(text)),
        _ => stdio::say(text),
    }
}
