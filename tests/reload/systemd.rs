//! What systemd is told, over a real datagram socket.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use gitlab_metrics_bridge::simulator::Fault;

use crate::support::running::Running;
use crate::{Set, world};

/// How exactly the system tells its uptime, in microseconds.
const PRECISION: u64 = 20_000;

/// The socket of systemd.
struct Systemd {
    socket: UnixDatagram,
    name: String,
}

impl Systemd {
    fn listen(address: &SocketAddr, name: String) -> Systemd {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Systemd { socket, name }
    }

    /// The next message.
    fn told(&self) -> String {
        let mut text = [0; 4096];
        let length = self.socket.recv(&mut text).expect("nothing is told");
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    /// The next message that begins so.
    fn waits_for(&self, begins: &str) -> String {
        loop {
            let told = self.told();
            if told.starts_with(begins) {
                return told;
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    systemd: &std::sync::Arc<Systemd>,
    what: impl FnOnce(&Systemd) -> T + Send + 'static,
) -> T {
    let systemd = std::sync::Arc::clone(systemd);
    tokio::task::spawn_blocking(move || what(&systemd))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_of_the_start_of_reloads_of_the_end_and_that_the_bridge_lives() {
    let set = Set::up(world()).await;
    let path = set.path("notify");
    let abstracted = format!("gitlab-metrics-bridge-test-{}", std::process::id());
    for (address, name) in [
        (
            SocketAddr::from_pathname(&path).unwrap(),
            path.display().to_string(),
        ),
        (
            SocketAddr::from_abstract_name(&abstracted).unwrap(),
            format!("@{abstracted}"),
        ),
    ] {
        let systemd = std::sync::Arc::new(Systemd::listen(&address, name));
        set.write("poll: {interval: 1s}\n");
        let program = set.program().env("NOTIFY_SOCKET", &systemd.name);
        let bridge = Running::listening(program.env("WATCHDOG_USEC", "400000")).await;
        blocking(&systemd, |systemd| systemd.waits_for("READY=1")).await;
        let shown = bridge.scrape().await;
        assert_eq!(
            shown.value("gitlab_project_count", []),
            Some(40.0),
            "there is something to see"
        );
        let (status, lived) = blocking(&systemd, |systemd| {
            let status = systemd.waits_for("STATUS=");
            let began = Instant::now();
            (0..5).for_each(|_| drop(systemd.waits_for("WATCHDOG=1")));
            (status, began.elapsed())
        })
        .await;
        assert!(status.contains("40 projects"), "{status}");
        assert!(lived < Duration::from_secs(2), "{lived:?}");
        let before = monotonic();
        bridge.process.signal("HUP");
        let reloading = blocking(&systemd, |systemd| {
            let told = systemd.waits_for("RELOADING=1");
            systemd.waits_for("READY=1");
            told
        })
        .await;
        let at = reloading.split_once("MONOTONIC_USEC=").unwrap().1.trim();
        let at: u64 = at.parse().unwrap();
        let clock = before - PRECISION..=monotonic() + PRECISION;
        assert!(clock.contains(&at), "{clock:?} {at}");
        bridge.process.signal("TERM");
        blocking(&systemd, |systemd| systemd.waits_for("STOPPING=1")).await;
        let finished = bridge.process.finish_within(Duration::from_secs(5)).await;
        assert_eq!(finished.code(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_down_does_not_keep_systemd_waiting() {
    let set = Set::up(world()).await;
    set.gitlab.fault(Fault::anywhere().always().status(503));
    let path = set.path("notify");
    let address = SocketAddr::from_pathname(&path).unwrap();
    let systemd = std::sync::Arc::new(Systemd::listen(&address, path.display().to_string()));
    set.write("poll: {interval: 1s, timeout: 2s}\n");
    let program = set.program().env("NOTIFY_SOCKET", &systemd.name);
    let bridge = Running::listening(program).await;
    let status = blocking(&systemd, |systemd| {
        systemd.waits_for("READY=1");
        systemd.waits_for("STATUS=")
    })
    .await;
    assert!(status.contains("0 projects"), "{status}");
    assert_eq!(bridge.stop().await.code(), 0);
}

/// What the system's monotonic clock shows, in microseconds: the same as that of the bridge.
fn monotonic() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap();
    let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
    (seconds * 1e6) as u64
}
