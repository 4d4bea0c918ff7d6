//! What files looked like, to see cheaply whether one has changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What some files looked like.
#[derive(Default)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

/// Inode, size, and when the content and the inode changed, in nanoseconds too. None for a file that
/// is not there.
type Stamp = (u64, u64, (i64, i64), (i64, i64));

impl Stamps {
    pub fn add(&mut self, path: &Path) {
        self.0.push((path.to_owned(), stamp(path)));
    }

    /// Whether all still look like that.
    pub fn are_current(&self) -> bool {
        self.0.iter().all(|(path, known)| stamp(path) == *known)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    let content = (file.mtime(), file.mtime_nsec());
    Some((
        file.ino(),
        file.size(),
        content,
        (file.ctime(), file.ctime_nsec()),
    ))
}
