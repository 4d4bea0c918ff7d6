//! What is configured, for one line of the log: no secret is in it.

use aws_lc_rs::digest::{SHA256, digest};

use super::configuration::Config;
use crate::export::{OtlpConfig, Protocol};
use crate::gitlab::{self, CredentialSource};
use crate::poll::{Scope, Selection};
use crate::prose::duration;

impl Config {
    /// What matters at a glance, as `key=value` pairs. It holds no secret.
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let export = &self.export;
        let mut summary = Vec::new();
        if let Some(file) = &self.file {
            summary.push(("config", file.display().to_string()));
        }
        for instance in &self.instances {
            if let Some(name) = self.label(instance) {
                summary.push(("instance", name.to_owned()));
            }
            let interval = duration(instance.poll.rhythm.interval);
            summary.extend([
                ("gitlab", instance.gitlab.url.to_string()),
                ("token", token_source(&instance.gitlab)),
                ("select", selected(&instance.poll.selection)),
                ("interval", interval),
            ]);
        }
        summary.extend([
            ("listen", export.listen.to_string()),
            (
                "prometheus",
                if export.prometheus { "on" } else { "off" }.to_owned(),
            ),
            (
                "otlp",
                export.otlp.as_ref().map_or("off".to_owned(), describe),
            ),
        ]);
        if let Some(cluster) = &self.cluster {
            summary.push(("engine", cluster.url.to_string()));
            summary.push(("group", cluster.name.clone()));
        }
        if self.webhook.enabled {
            let own = self.webhook_listen.as_ref();
            summary.push((
                "webhook",
                own.map_or("on".to_owned(), |own| format!("at {own}")),
            ));
        }
        if export.sdk_disabled {
            summary.push((
                "exporters",
                "off, because OTEL_SDK_DISABLED is true".to_owned(),
            ));
        }
        summary
    }
}

impl Config {
    /// A digest of all settings, in which secrets are not told apart: replicas that have the same one are set up
    /// alike.
    pub fn digest(&self) -> String {
        const LETTERS: usize = 6;
        // Debug shows no secret, and is the same for the same settings.
        let digest = digest(&SHA256, format!("{self:?}").as_bytes());
        let letters = digest.as_ref().iter().take(LETTERS);
        letters.map(|byte| format!("{byte:02x}")).collect()
    }
}

fn token_source(gitlab: &gitlab::Config) -> String {
    match &gitlab.token {
        None => "none".to_owned(),
        Some(CredentialSource::Value(name, _)) => format!("from {name}"),
        Some(CredentialSource::File(file)) => format!("from {}", file.display()),
    }
}

fn selected(select: &Selection) -> String {
    let named = [&select.groups[..], &select.projects[..]].concat();
    match (named.is_empty(), select.scope) {
        (false, _) => named.join(","),
        (true, Scope::Membership) => "membership".to_owned(),
        (true, Scope::All) => "all".to_owned(),
    }
}

fn describe(otlp: &OtlpConfig) -> String {
    let protocol = match otlp.protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http => "http/protobuf",
    };
    format!("{protocol} to {}", otlp.shown_endpoint())
}
