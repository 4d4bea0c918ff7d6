//! A project, as REST tells of it.

use serde::Serialize;
use serde_json::{Value, json};

use super::statistics;
use crate::simulator::rest::request::RestRequest;
use crate::simulator::world::clock::{in_days, in_milliseconds};
use crate::simulator::world::project::Project;

/// The members that every user sees, and those that `simple=true` leaves out.
#[derive(Serialize)]
pub(super) struct Body<'w> {
    id: u64,
    name: &'w str,
    path: &'w str,
    path_with_namespace: &'w str,
    created_at: String,
    default_branch: Option<&'w str>,
    forks_count: u64,
    star_count: u64,
    last_activity_at: String,
    web_url: String,
    visibility: &'static str,
    namespace: Namespace<'w>,
    #[serde(flatten)]
    details: Option<Details<'w>>,
}

#[derive(Serialize)]
struct Namespace<'w> {
    id: Option<u64>,
    name: &'w str,
    path: &'w str,
    kind: &'static str,
    full_path: &'w str,
}

#[derive(Serialize)]
struct Details<'w> {
    archived: bool,
    marked_for_deletion_at: Option<String>,
    marked_for_deletion_on: Option<String>,
    empty_repo: bool,
    updated_at: String,
    issues_enabled: bool,
    merge_requests_enabled: bool,
    jobs_enabled: bool,
    issues_access_level: &'static str,
    merge_requests_access_level: &'static str,
    builds_access_level: &'static str,
    repository_access_level: &'static str,
    permissions: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_issues_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from_project: Option<Original<'w>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<statistics::Body>,
}

/// The project that a fork was made of.
#[derive(Serialize)]
struct Original<'w> {
    id: u64,
    name: &'w str,
    path: &'w str,
    path_with_namespace: &'w str,
}

impl<'w> Body<'w> {
    pub(super) fn simple(project: &'w Project, request: &RestRequest<'w>) -> Self {
        let code = !project.empty_repository;
        Body {
            id: project.id,
            name: &project.name,
            path: project.path(),
            path_with_namespace: &project.full_path,
            created_at: in_milliseconds(project.created_at),
            default_branch: code.then_some(&project.default_branch),
            forks_count: project.forks,
            star_count: project.stars,
            last_activity_at: in_milliseconds(project.last_activity_at),
            web_url: format!("{}/{}", request.instance(), project.full_path),
            visibility: project.visibility.word(),
            namespace: Namespace::of(project, request),
            details: None,
        }
    }

    pub(super) fn of(project: &'w Project, request: &RestRequest<'w>, statistics: bool) -> Self {
        Body {
            details: Some(Details::of(project, request, statistics)),
            ..Body::simple(project, request)
        }
    }
}

impl<'w> Namespace<'w> {
    fn of(project: &'w Project, request: &RestRequest<'w>) -> Self {
        let full_path = project.namespace_path();
        let namespace = request.world.namespace(full_path);
        let name = full_path.rsplit('/').next().unwrap_or_default();
        let personal = namespace.is_some_and(|namespace| namespace.personal);
        Namespace {
            id: namespace.map(|namespace| namespace.id),
            name,
            path: name,
            kind: if personal { "user" } else { "group" },
            full_path,
        }
    }
}

impl<'w> Details<'w> {
    fn of(project: &'w Project, request: &RestRequest<'w>, statistics: bool) -> Self {
        let on = project.features;
        let level = |enabled: bool| if enabled { "enabled" } else { "disabled" };
        let marked = project.marked_for_deletion_on.map(in_days);
        let access = json!({ "access_level": project.role.level(), "notification_level": 3 });
        let access = if project.member { access } else { Value::Null };
        let issues_shown = project.shows_issues_to(request.viewer);
        let statistics = statistics && project.shows_statistics_to(request.viewer);
        Details {
            archived: project.archived,
            marked_for_deletion_at: marked.clone(),
            marked_for_deletion_on: marked,
            empty_repo: project.empty_repository,
            updated_at: in_milliseconds(project.updated_at()),
            issues_enabled: issues_shown,
            merge_requests_enabled: on.merge_requests,
            jobs_enabled: project.shows_builds_to(request.viewer),
            issues_access_level: level(on.issues),
            merge_requests_access_level: level(on.merge_requests && on.repository),
            builds_access_level: level(on.builds && on.repository),
            repository_access_level: level(on.repository),
            permissions: json!({ "project_access": access, "group_access": null }),
            open_issues_count: issues_shown.then_some(project.issues_opened),
            forked_from_project: Original::of(project, request),
            statistics: statistics.then(|| statistics::Body::of(project, request.world.now())),
        }
    }
}

impl<'w> Original<'w> {
    fn of(fork: &Project, request: &RestRequest<'w>) -> Option<Self> {
        let original = request.world.project_by_id(fork.forked_from?)?;
        original.visible_to(request.viewer).then(|| Original {
            id: original.id,
            name: &original.name,
            path: original.path(),
            path_with_namespace: &original.full_path,
        })
    }
}
