//! Text files as editors save them.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// The text of a file in UTF-8. A byte order mark before it is not part of it.
pub fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)?;
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    // Without a mark, UTF-16 gives itself away by the zeros that ASCII has in it.
    if wide || bytes.iter().take(4).any(|byte| *byte == 0) {
        return Err(invalid("it is in UTF-16: save it in UTF-8"));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| invalid("stream did not contain valid UTF-8"))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorKind::InvalidData, problem)
}
