//! The texts that several replicas show: those of every GitLab, with the view that tells of them.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::replicas::Shown;
use crate::export::Prometheus;
use crate::metrics::View;

/// What is shown of all GitLabs, in the order of the configuration.
#[derive(Clone, Default)]
pub struct AllTexts {
    pub view: Arc<View>,
    pub shown: Vec<Shown>,
}

impl AllTexts {
    /// The same after one GitLab shows something else.
    pub fn with(&self, index: usize, shown: &Shown) -> AllTexts {
        let mut after = self.clone();
        after.view = Arc::new(after.view.with(index, Arc::clone(&shown.snapshot)));
        after.shown[index] = shown.clone();
        after
    }

    /// The view with its owners, which may have to be read first.
    pub fn with_owners(&self) -> Arc<View> {
        let shown = self.shown.iter().enumerate();
        let whole = shown.fold(View::clone(&self.view), |view, (index, shown)| {
            view.with(index, shown.with_owners())
        });
        Arc::new(whole)
    }
}

/// Lets them be scraped, until told to end or no more come.
pub async fn show(
    prometheus: Arc<Prometheus>,
    mut texts: watch::Receiver<Arc<AllTexts>>,
    end: CancellationToken,
) {
    loop {
        let (prometheus, all) = (Arc::clone(&prometheus), texts.borrow_and_update().clone());
        // Where there are several GitLabs their texts are put together.
        let shown = spawn_blocking(move || {
            let texts: Vec<_> = all.shown.iter().map(|shown| shown.texts.clone()).collect();
            prometheus.show_texts(&texts, Arc::clone(&all.view));
        });
        if let Err(error) = shown.await {
            tracing::error!(%error, "what is published can't be shown: please report this");
        }
        tokio::select! {
            changed = texts.changed() => if changed.is_err() { return },
            () = end.cancelled() => return,
        }
    }
}
