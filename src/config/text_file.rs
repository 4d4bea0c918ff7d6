//! Text files as editors save them.

use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

/// The text of a file in UTF-8, which may hold a secret: it does not outlast its use in memory. A byte order mark before it is not part of it.
pub fn read(path: &Path) -> Result<Zeroizing<String>> {
    decoded(&Zeroizing::new(std::fs::read(path)?))
}

fn decoded(bytes: &[u8]) -> Result<Zeroizing<String>> {
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without a mark, UTF-16 gives itself away by the zeros that ASCII has in it.
    if wide || bytes.iter().take(4).any(|byte| *byte == 0) {
        return Err(invalid("it is in UTF-16: save it in UTF-8"));
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| invalid("stream did not contain valid UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}

/// Names standard input where a file is named.
pub const STANDARD_INPUT: &str = "-";

/// Standard input to its end, as the text of a file. It can be read once in the life of a process.
pub fn standard_input() -> Result<Zeroizing<String>> {
    static WAS_READ: AtomicBool = AtomicBool::new(false);
    if WAS_READ.swap(true, Ordering::Relaxed) {
        let problem = "standard input was read at the start and can't be read again: name a file for a \
                       configuration that is to be reloaded";
        return Err(Error::other(problem));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.and_then(|_| decoded(&bytes))
        .map_err(|cause| Error::other(format!("standard input can't be read: {cause}")))
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidData, problem)
}
