//! Looks up over REST, one by one, the values of a project that GraphQL or a list did not tell. Which
//! value is asked next depends on the answers before, and on nothing else.

use std::collections::HashMap;

use serde_json::Value;

use super::errors::is_gone;
use super::moment::Moment;
use super::paths::encoded;
use super::request::{Answer, ListPage, Request};
use super::walk::{Page, Position, Walk};
use crate::gitlab::Error;
use crate::metrics::{
    Access, Answered, Column, EnabledMetrics, Grain, Identity, Kind, Named, PlacedTable,
    ProjectAnswer, Reading, Reason, Rest, TableAnswer, UnixTime, member,
};
use crate::poll::plan::Capabilities;

/// A project with values that are still to be looked up over REST.
pub struct Open {
    /// What was known before.
    pub found: ProjectAnswer,
    /// The same with what the answers have told so far.
    so_far: ProjectAnswer,
    pub answers: Answers,
    /// When the first of them was asked.
    pub asked: Option<Moment>,
}

impl Open {
    /// Nothing of it has been asked.
    pub fn new(found: ProjectAnswer) -> Open {
        Open {
            so_far: found.clone(),
            found,
            answers: Answers::new(),
            asked: None,
        }
    }

    /// Has these columns looked up, too.
    pub fn add(&mut self, places: Vec<usize>) {
        let failed = &self.found.failed;
        let new = places.into_iter().filter(|place| !failed.contains(place));
        let new: Vec<usize> = new.collect();
        self.found.failed.extend(&new);
        self.so_far.failed.extend(new);
    }

    /// Fills in what the answers have told: the values that failed, and those that GitLab hides in one
    /// place but may tell in another.
    pub fn state(&mut self, enabled: &EnabledMetrics, capabilities: &Capabilities) -> State {
        let lookups = Lookups {
            id: self.found.identity.id,
            grain: self.found.grain(),
            enabled,
            capabilities,
            answers: &self.answers,
        };
        match lookups.complete(&mut self.so_far) {
            Ok(()) => State::Done(Box::new(self.so_far.clone())),
            Err(Stop::Next(lookup)) => State::Next(lookup),
            Err(Stop::Gone) => State::Gone,
        }
    }
}

/// Something of a project that REST tells, by its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// A document.
    Body(String),
    /// How many entries a list has.
    Count(String),
    /// A page of a list that is read to its end.
    List(String),
}

impl Lookup {
    pub fn request(&self) -> Request {
        match self.clone() {
            Lookup::Body(path) => Request::Body(path),
            Lookup::Count(path) => Request::Count(path),
            Lookup::List(path) => Request::List(path),
        }
    }

    /// Whether it is the project's own document.
    pub fn is_of_project(&self) -> bool {
        matches!(self, Lookup::Body(path) if path.ends_with("?statistics=true"))
    }
}

/// What came of a lookup, and when it was asked.
#[derive(Debug)]
pub struct LookupOutcome {
    pub what: Result<LookupValue, Failure>,
    pub at: UnixTime,
}

#[derive(Debug)]
pub enum LookupValue {
    Body(Value),
    Count(u64),
    List(ListPage),
}

impl LookupValue {
    /// The document, where it is one.
    fn body(&self) -> Value {
        match self {
            LookupValue::Body(body) => body.clone(),
            _ => Value::Null,
        }
    }

    /// What a request told; none for an answer to something else.
    pub fn of(answer: Answer) -> Option<Result<LookupValue, Error>> {
        match answer {
            Answer::Body(answer) => Some(answer.map(LookupValue::Body)),
            Answer::Count(answer) => Some(answer.map(LookupValue::Count)),
            Answer::List(answer) => Some(answer.map(LookupValue::List)),
            _ => None,
        }
    }
}

/// Why there is no answer, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    /// The project itself is gone.
    Gone,
    NotFound,
    Other(Reason),
}

/// Where the lookups of a project stand.
pub enum State {
    /// This is to be asked next.
    Next(Lookup),
    /// Everything that could be learnt was.
    Done(Box<ProjectAnswer>),
    /// The project is gone.
    Gone,
}

/// The answers so far.
pub type Answers = HashMap<Lookup, LookupOutcome>;

/// Stops at what is not known yet, or at a project that is gone.
enum Stop {
    Next(Lookup),
    Gone,
}

impl Failure {
    pub fn of(error: &Error) -> Failure {
        match error {
            error if is_gone(error) => Failure::Gone,
            Error::NotFound { .. } => Failure::NotFound,
            // What a proxy or an edge throttle forbids is no word of GitLab about the project: the last
            // good value stays.
            Error::NotGitLab { status: 403, .. } => Failure::Other(Reason::Refused),
            error => Failure::Other(Reason::from_name(error.reason()).unwrap_or(Reason::Other)),
        }
    }
}

struct Lookups<'a> {
    id: u64,
    grain: Grain,
    enabled: &'a EnabledMetrics,
    capabilities: &'a Capabilities,
    answers: &'a Answers,
}

impl Lookups<'_> {
    /// Goes on from what is there: a value that was told is not found out again.
    fn complete(&self, found: &mut ProjectAnswer) -> Result<(), Stop> {
        let columns = self.enabled.catalogue.columns(self.grain);
        if found.identity.access.contains(&Access::Unclear) {
            // Without an answer it stays unclear, and hidden.
            let own = Lookup::Body(format!("projects/{}?statistics=true", self.id));
            let own = self.answer(own)?;
            if let Ok(LookupValue::Body(body)) = &own.what
                && let Some(settled) = Identity::from_rest(body)
            {
                found.settle(&settled.access, self.enabled.columns());
            }
        }
        while let Some(&slot) = found.failed.first() {
            let column = columns[slot].column;
            let is_off = found.identity.access(column.feature) == Access::Off;
            found.values[slot] = match is_off {
                true => Reading::Off,
                false => match self.ask(column.rest, column.kind, &found.identity)? {
                    (Ok(told), at) => Reading::of(told, column, &found.identity, at),
                    (Err(failure), _) => failure.reading(),
                },
            };
            found.failed.remove(0);
        }
        self.complete_tables(found)?;
        for &slot in self.enabled.columns_of(self.grain) {
            if found.is_hidden(slot) {
                found.values[slot] = self.uncover(columns[slot].column, &found.identity)?;
            }
        }
        Ok(())
    }

    fn complete_tables(&self, found: &mut ProjectAnswer) -> Result<(), Stop> {
        for place in found.failed_tables.clone() {
            let table = &self.enabled.catalogue.tables(self.grain)[place];
            if found.identity.access(table.feature()) == Access::Off {
                found.take_table(place, TableAnswer::Off);
                continue;
            }
            if let Some(named) = table.named() {
                let rows = self.of_names(named, table, &found.identity)?;
                found.take_table(place, rows);
                continue;
            }
            let Some(below) = table.rest_path() else {
                continue;
            };
            let path = self.path(&below, &found.identity);
            let told = match table.is_read_to_the_end() {
                true => self.list(path)?,
                false => {
                    let told = self.answer(Lookup::Body(path))?;
                    (
                        told.what
                            .as_ref()
                            .map_err(|failure| *failure)
                            .map(LookupValue::body),
                        told.at,
                    )
                }
            };
            let rows = match told {
                (Ok(body), at) => TableAnswer::from_rest(&body, table, at),
                (Err(Failure::Gone), _) => return Err(Stop::Gone),
                (Err(failure), _) => TableAnswer::Unknown(failure.reason()),
            };
            found.take_table(place, rows);
        }
        Ok(())
    }

    /// The rows for names: a document for each.
    fn of_names(
        &self,
        named: &Named,
        table: &PlacedTable,
        identity: &Identity,
    ) -> Result<TableAnswer, Stop> {
        let names = self.enabled.choices.names_of(named.names).iter();
        // A comma is the end of a label in REST, and no label of GitLab's has one.
        let names: Vec<String> = names.filter(|name| !name.contains(',')).cloned().collect();
        let (mut documents, mut at) = (Vec::new(), UnixTime::default());
        for name in &names {
            let below = named.rest.replace("{name}", &encoded(name));
            let told = self.answer(Lookup::Body(self.path(&below, identity)))?;
            match &told.what {
                Ok(what) => documents.push(what.body()),
                Err(Failure::Gone) => return Err(Stop::Gone),
                Err(failure) => return Ok(TableAnswer::Unknown(failure.reason())),
            }
            at = told.at;
        }
        let rows = TableAnswer::of_named_documents(&documents, named, &names, table, at);
        Ok(rows)
    }

    /// Asks in other ways for what is hidden.
    fn uncover(&self, column: &Column, identity: &Identity) -> Result<Reading, Stop> {
        for &way in column.fallbacks {
            if matches!(way, Rest::Member { since, .. } if !self.capabilities.is_at_least(since)) {
                continue;
            }
            match self.ask_quietly(way, column.kind, identity)? {
                (Ok(Answered::Value(value)), at) => return Ok(Reading::known(value, at)),
                (Ok(Answered::Invalid), _) => return Ok(Reading::Unknown(Reason::Invalid)),
                (Ok(_) | Err(Failure::NotFound | Failure::Gone), _) => {}
                (Err(failure), _) => return Ok(failure.reading()),
            }
        }
        Ok(Reading::Unknown(Reason::Hidden))
    }

    /// Asks in one way; none if the answer does not have the value.
    fn ask(
        &self,
        way: Rest,
        kind: Kind,
        identity: &Identity,
    ) -> Result<(Result<Answered, Failure>, UnixTime), Stop> {
        match self.ask_quietly(way, kind, identity)? {
            (Err(Failure::Gone), _) => Err(Stop::Gone),
            answer => Ok(answer),
        }
    }

    fn ask_quietly(
        &self,
        way: Rest,
        kind: Kind,
        identity: &Identity,
    ) -> Result<(Result<Answered, Failure>, UnixTime), Stop> {
        let path = |below: &str| self.path(below, identity);
        let (lookup, at) = match way {
            Rest::Body(member) => (
                Lookup::Body(format!("projects/{}?statistics=true", self.id)),
                member,
            ),
            Rest::Member {
                path: below,
                member,
                ..
            } => (Lookup::Body(path(below)), member),
            Rest::First {
                path: below,
                member,
            } => (Lookup::Body(path(below)), member),
            Rest::Count(below) => (Lookup::Count(path(below)), ""),
            Rest::Nowhere => {
                let told = Err(Failure::Other(Reason::Unsupported));
                return Ok((told, UnixTime::default()));
            }
        };
        let outcome = self.answer(lookup)?;
        let value = match &outcome.what {
            Ok(LookupValue::Body(body)) if matches!(way, Rest::First { .. }) => {
                first(body, at, kind)
            }
            Ok(LookupValue::Body(body)) => match (kind.read(member(body, at)), way) {
                // What holds nothing else says nothing without it; what never ends has no time.
                (Answered::Null, Rest::Member { .. }) if kind == Kind::Time => Ok(Answered::Null),
                (Answered::Null, Rest::Member { .. }) => Err(Failure::Other(Reason::NotUnderstood)),
                (told, _) => Ok(told),
            },
            Ok(LookupValue::Count(count)) => Ok(Answered::Value(*count as f64)),
            Ok(LookupValue::List(_)) => Err(Failure::Other(Reason::NotUnderstood)),
            Err(failure) => Err(*failure),
        };
        Ok((value, outcome.at))
    }

    fn path(&self, below: &str, identity: &Identity) -> String {
        let branch = encoded(identity.default_branch.as_deref().unwrap_or("HEAD"));
        match self.grain {
            Grain::Project => format!("projects/{}/{}", self.id, below.replace("{ref}", &branch)),
            Grain::Group => format!("groups/{}/{below}", self.id),
            _ => below.to_owned(),
        }
    }

    /// All rows of a list, page by page.
    fn list(&self, first: String) -> Result<(Result<Value, Failure>, UnixTime), Stop> {
        let (mut walk, mut position, mut path) = (Walk::default(), None, first);
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let told = self.answer(Lookup::List(path.clone()))?;
            let page = match &told.what {
                Ok(LookupValue::List(page)) => page,
                Ok(_) => return Ok((Err(Failure::Other(Reason::NotUnderstood)), told.at)),
                Err(failure) => return Ok((Err(*failure), told.at)),
            };
            // Rows are counted, since not all of them have an id.
            let first = rows.len() as u64;
            rows.extend(page.rows.iter().cloned());
            let ids: Vec<u64> = (first..rows.len() as u64).collect();
            let walked = walk.take(
                position.as_ref(),
                &Page {
                    ids: &ids,
                    redacted: 0,
                    next: page.next.clone(),
                    total: page.total,
                },
            );
            match walked {
                Ok(Some(Position::Path(next))) => {
                    path.clone_from(&next);
                    position = Some(Position::Path(next));
                }
                Ok(_) => return Ok((Ok(Value::Array(rows)), told.at)),
                Err(_) => return Ok((Err(Failure::Other(Reason::NotUnderstood)), told.at)),
            }
        }
    }

    fn answer(&self, lookup: Lookup) -> Result<&LookupOutcome, Stop> {
        self.answers.get(&lookup).ok_or(Stop::Next(lookup))
    }
}

/// What the first entry of a list tells.
fn first(body: &Value, at: &str, kind: Kind) -> Result<Answered, Failure> {
    let Some(entries) = body.as_array() else {
        return Err(Failure::Other(Reason::NotUnderstood));
    };
    let told = entries.first().map(|entry| kind.read(member(entry, at)));
    Ok(told.unwrap_or(Answered::Nothing))
}

impl Failure {
    fn reading(self) -> Reading {
        Reading::Unknown(self.reason())
    }

    /// Nothing that GitLab says of a project is said of itself.
    pub fn of_instance(self) -> Failure {
        match self {
            Failure::Gone => Failure::NotFound,
            other => other,
        }
    }

    pub fn reason(self) -> Reason {
        match self {
            Failure::Gone | Failure::NotFound => Reason::NotFound,
            Failure::Other(reason) => reason,
        }
    }
}
