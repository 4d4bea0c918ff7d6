//! What is asked of an owner over GraphQL: the selection, and where each answer stands in it.

use serde_json::Value as Json;

use super::subject::Named;
use super::table_answer::named_alias;
use super::{
    Answered, Catalogue, Column, EnabledMetrics, Grain, PlacedTable, Reason, Round, Selection,
    TableAnswer, UnixTime, keys,
};

/// What GraphQL could not tell of one node: where below it, and why.
pub type Failures<'a> = [(Vec<&'a str>, Reason)];

/// What is told of a subject that is asked in rounds of its own: values and tables, by their places.
pub type ToldOfRound = (Vec<(usize, Answered)>, Vec<(usize, TableAnswer)>);

/// A selection and the columns in it: each column's place, and where its value stands below a node.
#[derive(Clone, Debug, Default)]
pub struct AskedColumns {
    pub columns: Vec<(usize, Vec<String>)>,
    /// The columns this GitLab does not have.
    pub unsupported: Vec<usize>,
    /// The tables: each one's place, and where its connection or its only row stands below a node.
    pub tables: Vec<(usize, Vec<String>)>,
    /// The tables this GitLab does not have.
    pub unsupported_tables: Vec<usize>,
    pub selection: Selection,
    /// The names that the configuration chooses, where rows are for names.
    pub names: Vec<String>,
}

impl AskedColumns {
    /// Adds the tables of projects that are asked along with them.
    pub fn add_tables(&mut self, enabled: &EnabledMetrics, has: impl Fn(&str) -> bool) {
        for &place in enabled.tables_of(Grain::Project) {
            let table = &enabled.catalogue.tables(Grain::Project)[place];
            self.add_table(place, table, &has);
        }
    }

    /// Adds a table with all its columns that GitLab has.
    pub fn add_table(&mut self, place: usize, table: &PlacedTable, has: impl Fn(&str) -> bool) {
        if let Some(made) = table.made() {
            let asked = made.graphql.iter().filter(|path| has(path));
            let asked: Vec<_> = asked.map(|path| self.selection.add(path)).collect();
            return match asked.is_empty() {
                true => self.unsupported_tables.push(place),
                false => self.tables.push((place, keys(made.at))),
            };
        }
        let columns = table.labels.iter().chain(&table.values);
        let below = table.connection();
        let Some(list) = below else {
            columns
                .filter(|column| has(column.graphql))
                .for_each(|column| drop(self.selection.add(column.graphql)));
            return self.tables.push((place, Vec::new()));
        };
        if !has(&list) {
            return self.unsupported_tables.push(place);
        }
        let keys = self.selection.add(&list);
        let paths = columns.map(|column| column.graphql);
        for path in table.many.map(|many| many.key).into_iter().chain(paths) {
            let path = format!("{list}.nodes.{path}");
            if has(&path) {
                self.selection.add(&path);
            }
        }
        self.selection.add(&format!("{list}.pageInfo.hasNextPage"));
        self.tables.push((place, keys));
    }

    /// What is asked of a project for a subject with a pace of its own, and who it is.
    pub fn of_round(
        round: &Round,
        enabled: &EnabledMetrics,
        has: impl Fn(&str) -> bool,
    ) -> AskedColumns {
        let (grain, mut asked) = (round.subject.of, AskedColumns::default());
        if grain == Grain::Project {
            asked.selection.add("id");
        }
        for &place in &round.columns {
            let column = enabled.catalogue.columns(grain)[place].column;
            match column.graphql {
                // REST has it.
                "" => {}
                path if has(path) => asked.add(place, path),
                _ => asked.unsupported.push(place),
            }
        }
        for &place in &round.tables {
            let table = &enabled.catalogue.tables(grain)[place];
            if let Some(named) = table.named() {
                asked.add_names(place, named, enabled.choices.names_of(named.names), &has);
            } else if table.is_over_graphql() {
                asked.add_table(place, table, &has);
            }
        }
        asked
    }

    /// Adds a table with rows for names: each is asked under an alias of its own.
    fn add_names(
        &mut self,
        place: usize,
        named: &Named,
        names: &[String],
        has: impl Fn(&str) -> bool,
    ) {
        if !has(named.field) {
            return self.unsupported_tables.push(place);
        }
        for (at, name) in names.iter().enumerate() {
            // A text of GraphQL is escaped like one of JSON.
            let name = Json::from(name.as_str());
            let alias = named_alias(at);
            let field = format!("{alias}: {}({}: [{name}])", named.field, named.argument);
            for member in named.members {
                self.selection.add_as(&alias, &field, member);
            }
        }
        if !names.is_empty() {
            self.tables.push((place, Vec::new()));
            self.names = names.to_vec();
        }
    }

    /// What is asked of a group besides who it is.
    pub fn of_group(enabled: &EnabledMetrics, has: impl Fn(&str) -> bool) -> AskedColumns {
        let mut asked = AskedColumns::default();
        for round in enabled.rounds(Grain::Group) {
            for &place in &round.columns {
                let column = enabled.catalogue.columns(Grain::Group)[place].column;
                match has(column.graphql) {
                    true => asked.add(place, column.graphql),
                    false => asked.unsupported.push(place),
                }
            }
        }
        asked
    }

    /// What a node of GraphQL tells of these columns and tables.
    pub fn told(
        &self,
        node: &Json,
        grain: Grain,
        failures: &Failures<'_>,
        catalogue: &Catalogue,
        now: UnixTime,
    ) -> ToldOfRound {
        let columns = catalogue.columns(grain);
        let values = self.columns.iter().map(|(place, keys)| {
            (
                *place,
                answered(columns[*place].column, node, keys, failures),
            )
        });
        let unsupported = self.unsupported.iter();
        let unsupported = unsupported.map(|place| (*place, Answered::Failed(Reason::Unsupported)));
        let tables = self.tables.iter().map(|(place, keys)| {
            let table = &catalogue.tables(grain)[*place];
            let told = match table.named() {
                Some(_) if !failures.is_empty() => TableAnswer::Unknown(failures[0].1),
                Some(named) => TableAnswer::of_names(node, named, &self.names, table, now),
                None => table_over_graphql(table, node, keys, failures, now),
            };
            (*place, told)
        });
        let without = self.unsupported_tables.iter();
        let without = without.map(|place| (*place, TableAnswer::Unknown(Reason::Unsupported)));
        (
            values.chain(unsupported).collect(),
            tables.chain(without).collect(),
        )
    }

    /// Whether GraphQL is asked for anything.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.tables.is_empty()
    }

    /// The query about the GitLab itself.
    pub fn instance_query(&self) -> String {
        let fields = self.selection.text();
        format!("query Instance {{ {fields} queryComplexity {{ score }} }}")
    }

    pub fn add(&mut self, place: usize, path: &str) {
        let keys = self.selection.add(path);
        self.columns.push((place, keys));
    }
}

/// Reads the answer to one table below a node of GraphQL.
pub fn table_over_graphql(
    table: &PlacedTable,
    node: &Json,
    keys: &[String],
    failures: &Failures<'_>,
    now: UnixTime,
) -> TableAnswer {
    let below = keys.iter().fold(node, |value, key| &value[key.as_str()]);
    // An error below the rows may have turned any of them into a null.
    let failed = failures
        .iter()
        .find(|(at, _)| keys.iter().zip(at).all(|(key, at)| key == at));
    match failed {
        Some((_, reason)) => TableAnswer::Unknown(*reason),
        None => TableAnswer::from_graphql(below, table, now),
    }
}

/// Reads the answer to one column below a node of GraphQL.
pub fn answered(
    column: &Column,
    node: &Json,
    keys: &[String],
    failures: &Failures<'_>,
) -> Answered {
    let mut value = Some(node);
    for key in keys {
        value = value.and_then(|value| match &value[key.as_str()] {
            // Of a list the first entry is meant.
            Json::Array(entries) => entries.first(),
            value => Some(value),
        });
    }
    let failure = failures
        .iter()
        .find(|(at, _)| keys.iter().zip(at).all(|(key, at)| key == at));
    let told = value.map_or(Answered::Nothing, |value| column.kind.read(value));
    match (told, failure) {
        (Answered::Null | Answered::Nothing, Some((_, reason))) => Answered::Failed(*reason),
        (told, _) => told,
    }
}
