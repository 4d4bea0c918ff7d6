//! `health`: asks the bridge that runs with a configuration whether it is well, for a container's health check.

use anyhow::{Context, Result};
use url::Url;

use crate::config::Config;
use crate::export::ask_health;

/// Asks the bridge of this configuration, or the one at another address.
///
/// # Errors
/// If it does not answer, or not that it is well.
pub async fn health(config: Config, url: Option<&str>) -> Result<()> {
    let url = url.map(str::parse::<Url>).transpose();
    ask_health(&config.export, url.context("reading --url")?).await
}
