//! The last words of a command that fails, on standard error: a line for people, or one of the log where that is in
//! JSON. So a program that reads the log reads the reason too.

use jiff::Timestamp;

use super::log_line::complaint;
use super::logging;
use crate::config::{Environment, LogFormat, log_format};
use crate::stdio;

/// Says why a command failed.
pub fn complain(error: &anyhow::Error) {
    let text = format!("{error:#}");
    match is_json() {
        true => stdio::say(complaint(Timestamp::now(), &text)),
        false => stdio::say(format_args!(
            "{}: {text}",
            stdio::Stream::Stderr.paint(stdio::Colour::Red, env!("CARGO_PKG_NAME"))
        )),
    }
}

/// Says what is wrong with the flags as a line of the log, from the text for people; false where the log is not in
/// JSON, and the text is to be said as it is.
pub fn complain_of_flags(text: &str) -> bool {
    if !is_json() {
        return false;
    }
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty());
    let said: Vec<_> = lines
        .take_while(|line| !line.starts_with("Usage:"))
        .collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    stdio::say(complaint(Timestamp::now(), said));
    true
}

/// Whether the log is in JSON. Before it is started, what a flag or else a variable says is believed.
fn is_json() -> bool {
    let asked = || {
        let arguments = std::env::args_os().skip(1);
        let arguments = arguments.map(|text| text.to_string_lossy().into_owned());
        log_format(arguments, &Environment::of_process())
    };
    logging::running_format().or_else(asked) == Some(LogFormat::Json)
}
