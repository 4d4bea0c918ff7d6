//! A part of the bridge that runs beside the others until it is told to end.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A part that runs.
pub struct Part<T = ()> {
    end: CancellationToken,
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Part<T> {
    /// Starts a part, which ends soon after its token is cancelled: it is with its parent.
    pub fn spawn<F>(
        parent: &CancellationToken,
        part: impl FnOnce(CancellationToken) -> F,
    ) -> Part<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let end = parent.child_token();
        let task = tokio::spawn(part(end.clone()));
        Part { end, task }
    }

    /// Ends when it does.
    pub async fn end(&mut self) {
        let _ = (&mut self.task).await; // Whether it panicked is logged where it happens.
    }

    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Tells it to end, and does not wait for that.
    pub fn tell_to_end(&self) {
        self.end.cancel();
    }

    /// Waits for its end, of which it was told in another way. None if it panicked.
    pub async fn joined(self) -> Option<T> {
        self.task.await.ok()
    }

    /// Tells it to end, and waits for that. None if it panicked, which is logged where it happens.
    pub async fn ended(self) -> Option<T> {
        self.tell_to_end();
        self.joined().await
    }
}
