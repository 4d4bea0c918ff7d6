//! The file on the disk: one process at a time, replaced as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::format::Unusable;

/// Names of projects are nobody else's business.
const MODE: u32 = 0o600;

/// Where the file is. It is ours as long as this lives.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    _lock: Option<File>,
}

/// Another process uses the file.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is in use by another process; stop that one, or give this one a state.path of its own",
    .0.display()
)]
pub struct InUse(PathBuf);

impl Place {
    /// Takes the file for this process. Where nothing can be locked, nothing can be written either,
    /// or the file system knows no locks: that is no reason not to start.
    ///
    /// # Errors
    /// If another process has it.
    pub fn take(path: &Path) -> Result<Place, InUse> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(beside(path, ".lock"));
        let lock = match file {
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file),
                Err(TryLockError::WouldBlock) => return Err(InUse(path.to_owned())),
                Err(TryLockError::Error(_)) => None,
            },
            Err(_) => None,
        };
        Ok(Place {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The file, whoever has it.
    pub fn unlocked(path: &Path) -> Place {
        Place {
            path: path.to_owned(),
            _lock: None,
        }
    }

    /// Whether another process has the file.
    pub fn is_in_use(path: &Path) -> bool {
        let lock = OpenOptions::new().write(true).open(beside(path, ".lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Writes a file beside it, and takes it away again.
    pub fn try_to_write(&self) -> io::Result<()> {
        self.is_there()?;
        let trial = beside(&self.path, ".check");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&trial)?;
        // A full disk takes the name and refuses the bytes.
        let written = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
        fs::remove_file(&trial)?;
        written
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file; none if there is none.
    pub fn open(&self) -> io::Result<Option<File>> {
        match self.is_there()? {
            true => File::open(&self.path).map(Some),
            false => Ok(None),
        }
    }

    /// Replaces the file with what `write` writes. If anything goes wrong, the old one stays.
    pub fn replace(&self, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        // Or else a device would be replaced by a file.
        self.is_there()?;
        let new = beside(&self.path, ".new");
        let _ = fs::remove_file(&new); // Left by a crash, if it is there.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&new)?;
        let replaced = write(&mut file)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, &self.path));
        if replaced.is_err() {
            let _ = fs::remove_file(&new); // It would take room on a full disk.
            return replaced;
        }
        // The rename itself lasts once the folder does.
        File::open(self.folder())?.sync_all()
    }

    /// Puts a file that can't be used out of the way, for somebody to look at.
    pub fn set_aside(&self, why: &Unusable) {
        let (path, aside) = (self.path.display(), beside(&self.path, ".set-aside"));
        let moved = match self.is_there() {
            Ok(_) => fs::rename(&self.path, &aside),
            Err(error) => Err(error),
        };
        let aside = aside.display();
        match moved {
            Ok(()) => tracing::warn!(
                %path,
                %aside,
                "beginning with nothing, and setting the old state aside: {why}"
            ),
            Err(error) => tracing::warn!(%path, %error, "beginning with nothing: {why}"),
        }
    }

    fn is_there(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => Ok(true),
            Ok(_) => Err(io::Error::other("it is not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }
}

/// A path with something added to its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
