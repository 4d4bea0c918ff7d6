//! Forecast and fact: the real poller asks a model of GitLab for some virtual hours, and makes as many
//! requests as were forecast, within 10 %.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "simulation/mod.rs"]
mod simulation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics};
use gitlab_metrics_bridge::poll::{Assumption, Forecast, Rhythm, Source};
use gitlab_metrics_bridge::simulator::{
    Fault, GitLab, PipelineStatus, Request, Role, Version, Visibility, World,
};
use simulation::{HOUR, MINUTE, Setup};
use tokio::time::{Instant, sleep, sleep_until};

/// The first sweep is made at once, the later ones are spread: only then nothing changes any more.
const WARM_UP: u32 = 2;
const MEASURED: u32 = 2;
/// How long a pipeline runs.
const RUNS: Duration = Duration::from_secs(300);

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
    /// The subjects that are on besides those by default.
    also: &'static [&'static str],
}

/// The requests of the first poll, and of an hour in the steady state.
#[derive(Debug)]
struct Requests {
    first: f64,
    an_hour: f64,
    /// Those of an hour by what they are, to be read when a test fails.
    by_kind: BTreeMap<String, f64>,
}

impl Requests {
    fn of(forecast: &Forecast) -> Requests {
        Requests {
            first: forecast.first_sweep as f64,
            an_hour: forecast.total(),
            by_kind: (forecast.an_hour.iter())
                .map(|(kind, requests)| (kind.name().to_owned(), *requests))
                .collect(),
        }
    }
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
            also: &[],
        }
    }

    /// All that is on by default, and some subjects.
    fn metrics(&self) -> EnabledMetrics {
        let catalogue = Catalogue::standard();
        let shows = |name: &str| {
            let metric = catalogue.find(name).unwrap();
            metric.by_default || metric.by_subject && self.also.contains(&metric.subject.name)
        };
        EnabledMetrics::new(catalogue, shows, Choices::default())
    }

    fn with_details(self) -> Case {
        Case {
            also: &["jobs", "test_reports"],
            ..self
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
        self.correct(&mut assumption);
        assumption.lists[0].hidden = self.hidden;
        Requests::of(&Forecast::new(self.rhythm, &self.metrics(), &assumption))
    }

    /// What lies beside the projects of the model.
    fn correct(&self, assumption: &mut Assumption) {
        let groups = self.paths.iter().filter_map(|path| path.split('/').next());
        assumption.groups = groups.collect::<BTreeSet<_>>().len();
        assumption.runners = 0;
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
            metrics: self.metrics(),
            ..Setup::default()
        };
        let mut poller = simulation::poller(&gitlab, setup);
        let mut asked = 0;
        let mut by_kind = BTreeMap::<String, f64>::new();
        let mut spent = || {
            let requests = gitlab.take_requests();
            asked += requests.len();
            let kinds = requests.iter().map(kind);
            (asked as f64, kinds.collect::<Vec<_>>())
        };
        let mut life = Life::of(self);
        self.live(&gitlab, &mut life).await;
        let start = Instant::now();
        let snapshot = poller.poll().await;
        assert_eq!(snapshot.projects.len(), self.paths.len());
        assert_eq!(snapshot.report.as_ref().unwrap().failure, None);
        let (first, _) = spent();
        let mut before = first;
        let mut polls = 1;
        loop {
            let at = self.rhythm.interval * polls;
            polls += 1;
            if at >= WARM_UP * HOUR && at < WARM_UP * HOUR + self.rhythm.interval {
                before = spent().0;
            }
            if at >= (WARM_UP + MEASURED) * HOUR {
                break;
            }
            sleep_until(start + at).await;
            gitlab.edit(|world| life.pass(world, self.rhythm.interval));
            poller.poll().await;
        }
        let (all, kinds) = spent();
        for kind in kinds {
            *by_kind.entry(kind).or_default() += 1.0 / f64::from(MEASURED);
        }
        Requests {
            first,
            an_hour: (all - before) / f64::from(MEASURED),
            by_kind,
        }
    }

    /// Every project has run a pipeline, and what happens did so before, too.
    async fn live(&self, gitlab: &GitLab, life: &mut Life) {
        gitlab.edit(|world| {
            for id in 1..=self.paths.len() as u64 {
                let mut events = world.events_of(id);
                events.create_pipeline(PipelineStatus::Success);
            }
        });
        for _ in 0..60 {
            sleep(MINUTE).await;
            gitlab.edit(|world| life.pass(world, MINUTE));
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
            metrics: self.metrics(),
            ..Setup::default()
        };
        let mut poller = simulation::poller(&gitlab, setup);
        let surveyed = poller.survey(Instant::now() + HOUR).await;
        let mut assumption = surveyed.unwrap();
        self.correct(&mut assumption);
        assumption.active = f64::from(self.active);
        assumption.pipelines = assumption.active;
        Requests::of(&Forecast::new(self.rhythm, &self.metrics(), &assumption))
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
        eprintln!("forecast {:?}, fact {:?}", forecast.by_kind, fact.by_kind);
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

/// What happens in the projects: evenly over time, to each of them in its turn.
struct Life {
    an_hour: f64,
    happened: f64,
    turns: Vec<u64>,
    turn: usize,
}

impl Life {
    fn of(case: &Case) -> Life {
        let mut turns: Vec<u64> = (1..=case.paths.len() as u64).collect();
        Rng::with_seed(7).shuffle(&mut turns);
        Life {
            an_hour: f64::from(case.active),
            happened: 0.0,
            turns,
            turn: 0,
        }
    }

    fn pass(&mut self, world: &mut World, time: Duration) {
        self.happened += self.an_hour * time.as_secs_f64() / 3600.0;
        while self.happened >= 1.0 {
            self.happened -= 1.0;
            self.turn += 1;
            let id = self.turns[self.turn % self.turns.len()];
            let mut events = world.events_of(id);
            events
                .push(1)
                .run_pipeline(|plan| plan.job("unit", "test").takes(RUNS));
        }
    }
}

/// What a request is, in short.
fn kind(request: &Request) -> String {
    let names = [
        "Probe",
        "Details",
        "Queue",
        "Environments",
        "Groups",
        "Runners",
    ];
    match (&request.query, &request.operation) {
        (Some(query), Some(name)) if !names.contains(&&**name) => {
            let parts = query.split("projects(").skip(1);
            let parts = parts.map(|part| part.get(..12).unwrap_or(part));
            format!("{name} {:?}", parts.collect::<Vec<_>>())
        }
        (_, Some(name)) => name.clone(),
        _ => {
            let path = request.path.split('?').next().unwrap_or_default();
            let words = path.split('/').map(|word| match word.parse::<u64>() {
                Ok(_) => "N",
                Err(_) => word,
            });
            words.collect::<Vec<_>>().join("/")
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
async fn jobs_and_test_reports_of_idle_and_busy_projects_cost_what_was_forecast() {
    let idle = Case::of(&[Source::Membership], paths("a", 1_500)).with_details();
    idle.assert_forecast_comes_true().await;
    let busy = Case::of(&[Source::All], paths("a", 1_500)).active(150);
    busy.with_details().assert_forecast_comes_true().await;
    let few = Case::of(&[Source::All], paths("a", 60)).active(10);
    few.with_details().assert_forecast_comes_true().await;
}

#[tokio::test(start_paused = true)]
async fn jobs_and_test_reports_over_rest_cost_what_was_forecast() {
    let mut case = Case::of(&[Source::Membership], paths("a", 60)).active(10);
    case.graphql = false;
    case.with_details().assert_forecast_comes_true().await;
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
