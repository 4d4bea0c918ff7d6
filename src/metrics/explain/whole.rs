//! What a metric tells of all projects together: sums, their number, and what ended anywhere.

use super::answer::{OfGitLab, Series, Value};
use super::asked::About;
use super::collected::Collected;
use super::not_read::not_listed;
use super::owner::{Around, counted, noun};
use super::why::{self, Why};
use crate::metrics::subject::{Grain, Shows};
use crate::metrics::{Metric, Reading, Reason, Snapshot, UnixTime, stamp};

/// The sum over all projects, or why one is not known.
pub(super) fn sum(
    metric: &Metric,
    snapshot: &Snapshot,
    places: &[usize],
    around: &Around<'_>,
    found: &mut Collected,
) {
    if let Some(sum) = snapshot.sum(places) {
        let read = snapshot.projects.iter().flat_map(|project| {
            places
                .iter()
                .filter_map(|place| match project.values.get(*place) {
                    Some(Reading::Known { at, .. }) => Some(*at),
                    _ => None,
                })
        });
        // It is as old as the oldest of its parts.
        return found.show(around.plain(&[], Value::Number(sum), read.min()));
    }
    if snapshot.project_count.is_none() {
        return found.lack(not_listed(snapshot), 1, None, None);
    }
    for project in &snapshot.projects {
        let lacks = places
            .iter()
            .find_map(|place| match project.values.get(*place) {
                Some(Reading::Unknown(reason)) => Some(*reason),
                None => Some(Reason::NotAsked),
                _ => None,
            });
        if let Some(reason) = lacks {
            let of_one = why::unknown(reason, metric, around.read);
            let why = format!(
                "a sum is told once every project is known, and of some not all is: {}",
                of_one.why
            );
            found.lack(Why { why, ..of_one }, 1, None, Some(&project.identity));
        }
    }
}

pub(super) fn count(snapshot: &Snapshot, around: &Around<'_>, found: &mut Collected) {
    let ended = snapshot.report.as_ref().map(|report| stamp(report.ended));
    match snapshot.project_count {
        Some(count) => found.show(around.plain(&[], Value::Number(count as f64), ended)),
        None => found.lack(not_listed(snapshot), 1, None, None),
    }
}

/// What has ended of all projects together.
pub(super) fn folded(
    metric: &Metric,
    snapshot: &Snapshot,
    around: &Around<'_>,
    found: &mut Collected,
) {
    let all = 0..snapshot.projects.len();
    let before = found.series.len();
    metric.observe_ended(
        snapshot,
        all,
        around.choices,
        &mut |labels, series, since| {
            let shown = around.plain(labels, counted(series, metric), None);
            found.show(Series {
                since: Some(UnixTime::from(since)).filter(|since| *since > 0),
                ..shown
            });
        },
    );
    if found.series.len() == before && found.more == 0 {
        found.lack(why::nothing_ended(metric.subject), 1, None, None);
    }
}

pub(super) fn note_folded(about: &About<'_>, told: &mut OfGitLab) {
    if !matches!(about, About::Everything) {
        told.notes.push(
            "It is one for all projects, as metrics.histograms_by says; with project there it is told of each."
                .to_owned(),
        );
    }
}

pub(super) fn note_whole(metric: &Metric, about: &About<'_>, told: &mut OfGitLab) {
    let of_each = match metric.shows {
        Shows::Sum(of_each) => of_each,
        _ => "gitlab_project_info",
    };
    if !matches!(about, About::Everything) {
        told.notes.push(format!(
            "It is about all {}s together; {of_each} is told of each.",
            noun(Grain::Project)
        ));
    }
}
