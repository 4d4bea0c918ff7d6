//! What the operator has set can't be used: every command ends with the exit code of wrong flags then.

use std::error::Error;
use std::fmt;

/// A setting, or a file that it names, is at fault. Says what its cause says.
#[derive(Debug)]
pub struct Misconfigured(anyhow::Error);

/// Marks an error as one of the settings.
pub fn misconfigured(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Misconfigured(error.into()).into()
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Error for Misconfigured {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
