//! What the page says of one GitLab.

use maud::{Markup, html};

use super::chart;
use super::clock::Clock;
use super::history;
use super::layout::{Root, foreign, table, time};
use super::project_lists;
use super::replicas;
use super::status::{GitLab, Poll};
use super::subject_table;
use super::words::{counted, grouped, span};

/// So many polls are listed one by one.
const POLLS: usize = 8;

/// The section about a GitLab. `place` tells its tables from those of others.
pub fn section(
    root: &Root,
    place: usize,
    gitlab: &GitLab,
    (polls, clock, now): &(Vec<history::Poll>, Clock, u64),
) -> Markup {
    let id = |what: &str| format!("{what}-{place}");
    html! {
        h2 { "GitLab " (foreign(gitlab.name.as_deref().unwrap_or(&gitlab.url))) }
        p { (foreign(&in_short(gitlab))) }
        (glance(gitlab))
        @if let Some(own) = &gitlab.leadership { (replicas::section(own)) }
        h3 { "Polls" }
        (chart::polls(&id("chart"), polls, *clock, *now))
        @if !gitlab.recent_polls.is_empty() { (last_polls(&id("polls"), gitlab)) }
        h3 { "Subjects" }
        (subject_table::subjects(&id("subjects"), &gitlab.subjects, gitlab.requests.last_hour_counted_seconds))
        @if !gitlab.errors.is_empty() {
            h3 { "Errors" }
            (errors(&id("errors"), gitlab))
        }
        h3 { "Projects that stand out" }
        (project_lists::lists(root, place, gitlab))
    }
}

/// What it is, and how much of it is shown.
fn in_short(gitlab: &GitLab) -> String {
    let name = gitlab.name.iter().map(|name| format!("{name}: "));
    let (projects, series) = (counted(gitlab.projects, "project"), grouped(gitlab.series));
    let name: String = name.collect();
    format!("{name}{}: {projects}, {series} series.", gitlab.url)
}

fn glance(gitlab: &GitLab) -> Markup {
    html! {
        dl {
            div { dt { "Projects" } dd { (projects(gitlab)) } }
            div { dt { "Series" } dd { (grouped(gitlab.series)) } }
            div { dt { "Last poll" } dd { (last_poll(gitlab)) } }
            div {
                dt { "Last complete poll" }
                dd {
                    @match (gitlab.last_complete_poll, gitlab.last_complete_poll_age_seconds) {
                        (Some(at), Some(age)) => { (span(age as f64)) " ago, " (time(at)) }
                        _ => "none yet"
                    }
                }
            }
            div { dt { "Requests" } dd { (requests(gitlab)) } }
            div { dt { "Budget left" } dd { (left(gitlab.requests.budget_remaining, "no budget is set")) } }
            div { dt { "Rate limit left" } dd { (left(gitlab.requests.rate_limit_remaining, "GitLab does not say")) } }
            div { dt { "Access token" } dd { (token(gitlab)) } }
            @if let Some(written) = gitlab.state_written {
                div {
                    dt { "State over a restart" }
                    dd { @if written { "written" } @else { span.bad { "could not be written" } } }
                }
            }
            @if !gitlab.gone.is_empty() {
                div { dt { "Selected and gone" } dd { (foreign(&gitlab.gone.join(", "))) } }
            }
        }
    }
}

fn projects(gitlab: &GitLab) -> Markup {
    let others = [
        (gitlab.projects_filtered_out, "filtered out"),
        (gitlab.projects_left_out, "left out for want of memory"),
    ];
    html! {
        (counted(gitlab.projects, "project"))
        @for (count, what) in others {
            @if let Some(count) = count.filter(|count| *count > 0) { ", " (grouped(count)) " " (what) }
        }
    }
}

fn last_poll(gitlab: &GitLab) -> Markup {
    html! {
        @match &gitlab.last_poll {
            None => "has not ended yet",
            Some(poll) => {
                (time(poll.ended)) ", took " (span(poll.took_seconds)) ", "
                (counted(poll.requests, "request")) ", " (outcome(poll))
            }
        }
        ". One begins every " (span(gitlab.interval_seconds)) "."
    }
}

fn outcome(poll: &Poll) -> Markup {
    html! {
        @match &poll.failure {
            None => span.good { "complete" },
            Some(failure) => span.bad { "not complete: " (foreign(failure)) }
        }
    }
}

fn requests(gitlab: &GitLab) -> Markup {
    let requests = &gitlab.requests;
    html! {
        (grouped(requests.last_hour)) " in the last " (span(requests.last_hour_counted_seconds as f64))
        ", " (grouped(requests.since_start)) " since the start"
        @if requests.repeated > 0 { ", " (grouped(requests.repeated)) " of them again" }
        @if requests.waited_seconds >= 1.0 { "; waited " (span(requests.waited_seconds)) " for limits" }
    }
}

fn left(remaining: Option<u64>, unknown: &str) -> Markup {
    html! {
        @match remaining {
            Some(0) => span.bad { "none: requests wait" },
            Some(left) => (counted(left, "request")),
            None => span.soft { (unknown) }
        }
    }
}

fn token(gitlab: &GitLab) -> Markup {
    html! {
        @match (gitlab.token_expires, gitlab.token_expires_in_seconds) {
            (Some(at), Some(0)) => span.bad { "expired at " (time(at)) },
            (Some(at), Some(left)) => { "expires in " (span(left as f64)) ", " (time(at)) }
            _ => span.soft { "GitLab does not say when it expires" }
        }
    }
}

fn last_polls(id: &str, gitlab: &GitLab) -> Markup {
    let head = html! {
        th scope="col" { "Ended" }
        th.number scope="col" { "Took" }
        th.number scope="col" { "Requests" }
        th scope="col" { "Outcome" }
    };
    table(
        id,
        "The newest polls",
        head,
        html! {
            @for poll in gitlab.recent_polls.iter().take(POLLS) {
                tr {
                    th scope="row" { (time(poll.ended)) }
                    td.number { (span(poll.took_seconds)) }
                    td.number { (grouped(poll.requests)) }
                    td.wide { (outcome(poll)) }
                }
            }
        },
    )
}

fn errors(id: &str, gitlab: &GitLab) -> Markup {
    let head = html! {
        th scope="col" { "Subject" }
        th scope="col" { "Why" }
        th.number scope="col" { "How often" }
        th scope="col" { "What helps" }
    };
    table(
        id,
        "Errors of polls since the start",
        head,
        html! {
            @for error in &gitlab.errors {
                tr {
                    th scope="row" { (error.subject) }
                    td { code { (error.reason) } }
                    td.number { (grouped(error.count)) }
                    td.wide { (error.advice.unwrap_or("It is tried again; the log says why.")) }
                }
            }
        },
    )
}
