//! Files of text that people wrote on any system: tokens, certificates, keys.

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use super::build_error::BuildError;

/// The byte order mark that editors on Windows put before UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a file of ASCII text, which may be a secret: it does not outlast its use in memory. Byte order marks are left out, also those between joined files.
///
/// # Errors
/// When it can't be read, or is written in UTF-16.
pub(super) fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, BuildError> {
    let text = fs::read(path).map_err(|source| BuildError::Unreadable {
        what,
        path: path.to_owned(),
        source,
    })?;
    let text = Zeroizing::new(text);
    if is_utf16(&text) {
        let path = path.to_owned();
        return Err(BuildError::Utf16 { what, path });
    }
    Ok(without_marks(text))
}

/// UTF-16 begins with its own mark; without one, every second byte of ASCII text is zero.
fn is_utf16(text: &[u8]) -> bool {
    matches!(
        text,
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, ..] | [_, 0, ..]
    )
}

fn without_marks(mut text: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    while let Some(at) = text.windows(MARK.len()).position(|bytes| bytes == MARK) {
        text.drain(at..at + MARK.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, BuildError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read("token file", file.path())
    }

    #[test]
    fn byte_order_marks_are_left_out() {
        assert_eq!(
            *read_text(b"\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo").unwrap(),
            b"one\ntwo"
        );
        assert_eq!(*read_text(b"").unwrap(), b"");
    }

    #[test]
    fn utf16_is_named_with_and_without_its_mark() {
        for text in [&b"\xFF\xFEa\0"[..], b"\xFE\xFF\0a", b"a\0b\0", b"\0a\0b"] {
            let error = read_text(text).unwrap_err();
            assert!(error.to_string().contains("UTF-16"), "{error}");
        }
    }
}
