//! Holds the poller to its bars: what a day of polling costs, and whether it misses anything.
//!
//! `cargo run --release --example day`, or `-- --quick` for a small day
//!
//! GitLab is the model of the demo, and time is simulated: a day takes a minute, the numbers depend on
//! the seeds alone, and anyone who runs this gets the same tables. It ends with 1 if a bar is missed.

mod bars;
#[path = "../../tests/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;

use bars::{Bar, chaos, first_sweep, idle, steady};
use clap::Parser;

/// Simulates days of polling and measures what they cost.
#[derive(Parser)]
struct Arguments {
    /// A small day instead of a large one
    #[arg(long)]
    quick: bool,
    /// Only this: steady, sweep, idle or chaos
    #[arg(long)]
    only: Option<String>,
}

fn main() -> ExitCode {
    let Arguments { quick, only } = Arguments::parse();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut missed = Vec::new();
    let mut report = |bar: Bar| {
        println!("{bar}");
        missed.extend(bar.missed);
    };
    if wanted("steady") {
        for day in steady::Day::bars(quick) {
            report(in_simulated_time(steady::run(day)));
        }
    }
    if wanted("sweep") {
        report(in_simulated_time(first_sweep::run(quick)));
    }
    if wanted("idle") {
        for projects in if quick { [100, 1_000] } else { [1_000, 10_000] } {
            report(in_simulated_time(idle::run(projects)));
        }
    }
    if wanted("chaos") {
        report(in_simulated_time(chaos::run(quick)));
    }
    match missed.is_empty() {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("missed: {}", missed.join("; "));
            ExitCode::FAILURE
        }
    }
}

/// Each bar has a clock of its own.
fn in_simulated_time<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime without network can be built")
        .block_on(simulation)
}
