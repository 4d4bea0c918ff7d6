//! Months in minutes: on tokio's paused clock, against the model in this process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use gitlab_metrics_bridge::simulator::{GitLab, World};
use jiff::Timestamp;

use super::ended::Ended;
use super::simulation::counted::runs;
use super::simulation::process::Process;
use super::simulation::truth::untrue;
use super::simulation::{HOUR, MINUTE, Setup, idle, path};
use super::{Missed, descriptors, grown};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What share of all requests fails, but for the calm hours.
const FAULTS: f64 = 0.05;
/// How often the bridge ends in a day: killed, but for the last time.
const ENDS: u64 = 4;
/// How long before the end of a day nothing fails and nothing happens any more: as long as everything may take to be
/// seen, and be asked again after a failure.
const CALM: Duration = Duration::from_secs(3 * 3600);

/// What a day leaves.
struct Evening {
    requests: usize,
    struck: usize,
    ended: u64,
    /// Ends that the next end of the same pipeline followed so soon that nobody can have seen them.
    hidden: u64,
    series: u64,
    /// The size of the state file: all that is known.
    state: u64,
    descriptors: usize,
    wrong: Vec<String>,
}

/// Lets so many days pass.
pub async fn run(days: u32, projects: u64, seed: u64) -> Result<Missed> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    let mut soak = Soak::start(projects, seed, &state).await;
    println!("## {days} days of {projects} projects, seed {seed}\n");
    println!(
        "| day | requests | failed | ends so far | of them hidden | series | state | descriptors | wrong |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut evenings = Vec::new();
    for day in 1..=days {
        let evening = soak.day().await;
        // The first and every fifth, and all that went wrong.
        if day == 1 || day % 5 == 0 || day == days || !evening.wrong.is_empty() {
            println!(
                "| {day} | {} | {} | {} | {} | {} | {} B | {} | {} |",
                evening.requests,
                evening.struck,
                evening.ended,
                evening.hidden,
                evening.series,
                evening.state,
                evening.descriptors,
                evening.wrong.len()
            );
        }
        evenings.push(evening);
    }
    Ok(judged(&evenings))
}

/// Holds the days to the bars: everything true, and nothing that grows from the first third to the last.
fn judged(evenings: &[Evening]) -> Missed {
    let wrong = evenings.iter().enumerate().flat_map(|(day, evening)| {
        let some = evening.wrong.iter().take(3);
        some.map(move |what| format!("day {}: {what}", day + 1))
    });
    let mut missed: Missed = wrong.collect();
    missed.extend(grown("what is known", 1.2, evenings, |evening| {
        evening.state
    }));
    missed.extend(grown("the series", 1.1, evenings, |evening| evening.series));
    missed.extend(grown("the open descriptors", 1.0, evenings, |evening| {
        evening.descriptors as u64
    }));
    missed.extend(grown("the requests of a day", 1.2, evenings, |evening| {
        evening.requests as u64
    }));
    missed
}

/// A bridge, its GitLab and what happens to them.
struct Soak<'a> {
    gitlab: Arc<GitLab>,
    setup: Setup,
    state: &'a Path,
    process: Option<Process>,
    since: Timestamp,
    random: Rng,
    projects: u64,
    days: u64,
    /// What every counter showed when it was last looked at.
    counters: BTreeMap<String, f64>,
}

impl<'a> Soak<'a> {
    async fn start(projects: u64, seed: u64, state: &'a Path) -> Soak<'a> {
        let gitlab = Arc::new(GitLab::in_process(idle(projects)));
        let setup = Setup::default();
        let process = Process::start(&gitlab, &setup, state);
        tokio::time::sleep(5 * MINUTE).await;
        Soak {
            since: gitlab.read(World::now),
            gitlab,
            setup,
            state,
            process: Some(process),
            random: Rng::with_seed(seed),
            projects,
            days: 0,
            counters: BTreeMap::new(),
        }
    }

    async fn day(&mut self) -> Evening {
        self.days += 1;
        self.gitlab.take_requests();
        let lively = DAY - CALM;
        let random = &mut self.random;
        self.gitlab.edit(|world| world.churn(lively - HOUR, random));
        self.gitlab.chaos(FAULTS, self.random.u64(..));
        self.come_and_go();
        let mut wrong = Vec::new();
        for end in 1..=ENDS {
            let part = lively / ENDS as u32;
            let before = part.mul_f64(self.random.f64());
            self.pass(before, &mut wrong).await;
            if let Some(process) = self.process.take() {
                match end == ENDS {
                    true => process.stop().await,
                    false => process.kill().await,
                }
            }
            self.process = Some(Process::start(&self.gitlab, &self.setup, self.state));
            self.pass(part - before, &mut wrong).await;
        }
        self.gitlab.chaos(0.0, 0);
        self.pass(CALM, &mut wrong).await;
        self.evening(wrong)
    }

    /// A guest comes, the one of yesterday goes, and somebody has another path.
    fn come_and_go(&self) {
        let day = self.days;
        let renamed = path(1 + day % self.projects);
        self.gitlab.edit(|world| {
            world.project(&format!("guests/of-day-{day}")).commits(day);
            if day > 1 {
                world.remove_project(&format!("guests/of-day-{}", day - 1));
                let before = path(1 + (day - 1) % self.projects);
                world.rename_project(&format!("{before}-for-a-day"), &before);
            }
            world.rename_project(&renamed, &format!("{renamed}-for-a-day"));
        });
    }

    /// Lets time pass, and looks at every quarter of an hour whether a counter went back.
    async fn pass(&mut self, time: Duration, wrong: &mut Vec<String>) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(HOUR / 4);
            tokio::time::sleep(step).await;
            left -= step;
            let Some(process) = &self.process else {
                continue;
            };
            let shown = process.shown();
            // What was not read yet shows nothing.
            if shown.generation == 0 {
                continue;
            }
            let now = runs(&shown);
            for (name, count) in &self.counters {
                if now.get(name).is_none_or(|now| now < count) {
                    wrong.push(format!(
                        "{name} went back from {count} to {:?}",
                        now.get(name)
                    ));
                }
            }
            self.counters = now;
        }
    }

    fn evening(&self, mut wrong: Vec<String>) -> Evening {
        let shown = self
            .process
            .as_ref()
            .map(Process::shown)
            .unwrap_or_default();
        let counted = runs(&shown);
        let ended = self.gitlab.read(|world| Ended::since(world, self.since));
        wrong.extend(ended.wrong(&counted));
        wrong.extend(untrue(&self.gitlab, &shown));
        let requests = self.gitlab.take_requests();
        Evening {
            requests: requests.len(),
            struck: requests.iter().filter(|request| request.struck).count(),
            ended: ended.all(),
            hidden: ended.hidden(),
            series: shown.all_series(),
            state: std::fs::metadata(self.state).map_or(0, |file| file.len()),
            descriptors: descriptors("self"),
            wrong,
        }
    }
}
