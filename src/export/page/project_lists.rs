//! The biggest projects of a GitLab, and those that changed last.

use maud::{Markup, html};
use url::form_urlencoded::byte_serialize;

use super::layout::{Root, foreign, table, time};
use super::status::{GitLab, Project};
use super::words::{bytes, grouped};

pub fn lists(root: &Root, place: usize, gitlab: &GitLab) -> Markup {
    let name = gitlab.name.as_deref();
    html! {
        div.columns {
            (list(root, name, &format!("storage-{place}"), "The biggest by storage", "Storage", &gitlab.biggest_by_storage, |own| {
                own.storage_bytes.map(|size| html! { (bytes(size as f64)) })
            }))
            (list(root, name, &format!("commits-{place}"), "Those with the most commits", "Commits", &gitlab.biggest_by_commits, |own| {
                own.commits.map(|commits| html! { (grouped(commits)) })
            }))
            (list(root, name, &format!("changed-{place}"), "Those that changed last", "Last activity", &gitlab.last_changed, |own| {
                own.last_activity.map(time)
            }))
        }
    }
}

fn list(
    root: &Root,
    gitlab: Option<&str>,
    id: &str,
    caption: &str,
    column: &str,
    projects: &[Project],
    number: impl Fn(&Project) -> Option<Markup>,
) -> Markup {
    let head = html! {
        th scope="col" { "Project" }
        th.number scope="col" { (column) }
    };
    table(
        id,
        caption,
        head,
        html! {
            @for project in projects {
                tr {
                    th scope="row" { (link(root, project.id, &project.path, gitlab)) }
                    td.number { (number(project).unwrap_or_default()) }
                }
            }
            @if projects.is_empty() {
                tr { td colspan="2" { "Nothing is known of this." } }
            }
        },
    )
}

/// A link to the page of a project.
pub fn link(root: &Root, id: u64, path: &str, gitlab: Option<&str>) -> Markup {
    html! { a href=(root.to(&address(id, gitlab))) { (foreign(path)) } }
}

/// The address of the page of a project, as from `/`.
pub fn address(id: u64, gitlab: Option<&str>) -> String {
    let gitlab = gitlab.map(|name| byte_serialize(name.as_bytes()).collect::<String>());
    match gitlab {
        Some(name) => format!("projects/{id}?gitlab={name}"),
        None => format!("projects/{id}"),
    }
}
