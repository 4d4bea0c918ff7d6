//! `check`: what would work and what would not, each problem with what to do about it.

mod engine;
mod findings;
mod forecast;
mod gitlab;
mod network;
mod selection;
mod table;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::timeout;

use super::polled_gitlabs::{PolledGitLab, polled};
use super::{chosen, waiting, webhooks};
use crate::cli::ReportFormat;
use crate::config::{self, Config};
use crate::export::{Introspect, Otlp, Protocol, Server, Web};
use crate::metrics::{BridgeStatus, EnabledMetrics, View};
use crate::poll::{Checkpoint, Examined};
use crate::prose::{counted, duration};
use findings::{Findings, failed, good, note, problem};
use forecast::Checked;
use network::Way;

/// How long an export target may take to accept a first export.
const EXPORT_PATIENCE: Duration = Duration::from_secs(15);

/// Checks the configuration against the real GitLab and the real export targets.
///
/// # Errors
/// If there is any problem; all of them have been printed then.
pub async fn check(config: Config, format: ReportFormat) -> Result<()> {
    let mut findings = Findings::new(format);
    let text = "the configuration is valid";
    findings.tell(good("configuration", text).with("hash", config.digest()));
    let enabled = chosen::enabled_metrics(&config)?;
    for instance in &config.instances {
        let name = config.label(instance);
        findings.about = name.map(str::to_owned);
        match PolledGitLab::build(instance, name, &enabled) {
            Ok(built) => {
                let enabled = &enabled;
                gitlab::check(built, &Checked { instance, enabled }, &mut findings).await;
            }
            Err(error) => findings.tell(failed("gitlab", &error)),
        }
        check_state(instance, &enabled, &mut findings);
    }
    findings.about = None;
    engine::check(&config, &mut findings).await;
    check_listener(&config, &mut findings).await;
    let web = check_web(&config, &mut findings);
    check_otlp(&config, enabled, &mut findings).await;
    check_webhooks(&config, web.as_ref(), &mut findings).await;
    findings.end()
}

/// Looks at the state file, and changes nothing.
fn check_state(instance: &config::Instance, enabled: &EnabledMetrics, findings: &mut Findings) {
    let Some(path) = &instance.poll.state else {
        let finding = note("state", "nothing is kept: a restart begins with nothing");
        return findings.tell(finding.advising("Name a file in state.path to go on where it was."));
    };
    // Without an address or a token more has been said above.
    let Ok(polled) = polled(instance, enabled) else {
        return;
    };
    let shown = path.display();
    let finding = match Checkpoint::examine(path, &polled) {
        Ok(Examined::Empty) => good(
            "state",
            format!("{shown} can be written; nothing is kept in it yet"),
        ),
        Ok(Examined::Kept { projects }) => {
            let kept = counted(projects, "project");
            let text = format!("{shown} can be written, and keeps {kept}");
            good("state", text).with("projects", projects)
        }
        Ok(Examined::InUse) => note("state", format!("{shown} is in use by a bridge that runs")),
        Ok(Examined::Unusable(why)) => note(
            "state",
            format!("{shown} would be set aside, and the bridge begin with nothing: {why}"),
        ),
        Err(error) => problem("state", format!("{shown} can't be written: {error}")).advising(
            "Create its folder, give it to the user of the bridge, or set state.path to another.",
        ),
    };
    findings.tell(finding);
}

/// Whether a host to listen on is within this machine.
fn is_near(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

async fn check_listener(config: &Config, findings: &mut Findings) {
    let listen = &config.export.listen;
    match Server::bind(listen, "--listen").await {
        Ok(_) => {
            let what = match config.export.prometheus {
                true => "for /metrics and health",
                false => "for health; the Prometheus exporter is off",
            };
            findings.tell(good("listen", format!("{listen} is free {what}")));
        }
        Err(error) => findings.tell(failed("listen", &error)),
    }
}

/// What the listeners are secured with, if it is valid and there is one.
fn check_web(config: &Config, findings: &mut Findings) -> Option<Web> {
    let web = chosen::web(config);
    match &web {
        Ok(None) => {
            let text = "there is no web configuration: no TLS and no password";
            findings.tell(match is_near(&config.export.listen.host) {
                true => good(
                    "web_config",
                    format!("{text}, and who is not on this machine can't reach it"),
                ),
                false => note(
                    "web_config",
                    format!("{text} for who reaches {}", config.export.listen),
                )
                .advising(
                    "Set prometheus.web_config_file, or let a firewall decide who reaches it.",
                ),
            });
        }
        Ok(Some(_)) => findings.tell(good("web_config", "the web configuration is valid")),
        Err(error) => findings.tell(failed("web_config", error)),
    }
    web.ok().flatten()
}

async fn check_otlp(config: &Config, enabled: EnabledMetrics, findings: &mut Findings) {
    let Some(otlp) = &config.export.otlp else {
        return findings.tell(good("otlp", "nothing is pushed over OTLP"));
    };
    let endpoint = otlp.shown_endpoint();
    let way = Way {
        whose: "the OTLP receiver",
        url: &otlp.endpoint,
        setting: "otlp.endpoint",
        takes_proxies: otlp.protocol == Protocol::Http,
    };
    if !way.check(findings).await {
        let text = format!("{endpoint} is not asked, as its name does not resolve");
        return findings.tell(note("otlp", text));
    }
    let pushed = match chosen::otlp(otlp, config.export.resource(), enabled) {
        Ok(built) => waiting::told("the OTLP receiver to answer", push_nothing(&built)).await,
        Err(error) => return findings.tell(failed("otlp", &error)),
    };
    findings.tell(match pushed {
        Ok(()) => good("otlp", format!("{endpoint} accepts OTLP")),
        Err(error) => problem("otlp", format!("{endpoint} does not accept OTLP: {error}"))
            .advising("See otlp in the configuration, or OTEL_EXPORTER_OTLP_*."),
    });
}

/// Pushes what the bridge knows before it has asked GitLab: nothing but its version.
async fn push_nothing(otlp: &Otlp) -> Result<(), String> {
    let view = Arc::<View>::default();
    let status: Introspect = Arc::new(|_: &View| BridgeStatus {
        version: env!("CARGO_PKG_VERSION"),
        ..Default::default()
    });
    let pushed = timeout(EXPORT_PATIENCE, otlp.push(&view, &status)).await;
    pushed.unwrap_or_else(|_| Err(format!("no answer within {}", duration(EXPORT_PATIENCE))))
}

async fn check_webhooks(config: &Config, web: Option<&Web>, findings: &mut Findings) {
    let scheme = match web.is_some_and(|web| web.rules().tls.is_some()) {
        true => "https",
        false => "http",
    };
    match webhooks_set_up(config).await {
        Ok(false) => findings.tell(good("webhooks", "no webhooks are taken")),
        Ok(true) => {
            let own = config.webhook_listen.as_ref();
            let address = own.unwrap_or(&config.export.listen);
            let text = format!("webhooks are taken at {scheme}://{address}/webhook");
            findings.tell(good("webhooks", text));
        }
        Err(error) => findings.tell(failed("webhooks", &error)),
    }
}

/// Whether webhooks are taken, and can be.
async fn webhooks_set_up(config: &Config) -> Result<bool> {
    if webhooks::secrets(config)?.is_none() {
        return Ok(false);
    }
    if let Some(own) = webhooks::own_address(config) {
        webhooks::bound(own).await?;
    }
    Ok(true)
}
