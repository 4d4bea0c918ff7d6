//! Files with secrets that every user of this machine can read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::export::Web;
use crate::gitlab::CredentialSource;
use crate::webhook::SecretSource;

/// Others than the owner and the group may read a file, or enter a folder.
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;
/// Where Docker, Podman and Kubernetes lay secrets: for one container, readable by all in it.
const MOUNTED: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
/// Kubernetes exchanges the files of a volume by this link, wherever the volume is.
const KUBERNETES: &str = "..data";

/// A sentence for each file of the configuration that holds a secret which others can read.
pub fn warnings(config: &Config) -> Vec<String> {
    let exposed = secret_files(config).into_iter();
    let mut exposed: Vec<_> = exposed.filter(|(_, path)| is_exposed(path)).collect();
    exposed.dedup_by(|(_, one), (_, other)| one == other);
    let told = exposed.into_iter().map(|(setting, path)| {
        let path = path.display().to_string();
        format!("{setting}: every user of this machine can read {path:?}: chmod 600 it, or 640 for a group")
    });
    told.collect()
}

/// The files with secrets, each with the setting that names it.
fn secret_files(config: &Config) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    let mut add = |setting: String, path: &Path| files.push((setting, path.to_owned()));
    for instance in &config.instances {
        let named = config
            .label(instance)
            .map(|name| format!("instances.{name}."));
        let prefix = named.unwrap_or_default();
        let gitlab = &instance.gitlab;
        if let Some(CredentialSource::File(path)) = &gitlab.token {
            add(format!("{prefix}gitlab.token_file"), path);
        }
        for (name, source) in &gitlab.headers {
            if let CredentialSource::File(path) = source {
                add(format!("{prefix}gitlab.headers.{name}"), path);
            }
        }
        if let Some(path) = &gitlab.client_key {
            add(format!("{prefix}gitlab.client_key"), path);
        }
    }
    let webhook = &config.webhook;
    for (setting, source) in [
        ("webhook.token_file", &webhook.token),
        ("webhook.signing_token_file", &webhook.signing_token),
    ] {
        if let Some(SecretSource::File(path)) = source {
            add(setting.to_owned(), path);
        }
    }
    let otlp = config.export.otlp.as_ref();
    if let Some(path) = otlp.and_then(|otlp| otlp.client_key.as_ref()) {
        add("otlp.client_key".to_owned(), path);
    }
    for path in Web::secret_files(&config.export) {
        add("prometheus.web_config_file".to_owned(), &path);
    }
    files
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
