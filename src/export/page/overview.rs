//! The page at `/`: first whether all is well or what to do, then everything else.

use maud::{Markup, html};

use super::clock::Clock;
use super::gitlab_section;
use super::history::Poll;
use super::layout::{Root, foreign, page, table, time};
use super::search::Found;
use super::search_form;
use super::settings::ShownSetting;
use super::status::{Export, Health, Problem, Status};
use super::words::{bytes, counted, grouped, span};

/// What the page shows.
pub struct Overview<'a> {
    pub status: &'a Status,
    /// The polls of each GitLab, with what tells their time of day.
    pub polls: &'a [(Vec<Poll>, Clock, u64)],
    /// What was searched, if something was.
    pub found: Option<&'a Found>,
}

impl Overview<'_> {
    pub fn html(&self, root: &Root) -> Markup {
        let status = self.status;
        page(
            root,
            title(status.health),
            status.version,
            html! {
                h1 { "Status" }
                p.state.(class(status.health)) { strong { (foreign(&status.summary)) } }
                (problems(&status.problems))
                (search_form::section(root, self.found, status.gitlabs.len() > 1))
                @for (place, (gitlab, polls)) in status.gitlabs.iter().zip(self.polls).enumerate() {
                    (gitlab_section::section(root, place, gitlab, polls))
                }
                (exports(status))
                (bridge(status))
                (settings(&status.settings))
            },
        )
    }
}

fn title(health: Health) -> &'static str {
    match health {
        Health::Healthy => "Healthy",
        Health::Starting => "Starting",
        Health::Attention => "Look at this",
        Health::NotReady => "Not ready",
    }
}

fn class(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Starting => "starting",
        Health::Attention => "attention",
        Health::NotReady => "not_ready",
    }
}

fn problems(problems: &[Problem]) -> Markup {
    html! {
        @if !problems.is_empty() {
            h2 { "What to do" }
            ul {
                @for problem in problems {
                    li {
                        @if let Some(name) = &problem.gitlab { strong { (foreign(name)) ": " } }
                        (foreign(&problem.text))
                        @if let Some(advice) = &problem.advice { " " strong { (foreign(advice)) } }
                    }
                }
            }
        }
    }
}

fn exports(status: &Status) -> Markup {
    let head = html! {
        th scope="col" { "Exporter" }
        th scope="col" { "Last good export" }
        th.number scope="col" { "Succeeded" }
        th.number scope="col" { "Failed" }
        th.number scope="col" { "Waiting" }
        th scope="col" { "Last error, and what helps" }
    };
    html! {
        h2 { "Exports" }
        @if status.exports.is_empty() {
            p { "No exporter is on: set otlp.endpoint, or switch prometheus.enabled on." }
        } @else {
            (table("exports", "How exports go since the start", head, html! {
                @for export in &status.exports { (export_row(export)) }
            }))
        }
    }
}

fn export_row(export: &Export) -> Markup {
    html! {
        tr {
            th scope="row" { (export.exporter) }
            td {
                @match (export.last_success, export.last_success_age_seconds) {
                    (Some(at), Some(age)) => { (span(age)) " ago, " (time(at)) }
                    _ => "none yet"
                }
            }
            td.number { (grouped(export.succeeded)) }
            td.number { (grouped(export.failed)) }
            td.number {
                @match (export.waiting_messages, export.waiting_bytes) {
                    (Some(messages), Some(size)) => { (grouped(messages)) " (" (bytes(size as f64)) ")" }
                    _ => "–"
                }
            }
            td.wide {
                @match &export.error {
                    Some(error) => p {
                        span.bad { (foreign(error)) }
                        @if let Some(advice) = export.advice { " " (advice) }
                    },
                    None if export.last_succeeded == Some(true) => "none: the last one succeeded",
                    None => "none",
                }
                @for (reason, count) in &export.given_up {
                    p { (counted(*count, "message")) " given up: " (reason) }
                }
            }
        }
    }
}

fn bridge(status: &Status) -> Markup {
    let webhooks: u64 = status.webhooks.iter().map(|own| own.count).sum();
    html! {
        h2 { "The bridge itself" }
        dl {
            div { dt { "Version" } dd { (status.version) } }
            @if let Some(replica) = &status.replica {
                div { dt { "Replica" } dd { (foreign(&replica.name)) " of the group " (foreign(&replica.group)) } }
                div { dt { "Engine" } dd { (replica.engine()) } }
            }
            @if let Some(started) = status.started { div { dt { "Started" } dd { (time(started)) } } }
            div { dt { "This page is of" } dd { (time(status.time)) } }
            @if let Some(reload) = &status.reload {
                div {
                    dt { "Settings taken" }
                    dd {
                        (time(reload.last_success))
                        @if !reload.succeeded { span.bad { "; a later reload was refused" } }
                    }
                }
            }
            @if let Some(memory) = &status.memory {
                div {
                    dt { "Memory" }
                    dd {
                        @if let Some(taken) = memory.resident_bytes { (bytes(taken as f64)) " of " }
                        (bytes(memory.limit_bytes as f64))
                        @for (work, count) in &memory.refused { ", " (counted(*count, work)) " refused" }
                    }
                }
            }
            @if !status.webhooks.is_empty() {
                div { dt { "Webhooks" } dd { (counted(webhooks, "webhook")) } }
            }
            @for (task, count) in &status.panics {
                div { dt { "Broke off: " (task) } dd.bad { (counted(*count, "time")) } }
            }
        }
    }
}

fn settings(settings: &[ShownSetting]) -> Markup {
    let head = html! {
        th scope="col" { "Setting" }
        th scope="col" { "Value" }
        th scope="col" { "Said by" }
    };
    html! {
        @if !settings.is_empty() {
            h2 #settings { "Settings" }
            (table("settings-in-use", "The settings in use. Secrets are hidden.", head, html! {
                @for own in settings {
                    tr {
                        th scope="row" {
                            @if let Some(name) = &own.gitlab { (foreign(name)) ": " }
                            code { (own.setting) }
                        }
                        td.wide {
                            @match &own.value {
                                Some(value) => code { (foreign(value)) },
                                None => span.soft { "not set" }
                            }
                            @if let Some(value) = &own.after_restart {
                                p.warn { "after a restart: " (foreign(value)) }
                            }
                        }
                        td {
                            @match &own.source {
                                Some(source) => (foreign(source)),
                                None => span.soft { "default" }
                            }
                        }
                    }
                }
            }))
        }
    }
}
