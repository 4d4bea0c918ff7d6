//! A project, as GraphQL tells of it.

use super::named_group::Group;
use super::statistics::Statistics;
use super::{
    deployments, environments, issues, jobs, members, merge_requests, milestones, packages,
    pipelines, releases, repository, runners, schedules, vulnerabilities,
};
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::clock::in_seconds;
use crate::simulator::world::project::Project;

impl<'w> Object<'w> for &'w Project {
    fn project(&self) -> Option<&'w Project> {
        Some(self)
    }

    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let (project, viewer) = (*self, context.viewer);
        Ok(match field.name {
            "id" => format!("gid://gitlab/Project/{}", project.id).into(),
            "fullPath" => project.full_path.as_str().into(),
            "path" => project.path().into(),
            "name" => project.name.as_str().into(),
            "webUrl" => web_url(project, context).into(),
            "archived" => project.archived.into(),
            "visibility" => project.visibility.word().into(),
            "createdAt" => in_seconds(project.created_at).into(),
            "updatedAt" => in_seconds(project.updated_at()).into(),
            "lastActivityAt" => in_seconds(project.last_activity_at).into(),
            "markedForDeletion" | "isSelfDeletionScheduled" => {
                project.marked_for_deletion_on.is_some().into()
            }
            "markedForDeletionOn" => project.marked_for_deletion_on.map(in_seconds).into(),
            "isForked" => project.forked_from.is_some().into(),
            "forkedFrom" => forked_from(project, context),
            "namespace" => namespace(project, true, context),
            "group" => namespace(project, false, context),
            // Whether the feature is on for everyone, not whether this user may read its things.
            "mergeRequestsEnabled" => project.features.merge_requests.into(),
            "issuesEnabled" => project.shows_issues_to(viewer).into(),
            "jobsEnabled" => project.shows_builds_to(viewer).into(),
            "mergeRequestsAccessLevel" => {
                FieldValue::object(FeatureAccess(project.features.merge_requests))
            }
            "issuesAccessLevel" => FieldValue::object(FeatureAccess(project.features.issues)),
            "userPermissions" => FieldValue::object(Permissions(project)),
            "repository" => {
                FieldValue::object_if(project.shows_code_to(viewer), Repository(project))
            }
            "starCount" => project.stars.into(),
            "forksCount" => project.forks.into(),
            "statistics" => {
                FieldValue::object_if(project.shows_statistics_to(viewer), Statistics(project))
            }
            "openIssuesCount" if project.shows_issues_to(viewer) => project.issues_opened.into(),
            "issueStatusCounts" => issues::status_counts(project, field, context)?,
            "issues" => issues::connection(project, field, context)?,
            "openMergeRequestsCount" if project.shows_merge_requests_to(viewer) => {
                project.merge_requests.opened.into()
            }
            _ => return things_in(project, field, context),
        })
    }
}

/// What is in a project: lists of things, and single ones of them.
fn things_in<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    Ok(match field.name {
        "mergeRequests" => merge_requests::connection(project, field, context)?,
        "pipelines" => pipelines::connection(project, field, context)?,
        "pipeline" => pipelines::single(project, field, context)?,
        "jobs" => jobs::of_project(project, field, context)?,
        "environment" => environments::single(project, field, context)?,
        "deployment" => deployments::single(project, field, context),
        "environments" => environments::connection(project, field, context)?,
        "releases" => releases::connection(project, field, context)?,
        "packages" => packages::connection(project, context),
        "containerRepositoriesCount" => packages::container_count(project, context),
        "languages" => repository::languages_of(project, context),
        "milestones" => milestones::connection(project, field, context)?,
        "pipelineSchedules" => schedules::connection(project, field, context)?,
        "vulnerabilitySeveritiesCount" => vulnerabilities::counts(project, field, context),
        "projectMembers" => members::of_project_connection(project, field, context)?,
        "runners" => runners::of_project_connection(project, field, context)?,
        "labels" => FieldValue::object(Counted(project.labels)),
        _ => FieldValue::Null,
    })
}

fn web_url(project: &Project, context: &Context<'_>) -> String {
    let base = &context.world.base;
    format!("https://gitlab.example.com{base}/{}", project.full_path)
}

fn forked_from<'w>(project: &Project, context: &Context<'w>) -> FieldValue<'w> {
    let id = project.forked_from;
    let original = id.and_then(|id| context.world.project_by_id(id));
    let original = original.filter(|original| original.visible_to(context.viewer));
    original.map_or(FieldValue::Null, FieldValue::object)
}

/// Where a project is: its group or, where `personal` ones count, the namespace of a user.
fn namespace<'w>(project: &'w Project, personal: bool, context: &Context<'w>) -> FieldValue<'w> {
    let path = project.namespace_path();
    let namespace = context.world.namespace(path);
    let namespace = namespace.filter(|namespace| personal || !namespace.personal);
    namespace.map_or(FieldValue::Null, |namespace| {
        FieldValue::object(Group::of(path, namespace))
    })
}

/// The type `ProjectFeatureAccess`.
struct FeatureAccess(bool);

impl<'w> Object<'w> for FeatureAccess {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match (field.name, self.0) {
            ("integerValue", true) => 20_u64.into(),
            ("integerValue", false) => 0_u64.into(),
            (_, true) => "ENABLED".into(),
            (_, false) => "DISABLED".into(),
        })
    }
}

/// The type `ProjectPermissions`.
struct Permissions<'w>(&'w Project);

impl<'w> Object<'w> for Permissions<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "downloadCode" => self.0.shows_code_to(context.viewer).into(),
            "readCommitStatus" => self.0.shows_builds_to(context.viewer).into(),
            _ => self.0.shows_merge_requests_to(context.viewer).into(),
        })
    }
}

struct Repository<'w>(&'w Project);

impl<'w> Object<'w> for Repository<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let empty = self.0.empty_repository;
        Ok(match field.name {
            "rootRef" if empty => FieldValue::Null,
            "rootRef" => self.0.default_branch.as_str().into(),
            "empty" => empty.into(),
            _ => true.into(),
        })
    }
}
