//! The configuration: plain data, read from a YAML file, the environment and flags.
//!
//! A later source wins: file, environment, flags. Each setting is one row of [`SETTINGS`]; its flag,
//! default, documentation and schema are derived from there. Where the file lists several GitLabs, all
//! of this is what they have in common, and each is read from the same rows again.

mod builder;
mod changes;
mod cluster;
mod configuration;
mod document;
mod effective;
mod environment;
mod error;
mod exposed;
mod flags;
mod input;
mod load;
mod otlp;
mod reference;
mod said;
mod schema;
mod setting;
mod settings;
mod sources;
mod summary;
mod text_file;
mod value;
mod variables;
mod web_url;
mod wording;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

pub use changes::Changes;
pub use configuration::{Config, Instance, Limits, Log, LogFormat, MemoryChoice, Metrics, Places};
pub use effective::EffectiveSetting;
pub use environment::Environment;
pub use error::{Error, Place};
pub use exposed::exposure;
pub use flags::{Flags, log_format};
pub use reference::{example, markdown};
pub use said::Said;
pub use schema::schema;
pub use setting::Setting;
pub use settings::SETTINGS;
pub use value::text::log_level as check_level;
pub use written::written;
