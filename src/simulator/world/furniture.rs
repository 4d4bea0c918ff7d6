//! What the demo's world has besides counts: members, runners, a licence, schedules, tokens, vulnerabilities.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::World;
use super::clock::{in_days, later};
use super::counts::{Role, Visibility};
use super::details::{RepositoryCounts, Schedule, Severities, Vulnerabilities};
use super::instance::License;
use super::issues::{Issue, IssueKind};
use super::merge_requests::MergeRequest;

const DAY: Duration = Duration::from_secs(86_400);
/// What the code of a project may be written in.
const LANGUAGES: [&str; 6] = ["Rust", "Go", "TypeScript", "Ruby", "Python", "Shell"];
/// One project in so many has something of each kind.
const ONE_IN: usize = 7;

impl World {
    /// Fills the demo's world with everything that is not a count of most projects.
    pub(super) fn furnish(&mut self, random: &mut Rng) {
        self.people();
        self.machines();
        let now = self.now();
        let (in_a_year, soon) = (in_days(later(now, DAY * 300)), in_days(later(now, DAY * 9)));
        let license = License::new("ultimate", 80, 64);
        self.license(Some(license.expires_at(Some(&in_a_year))));
        self.group_token("acme", "renovate", Some(&in_a_year));
        self.group_token("acme/platform", "release-robot", Some(&soon));
        let paths = self.projects().filter(|project| !project.archived);
        let paths: Vec<String> = paths.map(|project| project.full_path.clone()).collect();
        for (index, path) in paths.iter().enumerate() {
            self.code(path, random);
            if index % ONE_IN == 0 {
                self.schedules(path, random);
                self.findings(path, random);
                self.project_token(path, "deploy", Some(&soon));
            }
            if index % ONE_IN == 1 {
                self.matters(path, random);
            }
        }
    }

    fn people(&mut self) {
        self.group_members("acme", Role::Owner, 1..=3);
        self.group_members("acme", Role::Developer, 4..=40);
        self.group_members("acme/platform", Role::Maintainer, 4..=9);
        self.group_members("acme/data", Role::Maintainer, 10..=14);
        self.group_members("research", Role::Maintainer, 41..=44);
        self.group_members("community", Role::Reporter, 45..=60);
        self.group_role("acme", Role::Owner);
        self.group_role("research", Role::Maintainer);
        self.group_visibility("community", Visibility::Public);
        self.invite_group("acme/platform/gateway", "research");
    }

    fn machines(&mut self) {
        let now = self.now();
        let ago = |span: Duration| earlier(now, span);
        let registered = ago(DAY * 200);
        for (name, tags) in [
            ("shared-1", &["docker", "linux"][..]),
            ("shared-2", &["docker", "linux"]),
            ("shared-arm", &["docker", "linux", "arm64"]),
        ] {
            let runner = self.runner(name).created_at(registered).tags(tags);
            runner.jobs(1_200).managers(&["18.8.0", "18.7.2"]);
        }
        let maintained = self.runner("shared-old").created_at(registered);
        maintained.paused(true).tags(&["docker"]);
        let lost = self
            .runner("windows")
            .created_at(registered)
            .tags(&["windows"]);
        lost.contacted_at(ago(Duration::from_secs(5 * 3600)));
        self.runner("mac-mini")
            .created_at(registered)
            .contacted_at(ago(DAY * 20));
        let mobile = self.group_runner("acme/mobile", "xcode");
        mobile.created_at(registered).tags(&["macos"]);
        self.group_runner("acme/data", "gpu")
            .created_at(registered)
            .tags(&["gpu"]);
        self.group_runner("research", "cluster").never_contacted();
        let own = self.project_runner("acme/infrastructure/terraform", "terraform");
        own.created_at(registered).tags(&["terraform"]);
    }

    fn code(&mut self, path: &str, random: &mut Rng) {
        let project = self.project(path);
        if project.empty_repository {
            return;
        }
        let most = random.u32(550..950);
        let at = random.usize(0..LANGUAGES.len());
        let tags = project.releases;
        project
            .language(LANGUAGES[at], f64::from(most) / 10.0)
            .language(
                LANGUAGES[(at + 1) % LANGUAGES.len()],
                f64::from(1_000 - most) / 10.0,
            )
            .repository(RepositoryCounts {
                branches: random.u64(1..30),
                tags,
                contributors: random.u64(1..25),
                protected_branches: random.u64(1..4),
            })
            .milestones(random.u64(0..3), random.u64(0..9))
            .packages(random.u64(0..40))
            .container_repositories(random.u64(0..5));
    }

    fn schedules(&mut self, path: &str, random: &mut Rng) {
        let tonight = later(self.now(), Duration::from_secs(random.u64(3_600..80_000)));
        let project = self.project(path);
        project.schedule(Schedule::active("nightly", tonight));
        project.schedule(Schedule::active("weekly report", later(tonight, DAY * 4)).inactive());
    }

    fn findings(&mut self, path: &str, random: &mut Rng) {
        let detected = Severities {
            critical: random.u64(0..2),
            high: random.u64(0..6),
            medium: random.u64(0..20),
            low: random.u64(0..30),
            ..Severities::default()
        };
        self.project(path).vulnerabilities(Vulnerabilities {
            detected,
            ..Vulnerabilities::default()
        });
    }

    /// Labelled issues, incidents and drafts of the last days.
    fn matters(&mut self, path: &str, random: &mut Rng) {
        let now = self.now();
        let mut ago =
            |most: u64| earlier(now, Duration::from_secs(random.u64(3_600..most * 86_400)));
        let project = self.project(path);
        if !project.features.issues || !project.features.merge_requests {
            return;
        }
        let created = ago(20);
        let bug = Issue::opened(IssueKind::Issue, created).labels(&["bug"]);
        project.add_issue(bug.assignees(1));
        project.add_issue(Issue::opened(IssueKind::Issue, ago(9)).labels(&["bug", "urgent"]));
        project.add_issue(Issue::opened(IssueKind::Incident, ago(2)));
        let began = ago(15);
        let over = later(began, Duration::from_secs(5_400));
        project.add_issue(Issue::opened(IssueKind::Incident, began).closed(over));
        project.add_merge_request(MergeRequest::opened(ago(12)).draft());
        project.add_merge_request(MergeRequest::opened(ago(3)).reviewers(1));
    }
}

fn earlier(when: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::ZERO);
    when.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
