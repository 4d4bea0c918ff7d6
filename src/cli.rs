//! The command line.

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::Flags;

/// Polls GitLab and records what it counts as OpenTelemetry gauges, over OTLP or a Prometheus endpoint.
///
/// GITLAB_URL and GITLAB_TOKEN are all it needs; the variables of OpenTelemetry (OTEL_*) choose where the metrics go.
#[derive(Debug, Parser)]
#[command(name = "gitlab-metrics-bridge", version, max_term_width = 100)]
pub struct Cli {
    /// What to do; without one, run
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings that beat the file and the environment.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Poll on an interval and export until told to stop
    Run,
    /// Poll once, print the exposition, push it if OTLP is configured
    Once,
    /// Check the configuration, GitLab, the token and the export targets, and say what to do about each problem
    Check,
    /// Run against a model GitLab inside this process: no token is needed
    Demo {
        /// Many plain projects instead of some hundred varied ones
        #[arg(long, value_name = "N")]
        projects: Option<usize>,
        /// How often its counts change
        #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = humantime::parse_duration)]
        change_every: std::time::Duration,
    },
    /// Print the catalogue of metrics
    Metrics {
        /// How
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How the catalogue is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is its own name")]
pub enum Format {
    Text,
    Markdown,
    Json,
}
