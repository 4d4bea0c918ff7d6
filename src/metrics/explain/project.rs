//! All that is known of one project: each metric with its series, and what is absent of it.

use serde::Serialize;

use super::answer::{Absent, NoAnswer, OfGitLab, Question, Series, Thing};
use super::asked::{Asked, asked, thing};
use super::finding;
use super::settings::Settings;
use crate::metrics::{BridgeStatus, Grain, Metric};

/// All that is known of one project.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectValues {
    /// The name of its GitLab, where there are several.
    pub instance: Option<String>,
    pub url: String,
    pub project: Thing,
    /// What its values are, metric by metric, in the order of the reference.
    pub metrics: Vec<OfProject>,
    /// The metrics of projects that are not switched on.
    pub disabled: Vec<&'static str>,
}

/// What a project has of one metric.
#[derive(Clone, Debug, Serialize)]
pub struct OfProject {
    pub metric: &'static str,
    pub unit: &'static str,
    pub meaning: &'static str,
    pub subject: &'static str,
    /// When it is read, in a sentence.
    pub read: String,
    pub series: Vec<Series>,
    pub more_series: u64,
    pub absent: Vec<Absent>,
}

/// All that is known of a project, by its id or full path: in the GitLab of that name, or the first that has it.
/// No more than `most` series of each metric are told.
///
/// # Errors
/// If no such project is read; the error says why and what was probably meant.
pub fn project_values(
    project: &str,
    instance: Option<&str>,
    bridge: &BridgeStatus,
    settings: &Settings,
    most: usize,
) -> Result<ProjectValues, NoAnswer> {
    let gitlabs = asked(instance, bridge, settings)?;
    let found = gitlabs.iter().find_map(|gitlab| {
        let projects = &gitlab.status.snapshot.projects;
        Some((gitlab, finding::owner(projects, project)?))
    });
    let Some((gitlab, found)) = found else {
        return Err(not_read(project, &gitlabs));
    };
    let question = Question {
        project: Some(project),
        most,
        ..Question::default()
    };
    let choices = &gitlab.settings.enabled.choices;
    let metrics = settings.enabled.metrics.iter();
    // Histograms over all projects say nothing of this one.
    let own = metrics.filter(|metric| metric.is_per_project_by(choices));
    let all = settings.enabled.catalogue.metrics().iter();
    let disabled = all.filter(|metric| {
        let is_own = metric.subject.of == Grain::Project && metric.is_about_gitlab();
        is_own && !settings.enabled.shows(metric.name)
    });
    Ok(ProjectValues {
        instance: gitlab.status.name.as_deref().map(str::to_owned),
        url: gitlab.status.url.clone(),
        project: thing(&found.identity),
        metrics: own
            .map(|metric| of_metric(metric, gitlab, &question))
            .collect(),
        disabled: disabled.map(|metric| metric.name).collect(),
    })
}

/// What a project has of one metric.
fn of_metric(metric: &Metric, gitlab: &Asked<'_>, question: &Question<'_>) -> OfProject {
    let OfGitLab {
        read,
        series,
        more_series,
        absent,
        ..
    } = gitlab.explain(metric, question);
    OfProject {
        metric: metric.name,
        unit: metric.unit,
        meaning: metric.help,
        subject: metric.subject.name,
        read,
        series,
        more_series,
        absent,
    }
}

fn not_read(project: &str, gitlabs: &[Asked<'_>]) -> NoAnswer {
    let why = gitlabs.iter().map(|gitlab| gitlab.why_not(project));
    let why: Vec<String> = why.collect();
    let snapshots = gitlabs.iter().map(|gitlab| &gitlab.status.snapshot);
    NoAnswer {
        reason: "no_such_project",
        error: why.join("; "),
        did_you_mean: snapshots
            .flat_map(|own| finding::meant(&own.projects, project))
            .collect(),
    }
}
