//! What is counted in a project's repository: branches, tags, contributors and languages.

use serde_json::{Map, Value, json};

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::counts::Role;
use crate::simulator::world::details::RepositoryCounts;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/repository/branches", branches),
    ("/projects/:id/repository/tags", tags),
    ("/projects/:id/repository/contributors", contributors),
    ("/projects/:id/protected_branches", protected_branches),
    ("/projects/:id/languages", languages),
];

/// `Project.languages`, the largest share first.
pub(super) fn languages_of<'w>(project: &'w Project, context: &Context<'w>) -> FieldValue<'w> {
    if !project.shows_code_to(context.viewer) {
        return FieldValue::Null;
    }
    let known = project.details().map(|details| &details.languages);
    FieldValue::list(known.into_iter().flatten().map(Language))
}

/// The type `RepositoryLanguage`.
struct Language<'w>(&'w (String, f64));

impl<'w> Object<'w> for Language<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" => self.0.0.as_str().into(),
            _ => self.0.1.into(),
        })
    }
}

fn with_code<'w>(request: &RestRequest<'w>) -> Result<&'w Project, Answer> {
    let project = find(request)?;
    match project.shows_code_to(request.viewer) {
        true => Ok(project),
        false => Err(Answer::forbidden()),
    }
}

fn counted(
    request: &RestRequest<'_>,
    count: impl Fn(&RepositoryCounts) -> u64,
    name: impl Fn(&Project, u64) -> String,
) -> Answered {
    let project = with_code(request)?;
    let total = count(&project.repository_counts());
    request.counted_rows(total, |index| json!({ "name": name(project, index) }))
}

fn branch_name(project: &Project, index: u64) -> String {
    match index {
        0 => project.default_branch.clone(),
        _ => format!("branch-{index}"),
    }
}

fn branches(request: &RestRequest<'_>) -> Answered {
    counted(request, |counts| counts.branches, branch_name)
}

fn tags(request: &RestRequest<'_>) -> Answered {
    let name = |_: &Project, index| format!("v0.{}", index + 1);
    counted(request, |counts| counts.tags, name)
}

fn contributors(request: &RestRequest<'_>) -> Answered {
    let name = |_: &Project, index| format!("Contributor {}", index + 1);
    counted(request, |counts| counts.contributors, name)
}

fn protected_branches(request: &RestRequest<'_>) -> Answered {
    if find(request)?.role_of(request.viewer) < Role::Maintainer {
        return Err(Answer::forbidden());
    }
    counted(request, |counts| counts.protected_branches, branch_name)
}

fn languages(request: &RestRequest<'_>) -> Answered {
    let project = with_code(request)?;
    let known = project.details().map(|details| &details.languages);
    let known = known.into_iter().flatten();
    let body: Map<String, Value> = known
        .map(|(name, share)| (name.clone(), json!(share)))
        .collect();
    Ok(Answer::json(200, &body))
}
