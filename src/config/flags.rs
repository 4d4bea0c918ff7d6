//! Settings from flags. None of them takes a secret: anyone on the machine can read a command line.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;

use super::environment::{exporters, names};
use super::value::{parse_duration, parse_gitlab_url, parse_globs, parse_number};
use super::{Config, Level, LogFormat, Scope};

/// The flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Configuration file (YAML); GITLAB_BRIDGE_CONFIG
    #[arg(long, short, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of GitLab; GITLAB_URL
    #[arg(long, global = true, value_name = "URL")]
    pub gitlab_url: Option<String>,
    /// Group whose projects are polled, with its subgroups; can be repeated
    #[arg(long, global = true, value_name = "PATH")]
    pub group: Vec<String>,
    /// Project to poll, by id or path; can be repeated
    #[arg(long, global = true, value_name = "PROJECT")]
    pub project: Vec<String>,
    /// Poll everything the token may see, not only what its user is a member of
    #[arg(long, global = true)]
    pub all: bool,
    /// Pattern of project paths to take, such as 'group/**'; can be repeated
    #[arg(long, global = true, value_name = "PATTERN")]
    pub include: Vec<String>,
    /// Pattern of project paths to leave out; can be repeated
    #[arg(long, global = true, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Time from one poll to the next, such as 30s or 5m
    #[arg(long, global = true, value_name = "DURATION")]
    pub interval: Option<String>,
    /// Exporter to turn on, prometheus or otlp; can be repeated
    #[arg(long, global = true, value_name = "EXPORTER")]
    pub exporter: Vec<String>,
    /// Where OTLP goes; OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long, global = true, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// grpc or http/protobuf; OTEL_EXPORTER_OTLP_PROTOCOL
    #[arg(long, global = true, value_name = "PROTOCOL")]
    pub otlp_protocol: Option<String>,
    /// Address for /metrics and health
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// What is logged
    #[arg(long, global = true, value_enum)]
    pub log_level: Option<Level>,
    /// How it is logged
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
}

impl Flags {
    /// Applies the flags that were given.
    pub(super) fn apply(&self, config: &mut Config) -> Result<()> {
        self.try_apply(config)
            .map_err(|(flag, error)| anyhow!("--{flag}: {error}"))
    }

    fn try_apply(&self, config: &mut Config) -> Result<(), (&'static str, String)> {
        if let Some(url) = &self.gitlab_url {
            config.gitlab.url = parse_gitlab_url(url).map_err(|error| ("gitlab-url", error))?;
        }
        if !self.group.is_empty() || !self.project.is_empty() || self.all {
            config.select.groups.clone_from(&self.group);
            config.select.projects = names(self.project.clone());
        }
        if self.all {
            config.select.scope = Scope::All;
        }
        if !self.include.is_empty() {
            config.select.include =
                parse_globs(self.include.clone()).map_err(|error| ("include", error))?;
        }
        if !self.exclude.is_empty() {
            config.select.exclude =
                parse_globs(self.exclude.clone()).map_err(|error| ("exclude", error))?;
        }
        if let Some(interval) = &self.interval {
            config.poll.interval = parse_duration(interval).map_err(|error| ("interval", error))?;
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            config.otlp.send_to(endpoint);
            config.otlp.enabled = Some(true);
        }
        if let Some(protocol) = &self.otlp_protocol {
            config.otlp.protocol =
                Some(protocol.parse().map_err(|error| ("otlp-protocol", error))?);
        }
        if !self.exporter.is_empty() {
            exporters(config, &self.exporter).map_err(|error| ("exporter", error))?;
        }
        if let Some(listen) = &self.listen {
            let wrong = || {
                (
                    "listen",
                    format!("{listen:?} is not an address: write host:port, such as 0.0.0.0:9464"),
                )
            };
            let (host, port) = listen.rsplit_once(':').ok_or_else(wrong)?;
            config.prometheus.host = host.trim_matches(['[', ']']).to_owned();
            config.prometheus.port = parse_number(port).map_err(|_| wrong())?;
        }
        if let Some(level) = self.log_level {
            config.log.level = level;
        }
        if let Some(format) = self.log_format {
            config.log.format = format;
        }
        Ok(())
    }
}
