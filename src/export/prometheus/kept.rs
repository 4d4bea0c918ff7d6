//! The exposition in a file beside the state: after a restart it is shown at once, as rendering it
//! again would take a microsecond for each series.
//!
//! The file and the state are written at different moments, so the file also says what each project
//! was shown with. Only projects for which the restored view says something else are rendered again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};

use super::difference::Fingerprints;
use super::fragments::{Layout, MetricText};

const FORMAT: &str = "gitlab-metrics-bridge exposition";
/// Names of projects are nobody else's business.
const MODE: u32 = 0o600;

/// What was kept.
pub struct Kept {
    /// The text of each metric, by its name.
    pub texts: HashMap<String, MetricText>,
    /// What each project was shown with.
    pub fingerprints: Fingerprints,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Name {
    format: String,
    /// The text of another version may look different.
    bridge: String,
    /// Bytes of the second line.
    head: usize,
    /// The checksum of all that follows the first line.
    checksum: u32,
}

/// The second line; the compressed texts follow it.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Each metric, the bytes of its text and how they are laid out.
    metrics: Vec<(String, usize, Layout)>,
    fingerprints: Fingerprints,
}

/// Replaces the file with these texts. If anything goes wrong, the old one stays.
///
/// # Errors
/// If the file can't be written.
pub fn write<'a>(
    path: &Path,
    texts: impl Iterator<Item = (&'a str, &'a MetricText)>,
    fingerprints: Fingerprints,
) -> io::Result<()> {
    let texts: Vec<_> = texts.collect();
    let metrics = texts.iter().map(|(name, text)| {
        let bytes = text.whole().compressed.len();
        ((*name).to_owned(), bytes, text.layout())
    });
    let mut head = serde_json::to_vec(&Head {
        metrics: metrics.collect(),
        fingerprints,
    })?;
    head.push(b'\n');
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&head);
    for (_, text) in &texts {
        checksum.update(&text.whole().compressed);
    }
    let mut name = serde_json::to_vec(&Name {
        format: FORMAT.to_owned(),
        bridge: env!("CARGO_PKG_VERSION").to_owned(),
        head: head.len(),
        checksum: checksum.finalize(),
    })?;
    name.push(b'\n');
    let bodies = texts.iter().map(|(_, text)| &*text.whole().compressed);
    replace(path, [&*name, &*head].into_iter().chain(bodies))
}

/// Reads the file; none if there is none that can be used.
///
/// # Errors
/// If it is there and can't be read.
pub fn read(path: &Path) -> io::Result<Option<Kept>> {
    match fs::read(path) {
        Ok(file) => Ok(parse(&file.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(file: &Bytes) -> Option<Kept> {
    let end = file.iter().position(|byte| *byte == b'\n')? + 1;
    let name: Name = serde_json::from_slice(&file[..end]).ok()?;
    let known = name.format == FORMAT && name.bridge == env!("CARGO_PKG_VERSION");
    if !known || crc32fast::hash(&file[end..]) != name.checksum {
        return None;
    }
    let texts = end.checked_add(name.head)?;
    let head: Head = serde_json::from_slice(file.get(end..texts)?).ok()?;
    let mut start = texts;
    let mut kept = HashMap::new();
    for (metric, bytes, layout) in head.metrics {
        let end = start.checked_add(bytes).filter(|end| *end <= file.len())?;
        kept.insert(
            metric,
            MetricText::laid_out(&layout, file.slice(start..end))?,
        );
        start = end;
    }
    Some(Kept {
        texts: kept,
        fingerprints: head.fingerprints,
    })
}

fn replace<'a>(path: &Path, pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let mut new = path.to_owned().into_os_string();
    new.push(".new");
    let _ = fs::remove_file(&new); // Left by a crash, if it is there.
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(MODE).open(&new)?;
    let replaced = fill(file, pieces).and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&new); // It would take room on a full disk.
    }
    replaced
}

fn fill<'a>(file: File, mut pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    pieces.try_for_each(|piece| file.write_all(piece))?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::gzip::Codec;
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_a_damaged_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.exposition");
        assert!(read(&path).unwrap().is_none());
        let lines: String = (1000..3000)
            .map(|id| format!("m{{project_id=\"{id}\"}} {}\n", id * 7))
            .collect();
        let (mut text, mut codec) = (MetricText::default(), Codec::new());
        let rendered = format!("# HELP m Help\n# TYPE m gauge\n{lines}");
        assert!(text.replace(Vec::new(), rendered.clone().into(), &mut codec));
        text.join();
        let texts = [("m", &text), ("empty", &MetricText::default())];
        write(&path, texts.into_iter(), Fingerprints::default()).unwrap();

        let kept = read(&path).unwrap().unwrap();
        assert_eq!(kept.texts["m"].series(), 2000);
        let mut again = Vec::new();
        for piece in kept.texts["m"].pieces() {
            assert!(codec.decompress(piece, &mut again));
        }
        assert_eq!(String::from_utf8(again).unwrap(), rendered);
        assert_eq!(kept.texts["m"].whole().sum, text.whole().sum);

        let file = fs::read(&path).unwrap();
        for index in (0..file.len()).step_by(97) {
            let mut damaged = file.clone();
            damaged[index] ^= 1;
            assert!(parse(&damaged.into()).is_none(), "byte {index}");
            assert!(parse(&Bytes::copy_from_slice(&file[..index])).is_none());
        }
    }
}
