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
