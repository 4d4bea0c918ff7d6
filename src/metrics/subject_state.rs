//! How each subject gets on: whether it is read, and if not, why and what would help.

use std::collections::BTreeSet;

use super::{EnabledMetrics, Grain, Reading, Reason, Snapshot, Subject, TableReading};

/// How a subject gets on with a GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectState {
    /// It is read, or will be.
    Active,
    /// None of its metrics is enabled.
    Disabled,
    /// This GitLab does not have it.
    Unsupported,
    /// The token may not see it anywhere.
    Forbidden,
    /// GitLab's licence does not include it.
    Unlicensed,
    /// It can't be read, for reasons that may pass.
    Failing,
}

impl SubjectState {
    /// The value of the `state` attribute.
    pub fn name(self) -> &'static str {
        match self {
            SubjectState::Active => "active",
            SubjectState::Disabled => "disabled",
            SubjectState::Unsupported => "unsupported",
            SubjectState::Forbidden => "forbidden",
            SubjectState::Unlicensed => "unlicensed",
            SubjectState::Failing => "failing",
        }
    }

    /// How a subject gets on, by what is known of all its owners. What is known of one is proof that it
    /// can be had.
    pub(super) fn of(
        subject: &'static Subject,
        snapshot: &Snapshot,
        enabled: &EnabledMetrics,
    ) -> SubjectState {
        let own = |metric: &&super::Metric| std::ptr::eq(metric.subject, subject);
        if !enabled.metrics.iter().any(|metric| own(&metric)) {
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

    /// What to do about it, where something can be done.
    pub fn advice(self, subject: &str) -> Option<String> {
        match self {
            SubjectState::Forbidden => Some(match needs(subject) {
                Some(needs) => format!("give the token's user {needs}, or disable the subject"),
                None => {
                    "give the token's user a role that sees it, or disable the subject".to_owned()
                }
            }),
            SubjectState::Unsupported => {
                Some("it comes with a newer GitLab; until then disable the subject".to_owned())
            }
            SubjectState::Unlicensed => Some(
                "it needs another licence of GitLab; without it disable the subject".to_owned(),
            ),
            _ => None,
        }
    }
}

/// What the token's user must have for a subject that not every member sees.
pub fn needs(subject: &str) -> Option<&'static str> {
    let needs = [
        ("storage", "the role Reporter"),
        ("jobs", "the role Reporter, or public pipelines"),
        ("test_reports", "the role Reporter, or public pipelines"),
        ("environments", "the role Reporter"),
        ("deployments", "the role Reporter"),
        ("dora", "the role Reporter"),
        ("pipeline_schedules", "the role Developer"),
        (
            "tokens",
            "the role Maintainer of projects and Owner of groups",
        ),
        (
            "runners",
            "the role Maintainer or Owner of the group, or that of an administrator",
        ),
        ("security", "the role Developer, and GitLab Ultimate"),
        ("instance", "the rights of an administrator"),
        ("queue", "the role Reporter, or that of an administrator"),
    ];
    let found = needs.iter().find(|(name, _)| *name == subject);
    found.map(|(_, needs)| *needs)
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
