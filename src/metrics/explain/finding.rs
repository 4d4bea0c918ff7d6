//! Finds what is meant by a name: a metric by a short form, a project or a group by id or full path.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answer::NoAnswer;
use crate::metrics::{Catalogue, Metric, Owner, Snapshot, nearest};

/// More is not suggested.
const SUGGESTIONS: usize = 5;

/// The metric of that name, or of which it is a short form: `commits` is `gitlab_commits_total`.
///
/// # Errors
/// If there is none; the error says what was probably meant.
pub fn metric<'a>(catalogue: &'a Catalogue, asked: &str) -> Result<&'a Metric, NoAnswer> {
    let name = asked.trim().to_lowercase().replace(['-', ' '], "_");
    let with_prefix = format!("gitlab_{name}");
    let exact = [&*name, &*with_prefix];
    let exact = exact.iter().find_map(|name| catalogue.find(name));
    // What a histogram is called in the exposition, and then what has the same stem.
    let of_a_bucket = || {
        let ends = ["_bucket", "_count", "_sum"];
        let stem = ends.iter().find_map(|end| name.strip_suffix(end))?;
        catalogue.find(stem).filter(|own| !own.bounds().is_empty())
    };
    let alike = || {
        let mut metrics = catalogue.metrics().iter();
        metrics.find(|metric| !name.is_empty() && stem(metric.name) == stem(&name))
    };
    let found = exact.or_else(of_a_bucket).or_else(alike);
    found.ok_or_else(|| no_metric(catalogue, asked, &name))
}

/// A name without what all have in common, and without what says its unit.
fn stem(name: &str) -> &str {
    let mut stem = name.strip_prefix("gitlab_").unwrap_or(name);
    for end in ["_total", "_seconds", "_bytes", "_ratio", "_timestamp"] {
        stem = stem.strip_suffix(end).unwrap_or(stem);
    }
    stem
}

fn no_metric(catalogue: &Catalogue, asked: &str, name: &str) -> NoAnswer {
    let metrics = || catalogue.metrics().iter().map(|metric| metric.name);
    let of_subject = catalogue.metrics().iter();
    let of_subject = of_subject.filter(|metric| metric.subject.name == name);
    let mut meant: Vec<&str> = of_subject.map(|metric| metric.name).collect();
    if meant.is_empty() {
        let near = nearest(stem(name), metrics().map(stem));
        let near = near.and_then(|near| metrics().find(|own| stem(own) == near));
        let words: Vec<&str> = stem(name)
            .split('_')
            .filter(|word| !word.is_empty())
            .collect();
        let has_all = |own: &&str| !words.is_empty() && words.iter().all(|word| own.contains(word));
        meant.extend(near);
        meant.extend(metrics().filter(has_all).filter(|own| near != Some(own)));
    }
    let more = meant.len().saturating_sub(SUGGESTIONS);
    meant.truncate(SUGGESTIONS);
    let hint = match (&meant[..], more) {
        ([], _) => "the command metrics lists all there are".to_owned(),
        (meant, 0) => format!("did you mean {}?", either(meant)),
        (meant, more) => format!(
            "did you mean {}, or one of {more} others?",
            meant.join(", ")
        ),
    };
    NoAnswer {
        reason: "no_such_metric",
        error: format!("no metric is called {:?}: {hint}", short(asked)),
        did_you_mean: meant.into_iter().map(str::to_owned).collect(),
    }
}

/// The owner with that id or full path, in any case of its letters.
pub fn owner<'a>(owners: &'a [Arc<Owner>], asked: &str) -> Option<&'a Arc<Owner>> {
    let path = trimmed(asked);
    if let Ok(id) = path.parse::<u64>() {
        // Projects are sorted by id, and others are few.
        return owners.iter().find(|owner| owner.identity.id == id);
    }
    let is_it = |owner: &&Arc<Owner>| owner.identity.path.eq_ignore_ascii_case(path);
    owners.iter().find(is_it)
}

/// The full paths that were probably meant.
pub(super) fn meant(owners: &[Arc<Owner>], asked: &str) -> Vec<String> {
    among(|| owners.iter().map(|owner| &*owner.identity.path), asked)
}

/// The groups that were probably meant: those that are read, and those in which projects lie.
pub(super) fn meant_groups(snapshot: &Snapshot, asked: &str) -> Vec<String> {
    let mut groups: BTreeSet<&str> = BTreeSet::new();
    for project in &snapshot.projects {
        let mut path = &*project.identity.path;
        while let Some((group, _)) = path.rsplit_once('/') {
            // Whoever is known has brought those above it.
            if !groups.insert(group) {
                break;
            }
            path = group;
        }
    }
    groups.extend(snapshot.groups.iter().map(|group| &*group.identity.path));
    among(|| groups.iter().copied(), asked)
}

/// Of these paths, the one that is nearly right, and those that end alike.
fn among<'a, Paths: Iterator<Item = &'a str>>(
    paths: impl Fn() -> Paths,
    asked: &str,
) -> Vec<String> {
    let asked = trimmed(asked);
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let near = nearest(asked, paths());
    let own = last(asked);
    let called_so = paths().filter(|path| last(path) == own && Some(*path) != near);
    let all = near.into_iter().chain(called_so);
    all.take(SUGGESTIONS).map(str::to_owned).collect()
}

pub(super) fn trimmed(asked: &str) -> &str {
    asked.trim().trim_matches('/').trim_end_matches(".git")
}

/// Names as a person would list them.
pub(super) fn either<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match &names[..] {
        [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        names => names.join(""),
    }
}

/// A text that came from outside, not longer than a line.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 120;
    text.chars().take(LONGEST).collect()
}
