//! What systemd is told while the bridge runs: when there is something to see, how it gets on, and that it
//! lives. A sign of life is only given where the runtime, its blocking threads and every poll loop take their
//! turns: where one hangs systemd hears nothing and starts the bridge anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::own_status::OwnStatus;
use super::systemd::Systemd;
use crate::metrics::{BridgeStatus, View};
use crate::prose::{counted, listed};

/// How often the status is told where no signs of life are wanted.
const SELDOM: Duration = Duration::from_secs(10);
/// After so long the bridge counts as started although a GitLab has not been read: systemd must not end it for
/// that.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// Tells systemd, until told to stop. `shown` tells the view that can be seen.
pub async fn tell(
    systemd: Arc<Systemd>,
    own: Arc<OwnStatus>,
    shown: impl Fn() -> Arc<View> + Clone + Send + Sync + 'static,
    stop: CancellationToken,
) {
    if !systemd.is_there() {
        return;
    }
    let started = Instant::now();
    let is_known = || shown().known() == own.gitlabs();
    while !is_known() && started.elapsed() < PATIENCE {
        tokio::select! { () = sleep(LOOK) => {}, () = stop.cancelled() => return }
    }
    systemd.ready();
    let pulse = systemd.pulse().unwrap_or(SELDOM);
    let (mut tick, mut hung) = (interval(pulse), false);
    loop {
        tokio::select! { _ = tick.tick() => {}, () = stop.cancelled() => return }
        let (own, shown) = (Arc::clone(&own), shown.clone());
        // What hangs on a lock hangs here too.
        let looking = spawn_blocking(move || (line(&own.now(&shown())), own.hanging()));
        let problem = match timeout(pulse.max(LOOK), looking).await {
            Ok(Ok((line, hanging))) => {
                systemd.status(line);
                hanging
            }
            Ok(Err(_)) => None, // It is logged where it panics.
            Err(_) => Some("the bridge does not tell how it gets on".to_owned()),
        };
        match &problem {
            None => systemd.lives(),
            Some(problem) if !hung => {
                tracing::error!(problem, "a part hangs, so systemd gets no sign of life");
            }
            Some(_) => {}
        }
        hung = problem.is_some();
    }
}

/// How the bridge gets on, in one line.
fn line(bridge: &BridgeStatus) -> String {
    let gitlabs = bridge.gitlabs.iter().map(|gitlab| {
        let snapshot = &gitlab.snapshot;
        let polled = match &snapshot.report {
            None => "not polled yet".to_owned(),
            Some(report) => match &report.failure {
                None => "polled completely".to_owned(),
                Some(failure) => failure.clone(),
            },
        };
        let name = gitlab.name.iter().map(|name| format!("{name}: "));
        let (projects, series) = (snapshot.projects.len(), snapshot.all_series());
        let name = name.collect::<String>();
        let projects = counted(projects, "project");
        format!("{name}{projects}, {series} series, {polled}")
    });
    listed(&gitlabs.collect::<Vec<_>>())
}
