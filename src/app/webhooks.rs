//! Webhooks joined to the rest: what they are checked against, where they arrive, where hints go.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use url::Url;

use crate::config::Config;
use crate::export::Server;
use crate::poll::Inbox;
use crate::webhook::{self, Counts, Hint, Receiver};

/// Webhooks, ready to be taken.
pub struct Webhooks {
    /// The routes they arrive at.
    pub routes: Router,
    /// Where these are served, unless it is with the pages.
    pub server: Option<Server>,
    /// What came.
    pub counts: Arc<Counts>,
}

/// Builds what takes webhooks, if they are wanted, and binds their listener if they have their own.
///
/// # Errors
/// If a secret can't be read or the listener can't be bound; the message says what to do.
pub async fn build(config: &Config, inboxes: Vec<Addressee>) -> Result<Option<Webhooks>> {
    if !config.webhook.enabled {
        return Ok(None);
    }
    let server = match &config.webhook_listen {
        Some(own) => Some(Server::bind(own, "webhook.listen:").await?),
        None => None,
    };
    let counts = Arc::new(Counts::default());
    let receiver = Receiver {
        secrets: config.webhook.build()?,
        instances: inboxes
            .iter()
            .filter_map(|to| to.name.as_deref())
            .map(str::to_owned)
            .collect(),
        take: Arc::new(move |hint| deliver(&inboxes, &hint)),
        counts: Arc::clone(&counts),
    };
    Ok(Some(Webhooks {
        routes: webhook::router(receiver),
        server,
        counts,
    }))
}

/// Who takes the hints of one GitLab.
pub struct Addressee {
    /// Its name, where there are several.
    pub name: Option<Arc<str>>,
    /// Its address.
    pub url: Url,
    /// Where its hints go.
    pub inbox: Arc<Inbox>,
}

/// A hint goes to the GitLab that it is addressed to, else to the one that says it sent it. Where
/// neither tells, all of them are asked: too many questions are the lesser evil.
fn deliver(all: &[Addressee], hint: &Hint) {
    let sent_by = hint
        .sent_by
        .as_deref()
        .and_then(|text| Url::parse(text).ok());
    let is_meant = |to: &&Addressee| match (&hint.instance, &sent_by) {
        (Some(name), _) => to.name.as_deref() == Some(name),
        (None, Some(url)) => url.origin() == to.url.origin(),
        (None, None) => true,
    };
    let meant: Vec<&Addressee> = all.iter().filter(is_meant).collect();
    let meant = if meant.is_empty() {
        all.iter().collect()
    } else {
        meant
    };
    for to in meant {
        to.inbox.put(hint.project);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::Event;

    fn addressee(name: &str, url: &str) -> Addressee {
        Addressee {
            name: Some(Arc::from(name)),
            url: url.parse().unwrap(),
            inbox: Arc::default(),
        }
    }

    #[test]
    fn a_hint_goes_to_the_gitlab_that_it_is_about() {
        let all = [
            addressee("a", "https://a.example.com/"),
            addressee("b", "https://b.example.com/gitlab/"),
        ];
        for (instance, sent_by, reached) in [
            (Some("b"), None, [false, true]),
            (Some("a"), Some("https://b.example.com"), [true, false]),
            (None, Some("https://b.example.com"), [false, true]),
            (None, Some("https://renamed.example.com"), [true, true]),
            (None, Some("no address"), [true, true]),
            (None, None, [true, true]),
        ] {
            let hint = Hint {
                instance: instance.map(str::to_owned),
                sent_by: sent_by.map(str::to_owned),
                project: Some(7),
                event: Event::Push,
            };
            deliver(&all, &hint);
            let got = [0, 1].map(|to: usize| !all[to].inbox.take().projects.is_empty());
            assert_eq!(got, reached, "{hint:?}");
        }
    }
}
