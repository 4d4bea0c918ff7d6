//! Sends one message until it is known what became of it, and keeps the waits that receivers ask for.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use tokio::time::{Instant, sleep};

use super::config::{OtlpConfig, Protocol};
use super::grpc::Grpc;
use super::http::Http;
use super::outcome::{Outcome, Why};

use crate::lock::lock;

/// The pause before a message is sent a second time, and how often at the most. It doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MOST_TRIES: u32 = 4;
/// A longer wait that a receiver asks for is not spent with a message in hand.
const LONGEST_WAIT_IN_HAND: Duration = Duration::from_secs(5);

/// Sends messages to one receiver.
pub struct Sender {
    transport: Transport,
    /// How long a message may take, all tries together.
    timeout: Duration,
    /// Until when the receiver wants to be left alone, if it does, and what it said.
    closed: Mutex<Option<(Instant, Why)>>,
    /// What the receiver advised last, which is logged once.
    advice: Mutex<Option<String>>,
}

enum Transport {
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

impl Sender {
    /// Builds the client; it connects when it first sends. Needs a tokio runtime.
    ///
    /// # Errors
    /// If a certificate or key can't be read or a header is not valid.
    pub fn build(config: &OtlpConfig) -> Result<Sender> {
        let certificates = config.certificates()?;
        let transport = match config.protocol {
            Protocol::Grpc => Transport::Grpc(Box::new(Grpc::build(config, &certificates)?)),
            Protocol::Http => Transport::Http(Box::new(Http::build(config, &certificates)?)),
        };
        Ok(Sender {
            transport,
            timeout: config.timeout,
            closed: Mutex::default(),
            advice: Mutex::default(),
        })
    }

    /// Keeps the wait that a receiver has asked another one for.
    pub fn take_over(&self, before: &Sender) {
        let before = before.closed().clone();
        *self.closed() = before;
    }

    /// Until when the receiver wants to be left alone, if it does.
    pub fn closed_until(&self) -> Option<Instant> {
        let closed = self.closed().as_ref().map(|(until, _)| *until);
        closed.filter(|until| *until > Instant::now())
    }

    /// Sends a message, several times if that may help, within its time and not after `until`.
    pub async fn send(&self, message: &Bytes, until: Option<Instant>) -> Outcome {
        let mut end = Instant::now() + self.timeout;
        end = until.map_or(end, |until| until.min(end));
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            if let Some(outcome) = self.left_alone() {
                return outcome;
            }
            let now = Instant::now();
            let outcome = self
                .try_once(message, end.saturating_duration_since(now))
                .await;
            let Outcome::Later { after, why } = &outcome else {
                return outcome;
            };
            let jitter = 1.0 + fastrand::f64() / 2.0;
            let wait = after.unwrap_or_else(|| pause.mul_f64(jitter));
            let again = Instant::now() + wait;
            if tried >= MOST_TRIES || again >= end || wait > LONGEST_WAIT_IN_HAND {
                if after.is_some() {
                    *self.closed() = Some((again, why.clone()));
                }
                return outcome;
            }
            sleep(wait).await;
            pause *= 2;
        }
        unreachable!("the number of tries is bounded")
    }

    async fn try_once(&self, message: &Bytes, within: Duration) -> Outcome {
        if within.is_zero() {
            let why = Why {
                text: "there was no time left for it".to_owned(),
                hint: Some("raise otlp.export_timeout, if that is set"),
            };
            return Outcome::Later { after: None, why };
        }
        let (outcome, advice) = match &self.transport {
            Transport::Grpc(grpc) => grpc.send(message, within).await,
            Transport::Http(http) => http.send(message, within).await,
        };
        if let Some(advice) = advice {
            let mut last = lock(&self.advice);
            if last.as_ref() != Some(&advice) {
                tracing::warn!(advice, "the OTLP receiver took everything, with an advice");
                *last = Some(advice);
            }
        }
        outcome
    }

    /// What is said in place of a receiver that wants to be left alone.
    fn left_alone(&self) -> Option<Outcome> {
        let until = self.closed_until()?;
        let why = self.closed().as_ref().map(|(_, why)| why.clone());
        Some(Outcome::Later {
            after: Some(until - Instant::now()),
            why: why.unwrap_or_default(),
        })
    }

    fn closed(&self) -> MutexGuard<'_, Option<(Instant, Why)>> {
        lock(&self.closed)
    }
}
