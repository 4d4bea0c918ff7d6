//! Configure, build, run, drain.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use gitlab_metrics_bridge::cli::{Cli, Command, Format, completions};
use gitlab_metrics_bridge::config::{Config, Environment};
use gitlab_metrics_bridge::{app, metrics};

/// The exit code for a configuration that can't be used, as for wrong flags.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command();
    match command {
        Command::Metrics { format } => return print(catalogue(format).as_bytes()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            // Writing to a vector can't fail.
            let _ = completions(shell, &mut script);
            return print(&script);
        }
        _ => {}
    }
    let config = match configure(&cli, &command) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("gitlab-metrics-bridge: {error:#}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    match run(&command, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gitlab-metrics-bridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn configure(cli: &Cli, command: &Command) -> Result<Config> {
    let names: Vec<_> = metrics::catalogue()
        .iter()
        .map(|metric| metric.name)
        .collect();
    let config = Config::load(&cli.flags, &Environment::of_process(), &names)?;
    if matches!(command, Command::Run | Command::Once) {
        app::require_tokens(&config)?;
    }
    app::start_logging(&config.log)?;
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
            Command::Demo(demo) => app::demo(config, demo).await,
            _ => app::run(config).await,
        }
    });
    // What has not ended by now was told to, and had its time.
    runtime.shutdown_background();
    ended
}

fn catalogue(format: Format) -> String {
    match format {
        Format::Text => metrics::text(),
        Format::Markdown => metrics::markdown(),
        Format::Json => metrics::json() + "\n",
    }
}

/// A reader that has read enough, such as `head`, is no failure.
fn print(text: &[u8]) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text);
    ExitCode::SUCCESS
}
