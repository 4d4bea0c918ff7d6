//! What the engine wants asked, and what it takes for an answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::moment::Moment;
use super::walk::Next;
use crate::gitlab::{self, Error};
use crate::metrics::{
    Answered, Job, ProjectAnswer, Reason, Record, TableAnswer, TestReport, UnixTime,
};
use crate::poll::details_plan::{DetailsPart, Wanted};
use crate::poll::plan::{Capabilities, List, Plan, RequestPart};

/// Names a request until it is answered.
pub type RequestId = u64;

/// A request that is to be sent now.
#[derive(Debug)]
pub struct Asked {
    pub id: RequestId,
    pub request: Request,
    /// When an answer is of no use any more.
    pub deadline: Moment,
    /// What it is for.
    pub kind: Kind,
    /// The subject it is about, where it is about one alone.
    pub subject: Option<&'static str>,
}

/// What a request is for. One that carries several kinds counts for the kind that comes first in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What GitLab can do.
    Probe,
    /// Who was active last.
    Recent,
    /// Pages of the sweep.
    Sweep,
    /// Everything, out of turn.
    Read,
    /// What activity moves, of who was active.
    Follow,
    /// Whether pipelines ran.
    Glance,
    /// Jobs and test reports of pipelines.
    Details,
    /// Deployments, over REST.
    Deployments,
    /// Jobs that wait for a runner.
    Queue,
    /// Environments by name.
    Environments,
    /// Whether anything of a feed changed, such as pipelines.
    FeedGlance,
    /// What changed of a feed, or is newest.
    Feed,
    /// Single values over REST.
    Values,
    /// Subjects of projects with a pace of their own.
    Round,
    /// What the GitLab itself has, groups, and runners.
    Instance,
    Groups,
    Runners,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 17] = [
        Kind::Probe,
        Kind::Recent,
        Kind::Sweep,
        Kind::Read,
        Kind::Follow,
        Kind::Glance,
        Kind::Details,
        Kind::Deployments,
        Kind::Queue,
        Kind::Environments,
        Kind::FeedGlance,
        Kind::Feed,
        Kind::Values,
        Kind::Round,
        Kind::Instance,
        Kind::Groups,
        Kind::Runners,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Probe => "probe",
            Kind::Recent => "recent activity",
            Kind::Sweep => "sweep",
            Kind::Read => "out-of-turn reads",
            Kind::Follow => "following",
            Kind::Glance => "glances",
            Kind::Details => "jobs and test reports",
            Kind::Deployments => "deployments",
            Kind::Queue => "the queue",
            Kind::Environments => "environments",
            Kind::FeedGlance => "glances at feeds",
            Kind::Feed => "feeds",
            Kind::Values => "REST values",
            Kind::Round => "rounds",
            Kind::Instance => "the GitLab itself",
            Kind::Groups => "groups",
            Kind::Runners => "runners",
        }
    }
}

/// One request to GitLab.
#[derive(Clone, Debug)]
pub enum Request {
    /// What GitLab can do.
    Probe,
    /// Some projects over GraphQL, or several times some.
    Projects(Vec<RequestPart>, Arc<Plan>),
    /// The jobs and test reports of pipelines, over GraphQL.
    Details(Wanted, Vec<DetailsPart>, Arc<Plan>),
    /// A page of a list over REST, by its path.
    Page(String),
    /// A project over REST, by id or full path.
    Project(String),
    /// A query of its own over GraphQL: the document and its variables.
    Query(String, Value),
    /// Rows of a list of REST, or a document, by its path; with GitLab's own time.
    Rows(String),
    /// A document of REST, by its path.
    Body(String),
    /// How many entries a list of REST has, by its path.
    Count(String),
    /// A page of a list of REST that is read to its end, by its path.
    List(String),
    /// A group over REST, by id or full path.
    Group(String),
    /// How many projects a list has, over GraphQL.
    ProjectCount(List),
}

/// What came of a request: the variant of the same name.
#[expect(
    clippy::large_enum_variant,
    reason = "what GitLab can do is large, and is told once an hour"
)]
pub enum Answer {
    Probe(Result<Capabilities, Error>),
    Projects(Result<Projects, Error>),
    Details(Result<Details, Error>),
    Page(Result<RestPage, Error>),
    Project(Result<ProjectAnswer, Error>),
    Query(Result<gitlab::Answer, Error>),
    Rows(Result<Rows, Error>),
    Body(Result<Value, Error>),
    Count(Result<u64, Error>),
    List(Result<ListPage, Error>),
    Group(Result<Group, Error>),
    ProjectCount(Result<u64, Error>),
}

impl Answer {
    /// Why there is none, if there is none.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Answer::Probe(answer) => answer.as_ref().err(),
            Answer::Projects(answer) => answer.as_ref().err(),
            Answer::Details(answer) => answer.as_ref().err(),
            Answer::Page(answer) => answer.as_ref().err(),
            Answer::Project(answer) => answer.as_ref().err(),
            Answer::Query(answer) => answer.as_ref().err(),
            Answer::Rows(answer) => answer.as_ref().err(),
            Answer::Body(answer) => answer.as_ref().err(),
            Answer::List(answer) => answer.as_ref().err(),
            Answer::Count(answer) | Answer::ProjectCount(answer) => answer.as_ref().err(),
            Answer::Group(answer) => answer.as_ref().err(),
        }
    }
}

/// A page of a list of REST that is read to its end.
#[derive(Clone, Debug)]
pub struct ListPage {
    pub rows: Vec<Value>,
    pub next: Next,
    /// How many entries GitLab counts on the whole list.
    pub total: Option<u64>,
}

/// What a GraphQL request brought.
pub struct Projects {
    /// What each part of it was answered.
    pub parts: Vec<Result<Page, PartError>>,
    /// How long GitLab took.
    pub took: Duration,
    /// Whether GitLab ran out of time for a part of the answer.
    pub ran_out_of_time: bool,
    /// What GitLab says a query may score.
    pub most_score: Option<usize>,
    /// When GitLab answered, by its own clock.
    pub date: Option<UnixTime>,
}

/// What a part of a GraphQL request was answered.
#[derive(Clone)]
pub struct Page {
    /// The projects that GitLab showed.
    pub nodes: Vec<Node>,
    /// How many it does not show to the token.
    pub redacted: usize,
    pub next: Next,
    /// The id of the group whose projects they are.
    pub group: Option<u64>,
}

/// A project in an answer, as deep as was asked.
#[derive(Clone)]
pub enum Node {
    /// Everything, or only who it is.
    Whole(Box<ProjectAnswer>),
    /// What its activity moves.
    Activity {
        id: u64,
        activity: Option<UnixTime>,
        readings: Vec<(usize, Answered)>,
    },
    /// One subject of it that is otherwise asked along with the rest.
    Subject {
        id: u64,
        readings: Vec<(usize, Answered)>,
    },
    /// Whether anything happened to it.
    Glance {
        id: u64,
        activity: Option<UnixTime>,
        path: Option<String>,
        archived: Option<bool>,
        pipelines: Option<u64>,
    },
    /// One subject of it: columns and tables by their places.
    Round {
        id: u64,
        values: Vec<(usize, Answered)>,
        tables: Vec<(usize, TableAnswer)>,
    },
    /// What a feed tells of it.
    Feed {
        id: u64,
        /// Why it tells nothing, if it does not.
        page: Result<FeedPage, Reason>,
    },
}

/// A page of a feed of one project.
#[derive(Clone)]
pub struct FeedPage {
    pub things: Vec<Record>,
    /// How many there are, where only that was asked.
    pub told: usize,
    /// Where it goes on; none if this is all.
    pub next: Option<String>,
}

impl Node {
    pub fn id(&self) -> u64 {
        match self {
            Node::Whole(found) => found.identity.id,
            Node::Activity { id, .. }
            | Node::Subject { id, .. }
            | Node::Glance { id, .. }
            | Node::Round { id, .. }
            | Node::Feed { id, .. } => *id,
        }
    }

    pub fn activity(&self) -> Option<u64> {
        match self {
            Node::Whole(found) => found.identity.last_activity,
            Node::Activity { activity, .. } | Node::Glance { activity, .. } => *activity,
            Node::Subject { .. } | Node::Round { .. } | Node::Feed { .. } => None,
        }
    }
}

/// Why a part has no answer although its request has one.
#[derive(Debug)]
pub enum PartError {
    /// GitLab could not manage it; less may do.
    TooMuch,
    /// GitLab shows no such list to the token.
    Null,
    /// GitLab refuses it, or answers something that can't be understood.
    Refused(Error),
}

/// What a request about the details of pipelines brought.
pub struct Details {
    /// What each part of it was answered.
    pub parts: Vec<Result<PartDetails, PartError>>,
    /// How long GitLab took.
    pub took: Duration,
}

/// What a part was answered.
#[derive(Debug, Default)]
pub struct PartDetails {
    /// The projects that GitLab showed.
    pub projects: Vec<u64>,
    /// Those of them that have more pipelines than were asked for.
    pub more: Vec<u64>,
    /// The pipelines, each with its project.
    pub pipelines: Vec<(u64, PipelineDetails)>,
}

/// The details of a pipeline, or a page of them.
#[derive(Debug)]
pub struct PipelineDetails {
    pub id: u64,
    /// GitLab's word in small letters.
    pub status: String,
    /// None where the token may not see them, or nobody asked.
    pub jobs: Option<Vec<Job>>,
    /// Where its jobs go on.
    pub next: Option<String>,
    pub report: Option<TestReport>,
}

/// A page of a list over REST.
pub struct RestPage {
    pub projects: Vec<ProjectAnswer>,
    pub next: Next,
    /// How many entries GitLab counts on the whole list.
    pub total: Option<u64>,
}

/// Rows of a list of REST, or a document.
pub struct Rows {
    pub rows: Value,
    /// When GitLab answered, by its own clock, if it says so.
    pub date: Option<UnixTime>,
}

/// A group as REST tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: u64,
    pub path: String,
}
