//! The environment as a value, so that tests need no process-wide one.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

/// The variables of a process. `Debug` shows no values: some are secrets. They do not outlast their use in
/// memory, apart from the block that the system gave the process.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Zeroizing<String>>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Environment {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        std::env::vars_os()
            .map(|(name, value)| (lossy(name), lossy(value)))
            .collect()
    }

    /// The value of a variable, trimmed. An empty one counts as unset, as OpenTelemetry has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Whether a variable is set to nothing, as one that was not expanded is.
    pub fn is_empty(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|value| value.trim().is_empty())
    }

    /// The names that begin so, without those that Kubernetes sets for a service of such a name.
    pub fn names_like(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let like = self.0.iter().filter(move |(name, value)| {
            name.starts_with(prefix) && !is_from_kubernetes(name, value)
        });
        like.map(|(name, _)| name.as_str())
    }
}

/// Kubernetes tells a pod of a service `gitlab-bridge` in variables that begin like ours.
fn is_from_kubernetes(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || ["_TCP", "_UDP", "_SCTP"]
            .iter()
            .any(|protocol| name.contains("_PORT_") && name.contains(protocol))
}

impl<Name: Into<String>, Value: Into<String>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Variables: IntoIterator<Item = (Name, Value)>>(variables: Variables) -> Self {
        let variables = variables.into_iter();
        Environment(
            variables
                .map(|(name, value)| (name.into(), Zeroizing::new(value.into())))
                .collect(),
        )
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
