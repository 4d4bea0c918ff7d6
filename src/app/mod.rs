//! Joins the folders into the commands of the program, one file per command.

mod bridge;
mod check;
mod chosen;
mod complaint;
mod console;
#[cfg(feature = "simulator")]
mod demo;
mod embedded;
mod explain;
mod exposed_files;
mod file_limit;
mod health;
mod init;
mod life;
mod listening;
mod log_line;
mod logging;
mod memory;
mod misconfigured;
mod once;
mod own_status;
mod part;
mod plan;
mod polled_gitlabs;
mod polling;
mod prepared;
mod process;
mod progress;
mod reloads;
mod replicas;
mod run;
mod settings_in_use;
mod signals;
mod supervision;
mod systemd;
mod terminal;
mod texts;
mod waiting;
mod webhooks;

pub use check::check;
pub use chosen::require_tokens;
pub use complaint::{complain, complain_of_flags};
#[cfg(feature = "simulator")]
pub use demo::demo;
pub use embedded::Embedded;
pub use explain::explain;
pub use file_limit::survive as survive_file_limit;
pub use health::health;
pub use init::init;
pub use logging::{say_what_was_doubtful, start as start_logging};
pub use misconfigured::Misconfigured;
pub use once::once;
pub use plan::plan;
pub use run::{Source, run};
pub use signals::Hangups;
