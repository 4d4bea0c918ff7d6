//! Reads what GraphQL answers about the details of pipelines.

use serde_json::Value;

use super::graphql::id;
use crate::gitlab::{Answer, Error, GraphqlError};
use crate::metrics::{Identity, Job, TestReport};
use crate::poll::details_plan::{DetailsPart, Wanted};
use crate::poll::engine::{
    Details, PartDetails, PartError, PipelineDetails, is_timeout, not_understood, unread,
};
use crate::poll::plan::alias;

/// What each part of a request was answered.
pub fn details(wanted: Wanted, parts: &[DetailsPart], answer: &Answer) -> Details {
    Details {
        parts: (0..parts.len())
            .map(|index| part(wanted, index, answer))
            .collect(),
        took: answer.took,
    }
}

fn part(wanted: Wanted, index: usize, answer: &Answer) -> Result<PartDetails, PartError> {
    let alias = alias(index);
    let is_ours = |error: &&GraphqlError| {
        let first = error.path.first().and_then(Value::as_str);
        first.is_none_or(|first| first == alias)
    };
    let errors: Vec<&GraphqlError> = answer.errors.iter().filter(is_ours).collect();
    if errors.iter().any(|error| is_timeout(error)) {
        return Err(PartError::TooMuch);
    }
    if !errors.is_empty() {
        let errors = errors.into_iter().cloned().collect();
        return Err(PartError::Refused(Error::Graphql { errors }));
    }
    let nodes = answer.data[&alias]["nodes"].as_array();
    let nodes = nodes.ok_or_else(|| refused("there is no list of projects in the answer"))?;
    let mut part = PartDetails::default();
    for node in nodes.iter().filter(|node| !node.is_null()) {
        let project =
            Identity::id_from_graphql(node).ok_or_else(|| refused("a project without an id"))?;
        part.projects.push(project);
        for list in ["pipelines", "children"] {
            let Some(list) = node.get(list).filter(|list| !list.is_null()) else {
                continue;
            };
            if list["pageInfo"]["hasNextPage"] == true {
                part.more.push(project);
            }
            for pipeline in list["nodes"].as_array().into_iter().flatten() {
                part.pipelines
                    .push((project, pipeline_details(wanted, pipeline)?));
            }
        }
        if let Some(pipeline) = node.get("pipeline").filter(|pipeline| !pipeline.is_null()) {
            part.pipelines
                .push((project, pipeline_details(wanted, pipeline)?));
        }
    }
    Ok(part)
}

fn pipeline_details(wanted: Wanted, node: &Value) -> Result<PipelineDetails, PartError> {
    let lacks = || refused("a pipeline without an id or a status");
    let (Some(id), Some(status)) = (node["id"].as_str().and_then(id), node["status"].as_str())
    else {
        return Err(lacks());
    };
    let mut details = PipelineDetails {
        id,
        status: status.to_ascii_lowercase(),
        jobs: None,
        next: None,
        report: TestReport::from_graphql(&node["testReportSummary"]),
    };
    if wanted.jobs {
        // A null is what the token may not see.
        let Some(nodes) = node["jobs"]["nodes"].as_array() else {
            return Ok(details);
        };
        let jobs = nodes
            .iter()
            .filter(|job| !job.is_null())
            .map(Job::from_graphql);
        let jobs = jobs.collect::<Result<Vec<_>, _>>();
        let jobs = jobs.map_err(|why| PartError::Refused(unread(why)))?;
        details.jobs = Some(jobs.into_iter().flatten().collect());
        let page = &node["jobs"]["pageInfo"];
        details.next = match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
            (Some(true), Some(cursor)) => Some(cursor.to_owned()),
            (Some(false), _) => None,
            _ => {
                return Err(refused(
                    "a page of jobs that does not say whether it is the last",
                ));
            }
        };
    }
    Ok(details)
}

fn refused(why: &str) -> PartError {
    PartError::Refused(not_understood(&why))
}
