//! How a replica gets on, as its own metrics and the page tell it.

use std::sync::{Arc, Mutex};

use super::version::Version;
use crate::cluster::{Engine, Error};
use crate::lock::lock;
use crate::metrics::{ClusterStatus, Leadership};

/// How the engine does.
pub struct EngineStatus {
    engine: Engine,
    /// What is wrong with it, as far as it was logged.
    said: Mutex<Option<String>>,
}

impl EngineStatus {
    pub(super) fn of(engine: Engine) -> Arc<EngineStatus> {
        Arc::new(EngineStatus {
            engine,
            said: Mutex::default(),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Tells it.
    pub fn now(&self) -> ClusterStatus {
        let health = self.engine.health();
        let was_asked = health.latency.is_some() || health.problem.is_some();
        ClusterStatus {
            group: self.engine.group().to_owned(),
            replica: self.engine.replica().to_owned(),
            engine_up: was_asked.then_some(health.is_up),
            engine_took: health.latency,
            refused_writes: health.refused.into_iter().collect(),
        }
    }

    /// Notes what came of a request, and logs when the engine goes away and when it is back.
    pub(super) fn noted<T>(&self, answer: Result<T, Error>) -> Option<T> {
        let mut said = lock(&self.said);
        match answer {
            Ok(answer) => {
                if said.take().is_some() {
                    tracing::info!("the engine answers again");
                }
                Some(answer)
            }
            Err(Error::Refused) => None,
            Err(error) => {
                let error = error.to_string();
                if said.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "the engine can't be used: what was published last is shown on, and nobody reads GitLab \
                         once the leases are over"
                    );
                }
                *said = Some(error);
                None
            }
        }
    }
}

/// How this replica gets on with one GitLab.
#[derive(Default)]
pub struct StandingStatus(Mutex<Leadership>);

impl StandingStatus {
    /// Tells it.
    pub fn leadership(&self) -> Leadership {
        lock(&self.0).clone()
    }

    pub(super) fn leads(&self, replica: &str, token: u64) {
        let mut own = lock(&self.0);
        own.is_ours = true;
        own.token = own.token.max(Some(token));
        is_led_by(&mut own, Some(replica));
    }

    pub(super) fn leads_no_more(&self) {
        let mut own = lock(&self.0);
        own.is_ours = false;
        own.leader = None;
    }

    /// Notes who holds the lease, while this replica does not.
    pub(super) fn is_led_by(&self, holder: Option<&str>) {
        is_led_by(&mut lock(&self.0), holder);
    }

    /// Notes the newest version in the engine.
    pub(super) fn published(&self, token: u64, version: u64) {
        let mut own = lock(&self.0);
        own.token = own.token.max(Some(token));
        own.published = Some(version);
    }

    pub(super) fn shows(&self, version: &Version) {
        let mut own = lock(&self.0);
        own.token = own.token.max(Some(version.token));
        own.shown = Some(version.number);
        own.shown_at = Some(version.manifest.at);
        own.published = own.published.max(Some(version.number));
    }
}

/// Notes a holder of the lease.
fn is_led_by(own: &mut Leadership, holder: Option<&str>) {
    let is_new = holder.is_some() && own.leader.as_deref() != holder;
    own.changes += u64::from(is_new);
    own.leader = holder.map(str::to_owned);
}
