//! How each subject gets on: whether it is read, and if not, why and what would help.

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

    /// How a subject gets on of which one part is like this and another like that.
    #[must_use]
    pub(super) fn with(self, other: SubjectState) -> SubjectState {
        // What can be had of it says more than what can't, and anything more than nothing.
        let by_weight = [
            SubjectState::Active,
            SubjectState::Failing,
            SubjectState::Unlicensed,
            SubjectState::Forbidden,
            SubjectState::Unsupported,
        ];
        let has = |state: &&SubjectState| [self, other].contains(state);
        by_weight
            .iter()
            .find(has)
            .copied()
            .unwrap_or(SubjectState::Disabled)
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
