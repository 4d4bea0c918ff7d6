//! A project's commits, which REST alone lists.

use serde_json::json;

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::ci::reference::sha_of;
use crate::simulator::world::clock::in_milliseconds;
use crate::simulator::world::project::Project;
use crate::simulator::world::version::Version;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/repository/commits", list),
    ("/projects/:id/repository/commits/:sha/sequence", sequence),
];

/// A list of which GitLab never says how long it is.
fn list(request: &RestRequest<'_>) -> Answered {
    let project = find_with_code(request)?;
    let (known, without) = match request.parameter("ref_name") {
        Some(range) if range.contains("..") => in_range(project, &range),
        Some(reference) if !is_reference(project, &reference) => (0, 0),
        _ => (project.commits, 0),
    };
    request.uncounted_rows(known - without, |index| {
        let height = known - index;
        let hash = commit_hash(project, height);
        json!({
            "id": hash,
            "short_id": &hash[..8],
            "title": format!("Commit {height}"),
            "committed_date": in_milliseconds(project.last_activity_at),
        })
    })
}

fn sequence(request: &RestRequest<'_>) -> Answered {
    if request.world.profile.version < Version::V16_9 {
        return Err(Answer::unknown_endpoint());
    }
    let project = find_with_code(request)?;
    if !is_reference(project, request.named(1)) {
        return Err(Answer::message(404, "404 Commit Not Found"));
    }
    Ok(Answer::json(200, &json!({ "count": project.commits })))
}

/// A project whose code may be read and that has some.
fn find_with_code<'w>(request: &RestRequest<'w>) -> Result<&'w Project, Answer> {
    let project = find(request)?;
    if !project.shows_code_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    if project.empty_repository {
        return Err(Answer::message(404, "404 Repository Not Found"));
    }
    Ok(project)
}

fn is_reference(project: &Project, reference: &str) -> bool {
    reference == project.default_branch
        || reference == "HEAD"
        || reference == format!("refs/heads/{}", project.default_branch)
        || reference == commit_hash(project, project.commits)
}

/// The commits that the second of two revisions has and the first has not: up to which, and without how many.
fn in_range(project: &Project, range: &str) -> (u64, u64) {
    let (from, to) = range.split_once("..").unwrap_or((range, ""));
    let ci = project.ci.as_deref().into_iter();
    let mut deployed = ci.flat_map(|ci| ci.deployments.values().map(|own| own.commit));
    let from = deployed.find(|commit| commit_hash(project, *commit) == from);
    match from {
        Some(from) if is_reference(project, to) => (project.commits, from.min(project.commits)),
        _ => (0, 0),
    }
}

/// What GitLab tells of pipelines and deployments, too.
fn commit_hash(project: &Project, height: u64) -> String {
    sha_of(project.id, height)
}
