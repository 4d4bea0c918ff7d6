//! GitLab's REST API, version 4: the part that is read to count.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use super::answer::Answer;
use super::graphql::{REVISION, USER_NAME, USERNAME};
use super::listing::{Archived, Cursor, Filter, Order, is_visibility};
use super::project::{Project, Viewer};
use super::version::Version;
use super::world::{Token, World};

/// Above so many rows GitLab names no totals.
const MAX_COUNTED_ROWS: u64 = 10_000;
/// Beyond so many rows GitLab refuses to page through projects by offset.
const MAX_OFFSET: u64 = 50_000;
const DEFAULT_PAGE_SIZE: u64 = 20;
const MAX_PAGE_SIZE: u64 = 100;

/// A `GET` of something below `/api/v4`.
pub(super) struct Request<'r> {
    pub(super) world: &'r World,
    pub(super) token: &'r Token,
    /// The whole address, from which links to other pages are made.
    pub(super) url: &'r Url,
    /// The parts of the path below `/api/v4`, decoded.
    pub(super) path: Vec<String>,
}

type Answered = Result<Answer, Answer>;

/// Answers a request. The token is known and active.
pub(super) fn answer(request: &Request<'_>) -> Answer {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let about_the_token = matches!(path[..], ["personal_access_tokens", "self"]);
    let scopes = &request.token.scopes;
    let may_read = scopes
        .iter()
        .any(|scope| scope == "api" || scope == "read_api");
    let may_read_user = path == ["user"] && scopes.iter().any(|scope| scope == "read_user");
    if !may_read && !about_the_token && !may_read_user {
        return insufficient_scope();
    }
    let answered = match path[..] {
        ["version"] => Ok(request.version()),
        ["metadata"] => Ok(request.metadata()),
        ["user"] => Ok(request.user()),
        ["personal_access_tokens", "self"] => Ok(request.token()),
        ["projects"] => request.projects(),
        ["projects", id] => request.project(id),
        ["projects", id, "merge_requests"] => request.merge_requests(id),
        ["projects", id, "issues_statistics"] => request.issues_statistics(id),
        ["projects", id, "releases"] => request.releases(id),
        ["projects", id, "repository", "commits"] => request.commits(id),
        [
            "projects",
            id,
            "repository",
            "commits",
            reference,
            "sequence",
        ] => request.sequence(id, reference),
        ["groups", id] => request.group(id),
        ["groups", id, "projects"] => request.group_projects(id),
        _ => Err(Answer::json(404, &json!({ "error": "404 Not Found" }))),
    };
    answered.unwrap_or_else(|refusal| refusal)
}

fn insufficient_scope() -> Answer {
    Answer::json(
        403,
        &json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api read_api",
        }),
    )
}

fn forbidden() -> Answer {
    Answer::message(403, "403 Forbidden")
}

/// What REST says to a token that is no longer good.
pub(super) fn invalid_token(description: &str) -> Answer {
    let body = json!({ "error": "invalid_token", "error_description": description });
    Answer::json(401, &body)
}

impl<'r> Request<'r> {
    fn version(&self) -> Answer {
        let version = self.world.profile.version_text();
        Answer::json(200, &json!({ "version": version, "revision": REVISION }))
    }

    fn metadata(&self) -> Answer {
        let profile = &self.world.profile;
        Answer::json(
            200,
            &json!({
                "version": profile.version_text(),
                "revision": REVISION,
                "enterprise": !profile.community_edition,
                "kas": { "enabled": false, "externalUrl": null, "version": null },
            }),
        )
    }

    fn user(&self) -> Answer {
        let user = json!({ "id": 1, "username": USERNAME, "name": USER_NAME, "state": "active", "bot": false });
        Answer::json(200, &user)
    }

    fn token(&self) -> Answer {
        let token = self.token;
        Answer::json(
            200,
            &json!({
                "id": 1,
                "name": token.name,
                "revoked": false,
                "created_at": self.world.now.to_string(),
                "scopes": token.scopes,
                "user_id": 1,
                "active": true,
                "expires_at": token.expires_at,
            }),
        )
    }

    fn projects(&self) -> Answered {
        let filter = self.filter(None)?;
        match self.parameter("pagination").as_deref() {
            Some("keyset") => self.projects_by_key(&filter),
            _ => self.projects_by_offset(&filter, true),
        }
    }

    /// Keyset pages: a link to what follows, and no totals.
    fn projects_by_key(&self, filter: &Filter) -> Answered {
        if self.order_by()? != "id" {
            let error = "Keyset pagination is not yet available for this type of request";
            return Err(Answer::json(405, &json!({ "error": error })));
        }
        let (ascending, size) = (self.ascending()?, self.page_size()?);
        let id_after = self.number("id_after")?;
        let id_before = self.number("id_before")?;
        let (order, start) = match ascending {
            true => (Order::IdAscending, id_after),
            false => (Order::IdDescending, id_before),
        };
        let after = start.map(|id| Cursor {
            id,
            last_activity_at: Timestamp::MIN,
        });
        let rows: Vec<&Project> = filter
            .list(self.world, Viewer::User, order, after)
            .filter(|project| id_after.is_none_or(|id| project.id > id))
            .filter(|project| id_before.is_none_or(|id| project.id < id))
            .take(size as usize)
            .collect();
        let mut answer = self.project_rows(&rows, true);
        // A full page links on, even when nothing follows it.
        if let Some(last) = rows.last()
            && rows.len() as u64 == size
        {
            let bound = if ascending { "id_after" } else { "id_before" };
            let next = self.link(&[(bound, &last.id.to_string())]);
            answer.header("Link", format!("<{next}>; rel=\"next\""));
        }
        Ok(answer)
    }

    fn projects_by_offset(&self, filter: &Filter, with_statistics: bool) -> Answered {
        let (page, size) = (self.page()?, self.page_size()?);
        if (page - 1) * size > MAX_OFFSET {
            let error = format!(
                "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return \
                 objects of type Project. Remaining records can be retrieved using keyset pagination."
            );
            return Err(Answer::json(405, &json!({ "error": error })));
        }
        let order_by = self.order_by()?;
        let mut rows: Vec<&Project> = filter
            .list(self.world, Viewer::User, Order::IdAscending, None)
            .collect();
        match order_by.as_str() {
            "created_at" => rows.sort_by_key(|project| (project.created_at, project.id)),
            "last_activity_at" | "updated_at" => {
                rows.sort_by_key(|project| (project.last_activity_at, project.id));
            }
            "name" => rows.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id))),
            "path" => {
                rows.sort_by(|one, other| (one.path(), one.id).cmp(&(other.path(), other.id)))
            }
            "star_count" => rows.sort_by_key(|project| (project.stars, project.id)),
            _ => {}
        }
        if !self.ascending()? {
            rows.reverse();
        }
        let total = rows.len() as u64;
        let rows: Vec<&Project> = rows
            .into_iter()
            .skip(((page - 1) * size) as usize)
            .take(size as usize)
            .collect();
        let mut answer = self.project_rows(&rows, with_statistics);
        self.page_headers(&mut answer, page, size, total, true);
        Ok(answer)
    }

    fn project(&self, id: &str) -> Answered {
        let project = self.find_project(id)?;
        let mut answer = Answer::json(200, &self.project_body(project, true, false));
        answer.projects = 1;
        Ok(answer)
    }

    fn merge_requests(&self, id: &str) -> Answered {
        let project = self.find_project(id)?;
        if !project.shows_merge_requests_to(Viewer::User) {
            return Err(forbidden());
        }
        let state = self.choice("state", &["all", "opened", "closed", "locked", "merged"])?;
        let scope = self.choice(
            "scope",
            &["all", "created_by_me", "assigned_to_me", "reviews_for_me"],
        )?;
        let total = match scope.as_str() {
            "all" => project.merge_requests.in_state(&state),
            // The token's user has never opened or been given one.
            _ => 0,
        };
        self.counted_rows(total, |index| {
            json!({
                "id": project.id * 100_000 + total - index,
                "iid": total - index,
                "project_id": project.id,
                "title": format!("Change number {}", total - index),
                "state": if state == "all" { state_of(project, index) } else { state.as_str() },
                "target_branch": project.default_branch,
                "draft": false,
            })
        })
    }

    fn issues_statistics(&self, id: &str) -> Answered {
        let project = self.find_project(id)?;
        if !project.shows_issues_to(Viewer::User) {
            return Err(forbidden());
        }
        let counts = json!({
            "all": project.issues_all(),
            "closed": project.issues_closed,
            "opened": project.issues_opened,
        });
        Ok(Answer::json(
            200,
            &json!({ "statistics": { "counts": counts } }),
        ))
    }

    fn releases(&self, id: &str) -> Answered {
        let project = self.find_project(id)?;
        if !project.shows_releases_to(Viewer::User) {
            return Err(forbidden());
        }
        let total = project.releases;
        self.counted_rows(total, |index| {
            let tag = format!("v0.{}", total - index);
            json!({ "tag_name": tag, "name": tag, "description": "", "released_at": project.created_at.to_string() })
        })
    }

    /// Commits: GitLab never says how many there are.
    fn commits(&self, id: &str) -> Answered {
        let project = self.project_with_code(id)?;
        let (page, size) = (self.page()?, self.page_size()?);
        let known = match self.parameter("ref_name") {
            Some(reference) if !is_reference(project, &reference) => 0,
            _ => project.commits,
        };
        let start = ((page - 1) * size).min(known);
        let end = (start + size).min(known);
        let rows: Value = (start..end)
            .map(|index| {
                let height = known - index;
                let hash = commit_hash(project, height);
                json!({ "id": hash, "short_id": &hash[..8], "title": format!("Commit {height}"), "committed_date": project.last_activity_at.to_string() })
            })
            .collect();
        let mut answer = Answer::json(200, &rows);
        let next = if end < known {
            (page + 1).to_string()
        } else {
            String::new()
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(self.page_link(page - 1, size, "prev"));
        }
        if !next.is_empty() {
            links.push(self.page_link(page + 1, size, "next"));
        }
        links.push(self.page_link(1, size, "first"));
        answer.header("Link", links.join(", "));
        answer.header("x-next-page", next);
        answer.header("x-page", page.to_string());
        answer.header("x-per-page", size.to_string());
        answer.header("x-prev-page", previous(page));
        Ok(answer)
    }

    fn sequence(&self, id: &str, reference: &str) -> Answered {
        if self.world.profile.version < Version::V16_9 {
            return Err(Answer::json(404, &json!({ "error": "404 Not Found" })));
        }
        let project = self.project_with_code(id)?;
        if !is_reference(project, reference) {
            return Err(Answer::message(404, "404 Commit Not Found"));
        }
        Ok(Answer::json(200, &json!({ "count": project.commits })))
    }

    fn group(&self, id: &str) -> Answered {
        let (path, group) = self.find_group(id)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let parent = path
            .rsplit_once('/')
            .and_then(|(parent, _)| self.world.namespace(parent));
        Ok(Answer::json(
            200,
            &json!({
                "id": group.id,
                "name": name,
                "path": name,
                "full_name": path.replace('/', " / "),
                "full_path": path,
                "visibility": "private",
                "parent_id": parent.map(|parent| parent.id),
                "web_url": format!("{}/groups/{path}", self.instance()),
            }),
        ))
    }

    /// The projects of a group; `statistics` is not among its parameters, so it is ignored.
    fn group_projects(&self, id: &str) -> Answered {
        let (path, _) = self.find_group(id)?;
        let subgroups = self.flag("include_subgroups")?.unwrap_or(false);
        let filter = self.filter(Some((path.to_owned(), subgroups)))?;
        self.projects_by_offset(&filter, false)
    }

    fn find_project(&self, id: &str) -> Result<&'r Project, Answer> {
        let world = self.world;
        let not_found = || Answer::message(404, "404 Project Not Found");
        let visible = |project: &&Project| project.visible_to(Viewer::User);
        let found = match id.parse() {
            Ok(number) => world.project_by_id(number),
            Err(_) => world.find_project(id),
        };
        if let Some(project) = found {
            return Some(project).filter(visible).ok_or_else(not_found);
        }
        let moved = world
            .moved_project(id)
            .filter(visible)
            .ok_or_else(not_found)?;
        if world.profile.version < Version::V16_7 {
            return Ok(moved);
        }
        let encoded = self.url.path_segments().into_iter().flatten();
        let encoded = encoded
            .skip_while(|&part| part != "projects")
            .nth(1)
            .unwrap_or_default();
        let mut target = self.url.clone();
        target.set_path(&self.url.path().replacen(encoded, &moved.id.to_string(), 1));
        let mut answer = Answer::message(301, "301 Moved Permanently");
        answer.header("Location", target.as_str());
        Err(answer)
    }

    /// A project whose code may be read and that has some.
    fn project_with_code(&self, id: &str) -> Result<&'r Project, Answer> {
        let project = self.find_project(id)?;
        if !project.shows_code_to(Viewer::User) {
            return Err(forbidden());
        }
        if project.empty_repository {
            return Err(Answer::message(404, "404 Repository Not Found"));
        }
        Ok(project)
    }

    fn find_group(&self, id: &str) -> Result<(&'r str, super::world::Namespace), Answer> {
        let group = self.world.visible_group(id, Viewer::User);
        group.ok_or_else(|| Answer::message(404, "404 Group Not Found"))
    }

    fn filter(&self, group: Option<(String, bool)>) -> Result<Filter, Answer> {
        let visibility = self.parameter("visibility");
        if visibility
            .as_deref()
            .is_some_and(|word| !is_visibility(word))
        {
            return Err(Answer::bad_parameter("visibility"));
        }
        Ok(Filter {
            membership: self.flag("membership")?.unwrap_or(false),
            archived: match self.flag("archived")? {
                None => Archived::Include,
                Some(true) => Archived::Only,
                Some(false) => Archived::Exclude,
            },
            group,
            search: self.parameter("search"),
            visibility,
            with_issues_enabled: self.flag("with_issues_enabled")?,
            with_merge_requests_enabled: self.flag("with_merge_requests_enabled")?,
            active_after: self.time("last_activity_after")?,
            active_before: self.time("last_activity_before")?,
            ..Filter::default()
        })
    }

    fn project_rows(&self, projects: &[&Project], with_statistics: bool) -> Answer {
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

    fn project_body(&self, project: &Project, with_statistics: bool, simple: bool) -> Value {
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
        put("created_at", project.created_at.to_string().into());
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
            project.last_activity_at.to_string().into(),
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
        put("empty_repo", project.empty_repository.into());
        put("updated_at", project.last_activity_at.to_string().into());
        put(
            "issues_enabled",
            project.shows_issues_to(Viewer::User).into(),
        );
        put(
            "merge_requests_enabled",
            project.shows_merge_requests_to(Viewer::User).into(),
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
            put("statistics", statistics(project));
        }
        Value::Object(body)
    }

    /// A page of rows that GitLab counts, up to its limit.
    fn counted_rows(&self, total: u64, row: impl Fn(u64) -> Value) -> Answered {
        let (page, size) = (self.page()?, self.page_size()?);
        let start = ((page - 1) * size).min(total);
        let rows: Value = (start..(start + size).min(total)).map(row).collect();
        let mut answer = Answer::json(200, &rows);
        self.page_headers(&mut answer, page, size, total, true);
        Ok(answer)
    }

    fn page_headers(&self, answer: &mut Answer, page: u64, size: u64, total: u64, linked: bool) {
        let pages = total.div_ceil(size).max(1);
        let counted = total <= MAX_COUNTED_ROWS;
        let next = (page < pages).then(|| page + 1);
        if linked {
            let mut links = Vec::new();
            if page > 1 {
                links.push(self.page_link(page - 1, size, "prev"));
            }
            if let Some(next) = next {
                links.push(self.page_link(next, size, "next"));
            }
            links.push(self.page_link(1, size, "first"));
            if counted {
                links.push(self.page_link(pages, size, "last"));
            }
            answer.header("Link", links.join(", "));
        }
        if counted {
            answer.header("x-total", total.to_string());
            answer.header("x-total-pages", pages.to_string());
        }
        answer.header(
            "x-next-page",
            next.map(|next| next.to_string()).unwrap_or_default(),
        );
        answer.header("x-page", page.to_string());
        answer.header("x-per-page", size.to_string());
        answer.header("x-prev-page", previous(page));
    }

    fn page_link(&self, page: u64, size: u64, relation: &str) -> String {
        let link = self.link(&[("page", &page.to_string()), ("per_page", &size.to_string())]);
        format!("<{link}>; rel=\"{relation}\"")
    }

    /// This address with some parameters replaced.
    fn link(&self, replaced: &[(&str, &str)]) -> Url {
        let mut link = self.url.clone();
        let kept: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(name, _)| replaced.iter().all(|(replaced, _)| replaced != name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        link.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .extend_pairs(replaced);
        link
    }

    /// Where this GitLab is, without a slash at the end.
    fn instance(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.world.base)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, Answer> {
        match self.parameter(name).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(_) => Err(Answer::json(
                400,
                &json!({ "error": format!("{name} is invalid") }),
            )),
        }
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, Answer> {
        let number = self.parameter(name).map(|text| text.parse());
        let invalid = |_| Answer::json(400, &json!({ "error": format!("{name} is invalid") }));
        number.transpose().map_err(invalid)
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Answer> {
        let time = self.parameter(name).map(|text| text.parse());
        let invalid = |_| Answer::json(400, &json!({ "error": format!("{name} is invalid") }));
        time.transpose().map_err(invalid)
    }

    fn choice(&self, name: &'static str, known: &[&str]) -> Result<String, Answer> {
        let choice = self.parameter(name).unwrap_or_else(|| known[0].to_owned());
        if !known.contains(&choice.as_str()) {
            return Err(Answer::bad_parameter(name));
        }
        Ok(choice)
    }

    fn order_by(&self) -> Result<String, Answer> {
        let orders = [
            "created_at",
            "id",
            "name",
            "path",
            "updated_at",
            "last_activity_at",
            "star_count",
        ];
        self.choice("order_by", &orders)
    }

    fn ascending(&self) -> Result<bool, Answer> {
        Ok(self.choice("sort", &["desc", "asc"])? == "asc")
    }

    fn page(&self) -> Result<u64, Answer> {
        Ok(self.number("page")?.unwrap_or(1).max(1))
    }

    fn page_size(&self) -> Result<u64, Answer> {
        match self.number("per_page")?.unwrap_or(DEFAULT_PAGE_SIZE) {
            0 => Err(Answer::bad_parameter("per_page")),
            size => Ok(size.min(MAX_PAGE_SIZE)),
        }
    }
}

fn statistics(project: &Project) -> Value {
    let sizes = &project.sizes;
    json!({
        "commit_count": project.commits,
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

fn previous(page: u64) -> String {
    match page {
        0 | 1 => String::new(),
        page => (page - 1).to_string(),
    }
}

/// The state of one of a project's merge requests, so that listing them all tells how many of each.
fn state_of(project: &Project, index: u64) -> &'static str {
    let counts = project.merge_requests;
    if index < counts.opened {
        "opened"
    } else if index < counts.opened + counts.closed {
        "closed"
    } else if index < counts.opened + counts.closed + counts.locked {
        "locked"
    } else {
        "merged"
    }
}

fn is_reference(project: &Project, reference: &str) -> bool {
    reference == project.default_branch
        || reference == "HEAD"
        || reference == format!("refs/heads/{}", project.default_branch)
        || reference == commit_hash(project, project.commits)
}

fn commit_hash(project: &Project, height: u64) -> String {
    format!(
        "{:016x}{height:024x}",
        project.id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}
