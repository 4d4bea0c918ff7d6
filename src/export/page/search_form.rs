//! The form that finds projects, and what it found.

use maud::{Markup, html};

use super::layout::{Root, foreign, table};
use super::project_lists::link;
use super::query::LONGEST_SEARCH;
use super::search::{Found, Hit};
use super::words::{counted, grouped, visible};

/// The form, and what was found by it, if something was searched.
pub fn section(root: &Root, found: Option<&Found>, several: bool) -> Markup {
    let query = found.map(|found| found.query.as_str()).unwrap_or_default();
    html! {
        section role="search" aria-label="Projects" {
            h2 { "Find a project" }
            form action=(root.to("")) method="get" {
                p {
                    label for="q" { "A part of its path, or its id" }
                    input #q name="q" type="search" value=(visible(query)) maxlength=(LONGEST_SEARCH) autocomplete="off";
                }
                button type="submit" { "Search" }
            }
            @if let Some(found) = found { (results(root, found, several)) }
        }
    }
}

fn results(root: &Root, found: &Found, several: bool) -> Markup {
    let query = foreign(&found.query);
    if found.query.trim().is_empty() {
        return html! { p { "Write a part of a path, such as " code { "group/project" } ", or an id." } };
    }
    if found.projects.is_empty() {
        return html! {
            p role="status" { "No project that is read has " strong { (query) } " in its path." }
            @if !found.did_you_mean.is_empty() {
                p { "Did you mean:" }
                ul { @for hit in &found.did_you_mean { li { (link(root, hit.id, &hit.path, hit.gitlab.as_deref())) } } }
            }
        };
    }
    let all = found.projects.len() as u64 + found.more;
    html! {
        p role="status" {
            (counted(all, "project")) " with " strong { (query) } "."
            @if found.more > 0 { " These fit best; " (grouped(found.more)) " more are not listed." }
        }
        (hits(root, &found.projects, several))
    }
}

fn hits(root: &Root, hits: &[Hit], several: bool) -> Markup {
    let head = html! {
        th scope="col" { "Project" }
        th.number scope="col" { "Id" }
        @if several { th scope="col" { "GitLab" } }
        th scope="col" { "Name" }
    };
    table(
        "found",
        "Projects that were found",
        head,
        html! {
            @for hit in hits {
                tr {
                    th scope="row" { (link(root, hit.id, &hit.path, hit.gitlab.as_deref())) }
                    td.number { (hit.id) }
                    @if several { td { (foreign(hit.gitlab.as_deref().unwrap_or_default())) } }
                    td {
                        (foreign(&hit.name))
                        @if hit.archived == Some(true) { span.soft { " (archived)" } }
                    }
                }
            }
        },
    )
}
