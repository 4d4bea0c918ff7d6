//! What one owner has of a metric, and what it lacks.

use std::collections::BTreeMap;

use super::answer::{Series, Value};
use super::collected::Collected;
use super::when::moment;
use super::why;
use crate::metrics::observe::{identity_labels, shown_value};
use crate::metrics::placed::{Places, TablePlace, ValuePlace};
use crate::metrics::subject::{Grain, Instrument, Shows};
use crate::metrics::{
    Choices, EndedSeries, Metric, Owner, Reading, Reason, Table, TableReading, UnixTime,
};

/// What is the same for all owners of an answer.
pub(super) struct Around<'a> {
    pub choices: &'a Choices,
    /// Bridge time.
    pub now: UnixTime,
    /// When the metric is read, in a sentence.
    pub read: &'a str,
    /// Whether its values are moments.
    pub is_moment: bool,
    /// The name of the GitLab on its series.
    pub instance: Option<(&'static str, &'a str)>,
}

/// Adds what an owner has of a metric, and what it lacks.
pub(super) fn collect(metric: &Metric, owner: &Owner, around: &Around<'_>, all: &mut Collected) {
    if owner.hides(metric.name) {
        let count = metric.count_of(owner, around.choices) as u64;
        return all.lack(
            why::hidden_by_limit(around.choices),
            count,
            None,
            Some(&owner.identity),
        );
    }
    match (&metric.places, metric.shows) {
        (Places::Values(places), _) => values(metric, places, owner, around, all),
        (Places::Table(place), _) => rows(metric, place, owner, around, all),
        (Places::Live { table, .. }, _) => match owner.tables.get(*table) {
            Some(TableReading::Known(known)) => {
                shown(metric, owner, Some(known.at), around, all);
                // Nothing at all was ever under way.
                if known.live.is_empty() {
                    all.lack(
                        why::no_rows(metric.subject, around.choices),
                        1,
                        None,
                        Some(&owner.identity),
                    );
                }
            }
            other => no_table(metric, other, owner, around, all),
        },
        (Places::Ended { place, table }, _) => ended(metric, *place, *table, owner, around, all),
        (Places::Counted { rows, .. }, _) => match owner.tables.get(rows.table) {
            Some(TableReading::Known(table)) => {
                shown(metric, owner, Some(table.at), around, all);
            }
            other => no_table(metric, other, owner, around, all),
        },
        (_, Shows::Identity { value, .. }) => match value(&owner.identity) {
            Some(_) => shown(metric, owner, Some(owner.listed), around, all),
            None => {
                let why = why::unknown(Reason::Hidden, metric, around.read);
                all.lack(why, 1, None, Some(&owner.identity));
            }
        },
        _ => {}
    }
}

/// Adds all series that an owner shows, which were read at the same moment.
fn shown(
    metric: &Metric,
    owner: &Owner,
    at: Option<u32>,
    around: &Around<'_>,
    all: &mut Collected,
) {
    if !all.has_room() {
        all.more += metric.count_of(owner, around.choices) as u64;
        return;
    }
    metric.observe_owner(owner, around.choices, &mut |labels, value| {
        all.show(around.series(labels, Value::Number(value), owner, at));
    });
}

fn values(
    metric: &Metric,
    places: &[ValuePlace],
    owner: &Owner,
    around: &Around<'_>,
    all: &mut Collected,
) {
    // They are shown in the order of their places.
    let known = places
        .iter()
        .filter(|place| shown_value(metric, place, owner).is_some());
    let mut read = known.map(|place| match owner.values.get(place.place) {
        Some(Reading::Known { at, .. }) => Some(*at),
        _ => None,
    });
    match all.has_room() {
        true => metric.observe_owner(owner, around.choices, &mut |labels, value| {
            let at = read.next().flatten();
            all.show(around.series(labels, Value::Number(value), owner, at));
        }),
        false => all.more += read.count() as u64,
    }
    let columns = metric.own_columns();
    for (place, column) in places.iter().zip(columns) {
        let label = place
            .attribute
            .map(|(name, value)| format!("{name}={value}"));
        let reading = owner.values.get(place.place);
        let why = match reading {
            Some(Reading::Known { .. }) => continue,
            Some(Reading::Off) => why::off(column, &owner.identity),
            Some(Reading::Unknown(reason)) => why::unknown(*reason, metric, around.read),
            None => why::unknown(Reason::NotAsked, metric, around.read),
        };
        all.lack(why, 1, label, Some(&owner.identity));
    }
}

fn rows(
    metric: &Metric,
    place: &TablePlace,
    owner: &Owner,
    around: &Around<'_>,
    all: &mut Collected,
) {
    let reading = owner.tables.get(place.table);
    let Some(TableReading::Known(table)) = reading else {
        return no_table(metric, reading, owner, around, all);
    };
    shown(metric, owner, Some(table.at), around, all);
    let identity = Some(&*owner.identity);
    let given_way = table.given_way.iter().filter(|row| row.had(place.value));
    let given_way = given_way.count() as u64;
    all.lack(
        why::given_way(metric.subject, around.choices),
        given_way,
        None,
        identity,
    );
    if matches!(metric.shows, Shows::Rows) {
        return;
    }
    if table.rows() == 0 && given_way == 0 {
        return all.lack(
            why::no_rows(metric.subject, around.choices),
            1,
            None,
            identity,
        );
    }
    for row in 0..table.rows() {
        if metric.row_value(place, table, row).is_some() {
            continue;
        }
        let why = match place.value.map(|at| table.values_of(row)[at]) {
            Some(Reading::Unknown(Reason::Invalid)) => {
                why::unknown(Reason::Invalid, metric, around.read)
            }
            _ => why::no_value(metric),
        };
        all.lack(why, 1, Some(labels_of(place, table, row)), identity);
    }
}

fn labels_of(place: &TablePlace, table: &Table, row: usize) -> String {
    let own = place.attributes.iter();
    let own = own.map(|attribute| (attribute.name, attribute.text(table, row)));
    let own = own.filter(|(_, text)| !text.is_empty());
    let own: Vec<String> = own.map(|(name, text)| format!("{name}={text}")).collect();
    own.join(" ")
}

fn no_table(
    metric: &Metric,
    reading: Option<&TableReading>,
    owner: &Owner,
    around: &Around<'_>,
    all: &mut Collected,
) {
    let why = match reading {
        Some(TableReading::Off) => {
            let columns = metric.subject.columns.iter();
            let feature = columns.filter_map(|column| column.feature).next();
            match feature {
                Some(feature) => why::switched_off(feature),
                None => why::no_rows(metric.subject, around.choices),
            }
        }
        Some(TableReading::Unknown(reason)) => why::unknown(*reason, metric, around.read),
        _ => why::unknown(Reason::NotAsked, metric, around.read),
    };
    all.lack(why, 1, None, Some(&owner.identity));
}

fn ended(
    metric: &Metric,
    place: usize,
    table: usize,
    owner: &Owner,
    around: &Around<'_>,
    all: &mut Collected,
) {
    let known = owner
        .ended
        .get(place)
        .filter(|ended| !ended.series.is_empty());
    if known.is_none() {
        return match owner.tables.get(table) {
            Some(TableReading::Known(_)) => {
                all.lack(
                    why::nothing_ended(metric.subject),
                    1,
                    None,
                    Some(&owner.identity),
                );
            }
            // Deployments and lead times are counted without rows.
            Some(TableReading::Unknown(Reason::NotAsked | Reason::Pending)) | None => {
                all.lack(
                    why::nothing_ended(metric.subject),
                    1,
                    None,
                    Some(&owner.identity),
                );
            }
            other => no_table(metric, other, owner, around, all),
        };
    }
    let id = owner.identity.id.to_string();
    let shown = around.choices.project_labels;
    let labels = identity_labels(metric.subject.of, &id, &owner.identity, shown);
    metric.each_ended(place, owner, &labels, &mut |labels, series, since| {
        let value = counted(series, metric);
        let series = Series {
            since: Some(since.into()).filter(|since| *since > 0),
            ..around.series(labels, value, owner, None)
        };
        all.show(series);
    });
}

/// What has ended, as it is shown.
pub(super) fn counted(series: &EndedSeries, metric: &Metric) -> Value {
    if metric.instrument != Instrument::Histogram {
        return Value::Number(series.count as f64);
    }
    let mut up_to = 0;
    let buckets = metric
        .bounds()
        .iter()
        .zip(&series.buckets)
        .map(|(bound, count)| {
            up_to += count;
            (*bound, up_to)
        });
    Value::Histogram {
        count: series.count,
        sum: series.sum,
        buckets: buckets.collect(),
    }
}

impl Around<'_> {
    /// A series of an owner.
    fn series(
        &self,
        labels: &[(&'static str, &str)],
        value: Value,
        owner: &Owner,
        at: Option<u32>,
    ) -> Series {
        let path = Some(owner.identity.path.to_string()).filter(|path| !path.is_empty());
        Series {
            path,
            ..self.plain(labels, value, at)
        }
    }

    /// A series of no owner in particular.
    pub fn plain(&self, labels: &[(&'static str, &str)], value: Value, at: Option<u32>) -> Series {
        let labels = labels.iter().chain(&self.instance);
        let labels: BTreeMap<_, _> = labels
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect();
        let read_at = at.map(UnixTime::from).filter(|at| *at > 0);
        let moment = match &value {
            Value::Number(at) if self.is_moment => moment(*at as UnixTime),
            _ => None,
        };
        Series {
            labels,
            path: None,
            value,
            moment,
            read_at,
            age_seconds: read_at.map(|at| self.now.saturating_sub(at)),
            since: None,
        }
    }
}

/// The name of what an owner of that grain is.
pub(super) fn noun(grain: Grain) -> &'static str {
    match grain {
        Grain::Instance => "GitLab",
        Grain::Group => "group",
        Grain::Project => "project",
        Grain::Runner => "runner",
    }
}
