//! The command line: commands, and the flags of the configuration, which is read elsewhere.

use std::io;
use std::path::{Path, PathBuf};
#[cfg(feature = "simulator")]
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod asking;
mod help;

use crate::config::Flags;
pub use asking::{Explain, Init, ReportFormat};

const NAME: &str = "gitlab-metrics-bridge";

/// Polls GitLab and shows what it counts as OpenTelemetry gauges: over OTLP, on a Prometheus endpoint,
/// or both.
#[derive(Clone, Debug, Parser)]
#[command(name = NAME, version, after_help = help::program())]
pub struct Cli {
    /// What to do; without a word, run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings, which win over all others.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Subcommand)]
pub enum Command {
    /// Poll GitLab and export until told to stop (the default)
    #[default]
    #[command(after_help = help::RUN)]
    Run,
    /// Poll once and print the metrics; with OTLP, push them too
    #[command(after_help = help::ONCE)]
    Once,
    /// Check the configuration, GitLab, the token and the export targets
    #[command(after_help = help::CHECK)]
    Check {
        /// The format of what is printed
        #[arg(long, value_enum, default_value_t)]
        format: ReportFormat,
    },
    /// Forecast how many requests polling makes, and whether limits carry them
    #[command(after_help = help::PLAN)]
    Plan(Plan),
    /// Ask the bridge that runs with this configuration whether it is well, as a container's health check
    #[command(after_help = help::HEALTH)]
    Health {
        /// Another address to ask [default: /-/healthy where the configuration says that a bridge listens]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Tell where a metric comes from, when it was read, and why it is absent
    Explain(Explain),
    /// Write a configuration from flags and a few questions, each answer tried at the GitLab
    Init(Init),
    /// Run against a model of GitLab in this process: no GitLab is needed
    #[cfg(feature = "simulator")]
    #[command(after_help = help::DEMO)]
    Demo(Demo),
    /// Print the catalogue of metrics
    #[command(after_help = help::METRICS)]
    Metrics {
        /// The format of what is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print the JSON schema of the configuration file, for editors
    #[command(after_help = help::SCHEMA)]
    Schema,
    /// Print what this program is made of, as CycloneDX (SBOM)
    #[command(after_help = help::SBOM)]
    Sbom,
    /// Print the version
    #[command(after_help = help::VERSION)]
    Version,
    /// Print the manual page, or write one for each command
    #[command(after_help = help::MAN)]
    Man {
        /// The folder to write them to [default: standard output, the page of the program alone]
        #[arg(long, short, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        output: Option<PathBuf>,
    },
    /// Print a completion script for a shell
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// Whether the configured GitLab is asked.
    pub fn asks_gitlab(&self) -> bool {
        match self {
            Command::Run | Command::Once | Command::Check { .. } => true,
            Command::Plan(plan) => plan.projects.is_none(),
            _ => false,
        }
    }
}

/// What `plan` assumes; GitLab is asked for what is not said.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Plan {
    /// Assume so many projects on the configured lists, and ask no GitLab [default: as many as GitLab counts]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub projects: Option<u32>,
    /// Assume that so many projects are active in an hour, such as 600 or 5% [default: as many as
    /// were in the last hour, and 5% where no GitLab is asked]
    #[arg(long, value_name = "N|PERCENT", value_parser = active)]
    pub active: Option<Active>,
    /// The format of what is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
}

/// How many projects are active in an hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Active {
    /// So many.
    Projects(u32),
    /// A share, in percent.
    Percent(f64),
}

/// The model of GitLab that `demo` runs against.
#[cfg(feature = "simulator")]
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Demo {
    /// So many plain projects [default: some hundred varied ones]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub projects: Option<u32>,
    /// How often its counts change
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = change_every)]
    pub change_every: Duration,
}

/// How the catalogue looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For a document.
    Markdown,
    /// For a program.
    Json,
}

impl Cli {
    /// The command that was given, or `run`.
    pub fn command(&self) -> Command {
        self.command.clone().unwrap_or_default()
    }
}

/// The name of the program and its version, as `--version` prints them.
pub fn version() -> String {
    <Cli as CommandFactory>::command().render_version()
}

/// The manual page of the program.
///
/// # Errors
/// If it can't be made.
pub fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(built()).render(&mut page)?;
    Ok(page)
}

/// Writes a manual page for the program and for each of its commands into a folder.
///
/// # Errors
/// If one can't be written.
pub fn write_manuals(folder: &Path) -> io::Result<()> {
    clap_mangen::generate_to(built(), folder)
}

/// The command line as it is documented, without the command that prints help.
fn built() -> clap::Command {
    <Cli as CommandFactory>::command().disable_help_subcommand(true)
}

/// The completion script of a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new(); // The generator panics if it can't write, and this it can.
    clap_complete::generate(
        shell,
        &mut <Cli as CommandFactory>::command(),
        NAME,
        &mut script,
    );
    script
}

fn active(text: &str) -> Result<Active, String> {
    let active = match text.strip_suffix('%') {
        Some(share) => share.trim().parse().ok().map(Active::Percent),
        None => text.parse().ok().map(Active::Projects),
    };
    match active {
        Some(Active::Percent(share)) if !(0.0..=100.0).contains(&share) => None,
        active => active,
    }
    .ok_or_else(|| "write a number of projects such as 600, or a share such as 5%".to_owned())
}

#[cfg(feature = "simulator")]
fn change_every(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) | Err(_) => Err("write a duration such as 500ms, 5s or 1m".to_owned()),
        Ok(duration) => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn parse(line: &str) -> Result<Cli, String> {
        let words = std::iter::once(NAME).chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())
    }

    fn config(line: &str) -> Config {
        Config::load(&parse(line).unwrap().flags, &Environment::default()).unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command_for_update().debug_assert();
        <Cli as CommandFactory>::command().debug_assert();
    }

    #[test]
    fn without_a_word_the_bridge_runs() {
        assert_eq!(parse("").unwrap().command(), Command::Run);
        assert_eq!(parse("--interval 30s").unwrap().command(), Command::Run);
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        for line in [
            "--group a --group b --listen 0.0.0.0:1 once",
            "once --group a --group b --listen 0.0.0.0:1",
        ] {
            let config = config(line);
            assert_eq!(
                config.instances[0].poll.selection.groups,
                ["a", "b"],
                "{line}"
            );
            assert_eq!(config.export.listen.port, 1, "{line}");
        }
        let scope = |line| format!("{:?}", config(line).instances[0].poll.selection.scope);
        assert_eq!(scope("check --all"), "All");
        assert_eq!(scope("check"), "Membership");
    }

    #[test]
    fn an_exporter_is_chosen_among_those_there_are() {
        let export = config("--exporter otlp --exporter prometheus").export;
        assert!(export.prometheus && export.otlp.is_some());
        assert!(config("--exporter console").export.console.is_some());
        let error = parse("--exporter zipkin").unwrap_err();
        assert!(
            error.contains("[possible values: prometheus, otlp, console, none]"),
            "{error}"
        );
    }

    #[cfg(feature = "simulator")]
    #[test]
    fn the_demo_has_a_size_and_a_pace() {
        let demo = |line: &str| match parse(line).map(|cli| cli.command()) {
            Ok(Command::Demo(demo)) => Ok((demo.projects, demo.change_every)),
            Ok(_) => panic!("not the demo"),
            Err(error) => Err(error),
        };
        assert_eq!(demo("demo"), Ok((None, Duration::from_secs(5))));
        assert_eq!(
            demo("demo --projects 7 --change-every 1m"),
            Ok((Some(7), Duration::from_secs(60)))
        );
        let error = demo("demo --change-every soon").unwrap_err();
        assert!(
            error.contains("write a duration such as 500ms, 5s or 1m"),
            "{error}"
        );
    }

    #[test]
    fn a_plan_assumes_numbers_or_shares() {
        let active = |line: &str| match parse(line).map(|cli| cli.command()) {
            Ok(Command::Plan(plan)) => Ok(plan.active),
            Ok(_) => panic!("not the plan"),
            Err(error) => Err(error),
        };
        assert_eq!(active("plan"), Ok(None));
        assert_eq!(active("plan --active 0"), Ok(Some(Active::Projects(0))));
        assert_eq!(active("plan --active 2.5%"), Ok(Some(Active::Percent(2.5))));
        for wrong in ["many", "-1%", "101%", "NaN%", "1.5"] {
            let error = active(&format!("plan --active={wrong}")).unwrap_err();
            assert!(error.contains("600, or a share such as 5%"), "{error}");
        }
    }

    #[test]
    fn no_flag_takes_a_secret() {
        let command = <Cli as CommandFactory>::command();
        let secret = |name: &str| {
            name.contains("token") || name.contains("password") || name.contains("header")
        };
        assert!(
            !command
                .get_arguments()
                .filter_map(|argument| argument.get_long())
                .any(secret)
        );
    }

    #[test]
    fn the_help_names_commands_flags_and_variables() {
        let help = parse("--help").unwrap_err();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" "); // However it is wrapped.
        for text in [
            "completions",
            "--otlp-endpoint <URL>",
            "[env: OTEL_EXPORTER_OTLP_ENDPOINT]",
            "--version",
        ] {
            assert!(help.contains(text), "{text}:\n{help}");
        }
    }

    #[test]
    fn no_flag_lacks_help_its_default_or_its_values() {
        let mut program = <Cli as CommandFactory>::command();
        program.build();
        let commands = program
            .get_subcommands()
            .filter(|command| command.get_name() != "help");
        for command in commands {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            assert!(command.get_after_help().is_some(), "{name} has no examples");
            for argument in command.get_arguments() {
                let help = argument
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let flag = format!("{name} {}: {help:?}", argument.get_id());
                assert!(!help.is_empty(), "{flag}");
                let has_default =
                    !argument.get_default_values().is_empty() || help.contains("[default: ");
                let is_switch = !argument.get_action().takes_values();
                assert!(
                    has_default || is_switch || argument.is_required_set(),
                    "{flag} has no default"
                );
                if argument
                    .get_value_names()
                    .is_some_and(|names| names == ["FORMAT"])
                {
                    assert!(
                        !argument.get_possible_values().is_empty(),
                        "{flag} has no values"
                    );
                }
            }
        }
    }

    #[test]
    fn completions_know_the_flags() {
        let script = String::from_utf8(completions(Shell::Bash)).unwrap();
        assert!(script.contains("--otlp-protocol"));
    }
}
