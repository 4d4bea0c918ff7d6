//! What is true in a model of GitLab, to hold beside what is shown.

use gitlab_metrics_bridge::metrics::{
    Cadence, Catalogue, Owner, PlacedColumn, Reading, Reason, Snapshot,
};
use gitlab_metrics_bridge::simulator::{GitLab, PipelineStatus, Project, World};

/// What the model answers for columns of a project: each one's place among all, and none where it does
/// not tell.
fn answers(project: &Project) -> impl Iterator<Item = (usize, Option<u64>)> {
    let columns = columns().iter().enumerate();
    // What has a pace of its own has tests of its own.
    let judged = columns.filter(|(_, placed)| {
        placed.subject.cadence == Cadence::WithOwner && !depends_on_time(placed.column.graphql)
    });
    judged.map(|(place, placed)| (place, answer(project, placed.column.graphql)))
}

/// Whether an answer depends on when single merge requests, issues or releases were made, or on who
/// looks at them. The tests of `tables`, `exposition` and `recorded` hold these.
fn depends_on_time(question: &str) -> bool {
    let of_single = [
        ".nodes.",
        "createdBefore",
        "draft: true",
        "reviewerWildcardId",
    ];
    of_single.iter().any(|word| question.contains(word))
}

fn columns() -> &'static [PlacedColumn] {
    Catalogue::standard().project_columns()
}

/// Where a question stands among all.
pub fn slot(question: &str) -> usize {
    let all = columns();
    let at = all
        .iter()
        .position(|placed| placed.column.graphql.starts_with(question));
    at.unwrap_or_else(|| panic!("nobody asks {question}"))
}

/// What is shown and not true, one line each: projects, values and who they belong to. Values that
/// the model does not tell must not be shown.
pub fn untrue(gitlab: &GitLab, snapshot: &Snapshot) -> Vec<String> {
    gitlab.read(|world| {
        let mut lines = missing(world, snapshot);
        for shown in &snapshot.projects {
            let identity = &shown.identity;
            let Some(project) = world.find_project(&identity.path) else {
                lines.push(format!("{} is not there", identity.path));
                continue;
            };
            if (project.id, Some(project.archived)) != (identity.id, identity.archived) {
                lines.push(format!("{} is another or was archived", identity.path));
            }
            for (slot, truth) in answers(project) {
                let reading = shown.values[slot];
                if reading == Reading::Unknown(Reason::NotAsked) {
                    continue;
                }
                if reading.value() != truth.map(|truth| truth as f64) {
                    let question = columns()[slot].column.graphql;
                    lines.push(format!(
                        "{}: {question} is {truth:?}, shown {reading:?}",
                        identity.path
                    ));
                }
            }
        }
        lines
    })
}

/// A value as it is shown of a project.
pub fn shown(snapshot: &Snapshot, id: u64, slot: usize) -> Option<u64> {
    let projects = &snapshot.projects;
    let at = projects.binary_search_by_key(&id, |project| project.identity.id);
    projects[at.ok()?]
        .values
        .get(slot)
        .and_then(Reading::value)
        .map(|value| value as u64)
}

fn missing(world: &World, snapshot: &Snapshot) -> Vec<String> {
    let is_shown = |project: &&Project| {
        let id = |shown: &std::sync::Arc<Owner>| shown.identity.id;
        let projects = &snapshot.projects;
        projects.binary_search_by_key(&project.id, id).is_ok()
    };
    let hidden = world.projects().filter(|project| !is_shown(project));
    hidden
        .map(|project| format!("{} is not shown", project.full_path))
        .collect()
}

fn answer(project: &Project, question: &str) -> Option<u64> {
    let (merge_requests, sizes) = (&project.merge_requests, &project.sizes);
    let name = question.split(", first").next().unwrap_or(question);
    Some(match name {
        "statistics.commitCount" => project.commits,
        "statistics.repositorySize" => sizes.repository,
        "statistics.wikiSize" => sizes.wiki,
        "statistics.lfsObjectsSize" => sizes.lfs_objects,
        "statistics.buildArtifactsSize" => sizes.build_artifacts,
        "statistics.pipelineArtifactsSize" => sizes.pipeline_artifacts,
        "statistics.packagesSize" => sizes.packages,
        "statistics.snippetsSize" => sizes.snippets,
        "statistics.uploadsSize" => sizes.uploads,
        "statistics.containerRegistrySize" => return sizes.container_registry,
        "issueStatusCounts.opened" => project.issues_opened,
        "issueStatusCounts.closed" => project.issues_closed,
        "mergeRequests(state: opened, sort: CREATED_ASC" => merge_requests.opened,
        "mergeRequests(state: closed" => merge_requests.closed,
        "mergeRequests(state: merged" => merge_requests.merged,
        "mergeRequests(state: locked" => merge_requests.locked,
        "releases(first: 1).count" => project.releases,
        "createdAt" => project.created_at.as_second().unsigned_abs(),
        "starCount" => project.stars,
        "forksCount" => project.forks,
        other => {
            let status = other.strip_prefix("pipelines(status: ");
            let status = status.and_then(PipelineStatus::parse);
            let status = status.unwrap_or_else(|| panic!("what is true of {other}?"));
            project.pipelines_in(status)
        }
    })
}
