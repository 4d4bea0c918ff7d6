//! Reads what GitLab answers about a project, or about itself, over GraphQL and over REST.
//!
//! Not understood is not gone: what can't be read is an error, never an absent project or a null.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::subject::Named;
use super::table_answer::named_alias;
use super::{
    Access, Answered, Catalogue, Column, EnabledMetrics, Feature, Grain, Identity, NotUnderstood,
    PlacedTable, Reading, Reason, Rest, Round, Selection, TableAnswer, UnixTime, keys, member,
};

/// What is told of a subject that is asked in rounds of its own: values and tables, by their places.
pub type ToldOfRound = (Vec<(usize, Answered)>, Vec<(usize, TableAnswer)>);

/// What GraphQL could not tell of one node: where below it, and why.
pub type Failures<'a> = [(Vec<&'a str>, Reason)];

/// What an answer says of a project, before it is merged with what was known.
pub type ProjectAnswer = OwnerAnswer;

/// What an answer says of an owner, before it is merged with what was known.
#[derive(Clone)]
pub struct OwnerAnswer {
    /// Who it is; the GitLab itself has none.
    pub identity: Identity,
    /// One reading for each column of its grain.
    pub values: Box<[Reading]>,
    /// One for each table of its grain.
    pub tables: Box<[TableAnswer]>,
    /// The columns that failed and may be asked in another way.
    pub failed: Vec<usize>,
    /// The tables that failed and may be asked in another way.
    pub failed_tables: Vec<usize>,
    pub(super) grain: Grain,
    pub(super) catalogue: &'static Catalogue,
}

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
        format!("query Instance {{ {} }}", self.selection.text())
    }

    pub fn add(&mut self, place: usize, path: &str) {
        let keys = self.selection.add(path);
        self.columns.push((place, keys));
    }
}

impl OwnerAnswer {
    /// A project of which nothing was asked.
    pub fn unasked(identity: Identity, catalogue: &'static Catalogue) -> ProjectAnswer {
        Self::of_grain(Grain::Project, identity, catalogue)
    }

    /// An owner of which nothing was asked.
    pub fn of_grain(
        grain: Grain,
        identity: Identity,
        catalogue: &'static Catalogue,
    ) -> OwnerAnswer {
        let columns = catalogue.columns(grain).len();
        let tables = catalogue.tables(grain).len();
        OwnerAnswer {
            identity,
            values: vec![Reading::Unknown(Reason::NotAsked); columns].into(),
            tables: vec![TableAnswer::Unknown(Reason::NotAsked); tables].into(),
            failed: Vec::new(),
            failed_tables: Vec::new(),
            grain,
            catalogue,
        }
    }

    /// Reads a `Project` node of a GraphQL answer to which `asked` was put.
    ///
    /// # Errors
    /// If it is no project with an id and a path.
    pub fn from_graphql(
        node: &Json,
        asked: &AskedColumns,
        failures: &Failures<'_>,
        catalogue: &'static Catalogue,
        now: UnixTime,
    ) -> Result<ProjectAnswer, NotUnderstood> {
        let mut answer = Self::listed_over_graphql(node, catalogue)?;
        answer.read(node, asked, failures, now);
        Ok(answer)
    }

    fn read(&mut self, node: &Json, asked: &AskedColumns, failures: &Failures<'_>, now: UnixTime) {
        for place in &asked.unsupported {
            self.values[*place] = Reading::Unknown(Reason::Unsupported);
        }
        for (place, keys) in &asked.columns {
            let column = self.column(*place);
            let on = self.identity.access(column.feature) == Access::On;
            self.values[*place] = match answered(column, node, keys, failures) {
                Answered::Failed(reason) if on => {
                    self.failed.push(*place);
                    Reading::Unknown(reason)
                }
                Answered::Failed(_) => Reading::of(Answered::Null, column, &self.identity, now),
                told => Reading::of(told, column, &self.identity, now),
            };
        }
        for (place, keys) in &asked.tables {
            let table = &self.catalogue.tables(self.grain)[*place];
            let told = table_over_graphql(table, node, keys, failures, now);
            self.take_table(*place, told);
        }
        for place in &asked.unsupported_tables {
            self.tables[*place] = TableAnswer::Unknown(Reason::Unsupported);
        }
    }

    /// Marks columns and tables as still to be asked: in another way, if they are `failed`.
    pub fn expect(&mut self, columns: &[usize], tables: &[usize], failed: bool) {
        for &place in columns {
            self.values[place] = Reading::Unknown(Reason::Pending);
        }
        for &place in tables {
            self.tables[place] = TableAnswer::Unknown(Reason::Pending);
        }
        if failed {
            self.failed.extend(columns);
            self.failed_tables.extend(tables);
        }
    }

    /// Says of columns and tables why they are not known.
    pub fn despair(&mut self, columns: &[usize], tables: &[usize], reason: Reason) {
        for &place in columns {
            self.values[place] = Reading::Unknown(reason);
        }
        for &place in tables {
            self.tables[place] = TableAnswer::Unknown(reason);
        }
    }

    /// Takes in what was answered about single columns and tables. What failed may be asked in another
    /// way.
    pub fn fill(
        &mut self,
        values: &[(usize, Answered)],
        tables: Vec<(usize, TableAnswer)>,
        now: UnixTime,
    ) {
        for &(place, told) in values {
            let column = self.column(place);
            self.values[place] = Reading::of(told, column, &self.identity, now);
            if matches!(told, Answered::Failed(reason) if !reason.is_fact()) {
                self.failed.push(place);
            }
        }
        for (place, told) in tables {
            self.take_table(place, told);
        }
    }

    /// Takes in the rows of a subject. What failed may be asked in another way.
    pub fn take_table(&mut self, place: usize, told: TableAnswer) {
        self.failed_tables.retain(|failed| *failed != place);
        let feature = self.catalogue.tables(self.grain)[place].feature();
        let told = match (self.identity.access(feature), told) {
            (Access::Off, _) => TableAnswer::Off,
            (Access::Unclear, _) => TableAnswer::Unknown(Reason::Hidden),
            (Access::Denied, TableAnswer::Told { rows, .. }) if rows.is_empty() => {
                TableAnswer::Unknown(Reason::Hidden)
            }
            (_, told) => told,
        };
        if matches!(told, TableAnswer::Unknown(reason) if !reason.is_fact()) {
            self.failed_tables.push(place);
        }
        self.tables[place] = told;
    }

    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// Reads who a `Project` node of a GraphQL answer is. Every value of `asked` is still to be asked.
    ///
    /// # Errors
    /// If it is no project with an id and a path.
    pub fn identity_from_graphql(
        node: &Json,
        asked: &AskedColumns,
        catalogue: &'static Catalogue,
    ) -> Result<ProjectAnswer, NotUnderstood> {
        let mut answer = Self::listed_over_graphql(node, catalogue)?;
        for place in &asked.unsupported {
            answer.values[*place] = Reading::Unknown(Reason::Unsupported);
        }
        for (place, _) in &asked.columns {
            answer.values[*place] = Reading::Unknown(Reason::Pending);
            answer.failed.push(*place);
        }
        for (place, _) in &asked.tables {
            answer.take_table(*place, TableAnswer::Unknown(Reason::Pending));
        }
        Ok(answer)
    }

    fn listed_over_graphql(
        node: &Json,
        catalogue: &'static Catalogue,
    ) -> Result<ProjectAnswer, NotUnderstood> {
        let identity = Identity::from_graphql(node);
        let identity = identity.ok_or(NotUnderstood("a project without an id or a path"))?;
        Ok(Self::unasked(identity, catalogue))
    }

    /// Reads a project's REST body. A column that does not stand in it is still to be asked.
    ///
    /// # Errors
    /// If it is no project with an id and a path.
    pub fn from_rest(
        body: &Json,
        enabled: &EnabledMetrics,
        now: UnixTime,
    ) -> Result<ProjectAnswer, NotUnderstood> {
        let (columns, catalogue) = (enabled.columns(), enabled.catalogue);
        let identity = Identity::from_rest(body);
        let identity = identity.ok_or(NotUnderstood("a project without an id or a path"))?;
        let mut answer = Self::unasked(identity, catalogue);
        // A group's list has no statistics; only the project's own body tells whether they are hidden.
        let complete = body.get("statistics").is_some();
        for &place in columns {
            let column = catalogue.project_columns()[place].column;
            let off = answer.identity.access(column.feature) == Access::Off;
            answer.values[place] = match column.rest {
                _ if off => Reading::Off,
                Rest::Body(path) if complete || !path.starts_with("statistics.") => {
                    let told = column.kind.read(member(body, path));
                    Reading::of(told, column, &answer.identity, now)
                }
                _ => {
                    answer.failed.push(place);
                    Reading::Unknown(Reason::Pending)
                }
            };
        }
        for &place in enabled.tables_of(Grain::Project) {
            let table = &catalogue.tables(Grain::Project)[place];
            let told = match table.many {
                Some(_) => TableAnswer::Unknown(Reason::Pending),
                None => TableAnswer::from_rest(body, table, now),
            };
            answer.take_table(place, told);
        }
        Ok(answer)
    }

    /// Whether a value is hidden where it was asked for, and may be told elsewhere. Who may not read
    /// the repository is not told about it in another way.
    pub fn is_hidden(&self, place: usize) -> bool {
        self.values[place] == Reading::Unknown(Reason::Hidden)
            && !self.column(place).fallbacks.is_empty()
            && self.identity.code != Some(false)
    }

    /// The columns whose values are still to be asked in another way.
    pub fn open(&self, columns: &BTreeSet<usize>) -> Vec<usize> {
        let unclear =
            |place: usize| self.identity.access(self.column(place).feature) == Access::Unclear;
        let open = columns.iter().copied().filter(|place| {
            self.failed.contains(place) || self.is_hidden(*place) || unclear(*place)
        });
        open.collect()
    }

    /// Takes over what is known of features, where it was unclear.
    pub fn settle(&mut self, access: &[Access; Feature::ALL.len()], columns: &BTreeSet<usize>) {
        for (ours, settled) in self.identity.access.iter_mut().zip(access) {
            if *ours == Access::Unclear {
                // On for the project, and not for us.
                *ours = if *settled == Access::Off {
                    Access::Off
                } else {
                    Access::Denied
                };
            }
        }
        for &place in columns {
            if self.identity.access(self.column(place).feature) == Access::Off {
                self.values[place] = Reading::Off;
            }
        }
    }

    fn column(&self, place: usize) -> &'static Column {
        self.catalogue.columns(self.grain)[place].column
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

impl Reading {
    /// The reading of an answer, given what the token's user has of the column's feature.
    pub fn of(told: Answered, column: &Column, identity: &Identity, now: UnixTime) -> Reading {
        match (identity.access(column.feature), told) {
            (Access::Off, _) => Reading::Off,
            (Access::Unclear, _) => Reading::Unknown(Reason::Hidden),
            (_, Answered::Invalid) => Reading::Unknown(Reason::Invalid),
            (_, Answered::Failed(reason)) => Reading::Unknown(reason),
            (Access::Denied, Answered::Null | Answered::Nothing | Answered::Value(0.0)) => {
                Reading::Unknown(Reason::Hidden)
            }
            (Access::On, Answered::Nothing) => Reading::Off,
            (_, Answered::Value(value)) => Reading::known(value, now),
            (Access::On, Answered::Null) => Reading::of_null(column, identity, now),
        }
    }

    /// The reading of a null: nobody tells, unless it follows from an empty repository.
    fn of_null(column: &Column, identity: &Identity, now: UnixTime) -> Reading {
        match column.when_empty {
            Some(value) if identity.empty == Some(true) => Reading::known(value, now),
            _ => Reading::Unknown(column.null_means),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Choices;
    use crate::metrics::subject::count;
    use serde_json::json;

    fn catalogue() -> &'static Catalogue {
        Catalogue::standard()
    }

    fn place(name: &str) -> usize {
        let columns = catalogue().project_columns().iter();
        let mut names = columns.map(|placed| placed.column.name);
        names.position(|column| column == name).unwrap()
    }

    #[test]
    fn a_zero_is_believed_of_those_who_may_read() {
        let column =
            count("opened", "issueStatusCounts.opened", Rest::Count("issues")).of(Feature::Issues);
        let known = |value| Reading::Known { value, at: 1 };
        let hidden = Reading::Unknown(Reason::Hidden);
        let invalid = Reading::Unknown(Reason::Invalid);
        for (access, told, reading) in [
            (Access::On, Answered::Value(0.0), known(0.0)),
            (Access::On, Answered::Null, hidden),
            (Access::On, Answered::Nothing, Reading::Off),
            (Access::Denied, Answered::Nothing, hidden),
            (Access::On, Answered::Invalid, invalid),
            (Access::Denied, Answered::Value(0.0), hidden),
            (Access::Denied, Answered::Value(3.0), known(3.0)),
            (Access::Unclear, Answered::Value(3.0), hidden),
            (Access::Off, Answered::Value(3.0), Reading::Off),
        ] {
            let identity = Identity {
                access: [access; Feature::ALL.len()],
                ..Identity::default()
            };
            let read = Reading::of(told, &column, &identity, 1);
            assert_eq!(read, reading, "{access:?} {told:?}");
        }
    }

    #[test]
    fn what_can_not_be_true_is_invalid_over_both_apis() {
        let mut asked = AskedColumns::default();
        let (size, stars) = (place("job_artifacts"), place("stars"));
        asked.add(size, "statistics.buildArtifactsSize");
        asked.add(stars, "starCount");
        let node = json!({
            "id": "gid://gitlab/Project/7", "fullPath": "a/b",
            "statistics": {"buildArtifactsSize": -1024.0}, "starCount": 1.5,
        });
        let body = json!({
            "id": 7, "path_with_namespace": "a/b",
            "statistics": {"job_artifacts_size": -1024}, "star_count": 1e300,
        });
        let over_graphql = ProjectAnswer::from_graphql(&node, &asked, &[], catalogue(), 1);
        let names = ["gitlab_storage_size_bytes", "gitlab_project_stars"];
        let enabled = EnabledMetrics::new(
            catalogue(),
            |name| names.contains(&name),
            Choices::default(),
        );
        let over_rest = ProjectAnswer::from_rest(&body, &enabled, 1);
        for answer in [over_graphql.unwrap(), over_rest.unwrap()] {
            for place in [size, stars] {
                assert_eq!(answer.values[place], Reading::Unknown(Reason::Invalid));
            }
            assert!(answer.failed.is_empty(), "nobody else is asked");
        }
    }

    #[test]
    fn what_is_no_project_is_not_understood() {
        let asked = AskedColumns::default();
        let enabled = EnabledMetrics::new(catalogue(), |_| true, Choices::default());
        for odd in [
            json!({}),
            json!([]),
            json!(null),
            json!(1),
            json!({"message": "maintenance"}),
            json!({"fullPath": "a/b", "path_with_namespace": "a/b"}),
            json!({"id": "gid://gitlab/Project/x", "fullPath": "a/b"}),
            json!({"id": "7", "path_with_namespace": "a/b"}),
            json!({"id": {"id": 7}, "fullPath": "a/b", "path_with_namespace": "a/b"}),
        ] {
            let over_graphql = ProjectAnswer::from_graphql(&odd, &asked, &[], catalogue(), 1);
            assert!(over_graphql.is_err(), "{odd}");
            let over_rest = ProjectAnswer::from_rest(&odd, &enabled, 1);
            assert!(over_rest.is_err(), "{odd}");
        }
    }
}
