//! How metrics are shown: an address that is free to listen on, an endpoint that takes OTLP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use tokio::time::timeout;

use super::interview::Interview;
use super::questions::{Question, Questions, say};
use crate::app::chosen;
use crate::config::Config;
use crate::export::{Introspect, Server};
use crate::metrics::{BridgeStatus, View};
use crate::prose::duration;

/// How long an endpoint may take to accept a first export.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks how metrics are shown, as far as that is not said, and tries it.
///
/// # Errors
/// If an answer does not hold.
pub async fn ask(interview: &mut Interview, questions: &mut Questions) -> Result<()> {
    let config = interview.config()?;
    if !interview.says(&["exporter", "otlp-endpoint"]) && config.export.otlp.is_none() {
        let question = Question {
            text: "How are metrics shown: prometheus (it asks the bridge), otlp (the bridge pushes), or both",
            default: Some("prometheus"),
            is_needed: false,
            said_by: "--exporter",
        };
        let flags = interview.flags.clone();
        let exporters: Vec<&str> = questions
            .until_right(question, async |answer| match &*answer.to_lowercase() {
                "prometheus" => Ok(vec!["prometheus"]),
                "otlp" => Ok(vec!["otlp"]),
                "both" | "prometheus,otlp" | "prometheus, otlp" => Ok(vec!["prometheus", "otlp"]),
                _ => Err(anyhow!("answer prometheus, otlp or both")),
            })
            .await?;
        interview.flags = flags;
        for exporter in exporters {
            interview.say("exporter", exporter)?;
        }
    }
    endpoint(interview, questions).await?;
    listen(interview, questions).await
}

/// Asks where OTLP goes, and pushes nothing there for a try.
async fn endpoint(interview: &mut Interview, questions: &mut Questions) -> Result<()> {
    let config = interview.config()?;
    let Some(otlp) = &config.export.otlp else {
        return Ok(());
    };
    let is_said = interview.says(&["otlp-endpoint"]) || config.says("otlp.endpoint");
    if is_said {
        say_endpoint(otlp.shown_endpoint().as_str(), push_nothing(&config).await);
        return Ok(());
    }
    let question = Question {
        text: "Where is the collector",
        default: Some("http://localhost:4318"),
        is_needed: false,
        said_by: "--otlp-endpoint",
    };
    let before = interview.clone();
    let chosen = questions.until_right(question, async |answer| {
        let mut tried = before.clone();
        tried.say("otlp-endpoint", answer)?;
        let config = tried.config()?;
        let otlp = config.export.otlp.as_ref();
        let shown = otlp.map(|otlp| otlp.shown_endpoint().to_string());
        say_endpoint(&shown.unwrap_or_default(), push_nothing(&config).await);
        Ok(tried)
    });
    *interview = chosen.await?;
    Ok(())
}

/// A collector may start later than the bridge is set up: that is said, and no error.
fn say_endpoint(endpoint: &str, pushed: Result<()>) {
    match pushed {
        Ok(()) => say(&format!("{endpoint} accepts OTLP.")),
        Err(error) => say(&format!("{endpoint} does not accept OTLP yet: {error:#}.")),
    }
}

/// Pushes what the bridge knows before it has asked GitLab: nothing but its version.
async fn push_nothing(config: &Config) -> Result<()> {
    let Some(otlp) = &config.export.otlp else {
        return Ok(());
    };
    let enabled = chosen::enabled_metrics(config)?;
    let built = chosen::otlp(otlp, config.export.resource(), enabled)?;
    let status: Introspect = Arc::new(|_: &View| BridgeStatus {
        version: env!("CARGO_PKG_VERSION"),
        ..Default::default()
    });
    let view = Arc::<View>::default();
    match timeout(PATIENCE, built.push(&view, &status)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => bail!("{error}"),
        Err(_) => bail!("no answer within {}", duration(PATIENCE)),
    }
}

/// Asks where `/metrics` and health are served.
async fn listen(interview: &mut Interview, questions: &mut Questions) -> Result<()> {
    let config = interview.config()?;
    let what = match config.export.prometheus {
        true => {
            "Where does Prometheus find the bridge (host:port; 0.0.0.0 is every address of this machine)"
        }
        false => "Where is the health of the bridge served (host:port)",
    };
    let default = config.export.listen.to_string();
    let is_said = interview.says(&["listen", "port"]) || config.says("prometheus.port");
    let question = Question {
        text: what,
        default: Some(&default),
        is_needed: false,
        said_by: "--listen",
    };
    if is_said {
        return free(&config).await;
    }
    let before = interview.clone();
    let chosen = questions.until_right(question, async |answer| {
        let mut tried = before.clone();
        tried.say("listen", answer)?;
        free(&tried.config()?).await?;
        Ok(tried)
    });
    *interview = chosen.await?;
    Ok(())
}

async fn free(config: &Config) -> Result<()> {
    let listen = &config.export.listen;
    Server::bind(listen, "--listen").await?;
    say(&format!("{listen} is free."));
    let is_open = !["127.0.0.1", "::1", "localhost"].contains(&listen.host.as_str());
    if is_open && config.export.web_config.is_none() {
        say(
            "Others reach it there without a password; prometheus.web_config_file adds TLS and passwords.",
        );
    }
    Ok(())
}
