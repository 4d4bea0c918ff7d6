//! Drives the engine against made-up projects, and counts the requests.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::assumption::{Assumption, Population};
use super::made_up::{MadeUp, Project, start};
use super::made_up_ci::Pipeline;
use super::made_up_estate::{Estate, group_over_rest};
use crate::gitlab::Error;
use crate::metrics::{
    Access, Answered, EnabledMetrics, Feature, Grain, Identity, ProjectAnswer, Reading, Reason,
    Rest, TableAnswer,
};
use crate::poll::capacity::Capacity;
use crate::poll::charged::{BySubject, is_of_rest, shares};
use crate::poll::config::{Config, Rhythm};
use crate::poll::details_plan::DetailsPart;
use crate::poll::engine::{
    Answer, Asked, Details, Engine, Group, Kind, Moment, NextPage, Node, Page, PartDetails,
    PartError, PipelineDetails, Position, Projects, Request, RestPage, Rows, first_page,
};
use crate::poll::plan::{Capabilities, Depth, List, Plan, RequestPart};
use crate::poll::selection::{Filter, Scope, Selection, Source};

/// How long a GitLab in good health takes to answer.
const GOOD_TIME: Duration = Duration::from_millis(500);
/// How many requests are under way at a time.
const CONCURRENCY: usize = 4;
/// What it costs to count a list that GitLab does not count: its last page is searched for.
const SEARCH: u64 = 8;

/// An engine and the GitLab that is made up for it.
pub(super) struct Run<'a> {
    now: Moment,
    engine: Engine,
    gitlab: GitLab<'a>,
    requests: BTreeMap<Kind, u64>,
    /// None where nobody asks for it.
    by_subject: Option<BySubject>,
}

/// A GitLab of made-up projects.
struct GitLab<'a> {
    enabled: &'a EnabledMetrics,
    capabilities: &'a Capabilities,
    graphql: bool,
    sources: Vec<Source>,
    /// The projects that are selected by name.
    named: HashMap<String, u64>,
    names: HashMap<u64, String>,
    projects: MadeUp,
    estate: Estate,
    now: Moment,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        rhythm: Rhythm,
        enabled: &'a EnabledMetrics,
        assumption: &'a Assumption,
    ) -> Run<'a> {
        let mut first = 0;
        let sources = assumption.lists.iter().map(|list| {
            let source = as_made_up(list, first);
            first += list.projects;
            source
        });
        let sources: Vec<Source> = sources.collect();
        let config = Config {
            selection: selection(&sources),
            rhythm,
            ..Config::default()
        };
        Run {
            now: start(),
            engine: Engine::new(&config, CONCURRENCY, Arc::new(enabled.clone())),
            gitlab: GitLab::new(enabled, assumption, sources),
            requests: BTreeMap::new(),
            by_subject: None,
        }
    }

    /// The same, and each request is charged to the subjects that it is about.
    pub(super) fn charged(self) -> Run<'a> {
        Run {
            by_subject: Some(BySubject::new()),
            ..self
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.gitlab.projects.pass(self.now);
    }

    /// The requests since they were last taken.
    pub(super) fn take_requests(&mut self) -> BTreeMap<Kind, u64> {
        std::mem::take(&mut self.requests)
    }

    /// The same by the subjects that they are about.
    pub(super) fn take_requests_by_subject(&mut self) -> BySubject {
        self.by_subject
            .replace(BySubject::new())
            .unwrap_or_default()
    }

    /// Asks all that is due.
    pub(super) fn poll(&mut self) {
        let mut now = self.now;
        let mut sent: VecDeque<Asked> = VecDeque::new();
        self.engine.begin(now);
        loop {
            let next = self.engine.next(now);
            sent.extend(next.requests);
            match (sent.pop_front(), next.again) {
                (Some(asked), _) => {
                    let cost = cost(&asked.request);
                    *self.requests.entry(asked.kind).or_default() += cost;
                    if let Some(by_subject) = &mut self.by_subject {
                        for (subject, share) in shares(&asked, self.gitlab.enabled) {
                            let key = (subject, is_of_rest(&asked.request));
                            *by_subject.entry(key).or_default() += share * cost as f64;
                        }
                    }
                    self.gitlab.now = now;
                    let answer = self.gitlab.answer(asked.request);
                    self.engine.answered(asked.id, answer, now);
                }
                (None, Some(again)) => now = again,
                (None, None) => break,
            }
        }
        self.engine.drop_poll();
        self.engine.take_notices();
    }
}

/// What is selected where these lists are polled: archived projects stand for those that are not.
fn selection(sources: &[Source]) -> Selection {
    let mut selection = Selection {
        filter: Filter {
            archived: false,
            ..Filter::default()
        },
        ..Selection::default()
    };
    for source in sources {
        match source {
            Source::Membership => selection.scope = Scope::Membership,
            Source::All => selection.scope = Scope::All,
            Source::Group(path) => selection.groups.push(path.clone()),
            Source::Projects(names) => selection.projects.clone_from(names),
        }
    }
    selection
}

/// How many requests the client makes of one.
fn cost(request: &Request) -> u64 {
    match request {
        Request::Count(path) if path.contains("/repository/commits") => SEARCH,
        _ => 1,
    }
}

/// A list as the made-up GitLab has it, whose projects begin with the id `first`: what is selected by id has
/// another id there, and what was not found is not there.
fn as_made_up(list: &Population, first: usize) -> Source {
    let Source::Projects(names) = &list.source else {
        return list.source.clone();
    };
    let is_id = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let names = names.iter().enumerate().map(|(place, name)| {
        if place >= list.projects {
            return format!("not/found-{place}");
        }
        match is_id(name) {
            true => (first + place).to_string(),
            false => name.clone(),
        }
    });
    Source::Projects(names.collect())
}

impl<'a> GitLab<'a> {
    fn new(
        enabled: &'a EnabledMetrics,
        assumption: &'a Assumption,
        sources: Vec<Source>,
    ) -> GitLab<'a> {
        let projects = MadeUp::new(assumption);
        let (mut named, mut paths) = (HashMap::new(), HashMap::new());
        for (index, source) in sources.iter().enumerate() {
            if let Source::Projects(names) = source {
                let found = names.len().min(assumption.lists[index].projects);
                let ids = (0..found).map(|place| projects.named(index, place));
                let ids: Vec<u64> = ids.collect();
                paths.extend(ids.iter().copied().zip(names.iter().cloned()));
                named.extend(names.iter().cloned().zip(ids));
            }
        }
        GitLab {
            enabled,
            capabilities: &assumption.capabilities,
            graphql: assumption.graphql,
            sources,
            named,
            names: paths,
            projects,
            estate: Estate {
                groups: assumption.groups,
                runners: assumption.runners,
            },
            now: start(),
        }
    }

    fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Probe => Answer::Probe(match self.graphql {
                true => Ok(self.capabilities.clone()),
                false => Err(blocked()),
            }),
            Request::Projects(parts, plan) => {
                let parts = parts.iter().map(|part| self.part(part, &plan));
                Answer::Projects(Ok(Projects {
                    parts: parts.collect(),
                    took: GOOD_TIME,
                    ran_out_of_time: false,
                    date: None,
                    most_score: None,
                }))
            }
            Request::Details(_, parts, _) => Answer::Details(Ok(Details {
                parts: parts.iter().map(|part| Ok(self.details(part))).collect(),
                took: GOOD_TIME,
            })),
            Request::Page(path) => Answer::Page(self.page(&path)),
            Request::Project(name) => Answer::Project(
                self.id(&name)
                    .map(|id| self.over_rest(id, true))
                    .ok_or_else(blocked),
            ),
            Request::Query(document, variables) => {
                let told = self.estate.answer(&document, &variables, GOOD_TIME);
                Answer::Query(Ok(told))
            }
            Request::Rows(path) => Answer::Rows(Ok(Rows {
                rows: self.rows(&path),
                date: Some(self.now.as_secs()),
            })),
            Request::Body(path) => Answer::Body(self.document(&path).ok_or_else(blocked)),
            Request::List(path) => Answer::List(Ok(self.estate.list(&path))),
            Request::Count(_) | Request::ProjectCount(_) => Answer::Count(Ok(1)),
            Request::Group(key) => {
                let id = key.parse().unwrap_or(1);
                Answer::Group(Ok(Group { id, path: key }))
            }
        }
    }

    /// The last pipeline of a project.
    fn pipeline(&self, id: u64) -> Pipeline {
        Pipeline::of(self.projects.project(id).pipeline, self.now.as_secs())
    }

    /// Rows of a project over REST, or a document of it.
    fn rows(&self, path: &str) -> Value {
        let told = below_project(path).map(|(id, below)| self.pipeline(id).over_rest(id, below));
        told.unwrap_or_else(|| json!([]))
    }

    /// A document over REST, with whatever is looked up in one.
    fn document(&self, path: &str) -> Option<Value> {
        if let Some(group) = path.strip_prefix("groups/") {
            let key = group.split(['/', '?']).next().unwrap_or_default();
            return Some(group_over_rest(&key.replace("%2F", "/")));
        }
        let (id, below) = below_project(path)?;
        match below.contains("/jobs?") || below.starts_with("releases?") {
            true => Some(json!([])),
            false => Some(self.body(id)),
        }
    }

    /// The details of the last pipelines of some projects.
    fn details(&self, part: &DetailsPart) -> PartDetails {
        let of = |project: u64, id: u64| {
            let last = self.pipeline(project);
            let is_last = id == last.id();
            let details = PipelineDetails {
                id,
                status: if is_last { last.status() } else { "success" }.to_owned(),
                jobs: Some(Vec::new()),
                next: None,
                report: None,
            };
            (project, details)
        };
        let (projects, pipelines) = match part {
            DetailsPart::Changed { projects, .. } => {
                let last = |id: &u64| of(*id, self.pipeline(*id).id());
                (projects.clone(), projects.iter().map(last).collect())
            }
            DetailsPart::One {
                project, pipeline, ..
            } => (vec![*project], vec![of(*project, pipeline.id)]),
        };
        PartDetails {
            projects,
            pipelines,
            more: Vec::new(),
        }
    }

    /// The id of a project, by id or name.
    fn id(&self, name: &str) -> Option<u64> {
        self.named.get(name).copied().or_else(|| name.parse().ok())
    }

    fn part(&self, part: &RequestPart, plan: &Plan) -> Result<Page, PartError> {
        let (ids, next) = match &part.list {
            List::Ids(ids) => (ids.clone(), NextPage::End),
            List::Paths(paths) => {
                let ids = paths.iter().filter_map(|path| self.id(path));
                (ids.collect(), NextPage::End)
            }
            list => {
                let is_it = |source: &Source| source.list() == *list;
                let index = self.sources.iter().position(is_it).ok_or(PartError::Null)?;
                let place = part.after.as_deref().map_or(0, place);
                let (ids, next) = match part.depth {
                    Depth::Recent => self.projects.recent(index, place, part.first),
                    _ => self.projects.page(index, place, part.first),
                };
                let next = next.map(|place| Position::Cursor(place.to_string()));
                (ids, next.map_or(NextPage::End, NextPage::At))
            }
        };
        Ok(Page {
            nodes: ids
                .iter()
                .map(|id| self.node(*id, part.depth, plan))
                .collect(),
            redacted: 0,
            next,
            group: None,
        })
    }

    fn node(&self, id: u64, depth: Depth, plan: &Plan) -> Node {
        let project = self.projects.project(id);
        let activity = Some(project.activity);
        match depth {
            Depth::Whole | Depth::Identity => Node::Whole(Box::new(self.over_graphql(id, plan))),
            Depth::Activity => {
                let columns = plan.activity.columns.iter();
                let readings = columns.map(|(slot, _)| (*slot, self.answered(project, *slot)));
                Node::Activity {
                    id,
                    activity,
                    readings: readings.collect(),
                }
            }
            Depth::Glance { since } => Node::Glance {
                id,
                activity,
                path: None,
                archived: Some(!project.selected),
                pipelines: plan
                    .sees_pipelines()
                    .then_some(u64::from(self.pipeline(id).changed() >= since)),
            },
            Depth::Round(round) => {
                let asked = &plan.rounds[round];
                let values = asked
                    .columns
                    .iter()
                    .map(|(place, _)| (*place, Answered::Value(1.0)));
                let tables = asked.tables.iter().map(|(place, _)| (*place, no_rows()));
                Node::Round {
                    id,
                    values: values.collect(),
                    tables: tables.collect(),
                }
            }
            // No webhook comes.
            Depth::Subject(_) => Node::Subject {
                id,
                readings: Vec::new(),
            },
            Depth::Recent => Node::Glance {
                id,
                activity,
                path: None,
                archived: None,
                pipelines: None,
            },
            Depth::Feed(depth, place) => {
                let feeds = self.enabled.catalogue.feeds(Grain::Project);
                let placed = &feeds[usize::from(place)];
                Node::Feed {
                    id,
                    page: Ok(self.pipeline(id).in_feed(placed, depth)),
                }
            }
        }
    }

    fn answered(&self, project: &Project, place: usize) -> Answered {
        let column = self.enabled.catalogue.project_columns()[place].column;
        let off = project.unclear && column.feature == Some(Feature::MergeRequests);
        match off || project.hidden && !column.fallbacks.is_empty() {
            true => Answered::Null,
            false => Answered::Value(1.0),
        }
    }

    /// Where a project lies: as many in each group.
    fn path(&self, id: u64) -> String {
        let group = id as usize % self.estate.groups.max(1) + 1;
        match self.names.get(&id) {
            Some(name) => name.clone(),
            None => format!("group-{group}/{id}"),
        }
    }

    fn found(&self, id: u64) -> ProjectAnswer {
        let project = self.projects.project(id);
        let identity = Identity {
            id,
            path: self.path(id).into(),
            personal: Some(false),
            archived: Some(!project.selected),
            last_activity: Some(project.activity),
            default_branch: Some("main".into()),
            ..Identity::default()
        };
        ProjectAnswer::unasked(identity, self.enabled.catalogue)
    }

    /// A project as GraphQL tells it.
    fn over_graphql(&self, id: u64, plan: &Plan) -> ProjectAnswer {
        let (project, mut found) = (self.projects.project(id), self.found(id));
        if project.unclear {
            found.identity.access[Feature::MergeRequests as usize] = Access::Unclear;
        }
        let at = self.now.as_secs();
        for (place, _) in &plan.whole.columns {
            let column = self.enabled.catalogue.project_columns()[*place].column;
            let told = self.answered(project, *place);
            found.values[*place] = Reading::of(told, column, &found.identity, at);
        }
        for place in &plan.whole.unsupported {
            found.values[*place] = Reading::Unknown(Reason::Unsupported);
        }
        found
    }

    /// A project as REST tells it. A group's list has no statistics.
    fn over_rest(&self, id: u64, statistics: bool) -> ProjectAnswer {
        let (project, mut found) = (self.projects.project(id), self.found(id));
        let at = self.now.as_secs();
        for &place in self.enabled.columns() {
            let column = self.enabled.catalogue.project_columns()[place].column;
            found.values[place] = match column.rest {
                Rest::Body(member) if statistics || !member.starts_with("statistics.") => {
                    let told = self.answered(project, place);
                    Reading::of(told, column, &found.identity, at)
                }
                _ => {
                    found.failed.push(place);
                    Reading::Unknown(Reason::Pending)
                }
            };
        }
        found
    }

    /// A document of a project: with whatever is looked up in one.
    fn body(&self, id: u64) -> Value {
        let project = self.projects.project(id);
        let statistics = match project.hidden {
            true => json!({}),
            false => json!({ "commit_count": 1, "counts": { "opened": 1, "closed": 1 } }),
        };
        json!({
            "id": id,
            "path_with_namespace": id.to_string(),
            "merge_requests_enabled": !project.unclear,
            "statistics": statistics,
            "count": 1,
        })
    }

    /// A page of REST, which has whole ones only.
    fn page(&self, path: &str) -> Result<RestPage, Error> {
        let is_it = |source: &Source| {
            let first = first_page(source, "", "");
            first
                .split('&')
                .next()
                .is_some_and(|start| path.starts_with(start))
        };
        let index = self.sources.iter().position(is_it).ok_or_else(blocked)?;
        let begins = path.rsplit_once("&place=");
        let (path, place) = begins.map_or((path, 0), |(path, at)| (path, place(at)));
        let (ids, next) = match path.contains("order_by=last_activity_at") {
            true => self.projects.recent(index, place, Capacity::PAGE),
            false => self.projects.page(index, place, Capacity::PAGE),
        };
        let statistics = path.contains("statistics=true");
        let next = next.map(|place| Position::Path(format!("{path}&place={place}")));
        Ok(RestPage {
            projects: ids
                .iter()
                .map(|id| self.over_rest(*id, statistics))
                .collect(),
            next: next.map_or(NextPage::End, NextPage::At),
            total: None,
        })
    }
}

fn no_rows() -> TableAnswer {
    TableAnswer::Told {
        rows: Vec::new(),
        complete: true,
    }
}

/// The project that a path of REST is about, and what of it.
fn below_project(path: &str) -> Option<(u64, &str)> {
    let path = path.strip_prefix("projects/")?;
    let end = path.find(['/', '?']).unwrap_or(path.len());
    let below = path[end..].trim_start_matches('/');
    Some((path[..end].parse().ok()?, below))
}

/// What a proxy says that lets only REST through.
fn blocked() -> Error {
    Error::NotGitLab {
        status: 403,
        detail: "a web page".to_owned(),
    }
}

/// The place in a list that a cursor of ours stands for.
fn place(cursor: &str) -> u64 {
    cursor.parse().unwrap_or_default()
}
