//! Explains a metric: where it comes from, what is shown of it and how old that is, and why the rest is absent.
//!
//! It looks at what is known and asks nobody.

mod answer;
mod asked;
mod collected;
mod finding;
mod gitlab;
mod not_read;
mod owner;
mod project;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod when;
mod whole;
mod why;

pub use answer::{Absent, Explanation, NoAnswer, OfGitLab, Question, Series, Source, Thing, Value};
pub use finding::{metric as find_metric, owner as find_owner};
pub use project::{OfProject, ProjectValues, project_values};
pub use settings::{GitLabSettings, Pace, SaidBy, Settings};

use super::BridgeStatus;
use super::subject::{Column, Rest, Rows};
use super::{Grain, Metric, reference};
use asked::asked;
use collected::Collected;
use owner::Around;

/// Explains a metric by what the bridge knows.
///
/// # Errors
/// If there is no such metric, or no GitLab of that name.
pub fn explain(
    question: &Question<'_>,
    bridge: &BridgeStatus,
    settings: &Settings,
) -> Result<Explanation, NoAnswer> {
    let catalogue = settings.enabled.catalogue;
    let metric = finding::metric(catalogue, question.metric)?;
    let asked = asked(question.instance, bridge, settings)?;
    let gitlabs = match metric.is_about_gitlab() {
        true => asked
            .iter()
            .map(|gitlab| gitlab.explain(metric, question))
            .collect(),
        false => vec![of_bridge(metric, question, bridge, settings)],
    };
    Ok(Explanation {
        metric: metric.name,
        instrument: reference::instrument(metric),
        unit: metric.unit,
        meaning: metric.help,
        attributes: metric.attributes.iter().map(|own| own.name).collect(),
        subject: metric.subject.name,
        of: why::word(metric),
        enabled: settings.enabled.shows(metric.name),
        source: source(metric, settings),
        gitlabs,
    })
}

/// Where a metric comes from, as the choices let it be asked.
fn source(metric: &Metric, settings: &Settings) -> Source {
    /// So many fields are named in a sentence.
    const NAMED: usize = 4;
    // Lead times are told by deployments, though they stand among incidents.
    let told_by = match metric.name {
        "gitlab_lead_time_for_changes_seconds" => {
            settings.enabled.catalogue.find("gitlab_deployments_total")
        }
        _ => None,
    };
    let metric = told_by.unwrap_or(metric);
    let with_children = settings.enabled.choices.child_pipelines;
    let asked_as = match &metric.subject.rows {
        Rows::Feeds(feeds) if metric.is_asked() => {
            let lists = feeds.lists.iter();
            let lists = lists.filter(|feed| with_children || !feed.of_children);
            lists.map(|feed| feed.changed).collect()
        }
        _ => metric.asked_as(),
    };
    Source {
        text: reference::source_of(metric, asked_as.clone(), NAMED),
        asked_as,
        over_rest: over_rest(metric, with_children),
    }
}

/// What the bridge tells of itself.
fn of_bridge(
    metric: &Metric,
    question: &Question<'_>,
    bridge: &BridgeStatus,
    settings: &Settings,
) -> OfGitLab {
    let mut told = OfGitLab {
        read: "It is what the bridge knows of itself now.".to_owned(),
        ..OfGitLab::default()
    };
    let mut found = Collected::new(question.most);
    let around = Around {
        choices: &settings.enabled.choices,
        now: bridge.wall_clock,
        read: &told.read,
        is_moment: when::is_moment(metric),
        instance: None,
    };
    if !settings.enabled.shows(metric.name) {
        found.lack(why::disabled(metric, settings), 1, None, None);
    } else {
        metric.observe_bridge(bridge, &mut |labels, value| {
            found.show(around.plain(labels, Value::Number(value), None));
        });
        if found.series.is_empty() {
            found.lack(why::nothing_of_bridge(metric), 1, None, None);
        }
    }
    told.series = found.series;
    told.more_series = found.more;
    told.absent = found.absent;
    told
}

/// How REST is asked for what a metric shows, where GraphQL can't be.
fn over_rest(metric: &Metric, with_children: bool) -> Vec<String> {
    let root = match metric.subject.of {
        Grain::Instance => "",
        Grain::Group => "groups/:id/",
        Grain::Project => "projects/:id/",
        Grain::Runner => "runners/:id/",
    };
    match &metric.subject.rows {
        _ if !metric.is_asked() => Vec::new(),
        Rows::One => {
            let columns = metric.own_columns();
            let ways = columns.iter().flat_map(|column| ways(column));
            ways.filter_map(|way| over(root, way)).collect()
        }
        Rows::Many(many) => vec![format!("{root}{}", many.rest)],
        Rows::Made(made) => vec![format!("{root}{}", made.rest)],
        Rows::Named(named) => vec![format!("{root}{}", named.rest)],
        Rows::Feeds(feeds) => {
            let lists = feeds.lists.iter();
            let lists = lists.filter(|feed| with_children || !feed.of_children);
            lists
                .map(|feed| format!("{root}{}", feed.rest_changed))
                .collect()
        }
    }
}

fn ways(column: &'static Column) -> impl Iterator<Item = &'static Rest> {
    std::iter::once(&column.rest).chain(column.fallbacks)
}

fn over(root: &str, way: &Rest) -> Option<String> {
    match way {
        Rest::Nowhere => None,
        Rest::Body(member) => Some(format!("{}: {member}", root.trim_end_matches('/'))),
        Rest::Member { path, member, .. } => Some(format!("{root}{path}: {member}")),
        Rest::Count(path) => Some(format!("{root}{path}: how many there are")),
        Rest::First { path, member } => Some(format!("{root}{path}: {member} of the first")),
    }
}
