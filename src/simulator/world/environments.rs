//! Where a project is deployed to.

use jiff::Timestamp;

/// An environment, available until it is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub(crate) id: u64,
    /// With the folder it is in, such as `review/topic`.
    pub name: String,
    pub tier: Tier,
    pub available: bool,
    /// Whether a job stops it just now.
    pub stopping: bool,
    pub external_url: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Production,
    Staging,
    Testing,
    Development,
    Other,
}

impl Environment {
    pub(crate) fn new(id: u64, name: &str, tier: Tier, now: Timestamp) -> Self {
        Environment {
            id,
            name: name.to_owned(),
            tier,
            available: true,
            stopping: false,
            external_url: None,
            created_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn state(&self) -> &'static str {
        match (self.available, self.stopping) {
            (true, true) => "stopping",
            (true, false) => "available",
            (false, _) => "stopped",
        }
    }

    /// The folder it is in; GitLab calls that its type.
    pub(crate) fn folder(&self) -> Option<&str> {
        self.name.split_once('/').map(|(folder, _)| folder)
    }

    /// The name as addresses write it.
    pub(crate) fn slug(&self) -> String {
        self.name.to_lowercase().replace(['/', '_', '.'], "-")
    }
}

impl Tier {
    /// As REST writes it; GraphQL has it in capitals.
    pub fn word(self) -> &'static str {
        match self {
            Tier::Production => "production",
            Tier::Staging => "staging",
            Tier::Testing => "testing",
            Tier::Development => "development",
            Tier::Other => "other",
        }
    }

    /// What GitLab guesses from the name, where no tier is set.
    pub(crate) fn guessed(name: &str) -> Self {
        let name = name.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match () {
            () if has(&["dev", "review", "trunk"]) => Tier::Development,
            () if has(&["test", "tst", "int", "acceptance", "qa", "qc"]) => Tier::Testing,
            () if has(&["stg", "staging", "model", "pre", "demo", "non"]) => Tier::Staging,
            () if has(&["prod", "prd", "live"]) => Tier::Production,
            () => Tier::Other,
        }
    }
}
