//! The bodies in which REST shows projects.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::clock::{in_days, in_milliseconds};
use super::project::{Project, Viewer};
use super::rest::Request;

impl Request<'_> {
    pub(super) fn project_rows(&self, projects: &[&Project], with_statistics: bool) -> Answer {
        let simple = self.parameter("simple").as_deref() == Some("true");
        let rows: Value = projects
            .iter()
            .map(|project| self.project_body(project, with_statistics, simple))
            .collect();
        Answer {
            projects: projects.len(),
            ..Answer::json(200, &rows)
        }
    }

    pub(super) fn project_body(
        &self,
        project: &Project,
        with_statistics: bool,
        simple: bool,
    ) -> Value {
        let namespace_path = project.namespace_path();
        let namespace = self.world.namespace(namespace_path);
        let personal = namespace.is_some_and(|namespace| namespace.personal);
        let namespace_name = namespace_path.rsplit('/').next().unwrap_or_default();
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("id", project.id.into());
        put("name", project.name.clone().into());
        put("path", project.path().into());
        put("path_with_namespace", project.full_path.clone().into());
        put("created_at", in_milliseconds(project.created_at).into());
        put(
            "default_branch",
            match project.empty_repository {
                true => Value::Null,
                false => project.default_branch.clone().into(),
            },
        );
        put("forks_count", project.forks.into());
        put("star_count", project.stars.into());
        put(
            "last_activity_at",
            in_milliseconds(project.last_activity_at).into(),
        );
        put(
            "web_url",
            format!("{}/{}", self.instance(), project.full_path).into(),
        );
        put("visibility", project.visibility.word().into());
        put(
            "namespace",
            json!({
                "id": namespace.map(|namespace| namespace.id),
                "name": namespace_name,
                "path": namespace_name,
                "kind": if personal { "user" } else { "group" },
                "full_path": namespace_path,
            }),
        );
        if simple {
            return Value::Object(body);
        }
        let features = project.features;
        let level = |enabled: bool| Value::from(if enabled { "enabled" } else { "disabled" });
        put("archived", project.archived.into());
        let marked = project.marked_for_deletion_on.map(in_days);
        put("marked_for_deletion_at", marked.clone().into());
        put("marked_for_deletion_on", marked.into());
        put("empty_repo", project.empty_repository.into());
        put("updated_at", in_milliseconds(project.updated_at()).into());
        put(
            "issues_enabled",
            project.shows_issues_to(Viewer::User).into(),
        );
        put(
            "merge_requests_enabled",
            project.features.merge_requests.into(),
        );
        put("jobs_enabled", project.shows_builds_to(Viewer::User).into());
        put("issues_access_level", level(features.issues));
        put(
            "merge_requests_access_level",
            level(features.merge_requests && features.repository),
        );
        put(
            "builds_access_level",
            level(features.builds && features.repository),
        );
        put("repository_access_level", level(features.repository));
        let access = json!({ "access_level": project.access.level(), "notification_level": 3 });
        let access = if project.member { access } else { Value::Null };
        put(
            "permissions",
            json!({ "project_access": access, "group_access": null }),
        );
        if project.shows_issues_to(Viewer::User) {
            put("open_issues_count", project.issues_opened.into());
        }
        let original = project
            .forked_from
            .and_then(|id| self.world.project_by_id(id));
        if let Some(original) = original.filter(|original| original.visible_to(Viewer::User)) {
            put(
                "forked_from_project",
                json!({
                    "id": original.id,
                    "name": original.name,
                    "path": original.path(),
                    "path_with_namespace": original.full_path,
                }),
            );
        }
        let wanted = self.parameter("statistics").as_deref() == Some("true");
        if wanted && with_statistics && project.shows_statistics_to(Viewer::User) {
            put("statistics", statistics(project, self.world.now()));
        }
        Value::Object(body)
    }

    /// Where this GitLab is, without a slash at the end.
    pub(super) fn instance(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.world.base)
    }
}

fn statistics(project: &Project, now: Timestamp) -> Value {
    let sizes = &project.sizes;
    json!({
        "commit_count": project.commits_in_statistics(now),
        "storage_size": sizes.storage(),
        "repository_size": sizes.repository,
        "wiki_size": sizes.wiki,
        "lfs_objects_size": sizes.lfs_objects,
        "job_artifacts_size": sizes.build_artifacts,
        "pipeline_artifacts_size": sizes.pipeline_artifacts,
        "packages_size": sizes.packages,
        "snippets_size": sizes.snippets,
        "uploads_size": sizes.uploads,
        "container_registry_size": sizes.container_registry,
    })
}
