//! `demo`: the main job without any GitLab: a model of one in this process, over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::{Hangups, Source};
use crate::cli::Demo;
use crate::config::{Config, Instance};
use crate::export::JobAttribute;
use crate::gitlab::CredentialSource;
use crate::simulator::{AccessToken, DEMO_TOKEN, GitLab, World};
use crate::stdio;

/// A poll every few seconds shows that something happens.
const INTERVAL: Duration = Duration::from_secs(5);
/// Any will do; the same one gives the same demo.
const SEED: u64 = 42;

/// How many requests the model takes in a minute: more than the demo makes, and told in each answer.
const RATE_LIMIT: u64 = 20_000;

/// How long the demo's token is good.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 21);

/// Starts a model GitLab whose counts change, and runs the bridge against it until told to stop.
///
/// # Errors
/// Like [`super::run`].
pub async fn demo(config: Config, source: Source, hangups: Hangups, demo: &Demo) -> Result<()> {
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
    let listener = format!("http://{}", config.export.listen);
    stdio::say(format_args!(
        "A model of GitLab runs at {}; its counts change every {change_every:?}.",
        gitlab.url()
    ));
    stdio::say(format_args!(
        "Open {listener}/metrics, {listener}/-/ready or {listener}/ ; stop with Ctrl-C."
    ));
    if let Some(otlp) = &config.export.otlp {
        stdio::say(format_args!("OTLP goes to {}.", otlp.shown_endpoint()));
    }
    let source: Source = Arc::new(move || Ok(of_model(source()?, &url)));
    let ended = super::run(config, source, hangups).await;
    gitlab.stop().await;
    ended
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
    instance.poll.rhythm.interval = instance.poll.rhythm.interval.min(INTERVAL);
    const MODEL: &str = "the demo";
    let ours = ["gitlab.url", "gitlab.token", "poll.interval", "state.path"];
    ours.iter()
        .for_each(|key| instance.sources.note(key, MODEL));
    // The state is that of a real GitLab, and the model forgets everything.
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
