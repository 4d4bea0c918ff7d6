//! What systemd is told: that the bridge is ready, reloads, stops and lives. It says where in `NOTIFY_SOCKET`,
//! and how often it wants to hear that we live in `WATCHDOG_USEC`. Without them nothing is told.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Mutex;
use std::time::Duration;

use crate::config::Environment;
use crate::lock::lock;

/// Tells systemd.
#[derive(Default)]
pub struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The longest that systemd waits for a sign of life.
    watchdog: Option<Duration>,
    /// What was said of the state last.
    status: Mutex<String>,
}

impl Systemd {
    /// As the environment says.
    pub fn of(environment: &Environment) -> Systemd {
        let socket = environment.get("NOTIFY_SOCKET").and_then(|path| {
            let opened = address(path).and_then(|to| Ok((UnixDatagram::unbound()?, to)));
            let opened = opened.inspect_err(|error| {
                tracing::warn!(%error, path, "systemd can't be told anything: NOTIFY_SOCKET");
            });
            opened.ok()
        });
        let is_ours = environment
            .get("WATCHDOG_PID")
            .is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = environment.get("WATCHDOG_USEC").filter(|_| is_ours);
        let watchdog = watchdog.and_then(|text| text.parse().ok());
        Systemd {
            watchdog: watchdog
                .filter(|micros| *micros > 0)
                .map(Duration::from_micros),
            socket,
            status: Mutex::default(),
        }
    }

    /// Whether anything is told.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// How often it is to be told that we live, if it is: twice in the time that it waits.
    pub fn pulse(&self) -> Option<Duration> {
        self.socket.as_ref()?;
        self.watchdog.map(|longest| longest / 2)
    }

    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// A reload begins; [`Systemd::ready`] ends it.
    pub fn reloading(&self) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic()));
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    pub fn lives(&self) {
        self.tell("WATCHDOG=1");
    }

    /// Says in a line how we get on, if that has changed.
    pub fn status(&self, line: String) {
        let mut last = lock(&self.status);
        if *last != line {
            self.tell(&format!("STATUS={}", line.replace('\n', " ")));
            *last = line;
        }
    }

    fn tell(&self, what: &str) {
        if let Some((socket, to)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), to)
        {
            tracing::debug!(%error, "systemd can't be told anything");
        }
    }
}

/// A path; or a name without one, after an `@`.
fn address(path: &str) -> std::io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(std::ffi::OsStr::new(name).as_bytes());
    }
    SocketAddr::from_pathname(std::ffi::OsStr::new(path))
}

/// The clock by which systemd tells whether a reload began after it asked for one, in microseconds.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    u64::try_from(micros).unwrap_or_default()
}
