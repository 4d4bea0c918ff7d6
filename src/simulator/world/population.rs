//! Ready-made worlds, and the passing of time in them.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::World;
use super::ci::outcome::{FailureReason, TestReport};
use super::counts::{MergeRequests, Pipelines, Role, Sizes, Visibility};
use super::events::Events;
use super::issuables::IssuableState;
use super::issues::IssueKind;
use super::project::Project;

/// How often something happens in a project of the demo, on average.
const EVENT_INTERVAL: Duration = Duration::from_secs(600);

/// How long a job takes that is there to be seen.
const TOUR: Duration = Duration::from_secs(2);

/// The groups of the demo and the names of their projects.
const DEMO_GROUPS: [(&str, &str); 9] = [
    (
        "acme/platform",
        "gateway accounts billing search mailer audit scheduler notifications inventory \
         pricing checkout catalog reports sessions",
    ),
    (
        "acme/platform/libraries",
        "logging tracing retry money units forms flags cache queue crypto testing locale",
    ),
    (
        "acme/web",
        "storefront back-office design-system landing-pages help-centre status-page blog \
         partner-portal careers icons",
    ),
    (
        "acme/mobile",
        "android ios shared-core release-notes push widgets beta analytics",
    ),
    (
        "acme/data",
        "warehouse ingest models dashboards quality lineage notebooks exports features \
         experiments churn forecast",
    ),
    (
        "acme/infrastructure",
        "terraform clusters images runners backups dns certificates monitoring policies \
         secrets networks costs on-call",
    ),
    (
        "acme/infrastructure/charts",
        "gateway postgres redis collector prometheus grafana ingress operator jobs vault",
    ),
    (
        "research",
        "simulator papers datasets solver visualiser benchmarks robot vision speech \
         planner optics thesis-template",
    ),
    (
        "community",
        "handbook website translations events docs examples sdk-go sdk-python sdk-rust \
         sdk-java sdk-ruby cli plugins themes",
    ),
];

impl World {
    /// Some hundred and twenty projects of a small company, as seen at `now`.
    ///
    /// Among them are archived ones, forks, personal ones, an empty repository, one
    /// without issues, one without merge requests and one that hides its statistics. Pipelines have run in them
    /// lately, and some still do. There are runners, a licence, schedules, tokens that end soon, incidents.
    pub fn demo(now: Timestamp) -> World {
        let mut world = World::at(now);
        let mut random = Rng::with_seed(7);
        for (group, names) in DEMO_GROUPS {
            for name in names.split(' ') {
                fill(world.project(&format!("{group}/{name}")), &mut random, now);
            }
        }
        for owner in ["alice", "bob", "carol", "dave"] {
            for name in ["dotfiles", "playground", "notes"] {
                let path = format!("{owner}/{name}");
                fill(world.personal_project(&path), &mut random, now);
            }
        }
        for name in ["storefront", "design-system", "help-centre"] {
            let original = world.project(&format!("acme/web/{name}")).forks(1).id;
            let fork = world.personal_project(&format!("erin/{name}"));
            fill(fork, &mut random, now);
            fork.fork_of(original);
        }
        for path in [
            "acme/mobile/beta",
            "acme/data/churn",
            "research/optics",
            "community/themes",
        ] {
            world.project(path).archived();
        }
        let empty = world.project("research/thesis-template").empty_repository();
        empty
            .sizes(Sizes::default())
            .merge_requests(MergeRequests::default());
        empty.pipelines(Pipelines::default()).releases(0);
        let policies = world.project("acme/infrastructure/policies");
        policies.features(|on| on.issues = false).issues(0, 0);
        let handbook = world.project("community/handbook");
        handbook.features(|on| on.merge_requests = false);
        handbook.merge_requests(MergeRequests::default());
        let website = world.project("community/website");
        website.visibility(Visibility::Public).role(Role::Guest);
        world.group("acme/attic");
        world.furnish(&mut Rng::with_seed(9));
        world.remember_ci(&mut Rng::with_seed(8));
        world
    }

    /// `count` plausible projects in a few hundred groups; the same ones for the same count.
    pub fn large(count: usize) -> World {
        let mut world = World::new();
        let mut random = Rng::with_seed(11);
        let now = world.now();
        for index in 0..count {
            let path = format!("group-{:03}/project-{index:06}", index % 300);
            fill(world.project(&path), &mut random, now);
        }
        world
    }

    /// Lets time pass, and people push, open, close and merge, and pipelines run meanwhile.
    ///
    /// The same world, the same steps and the same seed give the same counts. A clock that was
    /// given is not moved.
    pub fn advance(&mut self, elapsed: Duration, random: &mut Rng) {
        self.pass(elapsed);
        self.happen(elapsed, random);
    }

    /// Lets time pass in which nothing new happens; what was planned does.
    pub fn pass(&mut self, elapsed: Duration) {
        self.clock.pass(elapsed);
        self.catch_up();
    }

    /// What happens in all projects in a time that has passed.
    pub(crate) fn happen(&mut self, elapsed: Duration, random: &mut Rng) {
        let likelihood = elapsed.as_secs_f64() / EVENT_INTERVAL.as_secs_f64();
        let busy = self.projects().filter(|project| !project.archived);
        let busy: Vec<u64> = busy.map(|project| project.id).collect();
        for id in busy {
            let mut expected = likelihood;
            while expected > 0.0 {
                if random.f64() < expected {
                    happen(self.events_of(id), random);
                }
                expected -= 1.0;
            }
        }
        self.reindex();
        self.work(random);
        self.count_at_night();
    }
}

impl World {
    /// What happens in turns in the first project that has everything, so that each kind of thing is soon
    /// seen to end.
    pub(crate) fn tour(&mut self, turn: u64) {
        let has_all = |project: &&Project| {
            let on = &project.features;
            let is_live = !project.archived && !project.empty_repository;
            is_live && on.repository && on.merge_requests && on.issues && on.builds
        };
        let first = self.projects().find(has_all).map(|project| project.id);
        let Some(id) = first else {
            return;
        };
        let mut events = self.events_of(id);
        let project = &*events.project;
        let open = project
            .touched_issues()
            .iter()
            .find(|row| row.kind == IssueKind::Incident && row.state == IssuableState::Opened);
        let (incident, requests) = (open.map(|row| row.iid), project.merge_requests.opened);
        match (turn % 6, incident) {
            (0, _) => {
                events.open_incident();
            }
            (1, _) => {
                events.open_merge_request();
            }
            (2, _) if requests > 0 => {
                events.merge_merge_request();
            }
            (3, _) => {
                events.run_pipeline(|plan| {
                    let unit = plan.job("unit", "test").takes(TOUR).coverage(81.5);
                    unit.tests(TestReport {
                        success: 212,
                        skipped: 3,
                        seconds: 1.6,
                        ..TestReport::default()
                    });
                    plan.job("release", "deploy")
                        .takes(TOUR)
                        .deploys_to("production")
                });
            }
            (4, _) => {
                events.run_pipeline(|plan| {
                    let unit = plan.job("unit", "test").takes(TOUR);
                    unit.fails(FailureReason::ScriptFailure)
                });
            }
            (5, Some(iid)) => {
                events.close_numbered_issue(iid);
            }
            _ => {}
        }
        self.reindex();
    }
}

/// One event in a project.
fn happen(mut events: Events<'_>, random: &mut Rng) {
    let project = &*events.project;
    match random.u8(0..10) {
        0..=2 if project.features.repository => {
            let pushed = random.u64(1..5);
            events.push(pushed).grow(pushed * random.u64(500..20_000));
        }
        3 if project.merge_requests.opened > 0 => {
            match random.bool() {
                true => events.request_review(),
                false => events.mark_ready(),
            };
        }
        4 if project.features.merge_requests => {
            match random.u8(0..4) {
                0 => events.open_draft(),
                _ => events.open_merge_request(),
            };
        }
        5 if project.merge_requests.opened > 0 => finish_merge_request(&mut events, random),
        6 if project.features.issues => {
            match random.u8(0..5) {
                0 => events.open_incident(),
                _ => events.open_issue(),
            };
        }
        7 if project.issues_opened > 0 => finish_issue(&mut events, random),
        8 if project.features.builds && !project.empty_repository => {
            events.run_any_pipeline(random);
            events.store_artifacts(random.u64(1_000..400_000));
        }
        9 => {
            match random.u8(0..8) {
                0 if project.features.repository => events.release(),
                _ => events.star(),
            };
        }
        _ => {}
    }
}

/// Any open merge request is merged or, more seldom, closed.
fn finish_merge_request(events: &mut Events<'_>, random: &mut Rng) {
    let project = &*events.project;
    let touched = project.touched_merge_requests().iter();
    let open = touched.filter(|row| row.state == IssuableState::Opened);
    let open: Vec<u64> = open.map(|row| row.iid).collect();
    // Behind those that something happened to is the far past, of which the oldest is taken.
    let chosen = open.get(random.u64(0..project.merge_requests.opened) as usize);
    match (chosen, random.u8(0..6)) {
        (Some(iid), 0) => events.close_numbered(*iid),
        (Some(iid), _) => events.merge_numbered(*iid),
        (None, 0) => events.close_merge_request(),
        (None, _) => events.merge_merge_request(),
    };
}

/// Any open issue or incident is closed; sometimes one that was closed is opened again.
fn finish_issue(events: &mut Events<'_>, random: &mut Rng) {
    let project = &*events.project;
    let numbers = |state: IssuableState| {
        let touched = project.touched_issues().iter();
        let in_state = touched.filter(move |row| row.state == state);
        in_state.map(|row| row.iid).collect::<Vec<u64>>()
    };
    let (open, closed) = (
        numbers(IssuableState::Opened),
        numbers(IssuableState::Closed),
    );
    let chosen = open.get(random.u64(0..project.issues_opened) as usize);
    match (chosen, closed.last(), random.u8(0..8)) {
        (_, Some(iid), 0) => events.reopen_numbered_issue(*iid),
        (Some(iid), _, _) => events.close_numbered_issue(*iid),
        (None, _, _) => events.close_issue(),
    };
}

/// Gives a project a plausible past: few are large, most are small.
fn fill(project: &mut Project, random: &mut Rng, now: Timestamp) {
    let scale = 1 + (random.f64().powi(4) * 60.0) as u64;
    let mut about = |typical: u64| random.u64(typical / 3..=typical * 2) * scale;
    let (commits, issues, merged) = (about(90), about(12), about(18));
    let sizes = Sizes {
        repository: about(600_000),
        wiki: about(9_000),
        lfs_objects: 0,
        build_artifacts: about(2_000_000),
        pipeline_artifacts: about(20_000),
        packages: about(300_000),
        snippets: 0,
        uploads: about(40_000),
        container_registry: Some(about(5_000_000)),
    };
    let age = SignedDuration::from_hours(24 * random.i64(60..2_500));
    let quiet = SignedDuration::from_secs((random.f64().powi(3) * 200.0 * 86_400.0) as i64);
    project.created_at(now.saturating_sub(age).unwrap_or(Timestamp::MIN));
    let active = now.saturating_sub(quiet).unwrap_or(Timestamp::MIN);
    project.last_activity_at(active.max(project.created_at));
    project
        .commits(commits.max(1))
        .issues(issues / 3, issues - issues / 3)
        .merge_requests(MergeRequests {
            opened: merged / 8,
            closed: merged / 6,
            merged,
            locked: u64::from(random.u8(0..40) == 0),
        })
        .pipelines(Pipelines {
            success: commits / 2 + random.u64(0..3),
            failed: commits / 9,
            canceled: commits / 30 + random.u64(0..2),
            ..Pipelines::default()
        })
        .sizes(sizes)
        .stars(random.u64(0..=scale))
        .releases(commits / 60);
}
