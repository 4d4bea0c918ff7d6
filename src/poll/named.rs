//! Projects that are selected by name: no list holds them, so they are found one by one, or 100 ids
//! or 50 paths at a time.

use super::found::Listing;
use super::graphql::{self, Node, Trouble};
use super::merge::mistake;
use super::plan::{Depth, List, Part};
use super::{Poller, lock, rest};
use crate::gitlab::Error;
use crate::metrics::ProjectAnswer;

/// GitLab takes no more paths at once.
pub(super) const MOST_PATHS: usize = 50;

impl Poller {
    /// Reads projects by id or path.
    pub(super) async fn read_named(
        &self,
        names: &[String],
        asker: &graphql::Asker,
        rest: &rest::Asker,
    ) -> Listing {
        let id_of = |name: &String| name.parse().ok().or_else(|| self.ids.get(name).copied());
        let ids: Vec<u64> = names.iter().filter_map(id_of).collect();
        let paths: Vec<String> = names
            .iter()
            .filter(|name| id_of(name).is_none())
            .cloned()
            .collect();
        let mut listing = Listing::default();
        let by_id = chunks(
            &ids,
            usize::MAX,
            |ids| List::Ids(ids.to_vec()),
            asker,
            &mut listing,
        );
        by_id.await;
        if !paths.is_empty() && self.capabilities().asks_by_paths() {
            let list = |paths: &[String]| List::Paths(paths.to_vec());
            chunks(&paths, MOST_PATHS, list, asker, &mut listing).await;
        }
        // An older GitLab can't be asked by paths, and REST alone knows where a renamed project went.
        for path in paths {
            let is_it = |found: &ProjectAnswer| found.identity.path.eq_ignore_ascii_case(&path);
            if listing.failure.is_some() || listing.found.iter().any(is_it) {
                continue;
            }
            match rest.project(&path).await {
                Ok(Some(found)) => {
                    listing.resolved.push((path, found.identity.id));
                    listing.found.push(found);
                }
                Ok(None) => {}
                Err(error) => listing.failure = Some(error),
            }
        }
        listing
    }

    /// Notes which of the named projects are there. What has been there before was removed since, and
    /// is gone; what has never been there is a mistake, and nothing is known of it.
    pub(super) fn note_named(&mut self, names: &[String], listing: &Listing) {
        for (name, id) in &listing.resolved {
            self.ids.insert(name.clone(), *id);
        }
        for name in names {
            if self.remember(name, listing) {
                self.absent.remove(name);
                self.mistaken.remove(name);
                continue;
            }
            let detail = "404 Project Not Found".to_owned();
            let error = Error::NotFound { detail };
            *self.errors.entry(("projects", error.reason())).or_default() += 1;
            if self.seen.contains(name) {
                self.absent.insert(name.clone());
            } else {
                let what = format!("reading the project {name:?}");
                self.mistaken.insert(name.clone(), mistake(&what, &error));
            }
        }
    }

    /// Whether a project selected by name was found; its id is remembered then, so that a rename
    /// does not lose it.
    fn remember(&mut self, name: &str, listing: &Listing) -> bool {
        let id = name.parse().ok().or_else(|| self.ids.get(name).copied());
        let found = listing
            .found
            .iter()
            .map(|found| &found.identity)
            .find(|identity| {
                // GitLab's paths are the same in any case.
                Some(identity.id) == id || identity.path.eq_ignore_ascii_case(name)
            });
        if let Some(identity) = found {
            self.ids.insert(name.to_owned(), identity.id);
            self.seen.insert(name.to_owned());
        }
        found.is_some()
    }
}

/// Asks everything of what is named, so much at a time as GitLab can bear.
async fn chunks<Name>(
    names: &[Name],
    most: usize,
    list: impl Fn(&[Name]) -> List,
    asker: &graphql::Asker,
    listing: &mut Listing,
) {
    let mut rest = names;
    let mut size = usize::MAX;
    while !rest.is_empty() && listing.failure.is_none() {
        let page = lock(&asker.capacity).page();
        let first = page.min(most).min(size).min(rest.len());
        let part = Part {
            list: list(&rest[..first]),
            depth: Depth::Whole,
            first,
            after: None,
        };
        let page = match asker.ask(std::slice::from_ref(&part)).await {
            Ok(mut pages) => pages.pop(),
            Err(error) => Some(Err(Trouble::Failed(error))),
        };
        let page = match page {
            Some(Err(Trouble::TooMuch)) if first > 1 => {
                size = first / 2;
                continue;
            }
            // One project breaks its page: its values are asked for one by one instead.
            Some(Err(Trouble::TooMuch)) | None => asker.light(&part).await.map_err(Trouble::Failed),
            Some(page) => page,
        };
        match page {
            Ok(page) => {
                listing
                    .found
                    .extend(page.nodes.into_iter().filter_map(|node| match node {
                        Node::Found(found) => Some(*found),
                        _ => None,
                    }));
                rest = &rest[first..];
                size = size.saturating_mul(2);
            }
            Err(Trouble::Failed(error)) => listing.failure = Some(error),
            Err(Trouble::TooMuch) => return,
        }
    }
}
