//! How the engine is reached, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How the engine is reached. No password is in what it shows.
#[derive(Clone)]
pub struct Config {
    /// `redis://host:port/database`, or `rediss://` for TLS; without user and password.
    pub url: Url,
    /// The name of the group of replicas that are one bridge. The default of the setting is the host of the GitLab.
    pub name: String,
    /// The name of this replica, where it is given.
    pub replica: Option<String>,
    /// How long a lease lasts that is not renewed.
    pub lease: Duration,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Certificates to trust instead of the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The key of our certificate, in PEM.
    pub key_file: Option<PathBuf>,
    /// Who knows which server takes writes; none where the URL names it.
    pub sentinel: Option<Sentinel>,
}

/// Sentinels, which know the server that takes writes.
#[derive(Clone, Debug, Default)]
pub struct Sentinel {
    /// What the Sentinels call the group of servers.
    pub master: String,
    /// Where they listen, as `host:port`.
    pub addresses: Vec<String>,
    /// Their own password, if they ask for one.
    pub password: Option<Secret>,
}

/// Where a password stands.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The password, after the name of the variable that held it.
    Value(String, SecretString),
    /// A file that holds it. It is read again for each connection, so it may be replaced while the bridge runs.
    File(PathBuf),
}

impl Default for Config {
    fn default() -> Config {
        Config {
            // A constant, which every test reads.
            url: Url::parse("redis://localhost:6379").expect("a URL"),
            name: String::new(),
            replica: None,
            lease: Duration::from_secs(15),
            user: None,
            password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            sentinel: None,
        }
    }
}

/// The same for all replicas that are set up alike: without the name of the replica.
impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("url", &self.url.as_str())
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("user", &self.user)
            .field("password", &self.password)
            .field("ca_file", &self.ca_file)
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .field("sentinel", &self.sentinel)
            .finish_non_exhaustive()
    }
}
