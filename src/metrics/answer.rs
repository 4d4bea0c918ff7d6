//! Reads what GitLab answers about a project, or about itself, over GraphQL and over REST.
//!
//! Not understood is not gone: what can't be read is an error, never an absent project or a null.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::asked_columns::{AskedColumns, Failures, answered, table_over_graphql};
use super::{
    Access, Answered, Catalogue, Column, EnabledMetrics, Feature, Grain, Identity, NotUnderstood,
    Reading, Reason, Rest, TableAnswer, UnixTime, member,
};

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
    /// Whether something of the identity failed: what it lacks is not known to be absent.
    pub failed_identity: bool,
    pub(super) grain: Grain,
    pub(super) catalogue: &'static Catalogue,
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
            failed_identity: false,
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
        let mut paths = failures.iter().map(|(path, _)| path);
        answer.failed_identity = paths.any(|path| Identity::is_asked(path));
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

    /// Takes these reasons for GitLab's way to say that the token may not see it.
    pub fn hide(&mut self, reasons: &[Reason]) {
        for value in &mut self.values {
            if matches!(value, Reading::Unknown(reason) if reasons.contains(reason)) {
                *value = Reading::Unknown(Reason::Hidden);
            }
        }
        for table in &mut self.tables {
            if matches!(table, TableAnswer::Unknown(reason) if reasons.contains(reason)) {
                *table = TableAnswer::Unknown(Reason::Hidden);
            }
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
