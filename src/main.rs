//! The program: reads the command line and the configuration, runs the command, and ends with its exit code.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use gitlab_metrics_bridge::cli::{Cli, Command, Format, completions};
use gitlab_metrics_bridge::config::{self, Config, Environment};
use gitlab_metrics_bridge::metrics::{self, Catalogue};
use gitlab_metrics_bridge::{app, stdio};

/// The exit code for a configuration that can't be used, as for wrong flags.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) if wrong.use_stderr() => {
            let _ = wrong.print(); // Standard error may be full.
            return ExitCode::from(MISCONFIGURED);
        }
        Err(help_or_version) => return end(stdio::printed(help_or_version.print())),
    };
    if matches!(cli.command(), Command::Run) {
        bound_allocator();
    }
    match cli.command() {
        Command::Metrics { format } => end(stdio::print(&[catalogue(format)])),
        Command::Schema => end(stdio::print(&[config::schema()])),
        Command::Completions { shell } => end(stdio::print(&[completions(shell)])),
        command => match configure(&cli, &command) {
            Ok(config) => end(run(&command, config)),
            Err(error) => {
                complain(&error);
                ExitCode::from(MISCONFIGURED)
            }
        },
    }
}

/// Begins anew with an allocator that gives memory back, unless the environment says how it is to be. It
/// reads that only when a program begins.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn bound_allocator() {
    use gitlab_metrics_bridge::ALLOCATOR;
    use std::os::unix::process::CommandExt;
    let mut arguments = std::env::args_os();
    let (Ok(this), Some(name)) = (std::env::current_exe(), arguments.next()) else {
        return;
    };
    let is_set = |(name, _): &(&str, &str)| std::env::var_os(name).is_some();
    if ALLOCATOR.iter().any(is_set) {
        return;
    }
    let mut anew = std::process::Command::new(this);
    // This returns only where it can't be done; then the program goes on as it is.
    let _ = anew.arg0(name).args(arguments).envs(ALLOCATOR).exec();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn bound_allocator() {}

fn configure(cli: &Cli, command: &Command) -> Result<Config> {
    let config = Config::load(&cli.flags, &Environment::of_process())?;
    if matches!(command, Command::Run | Command::Once) {
        app::require_tokens(&config)?;
    }
    app::start_logging(&config.log)?;
    app::say_what_was_doubtful(&config, command.asks_gitlab());
    Ok(config)
}

fn run(command: &Command, config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("starting the runtime")?;
    let ended = runtime.block_on(async {
        match command {
            Command::Once => app::once(config).await,
            Command::Check => app::check(config).await,
            Command::Plan(plan) => app::plan(config, plan).await,
            #[cfg(feature = "simulator")]
            Command::Demo(demo) => app::demo(config, demo).await,
            _ => app::run(config).await,
        }
    });
    // What has not ended by now was told to, and had its time.
    runtime.shutdown_background();
    ended
}

fn catalogue(format: Format) -> String {
    let catalogue = Catalogue::standard();
    match format {
        Format::Text => metrics::text(catalogue),
        Format::Markdown => metrics::markdown(catalogue),
        Format::Json => metrics::json(catalogue) + "\n",
    }
}

fn end(ended: Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn complain(error: &anyhow::Error) {
    stdio::say(format_args!("gitlab-metrics-bridge: {error:#}"));
}
