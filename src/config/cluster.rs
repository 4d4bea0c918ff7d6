//! The engine that replicas share: settings that mean something only together.

use std::collections::BTreeMap;

use url::Url;

use super::configuration::Instance;
use super::error::{Error, Place};
use crate::cluster::{self, Sentinel};

/// What has been said of the engine so far.
#[derive(Default)]
pub struct Cluster {
    pub url: Option<Url>,
    pub name: Option<String>,
    pub replica: Option<String>,
    /// What the Sentinels call the servers.
    pub master: Option<String>,
    pub sentinel: Sentinel,
    /// What does not depend on other settings.
    pub config: cluster::Config,
}

impl Cluster {
    /// What is in use, as if it had been said.
    pub fn in_use(config: Option<&cluster::Config>) -> Cluster {
        let Some(config) = config.cloned() else {
            return Cluster::default();
        };
        let sentinel = config.sentinel.clone();
        Cluster {
            url: Some(config.url.clone()),
            name: Some(config.name.clone()),
            replica: config.replica.clone(),
            master: sentinel.as_ref().map(|sentinel| sentinel.master.clone()),
            sentinel: sentinel.unwrap_or_default(),
            config,
        }
    }

    /// What it amounts to; nothing without an address.
    ///
    /// # Errors
    /// If a setting is of no use without another one.
    pub fn finish(
        self,
        places: &BTreeMap<&'static str, Place>,
        instances: &[Instance],
    ) -> Result<Option<cluster::Config>, Error> {
        let of_no_use = |key: &str, need: &str| match places.get(key) {
            Some(place) => {
                let problem = format!("it is of no use without {need}, or remove this");
                Err(place.error(problem))
            }
            None => Ok(()),
        };
        let Some(url) = self.url else {
            // An example that shows all defaults says these two.
            let harmless = ["cluster.lease", "cluster.sentinel.addresses"];
            let mut keys = places.keys().filter(|key| !harmless.contains(key));
            let needless = keys.find(|key| key.starts_with("cluster."));
            let need = "cluster.url: name the engine there";
            needless.map_or(Ok(()), |key| of_no_use(key, need))?;
            return Ok(None);
        };
        if url.scheme() == "redis" {
            let need = "TLS: let cluster.url begin with rediss://";
            of_no_use("cluster.ca_file", need)?;
            of_no_use("cluster.cert_file", need)?;
        }
        let mut sentinel = self.sentinel;
        if sentinel.addresses.is_empty() {
            let need = "cluster.sentinel.addresses: name the Sentinels there";
            of_no_use("cluster.sentinel.master", need)?;
            of_no_use("cluster.sentinel.password", need)?;
            of_no_use("cluster.sentinel.password_file", need)?;
        }
        if !sentinel.addresses.is_empty() && self.master.is_none() {
            let need = "cluster.sentinel.master: write what the Sentinels call the servers";
            of_no_use("cluster.sentinel.addresses", need)?;
        }
        sentinel.master = self.master.unwrap_or_default();
        let gitlab = instances.first().map(|instance| &instance.gitlab.url);
        let host = gitlab.and_then(|url| url.host_str()).unwrap_or_default();
        Ok(Some(cluster::Config {
            url,
            name: self.name.unwrap_or_else(|| host.to_owned()),
            replica: self.replica,
            sentinel: Some(sentinel).filter(|sentinel| !sentinel.addresses.is_empty()),
            ..self.config
        }))
    }
}
