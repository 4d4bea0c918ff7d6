//! Standard output and standard error: nothing else writes to them.
//!
//! Standard output is what a command was asked for, so a command fails if it can't be written. Standard
//! error may be full or closed without harm: there is nowhere left to complain.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};

/// Writes all pieces to standard output. A reader that has read enough, such as `head`, is no failure.
///
/// # Errors
/// If they can't be written, because the disk is full for instance.
pub fn print(pieces: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let mut pieces = pieces.into_iter();
    printed(pieces.try_for_each(|piece| stdout.write_all(piece.as_ref())))
}

/// The end of writing to standard output, however far it came.
///
/// # Errors
/// If something could not be written.
pub fn printed(written: io::Result<()>) -> Result<()> {
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to stdout"),
    }
}

/// Writes a line to standard error.
pub fn say(line: impl Display) {
    // In one piece, so that lines of several threads do not mix.
    let _ = Stderr.write_all(format!("{line}\n").as_bytes());
}

/// Whether a person may be looking at standard error.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// One of the two streams that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What a word means at a glance. The word says so too: colours are no help to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red,
    Yellow,
    Green,
    Dim,
}

impl Stream {
    /// The text in a colour, where the stream is a terminal that shows them and nobody minds.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => "31",
            Colour::Yellow => "33",
            Colour::Green => "32",
            Colour::Dim => "2",
        };
        match self.has_colours() {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    /// Whether colours are shown: see <https://no-color.org> and <https://bixense.com/clicolors>.
    fn has_colours(self) -> bool {
        let is_terminal = || match self {
            Stream::Stdout => io::stdout().is_terminal(),
            Stream::Stderr => io::stderr().is_terminal(),
        };
        wants_colours(|name| std::env::var(name).ok(), is_terminal)
    }
}

fn wants_colours(
    variable: impl Fn(&str) -> Option<String>,
    is_terminal: impl FnOnce() -> bool,
) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if is_set("CLICOLOR_FORCE") && variable("CLICOLOR_FORCE").as_deref() != Some("0") {
        return true;
    }
    variable("TERM").is_none_or(|terminal| terminal != "dumb") && is_terminal()
}

/// How many letters fit on a line of standard output, if that is a terminal or `COLUMNS` says it; none where lines
/// may be of any length.
pub fn stdout_width() -> Option<usize> {
    let said = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let terminal = || {
        let stdout = io::stdout();
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        size.map(|size| usize::from(size.ws_col))
            .filter(|_| stdout.is_terminal())
    };
    terminal().or(said).filter(|width| *width > 0)
}

/// Standard error as a writer that never fails: a library that logs would panic or complain there.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_for_those_who_want_them() {
        for (set, is_terminal, expected) in [
            (&[][..], true, true),
            (&[], false, false),
            (&[("NO_COLOR", "1")], true, false),
            (&[("NO_COLOR", "")], true, true),
            (&[("TERM", "dumb")], true, false),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(set, _)| *set == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(wants_colours(variable, || is_terminal), expected, "{set:?}");
        }
    }
}
