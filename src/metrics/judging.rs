//! Judges how the parts of subjects get on, by what is known of their owners.

use std::collections::BTreeMap;

use super::{
    EnabledMetrics, Grain, Missing, Owner, Reading, Reason, Snapshot, Subject, SubjectPart,
    SubjectState, TableReading,
};

/// What came of asking owners.
#[derive(Default)]
struct Tally {
    had: bool,
    /// How many owners have switched it off.
    off: usize,
    /// How many are still to be asked.
    waiting: usize,
    /// How many it can't be had of, by how it gets on with them.
    refused: BTreeMap<SubjectState, usize>,
}

impl SubjectPart {
    /// How a part gets on. What is had of one owner is proof that it can be had.
    pub(super) fn of(
        subject: &'static Subject,
        snapshot: &Snapshot,
        enabled: &EnabledMetrics,
    ) -> SubjectPart {
        let metrics = enabled.metrics.iter();
        let own = metrics.filter(|metric| metric.is_of(subject));
        let metrics: Vec<&'static str> = own.map(|metric| metric.name).collect();
        let mut part = SubjectPart {
            subject: subject.name,
            state: SubjectState::Disabled,
            is_asked: false,
            refused: None,
            metrics,
        };
        if part.metrics.is_empty() {
            return part;
        }
        let tally = Tally::of(subject, snapshot, enabled);
        part.state = match tally.state() {
            // Our own token may have no end, or be of a kind that GitLab tells none of.
            SubjectState::Forbidden if subject.name == "bridge" => SubjectState::Active,
            state => state,
        };
        part.is_asked = tally.is_asked();
        if tally.had {
            part.refused = refused(&snapshot.missing, &part.metrics);
        }
        part
    }
}

impl Tally {
    fn of(subject: &'static Subject, snapshot: &Snapshot, enabled: &EnabledMetrics) -> Tally {
        let places = Places::of(subject, enabled);
        let mut tally = Tally::default();
        for owner in snapshot.owners(subject.of) {
            places.judge(owner, &mut tally);
            if tally.had {
                break;
            }
        }
        // There is no runner to ask where the token may see none.
        if subject.of == Grain::Runner
            && let Some((place, _)) = enabled.catalogue.table(Grain::Instance, subject.name)
        {
            let counts = Places {
                columns: Vec::new(),
                tables: vec![place],
                above: None,
            };
            counts.judge(&snapshot.instance, &mut tally);
        }
        tally
    }

    fn is_asked(&self) -> bool {
        self.had || self.off > 0 || !self.refused.is_empty()
    }

    /// A few that were refused say nothing as long as more are still to be asked.
    fn state(&self) -> SubjectState {
        let refused: usize = self.refused.values().sum();
        if self.had || refused < self.waiting.max(1) {
            return SubjectState::Active;
        }
        let most = self.refused.values().max().copied().unwrap_or_default();
        let most = self.refused.iter().filter(|(_, count)| **count == most);
        let states = most.map(|(state, _)| *state);
        states
            .reduce(SubjectState::with)
            .unwrap_or(SubjectState::Active)
    }
}

/// Where owners have what is shown of a part.
struct Places {
    columns: Vec<usize>,
    tables: Vec<usize>,
    /// The table of what the rows hang on: who is not told of that is not asked for them.
    above: Option<usize>,
}

impl Places {
    fn of(subject: &'static Subject, enabled: &EnabledMetrics) -> Places {
        let (grain, catalogue) = (subject.of, enabled.catalogue);
        let (columns, tables) = enabled.shown(grain);
        let is_own = |other: &'static Subject| std::ptr::eq(other, subject);
        let columns = columns.into_iter();
        let tables = tables.into_iter();
        let above = catalogue.table(grain, "pipelines").map(|(place, _)| place);
        Places {
            columns: columns
                .filter(|place| is_own(catalogue.columns(grain)[*place].subject))
                .collect(),
            tables: tables
                .filter(|place| is_own(catalogue.tables(grain)[*place].subject))
                .collect(),
            above: above.filter(|_| subject.hangs_on_pipelines()),
        }
    }

    /// Notes what came of asking an owner.
    fn judge(&self, owner: &Owner, tally: &mut Tally) {
        let (mut reasons, mut off) = (Vec::new(), false);
        for place in &self.columns {
            match owner.values[*place] {
                Reading::Known { .. } => return tally.had = true,
                Reading::Off => off = true,
                Reading::Unknown(reason) => reasons.push(reason),
            }
        }
        for place in &self.tables {
            match &owner.tables[*place] {
                TableReading::Known(_) => return tally.had = true,
                TableReading::Off => off = true,
                TableReading::Unknown(Reason::NotAsked) => reasons.push(self.above(owner)),
                TableReading::Unknown(reason) => reasons.push(*reason),
            }
        }
        let states = reasons.iter().filter_map(|reason| state_of(*reason));
        match states.reduce(SubjectState::with) {
            Some(state) => *tally.refused.entry(state).or_default() += 1,
            None if off => tally.off += 1,
            None => tally.waiting += 1,
        }
    }

    /// Why an owner was not asked for rows that hang on others.
    fn above(&self, owner: &Owner) -> Reason {
        match self.above.map(|place| &owner.tables[place]) {
            Some(TableReading::Unknown(reason)) => *reason,
            _ => Reason::NotAsked,
        }
    }
}

/// How a subject gets on with an owner that lacks it for a reason; none as long as it is to be asked.
pub(super) fn state_of(reason: Reason) -> Option<SubjectState> {
    match reason {
        Reason::Pending | Reason::NotAsked => None,
        Reason::Unlicensed => Some(SubjectState::Unlicensed),
        Reason::Forbidden | Reason::Hidden => Some(SubjectState::Forbidden),
        Reason::Unsupported => Some(SubjectState::Unsupported),
        _ => Some(SubjectState::Failing),
    }
}

/// How many series of metrics GitLab refuses, and why most of them.
fn refused(missing: &[Missing], metrics: &[&'static str]) -> Option<(SubjectState, u64)> {
    let own = missing
        .iter()
        .filter(|missing| metrics.contains(&missing.metric));
    let mut counts = BTreeMap::<SubjectState, u64>::new();
    for missing in own {
        match state_of(missing.reason) {
            None | Some(SubjectState::Failing) => {}
            Some(state) => *counts.entry(state).or_default() += missing.count,
        }
    }
    let all = counts.values().sum();
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(state, _)| (state, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SubjectState::{Active, Failing, Forbidden, Unlicensed, Unsupported};

    /// How a subject gets on of which projects lack the only value for these reasons.
    fn of(reasons: &[Reason]) -> SubjectState {
        let places = Places {
            columns: vec![0],
            tables: Vec::new(),
            above: None,
        };
        let mut tally = Tally::default();
        for reason in reasons {
            let values = vec![Reading::Unknown(*reason)];
            places.judge(&Owner::new(Default::default(), 0, values), &mut tally);
        }
        tally.state()
    }

    #[test]
    fn why_a_subject_is_not_read_is_told_by_most_of_those_that_were_asked() {
        use Reason::{Hidden, NotAsked, Pending, Timeout};
        for (reasons, state) in [
            (&[][..], Active),
            (&[Pending, NotAsked], Active),
            (&[Hidden, Pending], Forbidden),
            (&[Hidden, Pending, Pending], Active),
            (&[Reason::Forbidden, Reason::Unsupported], Forbidden),
            (&[Reason::Unsupported], Unsupported),
            (&[Reason::Unlicensed, Hidden], Unlicensed),
            (&[Timeout, Reason::Forbidden], Failing),
            (&[Timeout, Hidden, Hidden], Forbidden),
        ] {
            assert_eq!(of(reasons), state, "{reasons:?}");
        }
    }

    /// However often a subject is asked, and whatever its rows are: what every owner refuses is had nowhere.
    #[test]
    fn a_subject_that_every_owner_refuses_is_not_active() {
        let enabled = EnabledMetrics::new(
            super::super::Catalogue::standard(),
            |_| true,
            super::super::Choices::default(),
        );
        let catalogue = enabled.catalogue;
        let owner = |grain: Grain, reason: Reason| {
            let values = vec![Reading::Unknown(reason); catalogue.columns(grain).len()];
            let mut owner = Owner::new(Default::default(), 0, values);
            owner.tables =
                vec![TableReading::Unknown(reason); catalogue.tables(grain).len()].into();
            std::sync::Arc::new(owner)
        };
        let mut checked = 0;
        for (reason, state) in [
            (Reason::Forbidden, Forbidden),
            (Reason::Unlicensed, Unlicensed),
            (Reason::Unsupported, Unsupported),
            (Reason::Timeout, Failing),
        ] {
            let snapshot = Snapshot {
                projects: vec![owner(Grain::Project, reason)],
                groups: vec![owner(Grain::Group, reason)],
                instance: owner(Grain::Instance, reason),
                ..Snapshot::default()
            };
            for subject in catalogue.subjects() {
                let places = Places::of(subject, &enabled);
                let is_asked = !places.columns.is_empty() || !places.tables.is_empty();
                if is_asked && subject.name != "bridge" {
                    let part = SubjectPart::of(subject, &snapshot, &enabled);
                    assert_eq!(part.state, state, "{} of {:?}", subject.name, subject.of);
                    assert!(part.is_asked, "{}", subject.name);
                    checked += 1;
                }
            }
        }
        assert!(checked > 100, "{checked}");
    }
}
