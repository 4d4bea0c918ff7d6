//! How a replica gets on, as its own metrics and the page tell it.

use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex};

use super::version::Version;
use crate::cluster::{Engine, Error};
use crate::lock::lock;
use crate::metrics::{ClusterStatus, Leadership};

/// How the engine does.
pub struct EngineStatus {
    engine: Engine,
    /// What kind of thing is wrong with it, as far as it was logged.
    said: Mutex<Option<Discriminant<Error>>>,
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
                let kind = discriminant(&error);
                if said.replace(kind) != Some(kind) {
                    tracing::warn!(
                        %error,
                        "the engine can't be used: what was published last is shown on, and nobody reads GitLab \
                         once the leases are over"
                    );
                }
                None
            }
        }
    }
}

/// How this replica gets on with one GitLab.
#[derive(Default)]
pub struct StandingStatus(Mutex<Own>);

#[derive(Default)]
struct Own {
    told: Leadership,
    /// Who led last, also while that is not known any more.
    last_leader: Option<String>,
}

impl StandingStatus {
    /// Tells it.
    pub fn leadership(&self) -> Leadership {
        lock(&self.0).told.clone()
    }

    pub(super) fn leads(&self, replica: &str, token: u64) {
        let mut own = lock(&self.0);
        own.told.is_ours = true;
        own.told.token = own.told.token.max(Some(token));
        own.is_led_by(Some(replica));
    }

    pub(super) fn leads_no_more(&self) {
        let mut own = lock(&self.0);
        own.told.is_ours = false;
        (own.told.leader, own.last_leader) = (None, None);
    }

    /// Notes who holds the lease, while this replica does not; none if nobody does, or the engine does not say.
    pub(super) fn is_led_by(&self, holder: Option<&str>) {
        lock(&self.0).is_led_by(holder);
    }

    /// Notes the newest version in the engine.
    pub(super) fn published(&self, token: u64, version: u64) {
        let own = &mut lock(&self.0).told;
        own.token = own.token.max(Some(token));
        own.published = Some(version);
    }

    pub(super) fn shows(&self, version: &Version) {
        let own = &mut lock(&self.0).told;
        own.token = own.token.max(Some(version.token));
        own.shown = Some(version.number);
        own.shown_at = Some(version.manifest.at);
        own.published = own.published.max(Some(version.number));
    }
}

impl Own {
    /// Notes a holder of the lease. One that is known again after a while without an answer is no other one.
    fn is_led_by(&mut self, holder: Option<&str>) {
        if holder.is_some() && self.last_leader.as_deref() != holder {
            self.told.changes += 1;
            self.last_leader = holder.map(str::to_owned);
        }
        self.told.leader = holder.map(str::to_owned);
    }
}
