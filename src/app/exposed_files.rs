//! The files of a configuration that hold secrets and that every user of this machine can read.

use std::path::{Path, PathBuf};

use crate::cluster::{self, Secret};
use crate::config::{Config, exposure};
use crate::export::Web;
use crate::gitlab::CredentialSource;
use crate::webhook::SecretSource;

/// A sentence for each file of the configuration that holds a secret which others can read.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut told = Vec::new();
    for (setting, path) in secret_files(config) {
        let warning = exposure(&path).map(|problem| format!("{setting}: {problem}"));
        told.extend(warning);
    }
    told
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
    if let Some(cluster) = &config.cluster {
        for (setting, path) in of_engine(cluster) {
            add(setting.to_owned(), path);
        }
    }
    for path in Web::secret_files(&config.export) {
        add("prometheus.web_config_file".to_owned(), &path);
    }
    files
}

/// The files with secrets for the engine.
fn of_engine(cluster: &cluster::Config) -> impl Iterator<Item = (&'static str, &Path)> {
    let of_sentinels = cluster.sentinel.as_ref();
    let of_sentinels = of_sentinels.and_then(|sentinel| sentinel.password.as_ref());
    let passwords = [
        ("cluster.password_file", cluster.password.as_ref()),
        ("cluster.sentinel.password_file", of_sentinels),
    ];
    let passwords = passwords
        .into_iter()
        .filter_map(|(setting, secret)| match secret {
            Some(Secret::File(path)) => Some((setting, path.as_path())),
            _ => None,
        });
    let key = cluster.key_file.as_deref();
    passwords.chain(key.map(|path| ("cluster.key_file", path)))
}
