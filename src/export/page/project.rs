//! Everything that is known of one project: docs/status.md explains each member.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clock::{Clock, Time};
use super::now::Now;
use crate::metrics::explain::{
    Absent, NoAnswer, OfProject, Series, Settings, Value, find_owner, project_values,
};
use crate::metrics::{Catalogue, GitLabStatus, Owner};

/// More series of one metric are counted, and not told.
const MOST_SERIES: usize = 200;

/// A project with all its values.
#[derive(Clone, Debug, Serialize)]
pub struct Project {
    pub id: u64,
    pub path: String,
    pub name: String,
    /// The name of its GitLab, where there are several.
    pub gitlab: Option<String>,
    /// Its page in GitLab.
    pub url: String,
    pub visibility: Option<String>,
    pub archived: Option<bool>,
    pub default_branch: Option<String>,
    pub last_activity: Option<Time>,
    /// When GitLab last listed it.
    pub listed: Time,
    pub metrics: Vec<Metric>,
    /// Metrics of projects that are not switched on.
    pub disabled: Vec<&'static str>,
}

/// What a project has of a metric.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    pub metric: &'static str,
    pub unit: &'static str,
    pub meaning: &'static str,
    pub subject: &'static str,
    /// What GitLab is asked for.
    pub asked_as: Vec<&'static str>,
    /// When it is read, in a sentence.
    pub read: String,
    pub series: Vec<Shown>,
    pub more_series: u64,
    pub absent: Vec<Lack>,
}

/// A series.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    pub labels: BTreeMap<&'static str, String>,
    pub value: Value,
    pub read: Option<Time>,
    pub age_seconds: Option<u64>,
}

/// Series that are absent for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct Lack {
    pub reason: &'static str,
    pub series: u64,
    pub why: String,
    pub advice: Option<String>,
}

/// Why there is no such project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoProject {
    pub error: String,
    pub did_you_mean: Vec<String>,
}

impl Project {
    /// A project by its id or full path, in the GitLab of that name.
    ///
    /// # Errors
    /// If it is not read, or several GitLabs have one of that id and none is named.
    pub fn of(
        project: &str,
        gitlab: Option<&str>,
        now: &Now,
        settings: &Settings,
    ) -> Result<Project, NoProject> {
        let project = project.trim();
        let gitlabs = now.bridge.gitlabs.iter();
        let named =
            gitlabs.filter(|own| gitlab.is_none_or(|name| own.name.as_deref() == Some(name)));
        let having: Vec<(&GitLabStatus, &Owner)> = named
            .filter_map(|own| Some((own, &**find_owner(&own.snapshot.projects, project)?)))
            .collect();
        if having.len() > 1 {
            let names = having.iter().filter_map(|(own, _)| own.name.as_deref());
            let names: Vec<&str> = names.collect();
            return Err(NoProject {
                error: format!(
                    "{project} is a project in {}: say which one, such as ?gitlab={}.",
                    names.join(" and in "),
                    names.first().unwrap_or(&"")
                ),
                did_you_mean: Vec::new(),
            });
        }
        let told = project_values(project, gitlab, &now.bridge, settings, MOST_SERIES);
        let told = told.map_err(NoProject::from)?;
        let Some((status, owner)) = having.first() else {
            return Err(NoProject {
                error: format!("no project called {project:?} is read."),
                did_you_mean: Vec::new(),
            });
        };
        let (identity, clock) = (&owner.identity, Clock::of(status));
        let metrics = told.metrics.into_iter().map(|own| Metric::of(own, clock));
        Ok(Project {
            id: identity.id,
            path: identity.path.to_string(),
            name: identity.name.to_string(),
            gitlab: told.instance,
            url: format!("{}{}", told.url, identity.path),
            visibility: Some(identity.visibility.to_string()).filter(|own| !own.is_empty()),
            archived: identity.archived,
            default_branch: identity.default_branch.as_deref().map(str::to_owned),
            last_activity: identity.last_activity.map(Time),
            listed: clock.time(u64::from(owner.listed)),
            metrics: metrics.collect(),
            disabled: told.disabled,
        })
    }
}

impl Metric {
    fn of(own: OfProject, clock: Clock) -> Metric {
        let row = Catalogue::standard().find(own.metric);
        Metric {
            metric: own.metric,
            unit: own.unit,
            meaning: own.meaning,
            subject: own.subject,
            asked_as: row.map(|row| row.asked_as()).unwrap_or_default(),
            read: own.read,
            series: own
                .series
                .into_iter()
                .map(|own| Shown::of(own, clock))
                .collect(),
            more_series: own.more_series,
            absent: own.absent.into_iter().map(Lack::from).collect(),
        }
    }
}

impl Shown {
    fn of(own: Series, clock: Clock) -> Shown {
        Shown {
            labels: own.labels,
            value: own.value,
            read: own.read_at.map(|at| clock.time(at)),
            age_seconds: own.age_seconds,
        }
    }
}

impl From<Absent> for Lack {
    fn from(absent: Absent) -> Lack {
        Lack {
            reason: absent.reason,
            series: absent.count,
            why: absent.why,
            advice: absent.advice,
        }
    }
}

impl From<NoAnswer> for NoProject {
    fn from(none: NoAnswer) -> NoProject {
        NoProject {
            error: none.error,
            did_you_mean: none.did_you_mean,
        }
    }
}
