//! Reads what GraphQL answers to some projects, or several times some.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::gitlab::{Answer, Error, GraphqlError};
use crate::metrics::{
    Answered, Api, AskedColumns, Catalogue, Grain, Identity, Kind, NotUnderstood, ProjectAnswer,
    Reason, Record, UnixTime, answered, keys,
};
use crate::poll::engine::{
    FeedPage, NextPage, Node, Page, PartError, Position, Projects, is_timeout, not_understood,
    unread,
};
use crate::poll::plan::{Depth, FeedDepth, List, Plan, RequestPart, alias};

/// Reads answers to the questions of a plan.
pub struct Reader<'a> {
    pub plan: &'a Plan,
    pub catalogue: &'static Catalogue,
    /// When they were asked.
    pub at: UnixTime,
}

/// Errors about one project of an answer: the keys below its node, and why.
type Failures<'a> = Vec<(Vec<&'a str>, Reason)>;

impl Reader<'_> {
    pub fn projects(&self, parts: &[RequestPart], answer: &Answer) -> Projects {
        let pages = parts.iter().enumerate();
        let limit = answer.data["queryComplexity"]["limit"].as_u64();
        Projects {
            parts: pages
                .map(|(index, part)| self.part(index, part, answer))
                .collect(),
            took: answer.took,
            ran_out_of_time: answer.errors.iter().any(is_timeout),
            most_score: limit.and_then(|limit| limit.try_into().ok()),
            date: answer.date.and_then(seconds),
        }
    }

    fn part(&self, index: usize, part: &RequestPart, answer: &Answer) -> Result<Page, PartError> {
        let alias = alias(index);
        let own = &answer.data[&alias];
        let connection = match part.list {
            List::Group(_) => &own["projects"],
            _ => own,
        };
        let is_ours = |error: &&GraphqlError| {
            let first = error.path.first().and_then(Value::as_str);
            first.is_none_or(|first| first == alias)
        };
        let errors: Vec<&GraphqlError> = answer.errors.iter().filter(is_ours).collect();
        let Some(nodes) = connection["nodes"].as_array() else {
            return Err(no_list(own, &errors));
        };
        let mut page = Page {
            nodes: Vec::with_capacity(nodes.len()),
            redacted: 0,
            next: match part.depth {
                Depth::Feed(..) => NextPage::End,
                _ => next(&connection["pageInfo"]),
            },
            group: own["id"].as_str().and_then(id),
        };
        for (index, node) in nodes.iter().enumerate() {
            let failures: Failures<'_> = errors
                .iter()
                .filter_map(|error| failed_at(error, index))
                .collect();
            match (node, failures.is_empty()) {
                (Value::Null, true) => page.redacted += 1,
                // GitLab lost a whole project of the page.
                (Value::Null, false) => return Err(PartError::TooMuch),
                (node, _) => {
                    let node = self.node(node, part.depth, &failures);
                    let node = node.map_err(unread);
                    page.nodes.push(node.map_err(PartError::Refused)?);
                }
            }
        }
        Ok(page)
    }

    fn node(
        &self,
        node: &Value,
        depth: Depth,
        failures: &Failures<'_>,
    ) -> Result<Node, NotUnderstood> {
        let asked = &self.plan.whole;
        let whole = match depth {
            Depth::Whole => {
                ProjectAnswer::from_graphql(node, asked, failures, self.catalogue, self.at)?
            }
            Depth::Identity => ProjectAnswer::identity_from_graphql(node, asked, self.catalogue)?,
            _ => return self.shallow(node, depth, failures),
        };
        Ok(Node::Whole(Box::new(whole)))
    }

    /// A project of which not everything was asked.
    fn shallow(
        &self,
        node: &Value,
        depth: Depth,
        failures: &Failures<'_>,
    ) -> Result<Node, NotUnderstood> {
        let id = Identity::id_from_graphql(node);
        let id = id.ok_or(NotUnderstood("a project without an id"))?;
        if let Depth::Feed(depth, feed) = depth {
            let page = self.feed_page(node, depth, usize::from(feed), failures)?;
            return Ok(Node::Feed { id, page });
        }
        let activity = Identity::activity_from_graphql(node);
        if let Depth::Round(round) = depth {
            let asked = &self.plan.rounds[round];
            let (values, tables) =
                asked.told(node, Grain::Project, failures, self.catalogue, self.at);
            return Ok(Node::Round { id, values, tables });
        }
        let columns = self.catalogue.project_columns();
        let readings = |asked: &AskedColumns| {
            let told = asked.columns.iter().map(|(place, keys)| {
                let column = columns[*place].column;
                (*place, answered(column, node, keys, failures))
            });
            told.collect()
        };
        if depth == Depth::Activity {
            return Ok(Node::Activity {
                id,
                activity,
                readings: readings(&self.plan.activity),
            });
        }
        if let Depth::Subject(name) = depth {
            let readings = self.plan.of_subject(name).map(readings);
            return Ok(Node::Subject {
                id,
                readings: readings.unwrap_or_default(),
            });
        }
        Ok(Node::Glance {
            id,
            activity,
            path: node["fullPath"].as_str().map(str::to_owned),
            archived: node["archived"].as_bool(),
            pipelines: match Kind::Count.read(&node["pipelines"]["count"]) {
                Answered::Value(count) => Some(count as u64),
                _ => None,
            },
        })
    }
}

impl Reader<'_> {
    /// What a feed tells of a project. An error below its list may have turned any of it into a null.
    fn feed_page(
        &self,
        node: &Value,
        depth: FeedDepth,
        feed: usize,
        failures: &Failures<'_>,
    ) -> Result<Result<FeedPage, Reason>, NotUnderstood> {
        if let Some((_, reason)) = failures.first() {
            return Ok(Err(*reason));
        }
        let placed = &self.catalogue.feeds(Grain::Project)[feed];
        let asked = match depth {
            FeedDepth::Newest => placed.feed.newest.unwrap_or_default(),
            _ => placed.feed.changed,
        };
        let key = keys(asked).into_iter().next().unwrap_or_default();
        let connection = &node[&key];
        if connection.is_null() {
            return Ok(Err(Reason::Hidden));
        }
        let nodes = &connection["nodes"];
        let told = nodes
            .as_array()
            .ok_or(NotUnderstood("a feed that is no list"))?;
        let told = told.len();
        if matches!(depth, FeedDepth::Glance { .. }) {
            return Ok(Ok(FeedPage {
                things: Vec::new(),
                told,
                next: None,
            }));
        }
        let page = &connection["pageInfo"];
        let next = match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
            (Some(false), _) => None,
            (Some(true), Some(cursor)) => Some(cursor.to_owned()),
            // Without it the walk would seem to have come to its end.
            _ => return Err(NotUnderstood("a feed that does not say whether it goes on")),
        };
        Ok(Ok(FeedPage {
            things: Record::read_all(nodes, placed, Api::Graphql, self.at)?,
            told,
            next,
        }))
    }
}

fn seconds(at: SystemTime) -> Option<UnixTime> {
    at.duration_since(UNIX_EPOCH)
        .ok()
        .map(|since| since.as_secs())
}

/// Why there is no list in an answer.
fn no_list(own: &Value, errors: &[&GraphqlError]) -> PartError {
    match errors {
        // GitLab answers null for what does not exist and for what may not be seen.
        [] if own.is_null() => PartError::Null,
        [] => PartError::Refused(not_understood(
            &"there is no list of projects in the answer",
        )),
        errors if errors.iter().any(|error| is_timeout(error)) => PartError::TooMuch,
        errors => PartError::Refused(Error::Graphql {
            errors: errors.iter().map(|error| (*error).clone()).collect(),
        }),
    }
}

/// What a page says of the next one.
fn next(page: &Value) -> NextPage {
    match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
        (Some(false), _) => NextPage::End,
        (Some(true), Some(cursor)) => NextPage::At(Position::Cursor(cursor.to_owned())),
        // Without it the list would end early, and projects would seem to be gone.
        _ => NextPage::Unsaid,
    }
}

/// The number of a global id.
pub fn id(gid: &str) -> Option<u64> {
    gid.rsplit('/').next()?.parse().ok()
}

fn reason(error: &GraphqlError) -> Reason {
    match is_timeout(error) {
        true => Reason::Timeout,
        false => Reason::Graphql,
    }
}

/// What an error of a partial answer is about, if it is about the project at `index`: keys below
/// its node, and why.
fn failed_at(error: &GraphqlError, index: usize) -> Option<(Vec<&str>, Reason)> {
    let mut path = error
        .path
        .iter()
        .skip_while(|segment| *segment != "nodes")
        .skip(1);
    let at = path.next()?.as_u64()?;
    (at == index as u64).then(|| (path.filter_map(Value::as_str).collect(), reason(error)))
}
