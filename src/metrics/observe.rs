//! What a metric shows of a snapshot: its series, how many they are, and whether two snapshots show
//! the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::placed::{Places, TablePlace, ValuePlace};
use super::series::EmitEnded;
use super::subject::{NAMESPACE, PROJECT_PATH, Shows, TOPICS};
use super::view::of_gitlab;
use super::{
    BridgeStatus, Choices, Emit, Ended, EndedSeries, Grain, HistogramsBy, Identity, Instrument,
    Kind, Metric, Owner, PROJECT_ID, ProjectLabels, Reading, Reason, Snapshot, Table, TableReading,
    View,
};

/// What is folded into one: the namespace, if it is told apart by that, and the attributes.
type FoldedKey<'a> = (&'a str, &'a [Arc<str>]);

impl Metric {
    /// Shows what `projects` (indices into the snapshot) have of this metric, in the way that is chosen.
    /// A metric over all projects, or about something else, is shown whatever the range.
    pub fn observe(
        &self,
        snapshot: &Snapshot,
        projects: Range<usize>,
        choices: &Choices,
        emit: &mut Emit<'_>,
    ) {
        match (&self.places, self.shows) {
            (Places::Sum(_), _) | (_, Shows::Projects) if self.most(snapshot) == 0 => {}
            (Places::Sum(places), _) => {
                if let Some(sum) = snapshot.sum(places) {
                    emit(&[], sum);
                }
            }
            (_, Shows::Projects) => {
                if let Some(count) = snapshot.project_count {
                    emit(&[], count as f64);
                }
            }
            (_, Shows::Bridge(_) | Shows::GitLab(_)) => {}
            _ => {
                for part in self.parts() {
                    for owner in part.shown_owners(snapshot, projects.clone()) {
                        part.observe_owner(owner, choices, emit);
                    }
                }
            }
        }
    }

    pub(super) fn observe_owner(&self, owner: &Owner, choices: &Choices, emit: &mut Emit<'_>) {
        let id = owner.identity.id.to_string();
        let labels = self.owner_labels(&id, &owner.identity, choices);
        match (&self.places, self.shows) {
            (Places::Values(places), _) => {
                for place in places {
                    if let Some((attribute, value)) = shown_value(self, place, owner) {
                        let mut all = labels.clone();
                        all.extend(attribute);
                        emit(&all, value);
                    }
                }
            }
            (Places::Table(place), _) => self.observe_table(place, owner, &labels, choices, emit),
            (Places::Parts(own), _) => {
                for (word, sum) in own.of(owner) {
                    let mut all = labels.clone();
                    all.push((own.attribute, word));
                    emit(&all, sum);
                }
            }
            (
                Places::Live {
                    table,
                    attribute,
                    stages,
                },
                _,
            ) => {
                for (stage, count) in live(owner, *table, stages.len()) {
                    let mut all = labels.clone();
                    all.push((*attribute, stages[stage]));
                    emit(&all, count);
                }
            }
            (Places::Counted { rows, .. }, _) => {
                for (row, count) in self.each_counted(owner) {
                    let mut all = labels.clone();
                    let texts = rows.attributes.iter();
                    all.extend(told(texts.map(|own| (own.name, own.text(row.0, row.1)))));
                    emit(&all, count as f64);
                }
            }
            (Places::Ended { place, .. }, _) if self.instrument == Instrument::Counter => {
                self.each_ended(*place, owner, &labels, &mut |attributes, ended, _| {
                    emit(attributes, ended.count as f64);
                });
            }
            (_, Shows::Identity { value, attributes }) => {
                if let Some(number) = value(&owner.identity) {
                    let mut all = attributes(&owner.identity);
                    let named: Vec<_> = all.iter().map(|(name, _)| *name).collect();
                    let more = labels.iter().filter(|(name, _)| !named.contains(name));
                    all.extend(more);
                    emit(&all, number as f64);
                }
            }
            _ => {}
        }
    }

    /// The attributes that every series of an owner carries.
    fn owner_labels<'a>(
        &self,
        id: &'a str,
        identity: &'a Identity,
        choices: &Choices,
    ) -> Vec<(&'static str, &'a str)> {
        let shown = choices.project_labels;
        match self.ci_exporter {
            Some(_) => other_identity_labels(id, identity, shown),
            None => identity_labels(self.subject.of, id, identity, shown),
        }
    }

    /// The rows of a table, and how many things were counted of what each stands for; none as long as the
    /// things themselves are not known.
    pub(super) fn each_counted<'a>(&'a self, owner: &'a Owner) -> Vec<((&'a Table, usize), u64)> {
        let Places::Counted {
            rows,
            by,
            ended,
            of,
        } = &self.places
        else {
            return Vec::new();
        };
        let is_counted = owner.tables.get(*of).is_some_and(|of| of.known().is_some());
        let shown = table(owner, rows).filter(|_| is_counted);
        let series = owner.ended.get(*ended).map_or(&[][..], |own| &own.series);
        let count = |table: &Table, row: usize| {
            let is_it = |own: &&EndedSeries| {
                let mut texts = own.attributes.iter().zip(by);
                texts.all(|(text, by)| **text == *by.text(table, row))
            };
            series.iter().find(is_it).map_or(0, |own| own.count)
        };
        let all = shown
            .into_iter()
            .flat_map(|table| (0..table.rows()).map(move |row| (table, row)));
        let all = all.map(|(table, row)| ((&**table, row), count(table, row)));
        all.collect()
    }

    fn observe_table(
        &self,
        place: &TablePlace,
        owner: &Owner,
        labels: &[(&'static str, &str)],
        choices: &Choices,
        emit: &mut Emit<'_>,
    ) {
        let Some(table) = table(owner, place) else {
            return;
        };
        if matches!(self.shows, Shows::Rows) {
            return emit(labels, table.rows() as f64);
        }
        for row in 0..table.rows() {
            if let Some(value) = self.row_value(place, table, row) {
                let mut all = labels.to_vec();
                let texts = place.attributes.iter();
                all.extend(told(
                    texts.map(|attribute| (attribute.name, attribute.text(table, row))),
                ));
                emit(&all, value);
                for (name, other) in self.other_states(place, table, row, choices) {
                    all.iter_mut()
                        .filter(|(own, _)| *own == name)
                        .for_each(|own| own.1 = other);
                    emit(&all, 0.0);
                }
            }
        }
    }

    /// The known states that a row is not in, where they are shown: the attribute and its values.
    fn other_states<'a>(
        &self,
        place: &'a TablePlace,
        table: &'a Table,
        row: usize,
        choices: &Choices,
    ) -> impl Iterator<Item = (&'static str, &'static str)> + use<'a> {
        let states = match self.shows {
            Shows::StateSet(name) if !choices.sparse_states => {
                self.attributes.iter().find(|own| own.name == name)
            }
            _ => None,
        };
        states.into_iter().flat_map(move |states| {
            let mut own = place.attributes.iter();
            let own = own.find(|own| own.name == states.name);
            let own = own.map(|own| own.text(table, row)).unwrap_or_default();
            let others = states.examples.iter().filter(move |state| **state != own);
            others.map(|state| (states.name, *state))
        })
    }

    /// Shows what has ended, if it counts that: what `projects` have, like [`Metric::observe`].
    pub fn observe_ended(
        &self,
        snapshot: &Snapshot,
        projects: Range<usize>,
        choices: &Choices,
        emit: &mut EmitEnded<'_>,
    ) {
        let Places::Ended { place, .. } = &self.places else {
            return;
        };
        if !self.is_per_project_by(choices) && self.is_per_project() {
            return self.observe_folded(*place, snapshot, choices, emit);
        }
        for owner in self.shown_owners(snapshot, projects) {
            let id = owner.identity.id.to_string();
            let labels = self.owner_labels(&id, &owner.identity, choices);
            self.each_ended(*place, owner, &labels, emit);
        }
    }

    /// Shows what has ended of all projects together, or of all in a namespace: also of those that are
    /// gone by now.
    fn observe_folded(
        &self,
        place: usize,
        snapshot: &Snapshot,
        choices: &Choices,
        emit: &mut EmitEnded<'_>,
    ) {
        let by_namespace = choices.histograms_by == HistogramsBy::Namespace;
        let mut all: BTreeMap<FoldedKey<'_>, (EndedSeries, u32)> = BTreeMap::new();
        for owner in snapshot.projects.iter().chain(&snapshot.departed) {
            let namespace = match by_namespace {
                true => owner.identity.namespace(),
                false => "",
            };
            let ended = owner.ended.get(place);
            for (ended, series) in each_series(ended) {
                let key = (namespace, &*series.attributes);
                let (sum, since) = all.entry(key).or_default();
                sum.add(series);
                *since = match *since {
                    0 => ended.since,
                    since => since.min(ended.since),
                };
            }
        }
        let own = self.attributes.iter().filter(|own| !own.is_identity());
        let names: Vec<_> = own.map(|attribute| attribute.name).collect();
        for ((namespace, texts), (series, since)) in all.iter().take(self.most(snapshot)) {
            let texts = texts.iter().map(|text| &**text);
            let mut labels: Vec<_> = told(names.iter().copied().zip(texts)).collect();
            if by_namespace {
                labels.push((NAMESPACE.name, namespace));
            }
            emit(&labels, series, *since);
        }
    }

    /// Whether its series are told apart by project, as it is chosen to be shown.
    pub fn is_per_project_by(&self, choices: &Choices) -> bool {
        let is_folded = self.instrument == Instrument::Histogram
            && choices.histograms_by != HistogramsBy::Project
            && !self.names_pipelines();
        self.is_per_project() && !is_folded
    }

    pub(super) fn each_ended(
        &self,
        place: usize,
        owner: &Owner,
        labels: &[(&'static str, &str)],
        emit: &mut EmitEnded<'_>,
    ) {
        let own = self.attributes.iter().filter(|own| !own.is_identity());
        let names: Vec<_> = own.map(|attribute| attribute.name).collect();
        for (ended, series) in each_series(owner.ended.get(place)) {
            let mut all = labels.to_vec();
            let texts = series.attributes.iter().map(|text| &**text);
            all.extend(told(names.iter().copied().zip(texts)));
            emit(&all, series, ended.since);
        }
    }

    /// What is shown of a row; none if it has nothing to show, such as a state that was not told.
    pub(super) fn row_value(&self, place: &TablePlace, table: &Table, row: usize) -> Option<f64> {
        if let Shows::StateSet(name) = self.shows {
            let state = place.attributes.iter().find(|own| own.name == name)?;
            if state.text(table, row).is_empty() {
                return None;
            }
        }
        let Some(at) = place.value else {
            return Some(1.0);
        };
        let value = table.values_of(row)[at].value()?;
        Some(match self.shows {
            Shows::StateSet(_) => 1.0,
            _ => value,
        })
    }

    /// How many series it has there, without building them.
    pub fn count(&self, snapshot: &Snapshot, projects: Range<usize>, choices: &Choices) -> usize {
        match (&self.places, self.shows) {
            (Places::Ended { .. }, _)
                if self.is_per_project() && !self.is_per_project_by(choices) =>
            {
                let mut series = 0;
                self.observe_ended(snapshot, projects, choices, &mut |_, _, _| series += 1);
                series
            }
            (Places::Sum(_), _) | (_, Shows::Projects) if self.most(snapshot) == 0 => 0,
            (Places::Sum(places), _) => usize::from(snapshot.sum(places).is_some()),
            (_, Shows::Projects) => usize::from(snapshot.project_count.is_some()),
            (_, Shows::Bridge(_) | Shows::GitLab(_)) => 0,
            _ => {
                let of = |part: &Metric| -> usize {
                    let owners = part.shown_owners(snapshot, projects.clone());
                    owners.map(|owner| part.count_of(owner, choices)).sum()
                };
                self.parts().map(of).sum()
            }
        }
    }

    /// How many series an owner has, without building them.
    pub fn count_of(&self, owner: &Owner, choices: &Choices) -> usize {
        match (&self.places, self.shows) {
            (Places::Values(places), _) => {
                let shown = |place: &&ValuePlace| shown_value(self, place, owner).is_some();
                places.iter().filter(shown).count()
            }
            (Places::Table(place), shows) => match (table(owner, place), shows) {
                (None, _) => 0,
                (Some(_), Shows::Rows) => 1,
                (Some(table), _) => {
                    let rows = 0..table.rows();
                    let shown = rows.filter(|row| self.row_value(place, table, *row).is_some());
                    shown
                        .map(|row| 1 + self.other_states(place, table, row, choices).count())
                        .sum()
                }
            },
            (Places::Parts(own), _) => own.of(owner).count(),
            (Places::Live { table, stages, .. }, _) => live(owner, *table, stages.len()).count(),
            (Places::Counted { .. }, _) => self.each_counted(owner).len(),
            (Places::Ended { place, .. }, _) => {
                owner.ended.get(*place).map_or(0, |own| own.series.len())
            }
            (_, Shows::Identity { value, .. }) => usize::from(value(&owner.identity).is_some()),
            _ => 0,
        }
    }

    /// Whether it shows the same of these projects of one view as of those of the other. When a value
    /// was told is not shown. It may say no where the same is shown, never yes where it is not.
    pub fn shows_same(
        &self,
        one: &View,
        of_one: Range<usize>,
        other: &View,
        of_other: Range<usize>,
    ) -> bool {
        let names = |view: &View| -> Vec<Option<Arc<str>>> {
            view.gitlabs
                .iter()
                .map(|gitlab| gitlab.name.clone())
                .collect()
        };
        if names(one) != names(other) {
            return false;
        }
        let ranges = one.ranges(of_one).zip(other.ranges(of_other));
        let mut pairs = ranges.zip(one.gitlabs.iter().zip(&other.gitlabs));
        pairs.all(|((of_one, of_other), (one, other))| {
            let (one, other) = (&one.snapshot, &other.snapshot);
            Arc::ptr_eq(one, other) && of_one == of_other
                || self.snapshots_show_same(one, of_one, other, of_other)
        })
    }

    fn snapshots_show_same(
        &self,
        one: &Snapshot,
        of_one: Range<usize>,
        other: &Snapshot,
        of_other: Range<usize>,
    ) -> bool {
        if self.most(one) != self.most(other) {
            return false;
        }
        match (&self.places, self.shows) {
            (Places::Sum(places), _) => one.sum(places) == other.sum(places),
            (_, Shows::Projects) => one.project_count == other.project_count,
            _ => self.parts().all(|part| {
                let one = part.owners(one, of_one.clone());
                let other = part.owners(other, of_other.clone());
                let same = |(one, other): (&Arc<Owner>, &Arc<Owner>)| {
                    Arc::ptr_eq(one, other) || part.owners_show_same(one, other)
                };
                one.len() == other.len() && one.iter().zip(other).all(same)
            }),
        }
    }

    /// Whether it shows the same of two owners; see [`Metric::shows_same`].
    pub fn owners_show_same(&self, one: &Owner, other: &Owner) -> bool {
        match (one.hides(self.limited_as()), other.hides(self.limited_as())) {
            (true, true) => return true,
            (false, false) => {}
            _ => return false,
        }
        let (who, now) = (&one.identity, &other.identity);
        if !Arc::ptr_eq(who, now)
            && (who.id, &who.path, &who.topics) != (now.id, &now.path, &now.topics)
        {
            return false;
        }
        match (&self.places, self.shows) {
            (Places::Values(places), _) => places
                .iter()
                .all(|place| value(one, place.place) == value(other, place.place)),
            (Places::Table(place), _) => match (table(one, place), table(other, place)) {
                (None, None) => true,
                (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.shows_like(other),
                _ => false,
            },
            (Places::Live { table, stages, .. }, _) => {
                live(one, *table, stages.len()).eq(live(other, *table, stages.len()))
            }
            (Places::Parts(own), _) => own.of(one).eq(own.of(other)),
            (Places::Ended { place, .. }, _) => {
                one.ended[*place].series == other.ended[*place].series
            }
            (Places::Counted { rows, .. }, _) => {
                let is_same = match (table(one, rows), table(other, rows)) {
                    (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.shows_like(other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                let counts = |owner| -> Vec<u64> {
                    let counted = self.each_counted(owner).into_iter();
                    counted.map(|(_, count)| count).collect()
                };
                is_same && counts(one) == counts(other)
            }
            (_, Shows::Identity { value, attributes }) => {
                Arc::ptr_eq(who, now)
                    || value(who) == value(now) && attributes(who) == attributes(now)
            }
            _ => true,
        }
    }

    /// Calls `note` for each series that is absent because a value is not known. What is not asked
    /// is not missing.
    pub(super) fn each_unknown(&self, snapshot: &Snapshot, note: &mut dyn FnMut(Reason)) {
        if let Some(also) = &self.also {
            also.each_unknown(snapshot, note);
        }
        let mut note = |reason: Reason| {
            if reason != Reason::NotAsked {
                note(reason);
            }
        };
        for owner in snapshot.owners(self.subject.of) {
            match &self.places {
                Places::Values(places) => {
                    for place in places {
                        if let Some(Reading::Unknown(reason)) = owner.values.get(place.place) {
                            note(*reason);
                        }
                    }
                }
                Places::Table(place) => match owner.tables.get(place.table) {
                    Some(TableReading::Unknown(reason)) => note(*reason),
                    Some(TableReading::Known(table)) => {
                        let Some(at) = place.value else {
                            continue;
                        };
                        for row in 0..table.rows() {
                            if let Reading::Unknown(Reason::Invalid) = table.values_of(row)[at] {
                                note(Reason::Invalid);
                            }
                        }
                    }
                    Some(TableReading::Off) | None => {}
                },
                Places::Live { table, .. } | Places::Counted { of: table, .. } => {
                    if let Some(TableReading::Unknown(reason)) = owner.tables.get(*table) {
                        note(*reason);
                    }
                }
                Places::Elsewhere | Places::Parts(_) | Places::Sum(_) | Places::Ended { .. } => {}
            }
        }
    }

    /// How many of its rows have given way to a limit.
    pub(super) fn dropped(&self, snapshot: &Snapshot) -> u64 {
        let also = self.also.as_ref().map_or(0, |also| also.dropped(snapshot));
        let (Places::Table(place) | Places::Counted { rows: place, .. }) = &self.places else {
            return also;
        };
        let owners = snapshot.owners(self.subject.of).iter();
        let tables = owners.filter_map(|owner| table(owner, place));
        let given_way = tables.flat_map(|table| &table.given_way);
        also + given_way.filter(|row| row.had(place.value)).count() as u64
    }

    /// How many ended things it counts, also of projects that are gone by now.
    pub(super) fn ended(&self, snapshot: &Snapshot) -> u64 {
        let Places::Ended { place, .. } = &self.places else {
            return 0;
        };
        let owners = snapshot.owners(self.subject.of).iter();
        let all = owners.chain(&snapshot.departed);
        let ended = all.filter_map(|owner| owner.ended.get(*place));
        let series = ended.flat_map(|ended| &ended.series);
        series.map(|series| series.count).sum()
    }

    /// Shows what the bridge has of this metric, if it is one of its own.
    pub fn observe_bridge(&self, bridge: &BridgeStatus, emit: &mut Emit<'_>) {
        let Some(telling) = &self.telling else {
            return self.observe_own(bridge, emit);
        };
        let choices = Choices::default(); // It says nothing of the bridge.
        let teller = telling.of(None, &choices);
        self.observe_own(bridge, &mut |attributes, value| {
            teller.tell(attributes, |told| emit(told, value));
        });
    }

    fn observe_own(&self, bridge: &BridgeStatus, emit: &mut Emit<'_>) {
        match self.shows {
            Shows::Bridge(read) => read(bridge, emit),
            Shows::GitLab(read) => {
                for gitlab in &bridge.gitlabs {
                    let name = gitlab.name.as_deref();
                    of_gitlab(name, emit, |emit| read(gitlab, emit));
                }
            }
            _ => {}
        }
    }

    /// Whether its series give way owner by owner where a limit cuts them.
    pub(super) fn is_by_owner(&self, choices: &Choices) -> bool {
        let is_folded = self.is_per_project() && !self.is_per_project_by(choices);
        !is_folded
            && !matches!(self.places, Places::Sum(_))
            && !matches!(self.shows, Shows::Projects)
    }

    /// How many of its series are shown at the most, if they are not told apart by owner.
    fn most(&self, snapshot: &Snapshot) -> usize {
        let most = snapshot.at_most.get(self.ours());
        most.copied().unwrap_or(usize::MAX)
    }

    fn shown_owners<'a>(
        &self,
        snapshot: &'a Snapshot,
        projects: Range<usize>,
    ) -> impl Iterator<Item = &'a Arc<Owner>> {
        let owners = self.owners(snapshot, projects).iter();
        owners.filter(|owner| !owner.hides(self.limited_as()))
    }

    /// The owners whose series it shows. Only projects are counted through.
    fn owners<'a>(&self, snapshot: &'a Snapshot, projects: Range<usize>) -> &'a [Arc<Owner>] {
        match self.subject.of {
            // All of them, where there are other owners besides.
            Grain::Project if self.also.is_none() => &snapshot.projects[projects],
            grain => snapshot.owners(grain),
        }
    }
}

/// An attribute that says nothing, such as why a job failed that did not, is left out: to Prometheus an
/// empty label is none.
fn told<'a>(
    attributes: impl Iterator<Item = (&'static str, &'a str)>,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    attributes.filter(|(_, text)| !text.is_empty())
}

fn each_series(ended: Option<&Ended>) -> impl Iterator<Item = (&Ended, &EndedSeries)> {
    let ended = ended.into_iter();
    ended.flat_map(|ended| ended.series.iter().map(move |series| (ended, series)))
}

fn table<'a>(owner: &'a Owner, place: &TablePlace) -> Option<&'a Arc<Table>> {
    owner.tables.get(place.table)?.known()
}

/// How many things are at each stage, over all feeds of a table's subject.
fn live(owner: &Owner, table: usize, stages: usize) -> impl Iterator<Item = (usize, f64)> {
    let table = owner.tables.get(table).and_then(TableReading::known);
    let of = move |stage: usize| {
        let counts = table?.live.iter().skip(stage).step_by(stages.max(1));
        Some((stage, counts.map(|count| f64::from(*count)).sum()))
    };
    (0..stages).filter_map(of)
}

fn value(owner: &Owner, place: usize) -> Option<f64> {
    owner.values.get(place)?.value()
}

/// The attribute and the number that are shown of a value.
pub(super) fn shown_value(
    metric: &Metric,
    place: &ValuePlace,
    owner: &Owner,
) -> Option<(Option<(&'static str, &'static str)>, f64)> {
    let value = value(owner, place.place)?;
    match (metric.shows, place.kind) {
        (Shows::StateSet(name), Kind::OneOf(words)) => {
            Some((Some((name, *words.get(value as usize)?)), 1.0))
        }
        _ => Some((place.attribute, value)),
    }
}

/// The attributes that every series of an owner carries.
pub(super) fn identity_labels<'a>(
    grain: Grain,
    id: &'a str,
    identity: &'a Identity,
    shown: ProjectLabels,
) -> Vec<(&'static str, &'a str)> {
    match grain {
        Grain::Instance => Vec::new(),
        Grain::Group => vec![("group_id", id)],
        Grain::Runner => vec![("runner_id", id)],
        Grain::Project => {
            let mut labels = vec![(PROJECT_ID.name, id)];
            let topics = identity.topics.as_deref().unwrap_or_default();
            let more = [
                (shown.path, PROJECT_PATH.name, &*identity.path),
                (shown.namespace, NAMESPACE.name, identity.namespace()),
                (shown.topics, TOPICS.name, topics),
            ];
            let more = more.into_iter().filter(|(is_shown, ..)| *is_shown);
            labels.extend(more.map(|(_, name, value)| (name, value)));
            labels
        }
    }
}

/// The attributes that every series of a project carries under the names of the other exporter: its path, as that
/// one has it, and its id, so that two projects never share a series and ours can be joined.
fn other_identity_labels<'a>(
    id: &'a str,
    identity: &'a Identity,
    shown: ProjectLabels,
) -> Vec<(&'static str, &'a str)> {
    let own = ProjectLabels {
        path: false,
        ..shown
    };
    let mut labels = identity_labels(Grain::Project, id, identity, own);
    labels.push(("project", &identity.path));
    labels
}
