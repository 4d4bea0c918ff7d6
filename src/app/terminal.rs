//! Questions to a person at a terminal, or to what answers in their place through a pipe. Questions go to
//! standard error, so that standard output holds nothing but what was asked for.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::stdio::{self, Stderr};

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];

/// Whether a person can be asked.
pub fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a line; none if there are no more.
///
/// # Errors
/// If standard input can't be read.
pub fn line(question: &str) -> Result<Option<String>> {
    let _ = Stderr.write_all(question.as_bytes());
    let mut line = String::new();
    let read = io::stdin()
        .lock()
        .read_line(&mut line)
        .context("reading the answer")?;
    if !is_there() {
        // Nobody has ended the line of the question by Enter.
        stdio::say("");
    }
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Asks for a line that is not shown while it is typed.
///
/// # Errors
/// If there is none, or it is broken off by Ctrl-C.
pub fn secret(question: &str) -> Result<SecretString> {
    if !is_there() {
        let answer = line(question)?.map(Zeroizing::new);
        return match answer {
            Some(answer) => Ok(answer.as_str().into()),
            None => bail!("standard input has ended"),
        };
    }
    let _ = Stderr.write_all(question.as_bytes());
    let read = {
        let _silent = Silent::begin()?;
        unseen(io::stdin().lock())
    };
    stdio::say("");
    read
}

/// Reads bytes up to the end of the line, as a terminal without line editing sends them.
fn unseen(mut from: impl Read) -> Result<SecretString> {
    let mut typed = Zeroizing::new(Vec::new());
    let mut byte = [0];
    loop {
        if from.read(&mut byte).context("reading the answer")? == 0 {
            break;
        }
        match byte[0] {
            b'\r' | b'\n' => break,
            CTRL_C => bail!("broken off"),
            CTRL_D if typed.is_empty() => bail!("standard input has ended"),
            CTRL_D => break,
            other if BACKSPACE.contains(&other) => drop(typed.pop()),
            other => typed.push(other),
        }
    }
    let text = std::str::from_utf8(&typed).context("the answer is not text")?;
    Ok(text.trim().into())
}

/// The terminal shows nothing of what is typed as long as this lives. Ctrl-C is read like a letter then: else
/// the process would end without giving the terminal back.
struct Silent(Termios);

impl Silent {
    fn begin() -> Result<Silent> {
        let before = tcgetattr(io::stdin()).context("asking the terminal how it is set")?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)
            .context("silencing the terminal")?;
        Ok(Silent(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn what_is_typed_unseen_ends_with_the_line_and_may_be_mended_or_broken_off() {
        let typed = |bytes: &[u8]| unseen(bytes).map(|read| read.expose_secret().to_owned());
        assert_eq!(typed(b"glpat-x\nrest").unwrap(), "glpat-x");
        assert_eq!(typed(b"glpax\x7ft-x\r").unwrap(), "glpat-x");
        assert_eq!(typed(b"no end").unwrap(), "no end");
        typed(b"glpat\x03").unwrap_err();
        typed(b"\x04").unwrap_err();
    }
}
