//! Hints that something has changed, until it is asked. A hint is never more than that: what it is
//! about is asked sooner, and nothing is believed of it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use crate::lock::lock;

/// So many projects are remembered, and so many subjects of projects; whoever hints at more is not
/// talking about ours.
const MOST: usize = 100_000;

/// The word for a hint that something changed.
const ANYTHING: &str = "anything";

/// Takes hints from anywhere, at any rate: any number of them about one project are one.
#[derive(Debug, Default)]
pub struct Inbox {
    hints: Mutex<Hints>,
    arrived: Notify,
}

/// What has been hinted at.
#[derive(Debug, Default)]
pub struct Hints {
    /// The projects about which anything may have changed.
    pub projects: BTreeSet<u64>,
    /// Projects, and the names of the subjects that may have changed in them.
    pub subjects: BTreeSet<(u64, &'static str)>,
    /// Something else changed: recent activity may show what.
    pub anything: bool,
}

impl Hints {
    fn is_empty(&self) -> bool {
        !self.anything && self.projects.is_empty() && self.subjects.is_empty()
    }
}

impl Hints {
    /// The hints as words, to be told to another process.
    pub fn words(&self) -> Vec<String> {
        let projects = self.projects.iter().map(u64::to_string);
        let subjects = self.subjects.iter();
        let subjects = subjects.map(|(id, subject)| format!("{id} {subject}"));
        let anything = self.anything.then(|| ANYTHING.to_owned());
        projects.chain(subjects).chain(anything).collect()
    }
}

impl Inbox {
    /// Takes a hint as another process has told it. A subject that nobody knows here is about all of its project.
    pub fn put_word(&self, word: &str, subjects: impl Iterator<Item = &'static str>) {
        let (id, subject) = match word.split_once(' ') {
            Some((id, subject)) => (id, Some(subject)),
            None => (word, None),
        };
        let known = subject.and_then(|subject| subjects.into_iter().find(|own| *own == subject));
        match (id.parse(), known) {
            (Ok(id), Some(subject)) => self.put_subjects(id, &[subject]),
            (Ok(id), None) => self.put(Some(id)),
            (Err(_), _) => self.put(None),
        }
    }

    /// Takes a hint about a project, or that something changed.
    pub fn put(&self, project: Option<u64>) {
        let mut hints = lock(&self.hints);
        match project {
            Some(id) if hints.projects.len() < MOST => {
                hints.projects.insert(id);
            }
            _ => hints.anything = true,
        }
        drop(hints);
        self.arrived.notify_one();
    }

    /// Takes a hint that some subjects of a project may have changed, and nothing else of it.
    pub fn put_subjects(&self, project: u64, subjects: &[&'static str]) {
        let mut hints = lock(&self.hints);
        // Of more, the polls see what changed, each subject at its pace.
        let room = MOST.saturating_sub(hints.subjects.len());
        let named = subjects.iter().take(room);
        hints.subjects.extend(named.map(|name| (project, *name)));
        drop(hints);
        self.arrived.notify_one();
    }

    /// Empties it.
    pub fn take(&self) -> Hints {
        std::mem::take(&mut lock(&self.hints))
    }

    /// Waits until there is something in it.
    pub async fn arrival(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !lock(&self.hints).is_empty() {
                return;
            }
            arrived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_hints_at_one_project_are_one() {
        let inbox = Inbox::default();
        for _ in 0..10_000 {
            inbox.put(Some(7));
        }
        inbox.arrival().await;
        assert_eq!(inbox.take().projects.len(), 1);
        let second = timeout(Duration::from_secs(60), inbox.arrival()).await;
        assert!(second.is_err(), "it was emptied");
    }

    #[test]
    fn hints_are_told_to_another_process_as_words() {
        let (here, there) = (Inbox::default(), Inbox::default());
        here.put(Some(7));
        here.put_subjects(8, &["jobs", "queue"]);
        here.put(None);
        let words = here.take().words();
        assert_eq!(words, ["7", "8 jobs", "8 queue", "anything"]);
        for word in words
            .iter()
            .map(String::as_str)
            .chain(["9 of-a-newer-bridge"])
        {
            there.put_word(word, ["jobs", "queue"].into_iter());
        }
        let hints = there.take();
        assert!(hints.projects.into_iter().eq([7, 9]) && hints.anything);
        assert!(hints.subjects.into_iter().eq([(8, "jobs"), (8, "queue")]));
    }

    #[test]
    fn it_does_not_grow_without_bounds() {
        let inbox = Inbox::default();
        for id in 0..=MOST as u64 {
            inbox.put(Some(id));
        }
        for id in 0..=MOST as u64 {
            inbox.put_subjects(id, &["pipelines", "jobs"]);
        }
        let hints = inbox.take();
        assert_eq!((hints.projects.len(), hints.anything), (MOST, true));
        assert_eq!(hints.subjects.len(), MOST);
    }
}
