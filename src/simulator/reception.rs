//! What becomes of a request: counted, remembered, struck by a fault or answered.
//!
//! The same whether it came through a socket or by a call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use axum::http::request::Parts;
use fastrand::Rng;

use super::answer::Answer;
use super::chaos::Chaos;
use super::delivery::{Delivery, Manner};
use super::fault::{Effect, Queue};
use super::rate::{Meters, Standing};
use super::record::{Log, Request};
use super::route::{Arrival, route};
use super::world::World;

/// The connection was cut before the answer was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was cut")]
pub struct Cut;

/// A world, and all that stands between it and those who ask.
#[derive(Debug)]
pub(super) struct Reception {
    world: Mutex<World>,
    meters: Mutex<Meters>,
    pub(super) faults: Mutex<Queue>,
    pub(super) chaos: Mutex<Chaos>,
    pub(super) log: Mutex<Log>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Reception {
    /// Opens a world to requests; its clock runs from now on.
    pub(super) fn open(mut world: World) -> Arc<Self> {
        world.clock.start();
        world.settle();
        Arc::new(Reception {
            world: Mutex::new(world),
            meters: Mutex::default(),
            faults: Mutex::default(),
            chaos: Mutex::default(),
            log: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        })
    }

    pub(super) fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = lock(&self.world);
        let changed = change(&mut world);
        world.settle();
        changed
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.world))
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::Relaxed)
    }

    /// Answers a request, or cuts its connection, or never comes to an end.
    pub(super) async fn receive(
        &self,
        parts: &Parts,
        body: &Bytes,
        peer_port: u16,
    ) -> Result<Response<Body>, Cut> {
        let _under_way = self.enter();
        let arrival = Arrival::new(parts, body);
        let (request, number) = {
            // Under one lock, so that the records are in the order of their times.
            let mut log = lock(&self.log);
            let now = self.read(World::now);
            let request = Request::of(parts, &arrival, now, peer_port);
            (request.clone(), log.add(request))
        };
        let delivery = self.deliver(parts, &arrival, &request, number).await?;
        if let Some(request) = lock(&self.log).get_mut(number) {
            request.status = Some(delivery.answer.status);
        }
        Ok(delivery.respond(parts, self.read(World::now)))
    }

    async fn deliver(
        &self,
        parts: &Parts,
        arrival: &Arrival,
        request: &Request,
        number: usize,
    ) -> Result<Delivery, Cut> {
        let (standing, refusal) = self.admit(parts, arrival);
        if let Some(refusal) = refusal {
            return Ok(Delivery::whole(refusal));
        }
        let effect = self.strike(arrival, request, number);
        let dialect = arrival.dialect();
        let mut answer = match &effect {
            // Until the client leaves or the model stops, which drops this future.
            Some(Effect::Hang) => std::future::pending().await,
            Some(Effect::Reset) => return Err(Cut),
            Some(Effect::Status(status)) => Answer::for_status(*status, dialect),
            Some(Effect::RetryLater(wait)) => Answer::retry_later(seconds(*wait)),
            Some(Effect::Unavailable(wait)) => Answer::unavailable(seconds(*wait), dialect),
            Some(Effect::RequestedTooOften) => Answer::requested_too_often(),
            Some(Effect::LoginPage) => Answer::login_page(),
            Some(Effect::Body(status, content_type, body)) => {
                Answer::of(*status, content_type, body.as_bytes())
            }
            Some(Effect::InvalidJson) => {
                let text = r#"{"data": {"projects": {"nodes": [{"id": nil"#;
                Answer::of(200, "application/json", text)
            }
            Some(Effect::Delay(delay)) => {
                tokio::time::sleep(*delay).await;
                self.answer(parts, arrival, None).await
            }
            Some(Effect::LosesFields(seed)) => {
                let timeouts = Rng::with_seed(*seed);
                self.answer(parts, arrival, Some(timeouts)).await
            }
            None | Some(Effect::Truncated | Effect::Drip(_) | Effect::Tamper(_)) => {
                self.answer(parts, arrival, None).await
            }
        };
        if let Some(standing) = standing {
            standing.announce(&mut answer);
        }
        if let Some(Effect::Tamper(change)) = &effect {
            change.apply(request, &mut answer);
        }
        let manner = match effect {
            Some(Effect::Truncated) => Manner::Truncated,
            Some(Effect::Drip(pause)) => Manner::Dripping(pause),
            _ => Manner::Whole,
        };
        Ok(Delivery { answer, manner })
    }

    /// Counts a request against the limits; beyond them there is a refusal.
    fn admit(&self, parts: &Parts, arrival: &Arrival) -> (Option<Standing>, Option<Answer>) {
        let (world, mut meters) = (lock(&self.world), lock(&self.meters));
        let now = world.now();
        let standing = meters.count(&world.moods, now);
        if let Some(standing) = standing.filter(Standing::exceeded) {
            let mut refusal = standing.refusal();
            standing.announce(&mut refusal);
            return (Some(standing), Some(refusal));
        }
        let path = arrival.path.strip_prefix(&world.base);
        let resource = path.and_then(|path| path.strip_prefix("/api/v4"));
        let method = parts.method.as_str();
        let exceeded = resource
            .is_some_and(|resource| meters.endpoint_exceeded(&world.moods, method, resource, now));
        (standing, exceeded.then(Answer::requested_too_often))
    }

    /// What goes wrong with this request on purpose, if anything does.
    fn strike(&self, arrival: &Arrival, request: &Request, number: usize) -> Option<Effect> {
        let base = self.read(|world| world.base.clone());
        let path = arrival.path.strip_prefix(&base).unwrap_or(&arrival.path);
        let fault = lock(&self.faults).strike(path, &arrival.text, request);
        let effect = fault.or_else(|| lock(&self.chaos).strike(arrival.dialect()));
        if effect.is_some()
            && let Some(request) = lock(&self.log).get_mut(number)
        {
            request.struck = true;
        }
        effect
    }

    /// The answer of a GitLab that is well, after the time it takes.
    async fn answer(&self, parts: &Parts, arrival: &Arrival, timeouts: Option<Rng>) -> Answer {
        let (answer, latency) = self.read(|world| {
            let answer = route(world, parts, arrival, timeouts);
            let moods = &world.moods;
            let projects = answer.projects as u32;
            let each = moods.latency_per_project.saturating_mul(projects);
            (answer, moods.latency + each)
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
struct UnderWay<'r>(&'r Reception);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil() as u64
}

/// The data behind a lock is whole after every statement, so a panic elsewhere leaves it usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
