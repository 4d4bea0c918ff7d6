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

/// A part of a subject that is asked on its own, and how it gets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPart {
    /// The subject's name, which its parts share.
    pub subject: &'static str,
    /// Those of its metrics that are enabled.
    pub metrics: Vec<&'static str>,
    pub state: SubjectState,
    /// Whether it was asked of anything: else the state is what is hoped for.
    pub is_asked: bool,
    /// Where it can be had of some owners and not of others: how many series are refused, and the reason
    /// for most of them.
    pub refused: Option<(SubjectState, u64)>,
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
        let what = match self {
            SubjectState::Forbidden => {
                let needs = needs(subject).unwrap_or("a role that sees it");
                format!("give the token's user {needs}")
            }
            SubjectState::Unlicensed => match needs(subject) {
                Some(needs) => {
                    format!("it needs another licence of GitLab, or the token's user {needs}")
                }
                None => "it needs another licence of GitLab".to_owned(),
            },
            SubjectState::Unsupported if subject == "security" => {
                "it needs GitLab Ultimate; the edition at hand does not have it".to_owned()
            }
            SubjectState::Unsupported => {
                "it comes with a newer GitLab, or GraphQL alone tells it and can't be used"
                    .to_owned()
            }
            SubjectState::Failing => "the log of failed requests says why".to_owned(),
            SubjectState::Active | SubjectState::Disabled => return None,
        };
        Some(match self {
            SubjectState::Failing => format!("{what}; it is tried again on and on"),
            _ => format!("{what}, or disable the subject; it is tried again every hour"),
        })
    }
}

/// What the token's user must have for a subject that not every member sees.
pub fn needs(subject: &str) -> Option<&'static str> {
    const REPORTER: &str = "the role Reporter";
    let needs = [
        ("commits", REPORTER),
        ("storage", REPORTER),
        ("merge_requests", REPORTER),
        ("merge_request_events", REPORTER),
        ("packages", REPORTER),
        ("pipelines", "the role Reporter, or public pipelines"),
        ("jobs", "the role Reporter, or public pipelines"),
        ("test_reports", "the role Reporter, or public pipelines"),
        ("environments", REPORTER),
        ("deployments", REPORTER),
        ("dora", REPORTER),
        ("issues", "the role Guest"),
        ("incidents", "the role Guest"),
        ("members", "the role Guest"),
        ("releases", "the role Guest"),
        ("repository", REPORTER),
        ("pipeline_schedules", "the role Developer"),
        (
            "tokens",
            "the role Maintainer of projects and Owner of groups",
        ),
        ("groups", "the role Owner, where it is about storage"),
        (
            "runners",
            "the rights of an administrator, or the role Maintainer or Owner of groups that select.groups names",
        ),
        ("security", "the role Developer, and GitLab Ultimate"),
        (
            "instance",
            "the rights of an administrator, and GitLab a licence for what is told of that",
        ),
        ("queue", "the role Reporter, or that of an administrator"),
    ];
    let found = needs.iter().find(|(name, _)| *name == subject);
    found.map(|(_, needs)| *needs)
}
