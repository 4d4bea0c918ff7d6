//! Text files as editors save them.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use zeroize::Zeroizing;

/// The text of a file in UTF-8, which may hold a secret: it does not outlast its use in memory. A byte order mark before it is not part of it.
pub fn read(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(std::fs::read(path)?);
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without a mark, UTF-16 gives itself away by the zeros that ASCII has in it.
    if wide || bytes.iter().take(4).any(|byte| *byte == 0) {
        return Err(invalid("it is in UTF-16: save it in UTF-8"));
    }
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| invalid("stream did not contain valid UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidData, problem)
}
