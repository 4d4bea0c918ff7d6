//! Kinds of values: how each is read, written in YAML and described to an editor.

pub mod address;
pub mod budget;
pub mod cluster;
pub mod exporting;
pub mod measured;
pub mod memory;
pub mod number;
pub mod queue;
pub mod secret;
pub mod text;
pub mod word;

use serde_json::Value as Json;

use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::Input;

/// A field of the configuration.
pub type Field<T> = fn(&mut Builder) -> &mut T;

/// A value of one kind, and the field that it fills.
pub trait Value: Sync {
    /// Reads the input into the field.
    ///
    /// # Errors
    /// With what would be right. No error shows a secret.
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error>;

    /// The field as YAML; nothing if it is not set or a secret. Asked for defaults, in which headers and
    /// attributes are none.
    fn show(&self, _: &mut Builder) -> Option<String> {
        None
    }

    /// Whether the bridge must not run without it where it was given: one of OpenTelemetry's variables that is
    /// not understood is left out otherwise.
    fn is_essential(&self) -> bool {
        false
    }

    /// The JSON schema of what a file may hold; nothing if a file may not hold it.
    fn schema(&self) -> Option<Json>;

    /// The words to choose from, if there are any.
    fn words(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
