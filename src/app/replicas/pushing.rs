//! Pushes GitLab's series over OTLP, as the group, for as long as this replica holds the lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Pushed, Replicas};
use crate::app::chosen;
use crate::cluster::Lease;
use crate::config::Instance;
use crate::export::Otlp;
use crate::metrics::{BridgeStatus, View};

/// What pushes. Once it is dropped, nothing is pushed any more.
pub struct Pushing {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Pushing {
    /// Begins to push what is in the view, until the lease is over; nothing where nothing is to be pushed.
    pub fn begin(
        replicas: &Replicas,
        lease: &Lease,
        instance: &Instance,
        called: &str,
        views: watch::Receiver<Arc<View>>,
    ) -> Pushing {
        let stop = CancellationToken::new();
        let task = replicas.pushed.as_ref().and_then(|pushed| {
            let lease = lease.clone();
            let otlp = built(replicas, pushed, instance, called)?;
            let otlp = otlp.only_while(Arc::new(move || !lease.is_over()));
            let (stop, nothing) = (stop.clone(), Arc::new(|_: &View| BridgeStatus::default()));
            Some(tokio::spawn(otlp.run(views, nothing, stop)))
        });
        Pushing { stop, task }
    }

    /// Pushes a last time, if that takes no time to speak of.
    pub async fn end(mut self) {
        const PATIENCE: Duration = Duration::from_millis(500);
        self.stop.cancel();
        if let Some(task) = &mut self.task {
            let _ = timeout(PATIENCE, task).await;
        }
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn built(
    replicas: &Replicas,
    Pushed { config, health }: &Pushed,
    instance: &Instance,
    called: &str,
) -> Option<Otlp> {
    let mut config = config.clone();
    // Each GitLab has a queue of its own, beside the one of what this replica says of itself.
    let beside = instance.poll.state.as_deref().map(Otlp::queue_beside);
    config.queue.path = config.queue.path.or(beside).map(|path| {
        let mut path = path.into_os_string();
        path.push(format!(".{}", called.replace('/', "_")));
        path.into()
    });
    let of_gitlab = replicas.enabled.only(|metric| metric.is_about_gitlab());
    let built = chosen::otlp(&config, replicas.resource.clone(), of_gitlab);
    let built = built.inspect_err(|error| {
        tracing::error!(error = format!("{error:#}"), "nothing is pushed");
    });
    let otlp = built.ok()?.counting(Arc::clone(health));
    Some(otlp.beside(&config, None))
}
