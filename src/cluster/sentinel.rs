//! Sentinels, which know the server that takes writes.

use std::time::Duration;

use redis::AsyncConnectionConfig;
use tokio::time::timeout;

use super::config::{Config, Sentinel};
use super::error::Error;
use super::server::{self, Server};

/// The server that takes writes, as the first Sentinel says that knows it.
///
/// # Errors
/// If none answers in time, or none knows.
pub(super) async fn find(
    config: &Config,
    sentinel: &Sentinel,
    patience: Duration,
) -> Result<Server, Error> {
    let mut problems = Vec::new();
    let each = patience / u32::try_from(sentinel.addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in &sentinel.addresses {
        let Some(server) = Server::parse(address) else {
            continue;
        };
        let answer = timeout(each, ask(config, &server, &sentinel.master, each)).await;
        match answer {
            Ok(Ok(Some(server))) => return Ok(server),
            Ok(Ok(None)) => problems.push(format!("{address} does not know {:?}", sentinel.master)),
            Ok(Err(error @ Error::Unusable(_))) => return Err(error),
            Ok(Err(error)) => {
                let said = error.to_string();
                let said = said
                    .split(". ")
                    .next()
                    .unwrap_or_default()
                    .replace("the engine at", "the Sentinel at");
                problems.push(said);
            }
            Err(_) => problems.push(format!("{address} did not answer in time")),
        }
    }
    Err(Error::Away(format!(
        "no Sentinel names a server that takes writes: {}. See cluster.sentinel.master and cluster.sentinel.addresses.",
        problems.join("; ")
    )))
}

async fn ask(
    config: &Config,
    server: &Server,
    master: &str,
    patience: Duration,
) -> Result<Option<Server>, Error> {
    let client = server::sentinel(config, server)?;
    let options = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(patience));
    let failed = |error| Error::of(&server.to_string(), &error).0;
    let connection = client.get_multiplexed_async_connection_with_config(&options);
    let mut connection = connection.await.map_err(failed)?;
    let mut question = redis::cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let answer: Option<(String, u16)> = question
        .query_async(&mut connection)
        .await
        .map_err(failed)?;
    Ok(answer.map(|(host, port)| Server { host, port }))
}
