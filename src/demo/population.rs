//! Ready-made worlds, and the passing of time in them.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::project::{Access, MergeRequests, Pipelines, Project, Sizes, Visibility};
use super::world::World;

/// GitLab moves `last_activity_at` at most once in this time.
const ACTIVITY_RESOLUTION: SignedDuration = SignedDuration::from_hours(1);

/// How often something happens in a project of the demo, on average.
const EVENT_INTERVAL: Duration = Duration::from_secs(600);

const DEMO_GROUPS: [(&str, &[&str]); 9] = [
    (
        "acme/platform",
        &[
            "gateway",
            "accounts",
            "billing",
            "search",
            "mailer",
            "audit",
            "scheduler",
            "notifications",
            "inventory",
            "pricing",
            "checkout",
            "catalog",
            "reports",
            "sessions",
        ],
    ),
    (
        "acme/platform/libraries",
        &[
            "logging", "tracing", "retry", "money", "units", "forms", "flags", "cache", "queue",
            "crypto", "testing", "locale",
        ],
    ),
    (
        "acme/web",
        &[
            "storefront",
            "back-office",
            "design-system",
            "landing-pages",
            "help-centre",
            "status-page",
            "blog",
            "partner-portal",
            "careers",
            "icons",
        ],
    ),
    (
        "acme/mobile",
        &[
            "android",
            "ios",
            "shared-core",
            "release-notes",
            "push",
            "widgets",
            "beta",
            "analytics",
        ],
    ),
    (
        "acme/data",
        &[
            "warehouse",
            "ingest",
            "models",
            "dashboards",
            "quality",
            "lineage",
            "notebooks",
            "exports",
            "features",
            "experiments",
            "churn",
            "forecast",
        ],
    ),
    (
        "acme/infrastructure",
        &[
            "terraform",
            "clusters",
            "images",
            "runners",
            "backups",
            "dns",
            "certificates",
            "monitoring",
            "policies",
            "secrets",
            "networks",
            "costs",
            "on-call",
        ],
    ),
    (
        "acme/infrastructure/charts",
        &[
            "gateway",
            "postgres",
            "redis",
            "collector",
            "prometheus",
            "grafana",
            "ingress",
            "operator",
            "jobs",
            "vault",
        ],
    ),
    (
        "research",
        &[
            "simulator",
            "papers",
            "datasets",
            "solver",
            "visualiser",
            "benchmarks",
            "robot",
            "vision",
            "speech",
            "planner",
            "optics",
            "thesis-template",
        ],
    ),
    (
        "community",
        &[
            "handbook",
            "website",
            "translations",
            "events",
            "docs",
            "examples",
            "sdk-go",
            "sdk-python",
            "sdk-rust",
            "sdk-java",
            "sdk-ruby",
            "cli",
            "plugins",
            "themes",
        ],
    ),
];

impl World {
    /// Some hundred and twenty projects of a small company, as seen at `now`.
    ///
    /// Among them are archived ones, forks, personal ones, an empty repository, one
    /// without issues, one without merge requests and one that hides its statistics.
    pub fn demo(now: Timestamp) -> World {
        let mut world = World::at(now);
        let mut random = Rng::with_seed(7);
        for (group, names) in DEMO_GROUPS {
            for name in names {
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
        website.visibility(Visibility::Public).access(Access::Guest);
        world.group("acme/attic");
        world
    }

    /// `count` plausible projects in a few hundred groups; the same ones for the same count.
    pub fn large(count: usize) -> World {
        let mut world = World::new();
        let mut random = Rng::with_seed(11);
        let now = world.now;
        for index in 0..count {
            let path = format!("group-{:03}/project-{index:06}", index % 300);
            fill(world.project(&path), &mut random, now);
        }
        world
    }

    /// Lets time pass: people push, open, close and merge, and pipelines run.
    ///
    /// The same world, the same steps and the same seed give the same counts. As in
    /// GitLab, `last_activity_at` moves at most once an hour, and pipelines and stars
    /// never move it.
    pub fn advance(&mut self, elapsed: Duration, random: &mut Rng) {
        let step = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.now = self.now.saturating_add(step).unwrap_or(Timestamp::MAX);
        let now = self.now;
        let likelihood = elapsed.as_secs_f64() / EVENT_INTERVAL.as_secs_f64();
        for project in self.projects_mut().filter(|project| !project.archived) {
            let mut expected = likelihood;
            while expected > 0.0 {
                if random.f64() < expected {
                    happen(project, random, now);
                }
                expected -= 1.0;
            }
        }
    }
}

/// One event in a project.
fn happen(project: &mut Project, random: &mut Rng, now: Timestamp) {
    let merge_requests = &mut project.merge_requests;
    let seen_as_activity = match random.u8(0..10) {
        0..=3 if project.features.repository => {
            let pushed = random.u64(1..5);
            project.commits += pushed;
            project.empty_repository = false;
            project.sizes.repository += pushed * random.u64(500..20_000);
            true
        }
        4 if project.features.merge_requests => {
            merge_requests.opened += 1;
            true
        }
        5 if merge_requests.opened > 0 => {
            merge_requests.opened -= 1;
            if random.u8(0..6) == 0 {
                merge_requests.closed += 1;
            } else {
                merge_requests.merged += 1;
                project.commits += 1;
            }
            true
        }
        6 if project.features.issues => {
            project.issues_opened += 1;
            true
        }
        7 if project.issues_opened > 0 => {
            project.issues_opened -= 1;
            project.issues_closed += 1;
            true
        }
        8 if project.features.builds && !project.empty_repository => {
            if random.u8(0..5) == 0 {
                project.pipelines.failed += 1;
            } else {
                project.pipelines.success += 1;
            }
            project.sizes.build_artifacts += random.u64(1_000..400_000);
            false
        }
        9 => {
            project.stars += 1;
            false
        }
        _ => false,
    };
    let since = now.duration_since(project.last_activity_at);
    if seen_as_activity && since >= ACTIVITY_RESOLUTION {
        project.last_activity_at = now;
    }
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
            success: commits / 2,
            failed: commits / 9,
            canceled: commits / 30,
            running: random.u64(0..3),
            pending: random.u64(0..2),
        })
        .sizes(sizes)
        .stars(random.u64(0..=scale))
        .releases(commits / 60);
}
