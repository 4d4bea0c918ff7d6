//! What happens to a group: one fault after another, and the recovery from each.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::group::{self, Group, LEASE};
use crate::history::{History, now};
use crate::support::redis_server::RedisServer;
use crate::watching::Watching;

/// From one change of the numbers to the next.
const BEAT: Duration = Duration::from_millis(150);
/// The counter of pipelines that ended.
const COUNTER: &str = "gitlab_pipeline_runs_total";

/// Does one thing after another to a group, and lets it recover.
pub struct Nemesis {
    pub group: Group,
    pub watching: Watching,
    beating: JoinHandle<()>,
    random: Rng,
    /// How long it took after each fault until all replicas showed a new version.
    pub recoveries: Vec<Duration>,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillReplica,
    StopReplica,
    HoldReplica,
    HoldWire,
    CutWire,
    HoldBoth,
    HoldEngine,
    WipeEngine,
    PromoteCopy,
}

const FAULTS: [Fault; 9] = [
    Fault::HoldReplica,
    Fault::KillReplica,
    Fault::HoldWire,
    Fault::WipeEngine,
    Fault::HoldBoth,
    Fault::PromoteCopy,
    Fault::StopReplica,
    Fault::CutWire,
    Fault::HoldEngine,
];

impl Nemesis {
    pub fn new(group: Group, seed: u64) -> Nemesis {
        Nemesis {
            watching: Watching::begin(&group),
            beating: group::beating(&group.gitlab, BEAT),
            group,
            random: Rng::with_seed(seed),
            recoveries: Vec::new(),
        }
    }

    /// Goes on for that long: each fault once in a random order, and again.
    pub async fn rage(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let mut faults = FAULTS;
            self.random.shuffle(&mut faults);
            for fault in faults {
                if Instant::now() > end {
                    return;
                }
                self.strike(fault).await;
                self.recover(fault).await;
                self.assert_exact().await;
                let calm = self.between(0.0, 0.5);
                sleep(calm).await;
            }
        }
    }

    async fn strike(&mut self, fault: Fault) {
        let (victim, other) = self.victims().await;
        self.hint(other);
        let short = self.between(0.05, 0.9);
        let long = self.between(0.3, 2.2);
        println!("{:?} {fault:?} {victim} {other} {short:?} {long:?}", now());
        match fault {
            Fault::KillReplica => {
                self.group.kill(victim).await;
                sleep(long).await;
                self.group.start_replica(victim).await;
            }
            Fault::StopReplica => {
                self.group.stop(victim).await;
                sleep(short).await;
                self.group.start_replica(victim).await;
            }
            Fault::HoldReplica => {
                self.group.hold(victim);
                sleep(long).await;
                self.group.go_on(victim);
            }
            Fault::HoldWire => {
                self.group.wires[victim].hold();
                sleep(long).await;
                self.group.wires[victim].open();
            }
            Fault::CutWire => {
                self.group.wires[victim].cut();
                sleep(long).await;
                self.group.wires[victim].open();
            }
            Fault::HoldBoth => {
                self.group.wires[victim].hold();
                self.group.hold(other);
                sleep(long).await;
                self.group.wires[victim].open();
                sleep(short).await;
                self.group.go_on(other);
            }
            Fault::HoldEngine => {
                let begin = now();
                self.group.engine.hold();
                sleep(long).await;
                self.watching.engine_was_away(begin, false);
                self.group.engine.go_on();
            }
            Fault::WipeEngine => {
                let begin = now();
                self.group.engine.kill();
                sleep(short).await;
                self.watching.engine_was_away(begin, true);
                self.group.engine.start_again();
            }
            Fault::PromoteCopy => self.promote(short).await,
        }
    }

    /// Sends a webhook to a replica. Whatever becomes of it, nothing is counted twice.
    fn hint(&self, replica: usize) {
        let webhook = self.group.webhook(replica, group::COUNTED);
        tokio::spawn(async move { drop(webhook.send().await) });
    }

    /// Lets an old copy of the engine take its place.
    async fn promote(&mut self, late: Duration) {
        let copy = copy_of(&self.group.engine).await;
        copy.command::<()>(&["REPLICAOF", "NO", "ONE"]);
        sleep(late).await;
        let begin = now();
        self.group
            .wires
            .iter()
            .for_each(|wire| wire.lead_to(copy.port()));
        self.group.engine_port.send_replace(copy.port());
        self.watching.engine_was_away(begin, true);
        self.group.engine = copy;
    }

    /// One replica, mostly the leader, and another one.
    async fn victims(&mut self) -> (usize, usize) {
        let count = self.group.count();
        let leader = self.group.leader().await;
        let leader = leader.filter(|_| self.random.f64() < 0.7);
        let victim = leader.unwrap_or_else(|| self.random.usize(0..count));
        (victim, (victim + self.random.usize(1..count)) % count)
    }

    /// Waits until every replica shows something that was published after now.
    async fn recover(&mut self, after: Fault) {
        let begin = Instant::now();
        let heads = self.watching.so_far().heads;
        let known = heads
            .iter()
            .map(|head| head.version)
            .max()
            .unwrap_or_default();
        let most = LEASE * 2 + Duration::from_secs(15);
        for replica in 0..self.group.count() {
            while self.group.shown(replica).await <= known {
                assert!(
                    begin.elapsed() < most,
                    "{after:?}: replica {replica} shows {} after {most:?}, {known} was there before: {}",
                    self.group.shown(replica).await,
                    self.group.outputs()
                );
                sleep(Duration::from_millis(50)).await;
            }
        }
        self.recoveries.push(begin.elapsed());
        println!("{:?} recovered in {:?}", now(), begin.elapsed());
    }

    /// Once nothing moves any more, every replica shows soon what there is, and how many pipelines have ended.
    async fn assert_exact(&mut self) {
        self.beating.abort();
        let (number, ended) = self
            .group
            .gitlab
            .read(|world| (group::number(world), group::ended(world)));
        self.group.wait_until_all_show(number).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        for replica in 0..self.group.count() {
            loop {
                let scrape = self.group.running(replica).scrape().await;
                let counted: f64 = scrape.series(COUNTER).values().sum();
                if counted == ended {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{counted} of {ended} at replica {replica}, which lagged so: {:#?}",
                    lags(&self.watching.so_far())
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
        self.beating = group::beating(&self.group.gitlab, BEAT);
    }

    /// So many leases, as a time.
    fn between(&mut self, least: f64, most: f64) -> Duration {
        LEASE.mul_f64(least + (most - least) * self.random.f64())
    }
}

/// How many pipelines were not counted yet when numbers of the same age were shown: whenever that was the least in a
/// second.
fn lags(history: &History) -> Vec<String> {
    let mut least: BTreeMap<u64, f64> = BTreeMap::new();
    for scrape in &history.scrapes {
        let counted = scrape.counters.iter();
        let counted = counted.filter(|(series, _)| series.starts_with(COUNTER));
        let counted: f64 = counted.map(|(_, value)| *value).sum();
        let lag = scrape.pulse[0] - counted;
        let own = least.entry(scrape.at.as_secs()).or_insert(lag);
        *own = own.min(lag);
    }
    let mut lags: Vec<_> = least.into_iter().collect();
    lags.dedup_by_key(|(_, lag)| *lag);
    let lags = lags.into_iter();
    lags.map(|(second, lag)| format!("{second}: {lag}"))
        .collect()
}

/// A copy of an engine, as it is now.
pub async fn copy_of(engine: &RedisServer) -> RedisServer {
    let copy = RedisServer::start();
    let port = engine.port().to_string();
    copy.command::<()>(&["REPLICAOF", "127.0.0.1", &port]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !copy
        .command::<String>(&["INFO", "replication"])
        .contains("master_link_status:up")
    {
        assert!(Instant::now() < deadline, "the copy is not made");
        sleep(Duration::from_millis(20)).await;
    }
    copy
}
