//! What a recorded request asked for: its parts, read from the query as GitLab reads it.

use gitlab_metrics_bridge::simulator::Request;
use serde_json::Value;

/// What a part of a request is about, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A page of a list, with everything about each project.
    Sweep,
    /// Everything about some projects.
    Read,
    /// What activity moves.
    Follow,
    /// Whether pipelines ran.
    Glance,
    /// A page of a list, the last active first.
    Look,
    /// Who the projects on a page are.
    Light,
    /// What this GitLab can do.
    Probe,
    /// Anything over REST.
    Rest,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Sweep,
        Kind::Read,
        Kind::Follow,
        Kind::Glance,
        Kind::Look,
        Kind::Light,
        Kind::Probe,
        Kind::Rest,
    ];

    /// What it is called in a table.
    pub fn meaning(self) -> &'static str {
        match self {
            Kind::Sweep => "sweep",
            Kind::Read => "everything about some",
            Kind::Follow => "what activity moves",
            Kind::Glance => "glances",
            Kind::Look => "recent activity",
            Kind::Light => "who is on a page",
            Kind::Probe => "what GitLab can do",
            Kind::Rest => "REST",
        }
    }
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub kind: Kind,
    /// How many projects at the most.
    pub first: u64,
    /// Behind which of a list.
    pub after: Option<String>,
    /// Which ones, where they are asked by id.
    pub ids: Vec<u64>,
    /// Of which group.
    pub group: Option<String>,
}

/// The parts of a request.
pub fn parts(request: &Request) -> Vec<Part> {
    let query = request.query.as_deref().unwrap_or_default();
    let lone = |kind| Part {
        kind,
        first: 0,
        after: None,
        ids: Vec::new(),
        group: None,
    };
    match request.operation.as_deref() {
        None => return vec![lone(Kind::Rest)],
        Some("Probe") => return vec![lone(Kind::Probe)],
        Some(_) => {}
    }
    let parts = query.split("part").skip(1).enumerate();
    parts
        .map(|(index, text)| {
            let variable = |name: &str| &request.variables[format!("{name}{index}")];
            let text_of = |name: &str| variable(name).as_str().map(str::to_owned);
            Part {
                kind: kind(text),
                first: variable("first").as_u64().unwrap_or_default(),
                after: text_of("after"),
                ids: ids(variable("ids")),
                group: text_of("path"),
            }
        })
        .collect()
}

/// Whether a request asks for something of a kind.
pub fn asks(request: &Request, kind: Kind) -> bool {
    parts(request).iter().any(|part| part.kind == kind)
}

fn kind(text: &str) -> Kind {
    let (by_id, whole) = (text.contains("ids: "), text.contains("starCount"));
    // What is below the list of projects may be sorted, too.
    let list = text.split('{').next().unwrap_or_default();
    if list.contains("sort: ") {
        Kind::Look
    } else if text.contains("updatedAfter") {
        Kind::Glance
    } else if text.contains("commitCount") && !whole {
        Kind::Follow
    } else if !whole {
        Kind::Light
    } else if by_id {
        Kind::Read
    } else {
        Kind::Sweep
    }
}

fn ids(gids: &Value) -> Vec<u64> {
    let gids = gids.as_array().into_iter().flatten();
    let last = |gid: &Value| gid.as_str()?.rsplit('/').next()?.parse().ok();
    gids.filter_map(last).collect()
}
