//! How long a lease lasts on this replica's own clock, and how it is made to last longer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::error::Error;
use super::place::{Place, milliseconds};

/// The part of a lease after which its holder counts it as over: the engine counts from a later moment, and ends it later.
const OWN_PART: f64 = 0.8;
/// How often it is renewed while it lasts.
const RENEWALS: u32 = 3;
/// How often it is tried again while it lasts, when a renewal fails.
const ATTEMPTS: u32 = 15;

/// How long a lease lasts. It is renewed until this is dropped.
pub(super) struct Term(Arc<watch::Sender<End>>);

/// When it ends, if it has not ended.
#[derive(Clone, Copy, Debug)]
struct End {
    at: Instant,
    is_over: bool,
}

impl Term {
    /// Begins with the moment at which the lease was asked for, and renews it from then on.
    pub(super) fn begin(place: &Arc<Place>, holder: &str, asked: Instant) -> Term {
        let lease = place.engine.kept();
        let end = End {
            at: asked + lease.mul_f64(OWN_PART),
            is_over: false,
        };
        let end = Arc::new(watch::Sender::new(end));
        tokio::spawn(renew(
            Arc::downgrade(&end),
            Arc::clone(place),
            holder.to_owned(),
        ));
        Term(end)
    }

    pub(super) fn is_over(&self) -> bool {
        is_over(&self.0)
    }

    pub(super) fn end(&self) {
        end(&self.0);
    }

    pub(super) async fn over(&self) {
        let mut changes = self.0.subscribe();
        while !is_over(&self.0) {
            let End { at, .. } = *changes.borrow_and_update();
            tokio::select! {
                () = sleep_until(at) => {}
                _ = changes.changed() => {}
            }
        }
    }
}

/// What is over once stays over.
fn is_over(end: &watch::Sender<End>) -> bool {
    let now = Instant::now();
    end.send_if_modified(|end| {
        let ends_now = !end.is_over && now >= end.at;
        end.is_over |= ends_now;
        ends_now
    });
    end.borrow().is_over
}

fn end(end: &watch::Sender<End>) {
    end.send_if_modified(|end| !std::mem::replace(&mut end.is_over, true));
}

/// Renews a lease until it is over, or nobody has it any more. A renewal that fails is tried again.
async fn renew(term: Weak<watch::Sender<End>>, place: Arc<Place>, holder: String) {
    let lease = place.engine.kept();
    let mut pause = lease / RENEWALS;
    loop {
        sleep(pause).await;
        match term.upgrade() {
            Some(term) if !is_over(&term) => {}
            _ => return,
        }
        let sent = Instant::now();
        let answer = renewed(&place, &holder, lease).await;
        let Some(term) = term.upgrade() else {
            return;
        };
        pause = match answer {
            Ok(true) => {
                extend(&term, sent + lease.mul_f64(OWN_PART));
                lease / RENEWALS
            }
            Ok(false) => {
                place.engine.note_refusal("renew");
                return end(&term);
            }
            Err(_) => lease / ATTEMPTS,
        };
    }
}

/// Unless it is over meanwhile: somebody may have acted on that.
fn extend(term: &watch::Sender<End>, at: Instant) {
    if !is_over(term) {
        term.send_modify(|end| end.at = end.at.max(at));
    }
}

async fn renewed(place: &Place, holder: &str, lease: Duration) -> Result<bool, Error> {
    let answer = place.run(&place.engine.scripts().renew, |script| {
        script
            .key(&place.keys.lease)
            .arg(holder)
            .arg(milliseconds(lease));
    });
    answer.await
}
