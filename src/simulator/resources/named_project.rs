//! The project that a REST address names by its id or path.

use crate::simulator::answer::Answer;
use crate::simulator::rest::request::RestRequest;
use crate::simulator::world::project::Project;
use crate::simulator::world::version::Version;

/// Finds it. A moved project is a redirect, or from an old GitLab the project itself.
pub(super) fn find<'w>(request: &RestRequest<'w>) -> Result<&'w Project, Answer> {
    let (world, id) = (request.world, request.named(0));
    let not_found = || Answer::message(404, "404 Project Not Found");
    let visible = |project: &&Project| project.visible_to(request.viewer);
    let found = match id.parse() {
        Ok(number) => world.project_by_id(number),
        Err(_) => world.find_project(id),
    };
    if let Some(project) = found {
        return Some(project).filter(visible).ok_or_else(not_found);
    }
    let moved = world.moved_project(id).filter(visible);
    let moved = moved.ok_or_else(not_found)?;
    if world.profile.version < Version::V16_7 {
        return Ok(moved);
    }
    let segments = request.url.path_segments().into_iter().flatten();
    let mut behind = segments.skip_while(|&segment| segment != "projects");
    let encoded = behind.nth(1).unwrap_or_default();
    let mut target = request.url.clone();
    let path = request.url.path();
    target.set_path(&path.replacen(encoded, &moved.id.to_string(), 1));
    let mut answer = Answer::message(301, "301 Moved Permanently");
    answer.set_header("Location", target.as_str());
    Err(answer)
}
