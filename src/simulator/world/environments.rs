//! Where a project is deployed to.

/// An environment, available until it is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub(crate) id: u64,
    pub name: String,
    pub tier: Tier,
    pub available: bool,
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
    pub(crate) fn state(&self) -> &'static str {
        match self.available {
            true => "available",
            false => "stopped",
        }
    }
}

impl Tier {
    /// As REST writes it; GraphQL has it in capitals.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Tier::Production => "production",
            Tier::Staging => "staging",
            Tier::Testing => "testing",
            Tier::Development => "development",
            Tier::Other => "other",
        }
    }
}
