//! A group of replicas: real bridges, each behind a wire to a real engine, for one simulated GitLab whose numbers move.

use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, PipelineStatus, World};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::history::{Life, Moment, Span, now};
use crate::support::exposition::Exposition;
use crate::support::process::{Program, http_client};
use crate::support::redis_server::RedisServer;
use crate::support::running::{Running, bridge_for};
use crate::wire::Wire;

/// The name of the group.
pub const GROUP: &str = "replicas";
/// The lease of the tests: short, and long enough for a busy machine.
pub const LEASE: Duration = Duration::from_secs(2);
/// The secret of webhooks.
pub const SECRET: &str = "s3cret-of-the-webhook";
/// The projects whose numbers are changed together, and the one whose pipelines are counted.
pub const TOGETHER: [u64; 2] = [7, 8];
pub const COUNTED: u64 = 9;

/// Where a replica that runs can be asked.
pub type Place = Option<(Life, String)>;

/// The replicas, their engine and their GitLab.
pub struct Group {
    pub gitlab: Arc<GitLab>,
    pub engine: RedisServer,
    pub wires: Vec<Wire>,
    replicas: Vec<Option<Running>>,
    pub places: Vec<watch::Sender<Place>>,
    /// Where the engine can be asked.
    pub engine_port: watch::Sender<u16>,
    starts: Vec<usize>,
    settings: Vec<(&'static str, String)>,
    /// Since when no answer of a replica says anything.
    unwell: Vec<Option<Moment>>,
    pub excused: Vec<(usize, Span)>,
    /// What processes that ended have written to standard error.
    pub said: Vec<(Life, Vec<String>)>,
}

/// A GitLab with three projects.
pub fn world() -> World {
    let mut world = World::at(Timestamp::now());
    world.project_with_id("group/a", TOGETHER[0]);
    world.project_with_id("group/b", TOGETHER[1]);
    world.project_with_id("group/c", COUNTED);
    beat(&mut world, 0);
    world
}

/// Sets the numbers that are changed together.
pub fn beat(world: &mut World, number: u64) {
    let now = Timestamp::now();
    for path in ["group/a", "group/b"] {
        let project = world.project(path).commits(number).issues(number, 0);
        project.stars(number).last_activity_at(now);
    }
}

/// The number that was set last.
pub fn number(world: &World) -> u64 {
    let project = world.find_project("group/a");
    project.expect("it is there").issues_all()
}

/// How many pipelines have ended.
pub fn ended(world: &World) -> f64 {
    world.ledger().pipelines().of(COUNTED).count() as f64
}

impl Group {
    /// Starts replicas with further settings, as environment variables.
    pub async fn start(count: usize, settings: &[(&'static str, String)]) -> Group {
        Group::of(Arc::new(gitlab().await), count, settings).await
    }

    /// Starts replicas for that GitLab.
    pub async fn of(
        gitlab: Arc<GitLab>,
        count: usize,
        settings: &[(&'static str, String)],
    ) -> Group {
        let mut group = Group::without_replicas(gitlab, count, settings).await;
        for replica in 0..count {
            group.start_replica(replica).await;
        }
        group
    }

    /// Places for replicas that are started later.
    pub async fn without_replicas(
        gitlab: Arc<GitLab>,
        count: usize,
        settings: &[(&'static str, String)],
    ) -> Group {
        let engine = RedisServer::start();
        let mut wires = Vec::new();
        for _ in 0..count {
            wires.push(Wire::to(engine.port()).await);
        }
        Group {
            gitlab,
            engine_port: watch::Sender::new(engine.port()),
            engine,
            wires,
            replicas: (0..count).map(|_| None).collect(),
            places: (0..count).map(|_| watch::Sender::default()).collect(),
            starts: vec![0; count],
            settings: settings.to_vec(),
            unwell: vec![Some(now()); count],
            excused: Vec::new(),
            said: Vec::new(),
        }
    }

    /// The program of a replica, as it is set up.
    pub fn program(&self, replica: usize) -> Program {
        let url = format!("redis://{}", self.wires[replica].address);
        let program = bridge_for(self.gitlab.url())
            .env("GITLAB_BRIDGE_CLUSTER_URL", url)
            .env("GITLAB_BRIDGE_CLUSTER_NAME", GROUP)
            .env("GITLAB_BRIDGE_CLUSTER_REPLICA", name(replica))
            .env(
                "GITLAB_BRIDGE_CLUSTER_LEASE",
                format!("{}s", LEASE.as_secs()),
            )
            .env("GITLAB_BRIDGE_WEBHOOK", "true")
            .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", SECRET)
            .env("GITLAB_BRIDGE_POLL_INTERVAL", "300ms")
            .args(["--listen", "127.0.0.1:0"]);
        let settings = self.settings.iter();
        settings.fold(program, |program, (name, value)| program.env(name, value))
    }

    pub async fn start_replica(&mut self, replica: usize) {
        self.replicas[replica] = Some(Running::listening(self.program(replica)).await);
        self.starts[replica] += 1;
        let life = self.life(replica);
        let url = self.running(replica).url("");
        self.places[replica].send_replace(Some((life, url)));
        self.is_well(replica);
    }

    fn life(&self, replica: usize) -> Life {
        Life {
            replica,
            start: self.starts[replica],
        }
    }

    pub fn running(&self, replica: usize) -> &Running {
        let running = self.replicas[replica].as_ref();
        running.unwrap_or_else(|| panic!("{} does not run", name(replica)))
    }

    pub fn runs(&self, replica: usize) -> bool {
        self.replicas[replica].is_some()
    }

    pub fn count(&self) -> usize {
        self.replicas.len()
    }

    /// Ends a replica as a power cut would.
    pub async fn kill(&mut self, replica: usize) {
        self.end(replica, "KILL").await;
    }

    /// Tells a replica to end, and waits until it has. Returns how long that took.
    pub async fn stop(&mut self, replica: usize) -> Duration {
        self.end(replica, "TERM").await
    }

    async fn end(&mut self, replica: usize, signal: &str) -> Duration {
        self.is_unwell(replica);
        self.places[replica].send_replace(None);
        let life = self.life(replica);
        let running = self.replicas[replica].take();
        let process = running.expect("it runs").process;
        process.signal(signal);
        let finished = process.finish_within(Duration::from_secs(10)).await;
        if signal == "TERM" {
            assert_eq!(finished.code(), 0, "{}", finished.stderr());
        }
        self.said.push((life, finished.output.stderr));
        finished.took
    }

    /// Holds a replica: it stays connected and does nothing.
    pub fn hold(&mut self, replica: usize) {
        self.is_unwell(replica);
        self.running(replica).process.signal("STOP");
    }

    /// Lets a replica go on.
    pub fn go_on(&mut self, replica: usize) {
        self.running(replica).process.signal("CONT");
        self.is_well(replica);
    }

    /// No answer of that replica says anything from now on.
    pub fn is_unwell(&mut self, replica: usize) {
        self.unwell[replica].get_or_insert_with(now);
    }

    /// A replica is to answer again, soon.
    pub fn is_well(&mut self, replica: usize) {
        /// What was asked before is answered late.
        const GRACE: Duration = Duration::from_secs(3);
        if let Some(begin) = self.unwell[replica].take() {
            let end = now() + GRACE;
            self.excused.push((replica, Span { begin, end }));
        }
    }

    /// Tells a replica that something was pushed to a project.
    pub fn webhook(&self, replica: usize, project: u64) -> reqwest::RequestBuilder {
        let about = format!(r#"{{"id":{project},"name":"a"}}"#);
        let body = format!(r#"{{"object_kind":"push","project_id":{project},"project":{about}}}"#);
        let request = http_client().post(self.running(replica).url("/webhook"));
        let request = request.header("X-Gitlab-Token", SECRET);
        request.header("X-Gitlab-Event", "Push Hook").body(body)
    }

    /// The replica that says that it leads.
    pub async fn leader(&self) -> Option<usize> {
        for replica in 0..self.count() {
            if self.runs(replica) && self.own(replica, "gitlab_bridge_leader").await == Some(1.0) {
                return Some(replica);
            }
        }
        None
    }

    /// Waits until one leads, and returns it.
    pub async fn wait_for_leader(&self) -> usize {
        let deadline = Instant::now() + crate::support::PATIENCE;
        loop {
            if let Some(leader) = self.leader().await {
                return leader;
            }
            assert!(
                Instant::now() < deadline,
                "nobody leads: {}",
                self.outputs()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a replica says of itself, if it says one number.
    pub async fn own(&self, replica: usize, metric: &str) -> Option<f64> {
        let body = self.running(replica).get("/metrics/bridge").await.1;
        let exposition = Exposition::parse(&body);
        let series = exposition.expect("an exposition").series(metric);
        series.values().next().copied()
    }

    /// Waits until a whole poll is shown by all: what ends from then on is counted.
    pub async fn wait_until_ready(&self) {
        for replica in 0..self.count() {
            let running = self.running(replica);
            running.wait_for_readiness(reqwest::StatusCode::OK).await;
        }
        self.wait_until_all_show(0).await;
    }

    /// The number of the version that a replica shows; zero before the first.
    pub async fn shown(&self, replica: usize) -> u64 {
        let body = self.running(replica).get("/metrics/bridge").await.1;
        let own = Exposition::parse(&body).expect("an exposition");
        let shown = own.value("gitlab_bridge_version", [("of", "shown")]);
        shown.unwrap_or_default() as u64
    }

    /// Waits until all replicas show that number everywhere.
    pub async fn wait_until_all_show(&self, number: u64) {
        for replica in (0..self.count()).filter(|replica| self.runs(*replica)) {
            let is_there = |series: &crate::support::Series| {
                series.len() == 3
                    && series.values().filter(|own| **own == number as f64).count() == 2
            };
            let running = self.running(replica);
            running
                .wait_for_series("gitlab_commits_total", is_there)
                .await;
        }
    }

    /// What the replicas that run have written, for a failure.
    pub fn outputs(&self) -> String {
        let running = self.replicas.iter().flatten();
        let last = running.map(|running| {
            let said = running.process.output().stderr;
            said[said.len().saturating_sub(30)..].join("\n")
        });
        last.collect::<Vec<_>>().join("\n\n")
    }
}

pub async fn gitlab() -> GitLab {
    GitLab::start(world()).await.expect("a port")
}

/// When the GitLab was asked.
pub fn requests(gitlab: &GitLab) -> Vec<Moment> {
    let requests = gitlab.requests();
    let moments = requests.iter().map(|request| {
        let since = request.at.duration_since(Timestamp::UNIX_EPOCH);
        Duration::try_from(since).expect("it is past 1970")
    });
    moments.collect()
}

/// The name of a replica.
pub fn name(replica: usize) -> String {
    format!("replica-{replica}")
}

/// Moves the numbers of the GitLab and lets a pipeline end, again and again until it is aborted.
pub fn beating(gitlab: &Arc<GitLab>, pause: Duration) -> JoinHandle<()> {
    let gitlab = Arc::clone(gitlab);
    tokio::spawn(async move {
        loop {
            gitlab.edit(|world| {
                let number = number(world) + 1;
                beat(world, number);
                let mut events = world.events_of(COUNTED);
                events.create_pipeline(PipelineStatus::Success);
            });
            sleep(pause).await;
        }
    })
}
