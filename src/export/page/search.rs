//! Finds projects by a part of their path, or by their id.

use std::collections::BinaryHeap;

use serde::Serialize;
use strsim::osa_distance;

use crate::metrics::{Identity, View};

/// More projects are counted, and not listed.
const MOST: usize = 50;
/// More are not suggested.
const SUGGESTIONS: usize = 5;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    pub query: String,
    /// Those that fit best first.
    pub projects: Vec<Hit>,
    /// How many further projects fit.
    pub more: u64,
    /// What was probably meant, where nothing fits.
    pub did_you_mean: Vec<Hit>,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hit {
    pub path: String,
    pub id: u64,
    /// The name of its GitLab, where there are several.
    pub gitlab: Option<String>,
    pub name: String,
    pub archived: Option<bool>,
}

/// Looks through all projects. Each word of the query has to be in a path; case does not matter.
pub fn search(view: &View, query: &str) -> Found {
    let wanted = query.trim().trim_matches('/').to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let id = wanted.parse::<u64>().ok();
    let (mut best, mut all) = (BinaryHeap::new(), 0_u64);
    let mut lower = String::new();
    for (gitlab, project) in projects(view) {
        lower_into(&project.path, &mut lower);
        let is_id = id == Some(project.id);
        let fits = !words.is_empty() && words.iter().all(|word| lower.contains(word));
        if !is_id && !fits {
            continue;
        }
        all += 1;
        best.push((
            rank(is_id, &lower, &wanted),
            &*project.path,
            project.id,
            gitlab,
            ByPath(project),
        ));
        if best.len() > MOST {
            best.pop();
        }
    }
    let best = best.into_sorted_vec().into_iter();
    let projects: Vec<Hit> = best
        .map(|(_, _, _, gitlab, project)| hit(gitlab, project.0))
        .collect();
    let did_you_mean = match projects.is_empty() {
        true => meant(view, &wanted),
        false => Vec::new(),
    };
    Found {
        query: query.to_owned(),
        more: all - projects.len() as u64,
        projects,
        did_you_mean,
    }
}

/// The identities of all projects, with the names of their GitLabs.
fn projects(view: &View) -> impl Iterator<Item = (Option<&str>, &Identity)> {
    view.gitlabs.iter().flat_map(|gitlab| {
        let projects = gitlab.snapshot.projects.iter();
        projects.map(|project| (gitlab.name.as_deref(), &*project.identity))
    })
}

/// Writes a text in lower case into one that is used again: there may be very many.
fn lower_into(text: &str, lower: &mut String) {
    lower.clear();
    match text.is_ascii() {
        true => {
            lower.push_str(text);
            lower.make_ascii_lowercase();
        }
        false => lower.extend(text.chars().flat_map(char::to_lowercase)),
    }
}

/// How well a path fits; 0 is best.
fn rank(is_id: bool, path: &str, wanted: &str) -> u8 {
    let last = path.rsplit('/').next().unwrap_or(path);
    match () {
        () if is_id || path == wanted => 0,
        () if last == wanted => 1,
        () if last.starts_with(wanted) => 2,
        () if path.starts_with(wanted) => 3,
        () if last.contains(wanted) => 4,
        () => 5,
    }
}

/// Stands in a heap without being looked at: what stands before it tells all of them apart.
struct ByPath<'a>(&'a Identity);

impl PartialEq for ByPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ByPath<'_> {}

impl PartialOrd for ByPath<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByPath<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

/// The projects whose path, or the last part of it, differs in few letters from what was searched.
fn meant(view: &View, wanted: &str) -> Vec<Hit> {
    /// Who mistypes more than this is not understood; and longer texts take long to compare.
    const LONGEST: usize = 64;
    let letters = wanted.chars().count();
    if letters == 0 || letters > LONGEST {
        return Vec::new();
    }
    let far = (letters / 3).max(1);
    let mut near: Vec<(usize, &str, u64, Option<&str>, ByPath<'_>)> = Vec::new();
    let mut lower = String::new();
    for (gitlab, project) in projects(view) {
        lower_into(&project.path, &mut lower);
        let own = match wanted.contains('/') {
            true => &*lower,
            false => lower.rsplit('/').next().unwrap_or(&lower),
        };
        if own.chars().count().abs_diff(letters) > far {
            continue;
        }
        let distance = osa_distance(own, wanted);
        if distance <= far {
            near.push((distance, &project.path, project.id, gitlab, ByPath(project)));
            near.sort_unstable();
            near.truncate(SUGGESTIONS);
        }
    }
    near.into_iter()
        .map(|(_, _, _, gitlab, project)| hit(gitlab, project.0))
        .collect()
}

fn hit(gitlab: Option<&str>, project: &Identity) -> Hit {
    Hit {
        path: project.path.to_string(),
        id: project.id,
        gitlab: gitlab.map(str::to_owned),
        name: project.name.to_string(),
        archived: project.archived,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::{GitLabView, Owner, Snapshot};

    fn gitlab(name: Option<&str>, paths: &[&str]) -> GitLabView {
        let projects = paths.iter().zip(1..).map(|(path, id)| {
            let identity = Identity {
                id,
                path: (*path).into(),
                ..Identity::default()
            };
            Arc::new(Owner::new(identity, 1, Vec::new()))
        });
        GitLabView {
            name: name.map(Into::into),
            snapshot: Arc::new(Snapshot {
                projects: projects.collect(),
                ..Snapshot::default()
            }),
        }
    }

    fn view(paths: &[&str]) -> View {
        View {
            gitlabs: vec![gitlab(None, paths)],
        }
    }

    fn paths(hits: &[Hit]) -> Vec<&str> {
        hits.iter().map(|hit| hit.path.as_str()).collect()
    }

    #[test]
    fn what_fits_best_comes_first_whatever_the_case() {
        let view = view(&["web/shop-api", "Shop/web", "a/old-shop", "a/SHOP", "z/none"]);
        let found = search(&view, " shop ");
        assert_eq!(
            paths(&found.projects),
            ["a/SHOP", "web/shop-api", "Shop/web", "a/old-shop"]
        );
        assert_eq!(
            paths(&search(&view, "web shop").projects),
            ["Shop/web", "web/shop-api"]
        );
        assert_eq!(paths(&search(&view, "5").projects), ["z/none"], "by its id");
        assert_eq!(found.did_you_mean, []);
    }

    #[test]
    fn no_more_than_fifty_are_listed_and_the_others_are_counted() {
        let many: Vec<String> = (0..120).map(|own| format!("group/p{own:03}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = search(&view(&many), "group");
        assert_eq!((found.projects.len(), found.more), (50, 70));
        assert_eq!(found.projects[0].path, "group/p000");
        assert_eq!(found.projects[49].path, "group/p049");
    }

    #[test]
    fn where_nothing_fits_what_was_probably_meant_is_told() {
        let view = view(&["acme/web/storefront", "acme/api", "ärger/straße"]);
        let meant = |query| search(&view, query).did_you_mean;
        assert_eq!(paths(&meant("storefornt")), ["acme/web/storefront"]);
        assert_eq!(paths(&meant("acme/apj")), ["acme/api"]);
        assert_eq!(paths(&meant("strase")), ["ärger/straße"]);
        assert_eq!(meant("nothing-like-it"), []);
        assert_eq!(meant(""), []);
        assert_eq!(search(&view, "").projects, []);
    }

    #[test]
    fn the_same_path_in_two_gitlabs_is_two_projects() {
        let view = View {
            gitlabs: vec![gitlab(Some("com"), &["a/b"]), gitlab(Some("own"), &["a/b"])],
        };
        let found = search(&view, "a/b").projects;
        let names: Vec<_> = found.iter().map(|hit| hit.gitlab.as_deref()).collect();
        assert_eq!(names, [Some("com"), Some("own")]);
    }
}
