//! The flags of the commands that answer questions: `explain` and `init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How what was found or forecast looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  gitlab-metrics-bridge explain commits --project platform/website
  gitlab-metrics-bridge explain gitlab_pipeline_last_run_status --group platform --format json
  gitlab-metrics-bridge explain issues --url https://bridge.example.com:9464 --user ask --password-file password

A short form of a name is enough: commits is gitlab_commits_total.
The bridge that runs with this configuration is asked. Where none answers, GitLab is polled once.
Exit codes: 0 it is explained, absent values too; 1 something went wrong; 2 there is no such metric, or a
flag or setting can't be used.";

/// What `explain` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// The metric, or a short form of its name
    pub metric: String,
    /// Of this project alone: its id or full path. Not a project to read, as elsewhere [default: all]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// Of this group alone: its id or full path. Not a group to read, as elsewhere [default: all]
    #[arg(long, value_name = "GROUP", conflicts_with = "project")]
    pub group: Option<String>,
    /// In the GitLab of this name alone, where there are several [default: all]
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Ask the bridge at this address [default: the one that runs with this configuration]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Ask as this user, where the bridge wants a password [default: nobody]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// A file that holds the password [default: the terminal is asked for it]
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, for --url [default: none]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The most series to tell
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub limit: u16,
    /// The format of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
}

const INIT_EXAMPLES: &str = "\
Examples:
  gitlab-metrics-bridge init --output bridge.yaml
  GITLAB_TOKEN_FILE=token gitlab-metrics-bridge init --gitlab-url gitlab.example.com --group platform \\
      --listen 0.0.0.0:9464 --state /var/lib/gitlab-metrics-bridge/state --yes --output bridge.yaml

What no flag and no variable says is asked for, each time with an answer to take by Enter; answers may come
through a pipe too. Each is tried at the GitLab before it is taken. The token comes from GITLAB_TOKEN,
GITLAB_TOKEN_FILE or a question that does not show it, and is never written: the file says where it is kept.
All other settings that flags say are written too.
Exit codes: 0 it is written; 1 GitLab does not agree with an answer; 2 an answer is missing, or a flag or
setting can't be used.";

/// How a configuration is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub struct Init {
    /// The file to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: take the answer that Enter would take
    #[arg(long, short)]
    pub yes: bool,
}
