//! What becomes of a request: counted, recorded, hit by a fault or answered.
//!
//! The same whether it came through a socket or by a call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::request::Parts;
use fastrand::Rng;

use super::arrival::Arrival;
use super::chaos::Chaos;
use super::delivery::{Delivery, Manner};
use super::fault::{Effect, Queue};
use super::rate::{RateUse, Windows};
use super::record::{Log, Request};
use super::route;
use crate::simulator::answer::Answer;
use crate::simulator::world::World;

/// The connection was cut before the answer was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was cut")]
pub struct Cut;

/// A world, and what stands between it and its clients: rate limits, faults and the log.
#[derive(Debug)]
pub(super) struct Service {
    world: Mutex<World>,
    windows: Mutex<Windows>,
    pub(super) faults: Mutex<Queue>,
    pub(super) chaos: Mutex<Chaos>,
    pub(super) log: Mutex<Log>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// A request that was read and recorded.
struct Received<'p> {
    parts: &'p Parts,
    arrival: Arrival,
    record: Request,
    /// Its number in the log.
    number: usize,
}

impl Service {
    /// Opens a world to requests; its clock runs from now on.
    pub(super) fn open(mut world: World) -> Arc<Self> {
        world.clock.start();
        world.reindex();
        Arc::new(Service {
            world: Mutex::new(world),
            windows: Mutex::default(),
            faults: Mutex::default(),
            chaos: Mutex::default(),
            log: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        })
    }

    pub(super) fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = lock(&self.world);
        world.catch_up();
        let changed = change(&mut world);
        world.catch_up();
        world.reindex();
        changed
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let mut world = lock(&self.world);
        world.catch_up();
        look(&world)
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::Relaxed)
    }

    /// Answers a request, cuts its connection, or never returns.
    pub(super) async fn receive(
        &self,
        parts: &Parts,
        body: &Bytes,
        peer_port: u16,
    ) -> Result<Response<Body>, Cut> {
        let _under_way = self.enter();
        let received = self.record(parts, body, peer_port);
        let delivery = self.deliver(&received).await?;
        if let Some(request) = lock(&self.log).get_mut(received.number) {
            request.status = Some(delivery.answer.status);
        }
        Ok(delivery.respond(parts, self.read(World::now)))
    }

    fn record<'p>(&self, parts: &'p Parts, body: &Bytes, peer_port: u16) -> Received<'p> {
        let arrival = Arrival::new(parts, body);
        // Under one lock, so that the records are in the order of their times.
        let mut log = lock(&self.log);
        let now = self.read(World::now);
        let record = Request::of(parts, &arrival, now, peer_port);
        Received {
            parts,
            arrival,
            number: log.add(record.clone()),
            record,
        }
    }

    async fn deliver(&self, received: &Received<'_>) -> Result<Delivery, Cut> {
        let (rate_use, refusal) = self.admit(received);
        if let Some(refusal) = refusal {
            return Ok(Delivery::whole(refusal));
        }
        let effect = self.effect_on(received);
        let mut answer = match &effect {
            // Until the client leaves or the model stops, which drops this future.
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::Reset) => return Err(Cut),
            Some(Effect::Replace(answer)) => answer(received.arrival.dialect()),
            Some(Effect::Delay(delay)) => {
                tokio::time::sleep(*delay).await;
                self.answer(received, None).await
            }
            Some(Effect::LoseFields(seed)) => {
                let timeouts = Rng::with_seed(*seed);
                self.answer(received, Some(timeouts)).await
            }
            None | Some(Effect::Truncate | Effect::Drip(_) | Effect::Tamper(_)) => {
                self.answer(received, None).await
            }
        };
        if let Some(rate_use) = rate_use {
            rate_use.announce(&mut answer);
        }
        let manner = match effect {
            Some(Effect::Truncate) => Manner::Truncated,
            Some(Effect::Drip(pause)) => Manner::Dripping(pause),
            Some(Effect::Tamper(change)) => {
                change(&received.record, &mut answer);
                Manner::Whole
            }
            _ => Manner::Whole,
        };
        Ok(Delivery { answer, manner })
    }

    /// Counts a request against the limits; beyond them there is a refusal.
    fn admit(&self, received: &Received<'_>) -> (Option<RateUse>, Option<Answer>) {
        let (world, mut windows) = (lock(&self.world), lock(&self.windows));
        let (limits, now) = (&world.rate_limits, world.now());
        let rate_use = windows.count(limits, now);
        if let Some(rate_use) = rate_use.filter(RateUse::exceeded) {
            let mut refusal = rate_use.refusal();
            rate_use.announce(&mut refusal);
            return (Some(rate_use), Some(refusal));
        }
        let path = received.arrival.path.strip_prefix(&world.base);
        let resource = path.and_then(|path| path.strip_prefix("/api/v4"));
        let method = received.parts.method.as_str();
        let exceeded =
            resource.is_some_and(|path| windows.endpoint_exceeded(limits, method, path, now));
        (rate_use, exceeded.then(Answer::requested_too_often))
    }

    /// What goes wrong with this request on purpose, if anything does.
    fn effect_on(&self, received: &Received<'_>) -> Option<Effect> {
        let Received {
            arrival, record, ..
        } = received;
        let path = self.read(|world| {
            let path = arrival.path.strip_prefix(&world.base);
            path.unwrap_or(&arrival.path).to_owned()
        });
        let fault = lock(&self.faults).effect_on(&path, &arrival.text, record);
        let effect = fault.or_else(|| lock(&self.chaos).effect_on(arrival.dialect()));
        if effect.is_some()
            && let Some(request) = lock(&self.log).get_mut(received.number)
        {
            request.struck = true;
        }
        effect
    }

    /// What GitLab answers when nothing goes wrong, after the latency of the world.
    async fn answer(&self, received: &Received<'_>, timeouts: Option<Rng>) -> Answer {
        let (answer, latency) = self.read(|world| {
            let answer = route::answer(world, received.parts, &received.arrival, timeouts);
            let latency = world.slowness.of_answer(answer.projects);
            (answer, latency)
        });
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        answer
    }

    fn enter(&self) -> UnderWay<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        UnderWay(self)
    }
}

/// Counts a request as under way until it is answered or given up.
struct UnderWay<'s>(&'s Service);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The data behind a lock is whole after every statement, so a panic elsewhere leaves it usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
