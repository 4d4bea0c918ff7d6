//! Forecast and fact: the real poller asks a model of GitLab for some virtual hours, and makes as many
//! requests as were forecast, within 10 %.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "simulation/mod.rs"]
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Cadence, EnabledMetrics};
use gitlab_metrics_bridge::poll::{Assumption, Forecast, Rhythm, Source};
use gitlab_metrics_bridge::simulator::{
    Fault, GitLab, PipelineStatus, Role, Version, Visibility, World,
};
use simulation::{HOUR, Setup};
use tokio::time::{Instant, sleep_until};

/// The first sweep is made at once, the later ones are spread: only then nothing changes any more.
const WARM_UP: u32 = 2;
const MEASURED: u32 = 2;

/// A GitLab, and how it is polled.
struct Case {
    rhythm: Rhythm,
    sources: Vec<Source>,
    /// Paths of the projects; the first of them are hidden in part.
    paths: Vec<String>,
    hidden: usize,
    /// An old GitLab, which does not tell whether a feature of the first of them is switched off.
    unclear: usize,
    /// Projects that something happens to in an hour.
    active: u32,
    graphql: bool,
}

/// The requests of the first poll, and of an hour in the steady state.
#[derive(Debug)]
struct Requests {
    first: f64,
    an_hour: f64,
}

impl Requests {
    fn of(forecast: &Forecast) -> Requests {
        Requests {
            first: forecast.first_sweep as f64,
            an_hour: forecast.total(),
        }
    }
}

fn everything() -> EnabledMetrics {
    // What has a pace of its own is forecast, too, and not yet held to ten percent for few projects.
    EnabledMetrics::by_default(|metric| metric.subject.cadence == Cadence::WithOwner)
}

impl Case {
    fn of(sources: &[Source], paths: Vec<String>) -> Case {
        Case {
            rhythm: Rhythm {
                interval: Duration::from_secs(60),
                glance: Duration::from_secs(900),
                sweep: HOUR,
            },
            sources: sources.to_vec(),
            paths,
            hidden: 0,
            unclear: 0,
            active: 0,
            graphql: true,
        }
    }

    fn interval(mut self, interval: Duration) -> Case {
        self.rhythm.interval = interval;
        self
    }

    fn active(self, active: u32) -> Case {
        Case { active, ..self }
    }

    fn forecast(&self) -> Requests {
        let active = f64::from(self.active);
        let mut assumption = Assumption::of(&self.sources, self.paths.len(), |_| active);
        assumption.graphql = self.graphql;
        assumption.lists[0].hidden = self.hidden;
        Requests::of(&Forecast::new(self.rhythm, &everything(), &assumption))
    }

    async fn fact(&self) -> Requests {
        let gitlab = Arc::new(GitLab::in_process(self.world()));
        if !self.graphql {
            let blocked = Fault::on("/api/graphql").always();
            gitlab.fault(blocked.body(403, "text/html", "<html>blocked</html>"));
        }
        let setup = Setup {
            sources: self.sources.clone(),
            rhythm: self.rhythm,
            budget: None,
            metrics: everything(),
            ..Setup::default()
        };
        let mut poller = simulation::poller(&gitlab, setup);
        let mut asked = 0;
        let mut spent = || {
            asked += gitlab.take_requests().len();
            asked as f64
        };
        let (start, mut random) = (Instant::now(), Rng::with_seed(7));
        let snapshot = poller.poll().await;
        assert_eq!(snapshot.projects.len(), self.paths.len());
        assert_eq!(snapshot.report.as_ref().unwrap().failure, None);
        let first = spent();
        let (mut before, mut happened) = (first, 0.0);
        let mut polls = 1;
        loop {
            let at = self.rhythm.interval * polls;
            polls += 1;
            if at >= WARM_UP * HOUR && at < WARM_UP * HOUR + self.rhythm.interval {
                before = spent();
            }
            if at >= (WARM_UP + MEASURED) * HOUR {
                break;
            }
            sleep_until(start + at).await;
            happened += f64::from(self.active) * self.rhythm.interval.as_secs_f64() / 3600.0;
            gitlab.edit(|world| {
                while happened >= 1.0 {
                    happened -= 1.0;
                    let id = random.u64(1..=self.paths.len() as u64);
                    let mut events = world.events_of(id);
                    events.push(1).create_pipeline(PipelineStatus::Success);
                }
            });
            poller.poll().await;
        }
        Requests {
            first,
            an_hour: (spent() - before) / f64::from(MEASURED),
        }
    }

    /// Everything has been quiet for a while, and not since the same time.
    fn world(&self) -> World {
        let mut world = World::new();
        let now = world.now();
        for (index, path) in self.paths.iter().enumerate() {
            let quiet = jiff::SignedDuration::from_hours(48 + index as i64);
            let project = world.project(path);
            project.created_at = now - jiff::SignedDuration::from_hours(24 * 3650);
            project.last_activity_at(now - quiet);
            if index < self.hidden {
                project.visibility(Visibility::Public).role(Role::Guest);
            }
        }
        if self.unclear > 0 {
            world.version(Version::V16_0);
            for path in &self.paths[..self.unclear] {
                world.project(path).features(|on| on.merge_requests = false);
            }
        }
        world
    }

    /// What a survey of this GitLab leads to.
    async fn surveyed(&self) -> Requests {
        let gitlab = Arc::new(GitLab::in_process(self.world()));
        let setup = Setup {
            sources: self.sources.clone(),
            rhythm: self.rhythm,
            budget: None,
            metrics: everything(),
            ..Setup::default()
        };
        let mut poller = simulation::poller(&gitlab, setup);
        let surveyed = poller.survey(Instant::now() + HOUR).await;
        let mut assumption = surveyed.unwrap();
        assumption.active = f64::from(self.active);
        assumption.pipelines = assumption.active;
        Requests::of(&Forecast::new(self.rhythm, &everything(), &assumption))
    }

    async fn assert_survey_comes_true(self) {
        let forecast = self.surveyed().await;
        self.assert_comes_true(forecast).await;
    }

    async fn assert_forecast_comes_true(self) {
        let forecast = self.forecast();
        self.assert_comes_true(forecast).await;
    }

    async fn assert_comes_true(self, forecast: Requests) {
        let fact = self.fact().await;
        eprintln!("forecast {forecast:?}, fact {fact:?}");
        for (forecast, fact) in [
            (forecast.first, fact.first),
            (forecast.an_hour, fact.an_hour),
        ] {
            assert!(
                (forecast - fact).abs() <= 0.1 * fact,
                "forecast {forecast}, fact {fact}"
            );
        }
    }
}

fn paths(group: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|index| format!("{group}/project-{index}"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn few_projects_cost_what_was_forecast() {
    let few = || Case::of(&[Source::Membership], paths("a", 200));
    few().assert_forecast_comes_true().await;
    few().active(10).assert_forecast_comes_true().await;
    let small = Case::of(&[Source::All], paths("a", 60));
    small.active(10).assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn idle_projects_cost_what_was_forecast() {
    let idle = Case::of(&[Source::Membership], paths("a", 3_000));
    idle.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn busy_projects_cost_what_was_forecast() {
    let busy = Case::of(&[Source::All], paths("a", 3_000)).active(150);
    busy.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn a_longer_interval_costs_what_was_forecast() {
    let case = Case::of(&[Source::All], paths("a", 3_000)).active(300);
    let case = case.interval(Duration::from_secs(180));
    case.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn two_groups_cost_what_was_forecast() {
    let groups = ["a", "b"].map(|group| Source::Group(group.to_owned()));
    let paths = [paths("a", 700), paths("b", 700)].concat();
    let case = Case::of(&groups, paths).active(70);
    case.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn named_projects_cost_what_was_forecast() {
    let paths = paths("a", 230);
    let case = Case::of(&[Source::Projects(paths.clone())], paths).active(20);
    case.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn hidden_values_cost_what_was_forecast() {
    let mut case = Case::of(&[Source::Membership], paths("a", 300)).active(15);
    case.hidden = 60;
    case.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn rest_costs_what_was_forecast() {
    let mut case = Case::of(&[Source::Membership], paths("a", 150)).active(10);
    case.graphql = false;
    case.assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn guests_whose_commits_are_hidden_cost_what_a_survey_leads_to() {
    let mut case = Case::of(&[Source::Membership], paths("a", 300)).active(6);
    case.hidden = 300;
    case.assert_survey_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_gitlab_costs_what_a_survey_leads_to() {
    let mut case = Case::of(&[Source::Membership], paths("a", 300)).active(15);
    case.unclear = 300;
    case.assert_survey_comes_true().await;
}
