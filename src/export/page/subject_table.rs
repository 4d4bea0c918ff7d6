//! The subjects of a GitLab as a table.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::layout::table;
use super::subjects::{Lack, Subject};
use super::words::{grouped, rounded, span};

/// The table of all subjects; requests were counted for so many seconds of the last hour.
pub fn subjects(id: &str, subjects: &[Subject], counted: u64) -> Markup {
    if subjects.is_empty() {
        return html! { p { "Nothing is known of subjects before the first poll." } };
    }
    let caption = format!(
        "What is read, how old it is, and what it cost in the last {}. A request that was about several subjects counts for each with its share.",
        span(counted as f64)
    );
    let head = html! {
        th scope="col" { "Subject" }
        th scope="col" { "State" }
        th.number scope="col" { "Oldest value" }
        th.number scope="col" { "Series" }
        th.number scope="col" { "Requests" }
        th scope="col" { "What is missing, why, and what helps" }
    };
    table(
        id,
        &caption,
        head,
        html! {
            @for subject in subjects { (row(subject)) }
        },
    )
}

fn row(subject: &Subject) -> Markup {
    html! {
        tr {
            th scope="row" { (subject.subject) }
            td.word { (state(subject)) }
            td.number {
                @match subject.age_seconds {
                    Some(age) => { (span(age as f64)) " ago" }
                    None => "–"
                }
            }
            td.number { (grouped(subject.series)) }
            td.number {
                @match (subject.requests.last_hour, subject.requests.read_with) {
                    (Some(requests), _) => (rounded(requests)),
                    (None, Some(with)) => { "with " (with) }
                    (None, None) => "–"
                }
            }
            td.wide { (lacks(subject)) }
        }
    }
}

fn state(subject: &Subject) -> Markup {
    html! {
        @match subject.state {
            "active" => span.good { "on, active" },
            "disabled" => span.soft { "off" },
            "failing" => span.bad { "on, failing" },
            other => span.warn { "on, " (other) }
        }
    }
}

fn lacks(subject: &Subject) -> Markup {
    let mut by_reason: BTreeMap<&str, (&Lack, u64, Vec<&str>)> = BTreeMap::new();
    for lack in &subject.missing {
        let entry = by_reason
            .entry(lack.reason)
            .or_insert((lack, 0, Vec::new()));
        entry.1 += lack.series;
        entry.2.push(lack.metric);
    }
    html! {
        @if let Some(advice) = &subject.advice { p { strong { (capital(advice)) "." } } }
        @if !subject.on { p.soft { "Its name in metrics.enabled switches it on." } }
        @for (reason, (lack, series, metrics)) in &by_reason {
            p {
                (grouped(*series)) " series (" code { (reason) } ") of " (metrics.join(", ")) ". " (lack.why)
                @if subject.advice.is_none() && let Some(advice) = lack.advice { " " strong { (advice) } }
            }
        }
        @if subject.on && subject.missing.is_empty() && subject.advice.is_none() { "nothing" }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
