//! GitLab's REST API, version 4: the part that is read to count.

use serde_json::{Value, json};
use url::Url;

use super::answer::Answer;
use super::clock::in_milliseconds;
use super::graphql::{REVISION, USER_NAME, USERNAME};
use super::listing::{Archived, Filter, is_visibility};
use super::project::{Project, Viewer};
use super::rest_pages::previous;
use super::token::Token;
use super::version::Version;
use super::world::World;

/// A `GET` of something below `/api/v4`.
pub(super) struct Request<'r> {
    pub(super) world: &'r World,
    pub(super) token: &'r Token,
    /// The whole address, from which links to other pages are made.
    pub(super) url: &'r Url,
    /// The parts of the path below `/api/v4`, decoded.
    pub(super) path: Vec<String>,
}

/// An answer, or the refusal that takes its place.
pub(super) type Answered = Result<Answer, Answer>;

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
                "created_at": in_milliseconds(self.world.now()),
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
            json!({ "tag_name": tag, "name": tag, "description": "", "released_at": in_milliseconds(project.created_at) })
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
                json!({ "id": hash, "short_id": &hash[..8], "title": format!("Commit {height}"), "committed_date": in_milliseconds(project.last_activity_at) })
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
        answer.set_header("Link", links.join(", "));
        answer.set_header("x-next-page", next);
        answer.set_header("x-page", page.to_string());
        answer.set_header("x-per-page", size.to_string());
        answer.set_header("x-prev-page", previous(page));
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
        answer.set_header("Location", target.as_str());
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
            active: self.flag("active")?,
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
