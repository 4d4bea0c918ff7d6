//! Webhooks joined to the rest: where they arrive, and which poller takes their hints.

use std::sync::Arc;

use anyhow::Result;
use url::Url;

use super::misconfigured::misconfigured;
use crate::config::Config;
use crate::export::{self, Listen, Server};
use crate::memory_limit::MemoryLimit;
use crate::poll::Inbox;
use crate::webhook::{Counts, Event, Hint, Receiver, Routes, Secrets};

/// Where the hints about one GitLab go.
#[derive(Clone)]
pub struct HintInbox {
    /// The name of the GitLab, where there are several.
    pub name: Option<Arc<str>>,
    pub url: Url,
    pub inbox: Arc<Inbox>,
}

/// What webhooks are checked against, if they are taken.
///
/// # Errors
/// If a secret can't be read; the message says what to do.
pub fn secrets(config: &Config) -> Result<Option<Secrets>> {
    match config.webhook.enabled {
        true => Ok(Some(config.webhook.build().map_err(misconfigured)?)),
        false => Ok(None),
    }
}

/// Where webhooks arrive.
pub fn routes(
    secrets: Secrets,
    inboxes: Vec<HintInbox>,
    counts: &Arc<Counts>,
    memory: &MemoryLimit,
) -> Routes {
    let names = inboxes.iter().filter_map(|inbox| inbox.name.as_deref());
    let receiver = Receiver {
        secrets,
        names: names.map(str::to_owned).collect(),
        take_hint: Arc::new(move |hint| deliver(&inboxes, &hint)),
        counts: Arc::clone(counts),
        memory: memory.clone(),
    };
    receiver.routes()
}

/// The address of their own that webhooks are taken at, if they are.
pub fn own_address(config: &Config) -> Option<&Listen> {
    config
        .webhook_listen
        .as_ref()
        .filter(|_| config.webhook.enabled)
}

/// Binds an address of their own.
///
/// # Errors
/// If it is taken or not ours; the message says what to do.
pub async fn bound(listen: &Listen) -> Result<Server> {
    Server::bind(listen, "webhook.listen:").await
}

/// How many connections each listener may have: descriptors are kept for every request to GitLab that
/// there may be at once, and for resolving its name.
pub fn most_connections(config: &Config) -> usize {
    let instances = config.instances.iter();
    let requests = instances.map(|instance| instance.gitlab.concurrency + 1);
    let listeners = 1 + usize::from(config.webhook_listen.is_some());
    export::most_connections(requests.sum(), listeners)
}

/// A hint goes to the GitLab whose name it was sent to, else to the one with the sender's address. Where
/// neither fits, every GitLab is asked: a question too many does no harm.
fn deliver(inboxes: &[HintInbox], hint: &Hint) {
    let sent_by = hint.sent_by.as_deref();
    let sent_by = sent_by.and_then(|text| Url::parse(text).ok());
    let fits = |inbox: &&HintInbox| match (&hint.gitlab, &sent_by) {
        (Some(name), _) => inbox.name.as_deref() == Some(name),
        (None, Some(url)) => url.origin() == inbox.url.origin(),
        (None, None) => false,
    };
    let mut fitting: Vec<_> = inboxes.iter().filter(fits).collect();
    if fitting.is_empty() {
        fitting = inboxes.iter().collect();
    }
    for inbox in fitting {
        match (subjects(hint.event), hint.project) {
            (Some(subjects), Some(id)) => inbox.inbox.put_subjects(id, subjects),
            (_, project) => inbox.inbox.put(project),
        }
    }
}

/// The subjects that an event is about: nothing else is read for it. None for an event after which
/// anything of its project may be different.
fn subjects(event: Event) -> Option<&'static [&'static str]> {
    match event {
        Event::Pipeline => Some(&["pipelines"]),
        Event::Job => Some(&["jobs", "queue"]),
        Event::Deployment => Some(&["deployments", "environments"]),
        Event::Release => Some(&["releases"]),
        Event::Push
        | Event::TagPush
        | Event::MergeRequest
        | Event::Issue
        | Event::Note
        | Event::Member
        | Event::Project
        | Event::Group
        | Event::User
        | Event::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Catalogue;

    fn inbox(name: &str, url: &str) -> HintInbox {
        HintInbox {
            name: Some(Arc::from(name)),
            url: url.parse().unwrap(),
            inbox: Arc::default(),
        }
    }

    #[test]
    fn a_hint_goes_to_the_gitlab_that_it_is_about() {
        let all = [
            inbox("a", "https://a.example.com/"),
            inbox("b", "https://b.example.com/gitlab/"),
        ];
        for (gitlab, sent_by, reached) in [
            (Some("b"), None, [false, true]),
            (Some("a"), Some("https://b.example.com"), [true, false]),
            (None, Some("https://b.example.com"), [false, true]),
            (None, Some("https://renamed.example.com"), [true, true]),
            (None, Some("no address"), [true, true]),
            (None, None, [true, true]),
        ] {
            let hint = Hint {
                gitlab: gitlab.map(str::to_owned),
                sent_by: sent_by.map(str::to_owned),
                project: Some(7),
                event: Event::Push,
            };
            deliver(&all, &hint);
            let got = [0, 1].map(|to: usize| !all[to].inbox.take().projects.is_empty());
            assert_eq!(got, reached, "{hint:?}");
        }
    }

    #[test]
    fn an_event_is_about_subjects_that_there_are_or_about_the_whole_project() {
        let all = Catalogue::standard().subjects().iter();
        let names: Vec<&str> = all.map(|subject| subject.name).collect();
        for (event, about) in [
            (Event::Pipeline, &["pipelines"][..]),
            (Event::Job, &["jobs", "queue"]),
            (Event::Deployment, &["deployments", "environments"]),
            (Event::Release, &["releases"]),
        ] {
            assert_eq!(subjects(event), Some(about), "{event:?}");
            assert!(about.iter().all(|name| names.contains(name)), "{event:?}");
        }
        for event in [Event::Push, Event::MergeRequest, Event::Issue, Event::Other] {
            assert_eq!(subjects(event), None, "{event:?}");
        }
    }

    #[test]
    fn a_hint_names_the_subjects_of_its_event_and_nothing_of_a_project_without_one() {
        let all = [inbox("a", "https://a.example.com/")];
        let hint = |event, project| Hint {
            gitlab: Some("a".to_owned()),
            sent_by: None,
            project,
            event,
        };
        deliver(&all, &hint(Event::Deployment, Some(7)));
        let taken = all[0].inbox.take();
        assert!(taken.projects.is_empty() && !taken.anything);
        let subjects: Vec<_> = taken.subjects.into_iter().collect();
        assert_eq!(subjects, [(7, "deployments"), (7, "environments")]);
        deliver(&all, &hint(Event::Deployment, None));
        assert!(all[0].inbox.take().anything);
    }
}
