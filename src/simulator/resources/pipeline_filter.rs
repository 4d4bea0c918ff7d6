//! Which pipelines a list holds: what the arguments of GraphQL and the parameters of REST ask for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::changed::{time, updated_after};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::object::FieldError;
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::RestRequest;
use crate::simulator::world::ci::pipeline::Pipeline;
use crate::simulator::world::ci::reference::CHILD;
use crate::simulator::world::ci::status::PipelineStatus;
use crate::simulator::world::project::Project;

/// What a list of pipelines is asked for. Children are in no list but in that of their source.
#[derive(Default)]
pub(super) struct Filter {
    project: u64,
    /// Any of these; all, when nothing is said.
    statuses: Option<Vec<PipelineStatus>>,
    /// The newest of each branch or tag that exists.
    latest: Option<BTreeSet<u64>>,
    reference: Option<String>,
    tags: Option<bool>,
    source: Option<String>,
    sha: Option<String>,
    name: Option<String>,
    updated_after: Option<Timestamp>,
    updated_before: Option<Timestamp>,
    created_after: Option<Timestamp>,
    created_before: Option<Timestamp>,
}

impl Filter {
    /// What the arguments of `Project.pipelines` ask for.
    pub(super) fn of(project: &Project, field: &SelectedField<'_>) -> Result<Self, FieldError> {
        let text = |name: &str| field.text(name).map(str::to_owned);
        let mut filter = Filter {
            project: project.id,
            reference: text("ref"),
            tags: field.text("refType").map(|kind| kind == "TAGS"),
            source: text("source"),
            sha: text("sha"),
            updated_after: updated_after(field)?,
            updated_before: time(field, "updatedBefore")?,
            ..Filter::default()
        };
        filter.narrow(project, field.text("scope"), field.text("status"));
        if filter.reference.is_none()
            && let Some(tags) = filter.tags
        {
            filter.latest = latest(project, tags);
        }
        Ok(filter)
    }

    /// What the parameters of `GET /projects/:id/pipelines` ask for.
    pub(super) fn of_rest(project: &Project, request: &RestRequest<'_>) -> Result<Self, Answer> {
        let scopes = ["", "running", "pending", "finished", "branches", "tags"];
        let scope = request.choice("scope", &scopes)?.to_uppercase();
        let status = request.parameter("status");
        if status
            .as_deref()
            .is_some_and(|word| PipelineStatus::parse(word).is_none())
        {
            return Err(Answer::bad_parameter("status"));
        }
        let mut filter = Filter {
            project: project.id,
            reference: request.parameter("ref"),
            source: request.parameter("source"),
            sha: request.parameter("sha"),
            name: request.parameter("name"),
            updated_after: request.time("updated_after")?,
            updated_before: request.time("updated_before")?,
            created_after: request.time("created_after")?,
            created_before: request.time("created_before")?,
            ..Filter::default()
        };
        filter.narrow(project, Some(&scope), status.as_deref());
        Ok(filter)
    }

    fn narrow(&mut self, project: &Project, scope: Option<&str>, status: Option<&str>) {
        let scope = match scope.unwrap_or_default() {
            "RUNNING" => Some(vec![PipelineStatus::Running]),
            "PENDING" => Some(vec![PipelineStatus::Pending]),
            // Neither the skipped nor the manual ones.
            "FINISHED" => Some(vec![
                PipelineStatus::Success,
                PipelineStatus::Failed,
                PipelineStatus::Canceled,
            ]),
            "BRANCHES" => {
                self.latest = latest(project, false);
                None
            }
            "TAGS" => {
                self.latest = latest(project, true);
                None
            }
            _ => None,
        };
        let status = status.and_then(PipelineStatus::parse);
        self.statuses = match (scope, status) {
            (Some(mut scope), Some(status)) => {
                scope.retain(|one| *one == status);
                Some(scope)
            }
            (scope, status) => scope.or(status.map(|status| vec![status])),
        };
    }

    pub(super) fn admits(&self, row: &Pipeline) -> bool {
        let sourced = match &self.source {
            Some(source) => *source == row.source,
            None => row.source != CHILD,
        };
        let updated = |wanted: &dyn Fn(Timestamp) -> bool| row.updated_at.is_some_and(wanted);
        let wanted = self.statuses.as_ref();
        let latest = self.latest.as_ref();
        let reference = self.reference.as_ref();
        sourced
            && wanted.is_none_or(|statuses| statuses.contains(&row.status))
            && latest.is_none_or(|latest| latest.contains(&row.id))
            && reference.is_none_or(|name| *name == row.reference.name())
            && self.tags.is_none_or(|tags| tags == row.reference.is_tag())
            && self
                .sha
                .as_ref()
                .is_none_or(|sha| *sha == row.sha(self.project))
            && (self.name.is_none() || self.name == row.name)
            && self
                .updated_after
                .is_none_or(|when| updated(&|row| row >= when))
            && self
                .updated_before
                .is_none_or(|when| updated(&|row| row <= when))
            && self.created_after.is_none_or(|when| row.created_at >= when)
            && self
                .created_before
                .is_none_or(|when| row.created_at <= when)
    }

    /// How many pipelines of the far past the list counts; `None` where that can't be said.
    pub(super) fn past(&self, project: &Project) -> Option<u64> {
        let forgotten = project.ci.as_ref().and_then(|ci| ci.forgotten);
        let recent = self.updated_after.filter(|when| *when > project.created_at);
        if let Some(since) = recent {
            return forgotten
                .is_none_or(|forgotten| since > forgotten)
                .then_some(0);
        }
        let particular = self.latest.is_some()
            || self.reference.is_some()
            || self.source.is_some()
            || self.sha.is_some();
        if particular {
            return Some(0);
        }
        let past = &project.pipelines;
        Some(match &self.statuses {
            Some(statuses) => statuses.iter().map(|one| past.in_status(one.word())).sum(),
            None => past.all(),
        })
    }
}

fn latest(project: &Project, tags: bool) -> Option<BTreeSet<u64>> {
    let ci = project.ci.as_ref();
    Some(
        ci.map(|ci| ci.latest_per_reference(tags))
            .unwrap_or_default(),
    )
}
