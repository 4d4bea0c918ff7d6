//! A lively GitLab: pipelines of all kinds, at random. The same seed gives the same pipelines.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::agenda::{Deed, Step};
use super::deployment::DeploymentStatus;
use super::outcome::{FailureReason, TestReport};
use super::plan::PipelinePlan;
use super::reference::Reference;
use super::status::PipelineStatus;
use crate::simulator::world::World;
use crate::simulator::world::clock::later;
use crate::simulator::world::events::Events;

/// How often CI does something in a project while it churns, on average.
const CHURN_INTERVAL: Duration = Duration::from_secs(300);
/// How many branches, merge requests and versions pipelines run on.
const BRANCHES: u32 = 6;
const MERGE_REQUESTS: u64 = 12;
const VERSIONS: u32 = 4;
/// A pipeline of more jobs than a page holds.
const MANY_JOBS: usize = 101;
/// Deleted pipelines are so old that everybody has read them.
const DELETED_AFTER: Duration = Duration::from_secs(3 * 3600);
/// How long ago the demo's pipelines began, at most.
const RECENT: Duration = Duration::from_secs(36 * 3600);

/// What jobs fail of, the most frequent first.
const REASONS: [FailureReason; 5] = [
    FailureReason::ScriptFailure,
    FailureReason::ScriptFailure,
    FailureReason::RunnerSystemFailure,
    FailureReason::StuckOrTimeoutFailure,
    FailureReason::ApiFailure,
];

/// What people do meanwhile, the most frequent first.
const DEEDS: [Deed; 7] = [
    Deed::OpenMergeRequest,
    Deed::OpenMergeRequest,
    Deed::MergeMergeRequest,
    Deed::MergeMergeRequest,
    Deed::OpenIncident,
    Deed::CloseIncident,
    Deed::ReopenIncident,
];

impl World {
    /// Plans what CI does in all projects in the time to come: pipelines of all kinds, retried, canceled and
    /// deleted ones among them, deployments over the API, and the merge requests and incidents they tell of.
    /// What was planned happens while time passes.
    pub fn churn(&mut self, ahead: Duration, random: &mut Rng) {
        let now = self.now();
        for id in self.with_ci() {
            let mut expected = ahead.as_secs_f64() / CHURN_INTERVAL.as_secs_f64();
            while expected > 0.0 {
                if random.f64() < expected {
                    let when = later(now, ahead.mul_f64(random.f64()));
                    match random.u8(0..4) {
                        0 => {
                            let deed = DEEDS[random.usize(0..DEEDS.len())];
                            self.agenda.add(when, id, Step::People(deed));
                        }
                        _ => self.plan_any(id, when, random),
                    }
                }
                expected -= 1.0;
            }
        }
        self.catch_up();
    }

    /// Lets pipelines have run before now, and some run still.
    pub(in crate::simulator::world) fn remember_ci(&mut self, random: &mut Rng) {
        let now = self.now();
        for id in self.with_ci() {
            for _ in 0..random.u8(1..4) {
                let ago = RECENT.mul_f64(random.f64().powi(2));
                let ago = SignedDuration::try_from(ago).unwrap_or_default();
                let when = now.saturating_sub(ago).unwrap_or(now);
                self.plan_any(id, when, random);
            }
        }
        self.remember_a_failed_deployment();
        self.catch_up();
    }

    /// Where one project deploys to, the last deployment failed after one that had succeeded.
    fn remember_a_failed_deployment(&mut self) {
        let Some(id) = self.with_ci().last().copied() else {
            return;
        };
        let (success, failed) = (DeploymentStatus::Success, DeploymentStatus::Failed);
        for (minutes, status) in [(120, success), (60, failed)] {
            let when = self
                .now()
                .saturating_sub(SignedDuration::from_mins(minutes));
            let environment = "staging".to_owned();
            let step = Step::Deploy {
                environment,
                status,
            };
            self.agenda.add(when.unwrap_or(self.now()), id, step);
        }
    }

    /// The projects that run pipelines.
    fn with_ci(&self) -> Vec<u64> {
        let projects = self.projects();
        let active = projects.filter(|project| {
            project.features.builds && !project.archived && !project.empty_repository
        });
        active.map(|project| project.id).collect()
    }

    /// Something that CI does, at that time.
    fn plan_any(&mut self, project: u64, when: Timestamp, random: &mut Rng) {
        if random.u8(0..20) == 0 {
            let status = match random.u8(0..4) {
                0 => DeploymentStatus::Failed,
                _ => DeploymentStatus::Success,
            };
            let environment = "production".to_owned();
            let step = Step::Deploy {
                environment,
                status,
            };
            return self.agenda.add(when, project, step);
        }
        let plan = any(random);
        if let Some(Reference::Branch(name)) = &plan.reference
            && name.starts_with("feature")
            && random.u8(0..4) == 0
        {
            let deleted = later(when, seconds(random, 60, 1_800));
            let step = Step::DeleteReference(Reference::Branch(name.clone()));
            self.agenda.add(deleted, project, step);
        }
        self.agenda.add(when, project, Step::Create(Arc::new(plan)));
    }
}

impl Events<'_> {
    /// A pipeline of any kind is created, and runs while time passes.
    pub(in crate::simulator::world) fn run_any_pipeline(&mut self, random: &mut Rng) {
        let plan = any(&mut random.fork());
        self.create(&plan, None);
    }
}

/// A pipeline of any kind.
fn any(random: &mut Rng) -> PipelinePlan {
    let mut plan = PipelinePlan::new();
    choose_reference(&mut plan, random);
    choose_jobs(&mut plan, random);
    if random.u8(0..20) == 0 {
        plan.deleted_after(DELETED_AFTER);
    }
    plan
}

/// Mostly the default branch, and every kind of thing else.
fn choose_reference(plan: &mut PipelinePlan, random: &mut Rng) {
    match random.u8(0..100) {
        0..55 => {}
        55..65 => {
            plan.on(&format!("feature-{}", random.u32(0..BRANCHES)));
        }
        65..77 => {
            let iid = random.u64(1..=MERGE_REQUESTS);
            plan.on_merge_request(iid, &format!("feature-{iid}"));
        }
        77..82 => {
            plan.on_tag(&format!("v{}", random.u32(0..VERSIONS)));
        }
        // A branch that has the name of a tag.
        82..86 => {
            plan.on(&format!("v{}", random.u32(0..VERSIONS)));
        }
        _ => {}
    }
}

fn choose_jobs(plan: &mut PipelinePlan, random: &mut Rng) {
    match random.u8(0..100) {
        0..5 => {
            plan.rests(PipelineStatus::Skipped);
        }
        5..10 => {
            job(plan, "package", "build", random);
            plan.job("release", "deploy").manual();
        }
        10..16 => {
            let fails = random.u8(0..4) == 0;
            let mut inner = random.fork();
            plan.child("children", "build", |child| {
                job(child, "inner", "test", &mut inner);
                if fails {
                    child.fails(FailureReason::ScriptFailure);
                }
                child
            });
            job(plan, "after", "test", random);
        }
        16..18 => {
            for number in 0..MANY_JOBS {
                job(plan, &format!("shard-{number}"), "test", random);
            }
        }
        // It is over before anybody looks.
        18..26 => {
            let short = Duration::from_millis(random.u64(20..2_000));
            plan.job("lint", "test").takes(short);
        }
        26..31 => {
            ordinary(plan, random);
            plan.canceled_after(seconds(random, 5, 60));
        }
        31..35 => {
            plan.source("schedule");
            ordinary(plan, random);
        }
        _ => ordinary(plan, random),
    }
}

/// Builds, tests and, on the default branch, deploys. Some jobs fail, and some of those are retried.
fn ordinary(plan: &mut PipelinePlan, random: &mut Rng) {
    job(plan, "compile", "build", random);
    job(plan, "lint", "test", random);
    if random.u8(0..4) == 0 {
        plan.fails(FailureReason::ScriptFailure).allowed_to_fail();
    }
    job(plan, "unit", "test", random);
    plan.late(seconds(random, 1, 20))
        .coverage((random.f64() * 1_000.0).round() / 10.0)
        .tests(report(random))
        .artifact("junit", random.u64(1_000..90_000));
    if random.u8(0..5) == 0 {
        plan.fails(REASONS[random.usize(0..REASONS.len())]);
        if random.bool() {
            plan.retried_after(seconds(random, 1, 240));
        }
    }
    if plan.reference.is_none() {
        job(plan, "stage", "deploy", random);
        plan.deploys_to("staging");
        if random.u8(0..3) == 0 {
            job(plan, "ship", "production", random);
            plan.deploys_to("production");
            if random.u8(0..6) == 0 {
                plan.fails(FailureReason::ScriptFailure);
            }
        }
    }
}

/// Adds a job that runs by itself.
fn job(plan: &mut PipelinePlan, name: &str, stage: &str, random: &mut Rng) {
    let (tags, longest_wait): (&[&str], u64) = match random.u8(0..4) {
        0 => (&["docker", "linux"], 15_000),
        // There are few of these runners, so that a queue forms.
        1 => (&["gpu"], 120_000),
        _ => (&[], 10_000),
    };
    plan.job(name, stage)
        .tags(tags)
        .waits(Duration::from_millis(random.u64(0..longest_wait)))
        .takes(Duration::from_millis(random.u64(1_000..120_000)));
}

fn report(random: &mut Rng) -> TestReport {
    TestReport {
        success: random.u64(20..400),
        failed: random.u64(0..3),
        skipped: random.u64(0..9),
        error: 0,
        seconds: (random.f64() * 6_000.0).round() / 100.0,
    }
}

fn seconds(random: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_secs(random.u64(least..most))
}
