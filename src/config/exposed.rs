//! Files with secrets that every user of this machine can read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Others than the owner and the group may read a file, or enter a folder.
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;
/// Where Docker, Podman and Kubernetes lay secrets: for one container, readable by all in it.
const MOUNTED: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
/// Kubernetes exchanges the files of a volume by this link, wherever the volume is.
const KUBERNETES: &str = "..data";

/// What is wrong with a file that holds a secret, if others can read it, and what to do.
pub fn exposure(path: &Path) -> Option<String> {
    let path_shown = path.display().to_string();
    is_exposed(path).then(|| {
        format!(
            "every user of this machine can read {path_shown:?}: chmod 600 it, or 640 for a group"
        )
    })
}

/// Whether a user who is neither the owner nor in the group can read it. Not so where one of its folders
/// can't be entered, nor where it is laid for one container.
fn is_exposed(path: &Path) -> bool {
    let link = path.parent().map(|folder| folder.join(KUBERNETES));
    if link.is_some_and(|link| link.is_symlink()) {
        return false;
    }
    let Ok(real) = fs::canonicalize(path) else {
        return false; // Whoever reads it says what is wrong.
    };
    let mode = |path: &Path| fs::metadata(path).map_or(0, |file| file.mode());
    let is_mounted = MOUNTED.iter().any(|folder| real.starts_with(folder));
    let mut folders = real.ancestors().skip(1);
    !is_mounted
        && mode(&real) & OTHERS_READ != 0
        && folders.all(|folder| mode(folder) & OTHERS_ENTER != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// A folder that others may enter, with a file of this mode in it.
    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "s3cret").unwrap();
        set(&path, mode);
        set(folder.path(), 0o755);
        (folder, path)
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_exposed_to_those_who_can_read_it_and_enter_its_folders() {
        for (mode, exposed) in [
            (0o600, false),
            (0o640, false),
            (0o644, true),
            (0o604, true),
            (0o666, true),
        ] {
            let (folder, path) = file(mode);
            assert_eq!(is_exposed(&path), exposed, "{mode:o}");
            set(folder.path(), 0o750);
            assert!(!is_exposed(&path), "{mode:o} in a folder that is closed");
        }
        assert!(!is_exposed(Path::new("/nowhere/token")));
    }

    #[test]
    fn a_link_is_as_exposed_as_what_it_leads_to() {
        let (folder, path) = file(0o644);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(is_exposed(&link));
        set(&path, 0o600);
        assert!(!is_exposed(&link));
    }

    #[test]
    fn a_volume_of_kubernetes_is_left_alone() {
        let (folder, path) = file(0o644);
        symlink(".", folder.path().join(KUBERNETES)).unwrap();
        assert!(!is_exposed(&path));
    }
}
