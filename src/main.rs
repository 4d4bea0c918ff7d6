//! Configure, build, run, drain.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use gitlab_metrics_bridge::cli::{Cli, Command, Format};
use gitlab_metrics_bridge::config::Config;
use gitlab_metrics_bridge::{app, metrics};

/// The exit code for a configuration that can't be used, as for wrong flags.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Run);
    match command {
        Command::Metrics { format } => return print(&catalogue(format)),
        Command::Completions { shell } => return print(&completions(shell)),
        _ => {}
    }
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let config = Config::load(&cli.flags, &environment).and_then(|config| {
        app::validate(&config)?;
        app::start_logging(&config.log)?;
        Ok(config)
    });
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            eprintln!("gitlab-metrics-bridge: configuration: {error:#}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    match run(command, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gitlab-metrics-bridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let ended = runtime.block_on(async {
        match command {
            Command::Once => app::once(config).await,
            Command::Check => app::check(config).await,
            Command::Demo {
                projects,
                change_every,
            } => app::demo(config, projects, change_every).await,
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
        Format::Json => metrics::json(),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        "gitlab-metrics-bridge",
        &mut script,
    );
    String::from_utf8_lossy(&script).into_owned()
}

/// A reader that has read enough, such as `head`, is no failure.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
    ExitCode::SUCCESS
}
