//! Runs for a long time, and looks whether anything grows, is lost or becomes untrue.
//!
//! `cargo run --release --example soak`: months in minutes. Time is simulated: CI never rests, projects come, go and
//! are renamed, a share of all requests fails, and the bridge is killed and restarted every day. Each day ends with a
//! calm hour, in which everything shown is held against the model and every counter against its ledger.
//!
//! `cargo run --release --example soak -- --real 1h`: the bridge as a process of its own in real time, beside a real
//! Collector and a real Prometheus (`eval "$(tests/run --tools)"` says where they are), with the same troubles.
//!
//! It ends with 1 if a bar is missed. docs/measured.md shows a run of each.

#[allow(
    dead_code,
    reason = "the harness of `measure` has more than is needed here"
)]
#[path = "../measure/bridge.rs"]
mod bridge;
mod ended;
mod real;
mod simulated;
#[path = "../../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

/// Runs the bridge for a long time, and looks whether anything grows, is lost or becomes untrue.
#[derive(Parser)]
struct Arguments {
    /// So many simulated days
    #[arg(long, default_value_t = 60)]
    days: u32,
    /// So many projects, all with CI
    #[arg(long, default_value_t = 12)]
    projects: u64,
    /// Another seed is another history
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead, for so long in real time, as a process beside real tools
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    real: Option<Duration>,
}

/// What was not good enough.
pub type Missed = Vec<String>;

fn main() -> Result<ExitCode> {
    if bridge::is_this_process() {
        in_real_time()?.block_on(bridge::run())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Arguments {
        days,
        projects,
        seed,
        real,
    } = Arguments::parse();
    let missed = match real {
        Some(time) => in_real_time()?.block_on(real::run(time, projects, seed))?,
        None => in_simulated_time()?.block_on(simulated::run(days, projects, seed))?,
    };
    for what in &missed {
        eprintln!("missed: {what}");
    }
    Ok(match missed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Says what grew beyond `slack` from the first third of what was seen to the last.
fn grown<T>(what: &str, slack: f64, seen: &[T], value: fn(&T) -> u64) -> Option<String> {
    let third = seen.len().div_ceil(3);
    let most = |of: &[T]| of.iter().map(value).max().unwrap_or_default();
    let (first, last) = (most(&seen[..third]), most(&seen[seen.len() - third..]));
    let has_grown = last as f64 > first as f64 * slack;
    has_grown.then(|| format!("{what} grew from {first} to {last}"))
}

fn in_real_time() -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build()
}

fn in_simulated_time() -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build()
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// How many files a process has open.
fn descriptors(process: &str) -> usize {
    let folder = std::fs::read_dir(format!("/proc/{process}/fd"));
    folder.map_or(0, Iterator::count)
}
