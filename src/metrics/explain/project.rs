//! All that is known of one project: each metric with its series, and what is absent of it.

use serde::Serialize;

use super::answer::{Absent, NoAnswer, OfGitLab, Question, Series, Thing};
use super::settings::Settings;
use super::{asked, finding, gitlab};
use crate::metrics::{BridgeStatus, Grain};

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
    let has_it = |gitlab: &&gitlab::Asked<'_>| {
        finding::owner(&gitlab.status.snapshot.projects, project).is_some()
    };
    let Some(gitlab) = gitlabs.iter().find(has_it) else {
        return Err(not_read(project, &gitlabs));
    };
    let question = Question {
        project: Some(project),
        most,
        ..Question::default()
    };
    let own = |metric: &&&crate::metrics::Metric| metric.is_per_project();
    let mut told = None;
    let mut metrics = Vec::new();
    for metric in settings.enabled.metrics.iter().filter(own) {
        // Histograms over all projects say nothing of this one.
        if !metric.is_per_project_by(&gitlab.settings.enabled.choices) {
            continue;
        }
        let of = gitlab.explain(metric, &question);
        let OfGitLab {
            read,
            series,
            more_series,
            absent,
            ..
        } = of;
        told = told.or(of.project);
        metrics.push(OfProject {
            metric: metric.name,
            unit: metric.unit,
            meaning: metric.help,
            subject: metric.subject.name,
            read,
            series,
            more_series,
            absent,
        });
    }
    let all = settings.enabled.catalogue.metrics().iter();
    let disabled = all.filter(|metric| {
        metric.subject.of == Grain::Project
            && metric.is_about_gitlab()
            && !settings.enabled.shows(metric.name)
    });
    Ok(ProjectValues {
        instance: gitlab.status.name.as_deref().map(str::to_owned),
        url: gitlab.status.url.clone(),
        project: match told {
            Some(project) => project,
            None => return Err(not_read(project, &gitlabs)),
        },
        metrics,
        disabled: disabled.map(|metric| metric.name).collect(),
    })
}

fn not_read(project: &str, gitlabs: &[gitlab::Asked<'_>]) -> NoAnswer {
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
