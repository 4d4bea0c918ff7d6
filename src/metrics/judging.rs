//! Judges how a subject gets on by what is known of its owners.

use std::collections::BTreeSet;

use super::{
    EnabledMetrics, Grain, Reading, Reason, Snapshot, Subject, SubjectState, TableReading,
};

impl SubjectState {
    /// How a subject gets on, by what is known of all its owners. What is known of one is proof that it
    /// can be had.
    pub(super) fn of(
        subject: &'static Subject,
        snapshot: &Snapshot,
        enabled: &EnabledMetrics,
    ) -> SubjectState {
        let own = |metric: &&super::Metric| std::ptr::eq(metric.subject, subject);
        if !enabled.metrics.iter().any(own) {
            return SubjectState::Disabled;
        }
        let mut reasons = BTreeSet::new();
        let (columns, tables) = places(subject, enabled);
        for owner in snapshot.owners(subject.of) {
            for place in &columns {
                match owner.values.get(*place) {
                    Some(Reading::Unknown(reason)) => drop(reasons.insert(*reason)),
                    Some(Reading::Known { .. } | Reading::Off) => return SubjectState::Active,
                    None => {}
                }
            }
            for place in &tables {
                match owner.tables.get(*place) {
                    Some(TableReading::Unknown(reason)) => drop(reasons.insert(*reason)),
                    Some(_) => return SubjectState::Active,
                    None => {}
                }
            }
        }
        Self::because(&reasons)
    }

    fn because(reasons: &BTreeSet<Reason>) -> SubjectState {
        let waits = |reason: &Reason| matches!(reason, Reason::Pending | Reason::NotAsked);
        let has = |reason: Reason| reasons.contains(&reason);
        let mut failures = reasons.iter().filter(|reason| !waits(reason));
        match () {
            () if failures.clone().next().is_none() => SubjectState::Active,
            () if failures.any(|reason| !reason.is_fact()) => SubjectState::Failing,
            () if has(Reason::Unlicensed) => SubjectState::Unlicensed,
            () if has(Reason::Forbidden) || has(Reason::Hidden) => SubjectState::Forbidden,
            () if has(Reason::Unsupported) => SubjectState::Unsupported,
            () => SubjectState::Failing,
        }
    }
}

/// The places of the columns and tables that are asked of a subject.
fn places(subject: &'static Subject, enabled: &EnabledMetrics) -> (Vec<usize>, Vec<usize>) {
    let grain: Grain = subject.of;
    let columns = enabled.columns_of(grain).iter().copied();
    let columns = columns
        .filter(|place| std::ptr::eq(enabled.catalogue.columns(grain)[*place].subject, subject));
    let tables = enabled.tables_of(grain).iter().copied();
    let tables = tables
        .filter(|place| std::ptr::eq(enabled.catalogue.tables(grain)[*place].subject, subject));
    (columns.collect(), tables.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_subject_is_not_read_is_told_by_the_reason_that_weighs_most() {
        use Reason::{Forbidden, Hidden, NotAsked, Pending, Timeout, Unlicensed, Unsupported};
        for (reasons, state) in [
            (&[][..], SubjectState::Active),
            (&[Pending, NotAsked], SubjectState::Active),
            (&[Hidden, Pending], SubjectState::Forbidden),
            (&[Forbidden, Unsupported], SubjectState::Forbidden),
            (&[Unsupported], SubjectState::Unsupported),
            (&[Unlicensed, Hidden], SubjectState::Unlicensed),
            (&[Timeout, Forbidden], SubjectState::Failing),
        ] {
            let reasons = reasons.iter().copied().collect();
            assert_eq!(SubjectState::because(&reasons), state, "{reasons:?}");
        }
    }
}
