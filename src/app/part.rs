//! A part of the bridge that runs beside the others until it is told to end.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A part that runs.
pub struct Part<T = ()> {
    end: CancellationToken,
    /// None once its end was waited for.
    task: Option<JoinHandle<T>>,
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
        let task = Some(tokio::spawn(part(end.clone())));
        Part { end, task }
    }

    /// Ends when it does.
    pub async fn end(&mut self) {
        if let Some(task) = &mut self.task {
            let _ = task.await; // Whether it panicked is logged where it happens.
            self.task = None;
        }
    }

    pub fn has_ended(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells it to end, and does not wait for that.
    pub fn tell_to_end(&self) {
        self.end.cancel();
    }

    /// Waits for its end, of which it was told in another way. None if it panicked.
    pub async fn joined(self) -> Option<T> {
        self.task?.await.ok()
    }

    /// Tells it to end, and waits for that. None if it panicked, which is logged where it happens.
    pub async fn ended(self) -> Option<T> {
        self.tell_to_end();
        self.joined().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_whose_end_was_seen_can_be_waited_for_again() {
        let parent = CancellationToken::new();
        let mut part = Part::spawn(&parent, |_| async {});
        part.end().await;
        part.end().await;
        assert!(part.has_ended());
        assert_eq!(part.ended().await, None);
    }
}
