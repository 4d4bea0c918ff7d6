//! A connection to the engine that is made again when it is lost, or when it leads to a server that can't write.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, RedisError, RedisResult, ScriptInvocation, Value,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::config::Config;
use super::error::{After, Error};
use super::sentinel;
use super::server::{self, Server};
use super::stirs::Stirs;

/// What is asked, in one step to and fro.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    Command(&'a Cmd),
    Commands(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

impl Request<'_> {
    async fn sent(self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Request::Command(command) => command.query_async(connection).await,
            Request::Commands(commands) => commands.query_async(connection).await,
            Request::Script(script) => script.invoke_async(connection).await,
        }
    }
}

/// A connection, made when it is needed.
pub(super) struct Link {
    config: Arc<Config>,
    /// How long an answer may take, with a connection that has to be made first.
    patience: Duration,
    /// The channel that is listened to, and who hears of it.
    channel: Option<(String, Arc<Stirs>)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    server: String,
    /// The number of the connection: so nobody drops one that somebody else has made meanwhile.
    number: u64,
    /// The last failure to connect.
    failure: Option<(Instant, Error)>,
}

/// A connection that stands, with the number that it has.
struct Standing {
    connection: MultiplexedConnection,
    server: String,
    number: u64,
}

impl Link {
    pub(super) fn new(
        config: Arc<Config>,
        patience: Duration,
        channel: Option<(String, Arc<Stirs>)>,
    ) -> Link {
        Link {
            config,
            patience,
            channel,
            state: Mutex::default(),
        }
    }

    /// Asks once, and once more on a new connection where the old one was lost or can't write. Who asks must not mind
    /// that a request is executed twice.
    ///
    /// # Errors
    /// If there is no answer in time, or a refusal.
    pub(super) async fn ask(&self, request: Request<'_>) -> Result<Value, Error> {
        let deadline = Instant::now() + self.patience;
        let mut is_first = true;
        loop {
            let mut standing = self.connection(deadline).await?;
            let asking = request.sent(&mut standing.connection);
            let answer = timeout_at(deadline, asking).await;
            let (error, after) = match answer {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => Error::of(&standing.server, &error),
                Err(_) => (Error::slow(&standing.server), After::Drop),
            };
            if after != After::Keep {
                self.drop_connection(standing.number).await;
            }
            if after != After::Renew || !is_first {
                return Err(error);
            }
            is_first = false;
        }
    }

    /// A connection for what must not be asked twice, and the name of its server.
    ///
    /// # Errors
    /// If there is none in time.
    pub(super) async fn connected(&self) -> Result<(MultiplexedConnection, String), Error> {
        let standing = self.connection(Instant::now() + self.patience).await?;
        Ok((standing.connection, standing.server))
    }

    async fn connection(&self, deadline: Instant) -> Result<Standing, Error> {
        let asked = Instant::now();
        let Ok(mut state) = timeout_at(deadline, self.state.lock()).await else {
            return Err(Error::slow(&Server::named(&self.config).to_string()));
        };
        if let Some(connection) = &state.connection {
            return Ok(Standing {
                connection: connection.clone(),
                server: state.server.clone(),
                number: state.number,
            });
        }
        // Who waited for somebody else's attempt has seen it fail.
        if let Some((at, error)) = &state.failure
            && *at >= asked
        {
            return Err(error.clone());
        }
        match self.connect(deadline).await {
            Ok((connection, server)) => {
                state.connection = Some(connection.clone());
                state.server.clone_from(&server);
                state.number += 1;
                state.failure = None;
                let number = state.number;
                Ok(Standing {
                    connection,
                    server,
                    number,
                })
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect(&self, deadline: Instant) -> Result<(MultiplexedConnection, String), Error> {
        let server = match &self.config.sentinel {
            Some(sentinel) => {
                // Half of the time is left for the server.
                let patience = deadline.saturating_duration_since(Instant::now()) / 2;
                sentinel::find(&self.config, sentinel, patience).await?
            }
            None => Server::named(&self.config),
        };
        let client = server::client(&self.config, &server)?;
        let shown = server.to_string();
        let connected = timeout_at(deadline, self.subscribed(&client)).await;
        match connected {
            Ok(Ok(connection)) => Ok((connection, shown)),
            Ok(Err(error)) => Err(Error::of(&shown, &error).0),
            Err(_) => Err(Error::slow(&shown)),
        }
    }

    async fn subscribed(
        &self,
        client: &redis::Client,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        let Some((channel, stirs)) = &self.channel else {
            return client
                .get_multiplexed_async_connection_with_config(&config)
                .await;
        };
        let hearing = Arc::clone(stirs);
        let config = config.set_push_sender(move |message| {
            hearing.told(&message);
            Ok::<_, std::convert::Infallible>(())
        });
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        connection.subscribe(channel).await?;
        // What happened while there was no connection was not told.
        stirs.stir_all();
        Ok(connection)
    }

    async fn drop_connection(&self, number: u64) {
        let mut state = self.state.lock().await;
        if state.number == number {
            state.connection = None;
        }
    }
}
