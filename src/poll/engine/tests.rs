//! Drives the engine with arbitrary answers: every poll ends, within so many requests; nothing false
//! is ever published; and what GitLab tells is known in the end, once it answers properly.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::gitlab::NetworkFailure;
use crate::metrics::{
    Answered, AskedColumns, Catalogue, Choices, EnabledMetrics, Grain, Identity, Kind,
    ProjectAnswer, Reading, Reason, Record, Rest,
};
use crate::poll::plan::{Capabilities, Depth, FeedDepth, List, Plan, RequestPart};
use crate::poll::{Config, Selection, Source};

const INTERVAL: Duration = Duration::from_secs(60);

/// A GitLab of a few projects, which fails as a script says.
struct Fake {
    enabled: Arc<EnabledMetrics>,
    projects: BTreeSet<u64>,
    /// Those of them that have been there all the time.
    steady: BTreeSet<u64>,
    /// How the next answers fail; properly answered once it has ended.
    script: VecDeque<u8>,
    now: Moment,
}

/// What is true of a project, and never changes.
fn truth(id: u64, place: usize) -> f64 {
    (id * 100 + place as u64) as f64
}

/// Whether GraphQL hides what REST may tell of a project.
fn hides(id: u64) -> bool {
    id.is_multiple_of(5)
}

/// Every way in which all of a request can fail. GitLab's own word that a project is gone is none:
/// it would be true.
fn error(kind: u8) -> Error {
    let (detail, wait) = (String::new(), Duration::from_secs(u64::from(kind % 7)));
    let until = Instant::now() + wait;
    match kind % 12 {
        0 => Error::Network {
            kind: NetworkFailure::Interrupted,
            source: "cut".into(),
        },
        1 => Error::Timeout { detail },
        2 => Error::Server { status: 502 },
        3 => Error::Graphql { errors: Vec::new() },
        4 => Error::NotFound { detail },
        5 => Error::NotGitLab {
            status: 404,
            detail,
        },
        6 => Error::NotUnderstood { detail },
        7 => Error::Forbidden { detail },
        8 => Error::Budget { until, wait },
        9 => Error::RateLimited { until, wait },
        10 => Error::Deadline,
        _ => Error::Unauthorized { detail },
    }
}

impl Fake {
    fn answer(&mut self, request: Request) -> Answer {
        let fault = self.script.pop_front().unwrap_or_default();
        // Half of the answers are good ones.
        match fault {
            0..128 => self.proper(request),
            128..200 => refused(&request, fault),
            _ => {
                let mut answer = self.proper(request);
                self.tamper(&mut answer, fault);
                answer
            }
        }
    }

    /// Parts that fail, and pages that do not say where the list goes on, or lead astray.
    fn tamper(&self, answer: &mut Answer, fault: u8) {
        match answer {
            Answer::Projects(Ok(projects)) => {
                for (index, part) in projects.parts.iter_mut().enumerate() {
                    let Ok(page) = part else { continue };
                    match (usize::from(fault) + index) % 7 {
                        0 => page.next = NextPage::Unsaid,
                        1 => page.next = NextPage::At(Position::Cursor("0".to_owned())),
                        2 => page.redacted += page.nodes.pop().iter().count(),
                        3 => *part = Err(PartError::TooMuch),
                        4 => *part = Err(PartError::Null),
                        5 => *part = Err(PartError::Refused(error(6))),
                        _ => {}
                    }
                }
            }
            Answer::Page(Ok(page)) => match fault % 3 {
                0 => page.next = NextPage::Unsaid,
                1 => page.next = NextPage::At(Position::Path("projects?id_after=0".to_owned())),
                _ => page.total = Some(1_000),
            },
            _ => {}
        }
    }

    fn proper(&self, request: Request) -> Answer {
        match request {
            Request::Probe => Answer::Probe(Ok(Capabilities::current())),
            Request::Projects(parts, plan) => Answer::Projects(Ok(Projects {
                parts: parts
                    .iter()
                    .map(|part| Ok(self.part(part, &plan)))
                    .collect(),
                took: Duration::from_secs(1),
                ran_out_of_time: false,
                date: None,
                most_score: None,
            })),
            Request::Page(path) => Answer::Page(Ok(self.page(&path))),
            Request::Project(name) => Answer::Project(self.project(name.parse().unwrap_or(0))),
            Request::Body(path) => Answer::Body(Ok(self.body(&path))),
            Request::Count(path) => Answer::Count(Ok(self.count(&path))),
            Request::List(_) => Answer::List(Err(error(4))),
            Request::Group(_) => Answer::Group(Err(error(4))),
            Request::ProjectCount(_) => Answer::ProjectCount(Ok(0)),
            Request::Details(..) => Answer::Details(Err(error(4))),
            Request::Rows(_) => Answer::Rows(Err(error(4))),
            Request::Query(..) => Answer::Query(Err(error(4))),
        }
    }

    /// Three projects behind an id, as GitLab lists them.
    fn listed(&self, after: u64) -> (Vec<u64>, Option<u64>) {
        let behind = self.projects.range(after + 1..);
        let ids: Vec<u64> = behind.copied().take(3).collect();
        let last = ids.last().copied().unwrap_or(after);
        let goes_on = self.projects.range(last + 1..).next().is_some();
        (ids, goes_on.then_some(last))
    }

    fn part(&self, part: &RequestPart, plan: &Plan) -> Page {
        let (ids, next) = match &part.list {
            List::Ids(ids) => {
                let there = ids.iter().copied().filter(|id| self.projects.contains(id));
                (there.collect(), None)
            }
            _ => self.listed(place(part.after.as_deref())),
        };
        let cursor = |last: u64| NextPage::At(Position::Cursor(last.to_string()));
        Page {
            nodes: ids
                .iter()
                .map(|id| self.node(*id, part.depth, plan))
                .collect(),
            redacted: 0,
            next: next.map_or(NextPage::End, cursor),
            group: None,
        }
    }

    fn node(&self, id: u64, depth: Depth, plan: &Plan) -> Node {
        let columns = self.enabled.catalogue.project_columns();
        let told = |place: usize| match hides(id) && !columns[place].column.fallbacks.is_empty() {
            true => Answered::Null,
            false => Answered::Value(truth(id, place)),
        };
        let told_of = |asked: &AskedColumns| {
            let places = asked.columns.iter();
            places.map(|(place, _)| (*place, told(*place))).collect()
        };
        let activity = Some(1_000 + id);
        match depth {
            Depth::Whole | Depth::Identity => {
                let mut project = self.unasked(id);
                for (place, _) in &plan.whole.columns {
                    let column = columns[*place].column;
                    project.values[*place] = match depth {
                        Depth::Whole => {
                            Reading::of(told(*place), column, &project.identity, self.now.as_secs())
                        }
                        _ => {
                            project.failed.push(*place);
                            Reading::Unknown(Reason::Pending)
                        }
                    };
                }
                Node::Whole(Box::new(project))
            }
            Depth::Activity => Node::Activity {
                id,
                activity,
                readings: told_of(&plan.activity),
            },
            Depth::Subject(name) => Node::Subject {
                id,
                readings: told_of(plan.of_subject(name).unwrap()),
            },
            Depth::Round(round) => Node::Round {
                id,
                values: told_of(&plan.rounds[round]),
                tables: Vec::new(),
            },
            Depth::Feed(depth, _) => Node::Feed {
                id,
                page: Ok(FeedPage {
                    things: vec![Record::resting(id, self.now.as_secs())],
                    told: usize::from(depth == FeedDepth::Newest || id.is_multiple_of(2)),
                    next: None,
                }),
            },
            _ => Node::Glance {
                id,
                activity,
                path: None,
                archived: None,
                pipelines: None,
            },
        }
    }

    fn unasked(&self, id: u64) -> ProjectAnswer {
        let identity = Identity {
            id,
            path: format!("a/{id}").into(),
            last_activity: Some(1_000 + id),
            ..Identity::default()
        };
        ProjectAnswer::unasked(identity, self.enabled.catalogue)
    }

    fn page(&self, path: &str) -> RestPage {
        let after = place(path.rsplit_once("id_after=").map(|(_, id)| id));
        let (ids, next) = self.listed(after);
        let path = |last: u64| NextPage::At(Position::Path(format!("projects?id_after={last}")));
        let projects = ids.iter().filter_map(|id| self.project(*id).ok());
        RestPage {
            projects: projects.collect(),
            next: next.map_or(NextPage::End, path),
            total: None,
        }
    }

    fn project(&self, id: u64) -> Result<ProjectAnswer, Error> {
        let detail = "404 Project Not Found".to_owned();
        if !self.projects.contains(&id) {
            return Err(Error::NotFound { detail });
        }
        let mut project = self.unasked(id);
        for &place in self.enabled.columns() {
            project.failed.push(place);
            project.values[place] = Reading::Unknown(Reason::Pending);
        }
        Ok(project)
    }

    fn body(&self, path: &str) -> Value {
        let id = id_in(path);
        let columns = self.enabled.catalogue.project_columns();
        let first = columns.iter().enumerate().find_map(|(place, placed)| {
            let Rest::First {
                path: below,
                member,
            } = placed.column.rest
            else {
                return None;
            };
            path.ends_with(below)
                .then(|| json!([{ member: told(id, place, placed.column.kind) }]))
        });
        if let Some(list) = first {
            return list;
        }
        let mut body = json!({ "id": id, "path_with_namespace": format!("a/{id}") });
        let columns = self.enabled.catalogue.project_columns();
        for (place, placed) in columns.iter().enumerate() {
            if let Rest::Body(member) = placed.column.rest {
                let mut at = &mut body;
                for key in member.split('.') {
                    at = &mut at[key];
                }
                *at = told(id, place, placed.column.kind);
            }
            if !placed.column.fallbacks.is_empty() {
                body["count"] = json!(truth(id, place));
            }
        }
        body
    }

    fn count(&self, path: &str) -> u64 {
        let id = id_in(path);
        let below = path
            .split_once(&format!("projects/{id}/"))
            .map(|(_, below)| below);
        let columns = self.enabled.catalogue.project_columns().iter();
        let is_it = |rest: &Rest| match rest {
            Rest::Count(other) => below == Some(&other.replace("{ref}", "HEAD")),
            _ => false,
        };
        let place = columns.enumerate().find(|(_, placed)| {
            is_it(&placed.column.rest) || placed.column.fallbacks.iter().any(is_it)
        });
        place.map_or(0, |(place, _)| truth(id, place) as u64)
    }
}

/// The truth as REST tells it.
fn told(id: u64, place: usize, kind: Kind) -> Value {
    let truth = truth(id, place);
    match kind {
        Kind::Time => json!(
            jiff::Timestamp::from_second(truth as i64)
                .unwrap()
                .to_string()
        ),
        _ => json!(truth),
    }
}

fn refused(request: &Request, kind: u8) -> Answer {
    match request {
        Request::Probe => Answer::Probe(Err(error(kind))),
        Request::Projects(..) => Answer::Projects(Err(error(kind))),
        Request::Page(_) => Answer::Page(Err(error(kind))),
        Request::Project(_) => Answer::Project(Err(error(kind))),
        Request::Body(_) => Answer::Body(Err(error(kind))),
        Request::Count(_) => Answer::Count(Err(error(kind))),
        Request::List(_) => Answer::List(Err(error(kind))),
        Request::Group(_) => Answer::Group(Err(error(kind))),
        Request::ProjectCount(_) => Answer::ProjectCount(Err(error(kind))),
        Request::Details(..) => Answer::Details(Err(error(kind))),
        Request::Rows(_) => Answer::Rows(Err(error(kind))),
        Request::Query(..) => Answer::Query(Err(error(kind))),
    }
}

fn place(cursor: Option<&str>) -> u64 {
    cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0)
}

fn id_in(path: &str) -> u64 {
    let id = path
        .trim_start_matches("projects/")
        .split(['/', '?'])
        .next();
    id.and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// The most requests of a poll: each project may be read in all ways, each with its tries; and each
/// answer that is no good costs a few more.
fn most_requests(projects: usize, columns: usize, faults: usize) -> usize {
    let of_a_project = 20 + 2 * columns;
    let of_a_list = 20;
    of_a_list + of_a_project * (projects + 1) + 10 * faults
}

/// Polls once. Fails if that does not end.
fn poll(engine: &mut Engine, fake: &mut Fake, most: usize) -> Arc<Snapshot> {
    let mut under_way = VecDeque::new();
    let mut requests = 0;
    engine.begin(fake.now);
    loop {
        let next = engine.next(fake.now);
        under_way.extend(next.requests);
        match (under_way.pop_front(), next.again) {
            (Some(asked), _) => {
                requests += 1;
                assert!(requests <= most, "more than {most} requests");
                let answer = fake.answer(asked.request);
                fake.now = fake.now + Duration::from_millis(20);
                engine.answered(asked.id, answer, fake.now);
            }
            (None, Some(again)) => fake.now = again,
            (None, None) => return engine.end(fake.now, requests as u64, None),
        }
    }
}

fn assert_true(fake: &Fake, snapshot: &Snapshot) {
    for project in &snapshot.projects {
        let id = project.identity.id;
        for (place, reading) in project.values.iter().enumerate() {
            let value = reading.value();
            assert!(
                value.is_none_or(|value| value == truth(id, place)),
                "{id}: {place} is {value:?}"
            );
        }
    }
    // No total leaves out what has been there all the time: an incomplete list counts for nothing.
    if let Some(count) = snapshot.project_count {
        assert_eq!(count, snapshot.projects.len() as u64);
        for id in &fake.steady {
            let is_it = |project: &Arc<Owner>| project.identity.id == *id;
            assert!(snapshot.projects.iter().any(is_it), "{id} is not counted");
        }
    }
}

/// One poll: projects that appear or vanish before it, and how its answers fail.
type Turn = (Vec<u64>, Vec<u8>);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let changes = prop::collection::vec(1_u64..12, 0..3);
    let script = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec((changes, script), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_gitlab_answers_a_poll_ends_and_nothing_false_is_shown(turns in turns()) {
        let enabled = Arc::new(EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default()));
        let config = Config {
            selection: Selection::from(&[Source::Membership][..]),
            rhythm: Rhythm {
                interval: INTERVAL,
                glance: 5 * INTERVAL,
                sweep: 15 * INTERVAL,
            },
            ..Config::default()
        };
        let mut engine = Engine::new(&config, 3, Arc::clone(&enabled));
        let mut fake = Fake {
            projects: BTreeSet::from([1, 2, 3, 5, 8, 10]),
            steady: BTreeSet::from([1, 2, 3, 5, 8, 10]),
            script: VecDeque::new(),
            now: Moment::from_secs(1_790_000_000),
            enabled,
        };
        let columns = fake.enabled.shown(Grain::Project).0.len();
        for (changes, script) in turns {
            for id in changes {
                if !fake.projects.remove(&id) {
                    fake.projects.insert(id);
                }
                fake.steady.remove(&id);
            }
            let most = most_requests(12, columns, script.len());
            fake.script = script.into();
            let snapshot = poll(&mut engine, &mut fake, most);
            assert_true(&fake, &snapshot);
            fake.now = fake.now + INTERVAL;
        }
        fake.script.clear();
        let mut last = Arc::default();
        // What was refused for an hour is told in the end, too.
        for _ in 0..75 {
            last = poll(&mut engine, &mut fake, most_requests(12, columns, 0));
            assert_true(&fake, &last);
            fake.now = fake.now + INTERVAL;
        }
        let shown: BTreeMap<u64, usize> = last
            .projects
            .iter()
            .map(|project| (project.identity.id, project.values.iter().filter(|value| value.value().is_some()).count()))
            .collect();
        let there: BTreeMap<u64, usize> = fake.projects.iter().map(|id| (*id, columns)).collect();
        prop_assert_eq!(shown, there);
        prop_assert_eq!(last.project_count, Some(fake.projects.len() as u64));
    }
}
