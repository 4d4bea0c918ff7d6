//! The program: reads the command line and the configuration, runs the command, and ends with its exit code.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use gitlab_metrics_bridge::app::{Hangups, Misconfigured, Source};
use gitlab_metrics_bridge::cli::{
    Cli, Command, Format, completions, manual, version, write_manuals,
};
use gitlab_metrics_bridge::config::{self, Config, Environment, Flags};
use gitlab_metrics_bridge::metrics::{self, Catalogue};
use gitlab_metrics_bridge::{app, sbom, stdio};
use tokio::runtime::Runtime;

/// The exit code for a configuration that can't be used, as for wrong flags. What goes wrong elsewhere is 1.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) if wrong.use_stderr() => {
            if !app::complain_of_flags(&wrong.render().to_string()) {
                let _ = wrong.print(); // Standard error may be full.
            }
            return ExitCode::from(MISCONFIGURED);
        }
        Err(help_or_version) => return end(stdio::printed(help_or_version.print())),
    };
    if matches!(cli.command(), Command::Run) {
        bound_allocator();
    }
    match cli.command() {
        Command::Metrics { format } => end(stdio::print(&[catalogue(format)])),
        Command::Version => end(stdio::print(&[version()])),
        Command::Schema => end(stdio::print(&[config::schema()])),
        Command::Sbom => {
            end(sbom::cyclonedx(jiff::Timestamp::now()).and_then(|bom| stdio::print(&[bom])))
        }
        Command::Completions { shell } => end(stdio::print(&[completions(shell)])),
        Command::Man { output } => end(manuals(output.as_deref())),
        command => match begin() {
            Err(error) => end(Err(error)),
            Ok((runtime, hangups)) => match configure(&cli, &command) {
                Ok(config) => end(run(cli, &command, config, runtime, hangups)),
                Err(error) => {
                    app::complain(&error);
                    ExitCode::from(MISCONFIGURED)
                }
            },
        },
    }
}

/// Starts the runtime, and listens for SIGHUP: it kills nothing from now on, whatever the command.
fn begin() -> Result<(Runtime, Hangups)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("starting the runtime")?;
    let hangups = {
        let _entered = runtime.enter();
        Hangups::listen()?
    };
    Ok((runtime, hangups))
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
    let config = load(&cli.flags, command)?;
    app::start_logging(&config.log)?;
    app::say_what_was_doubtful(&config, command.asks_gitlab());
    Ok(config)
}

fn load(flags: &Flags, command: &Command) -> Result<Config> {
    let config = match command {
        // It finds the address that is meant.
        Command::Init(_) => {
            Config::load(&flags.without(&["gitlab-url"]), &Environment::of_process())?
        }
        // There these name what is asked about.
        Command::Explain(_) => Config::load(
            &flags.without(&["project", "group"]),
            &Environment::of_process(),
        )?,
        _ => Config::load(flags, &Environment::of_process())?,
    };
    if matches!(command, Command::Run | Command::Once) {
        app::require_tokens(&config)?;
    }
    Ok(config)
}

fn run(
    cli: Cli,
    command: &Command,
    config: Config,
    runtime: Runtime,
    hangups: Hangups,
) -> Result<()> {
    let again = command.clone();
    let flags = cli.flags.clone();
    let source: Source = Arc::new(move || load(&cli.flags, &again));
    let ended = runtime.block_on(async {
        app::survive_file_limit();
        match command {
            Command::Once => app::once(config).await,
            Command::Check { format } => app::check(config, *format).await,
            Command::Health { url } => app::health(config, url.as_deref()).await,
            Command::Init(asked) => app::init(flags, asked).await,
            Command::Explain(asked) => app::explain(config, asked).await,
            Command::Plan(plan) => app::plan(config, plan).await,
            #[cfg(feature = "simulator")]
            Command::Demo(demo) => app::demo(config, source, hangups, demo).await,
            _ => app::run(config, source, hangups).await,
        }
    });
    // What has not ended by now was told to, and had its time.
    runtime.shutdown_background();
    ended
}

/// Prints the manual page of the program, or writes those of all commands into a folder.
fn manuals(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else {
        return stdio::print(&[manual().context("making the manual page")?]);
    };
    let written = fs::create_dir_all(folder).and_then(|()| write_manuals(folder));
    written.with_context(|| format!("writing manual pages into {}", folder.display()))
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
            app::complain(&error);
            match error.is::<Misconfigured>() {
                true => ExitCode::from(MISCONFIGURED),
                false => ExitCode::FAILURE,
            }
        }
    }
}
