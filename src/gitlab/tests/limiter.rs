//! The gate on a paused clock: how long requests wait, and for what.

use tokio::time::advance;

use super::*;
use crate::gitlab::bucket::Bucket;
use crate::gitlab::endpoint_class::EndpointClass;
use crate::gitlab::limiter::{BURST, Limiter};
use crate::gitlab::rate_limit::Spread;
use crate::gitlab::{Budget, Error, HeldBackBy};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A request that is over as soon as it was let through.
async fn pass(limiter: &Limiter, deadline: Instant) {
    drop(limiter.enter(EndpointClass::Rest, deadline).await.unwrap());
}

async fn spend_the_burst(limiter: &Limiter) {
    let deadline = Instant::now() + seconds(1);
    for _ in 0..BURST as u32 {
        pass(limiter, deadline).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_at_once_and_then_the_rate_holds() {
    let limiter = Limiter::new(2.0, 4, None);
    let start = Instant::now();
    spend_the_burst(&limiter).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    for _ in 0..4 {
        pass(&limiter, start + seconds(60)).await;
    }
    assert_eq!(start.elapsed(), seconds(2));
    assert_eq!(limiter.waited().total, seconds(2));
    assert_eq!(limiter.waited().for_budget, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_time_never_saves_more_than_the_burst() {
    let limiter = Limiter::new(1.0, 4, None);
    advance(seconds(3600)).await;
    let start = Instant::now();
    spend_the_burst(&limiter).await;
    pass(&limiter, start + seconds(60)).await;
    assert_eq!(start.elapsed(), seconds(1));
}

#[tokio::test(start_paused = true)]
async fn a_block_holds_back_every_request_until_it_may_ask_again() {
    let limiter = Arc::new(Limiter::new(1000.0, 8, None));
    let start = Instant::now();
    limiter.block(seconds(30));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                pass(&limiter, start + seconds(60)).await;
                start.elapsed()
            })
        })
        .collect();
    for request in waiting {
        assert!(request.await.unwrap() >= seconds(30));
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_also_holds_back_who_was_already_waiting() {
    let limiter = Arc::new(Limiter::new(1.0, 8, None));
    spend_the_burst(&limiter).await;
    let start = Instant::now();
    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move {
            pass(&limiter, start + seconds(60)).await;
            start.elapsed()
        }
    });
    tokio::task::yield_now().await;
    limiter.block(seconds(20));
    assert!(waiting.await.unwrap() >= seconds(20));
}

#[tokio::test(start_paused = true)]
async fn after_a_block_the_requests_leave_at_the_steady_rate() {
    let limiter = Limiter::new(1.0, 8, None);
    let start = Instant::now();
    limiter.block(seconds(10));
    for _ in 0..3 {
        pass(&limiter, start + seconds(60)).await;
    }
    assert_eq!(start.elapsed(), seconds(12));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_block_does_not_end_a_longer_one() {
    let limiter = Limiter::new(1000.0, 8, None);
    let start = Instant::now();
    limiter.block(seconds(30));
    limiter.block(seconds(1));
    pass(&limiter, start + seconds(60)).await;
    assert!(start.elapsed() >= seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_wait_past_the_deadline_fails_at_once() {
    let limiter = Limiter::new(1000.0, 8, None);
    let start = Instant::now();
    limiter.block(seconds(300));
    let error = limiter
        .enter(EndpointClass::Rest, start + seconds(60))
        .await
        .unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let Error::RateLimited { until, wait } = error else {
        panic!("{error}");
    };
    assert_eq!((until, wait), (start + seconds(300), seconds(300)));
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_under_way_than_allowed() {
    let limiter = Limiter::new(1000.0, 1, None);
    let start = Instant::now();
    let _under_way = limiter
        .enter(EndpointClass::Rest, start + seconds(60))
        .await
        .unwrap();
    let error = limiter
        .enter(EndpointClass::Rest, start + seconds(5))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Deadline));
    assert_eq!(start.elapsed(), seconds(5));
}

const BUDGET: Budget = Budget {
    per_hour: 360,
    per_minute: 7,
};

/// A budget of a request every ten seconds, two of them at once.
fn budget() -> Option<(Budget, Bucket)> {
    Some((BUDGET, Bucket::full(seconds(10), 2.0, Instant::now())))
}

#[tokio::test(start_paused = true)]
async fn every_class_draws_on_the_one_budget() {
    let limiter = Limiter::new(1000.0, 4, budget());
    let start = Instant::now();
    for class in [
        EndpointClass::Graphql,
        EndpointClass::Jobs,
        EndpointClass::Rest,
        EndpointClass::Project,
    ] {
        drop(limiter.enter(class, start + seconds(60)).await.unwrap());
    }
    assert_eq!(start.elapsed(), seconds(20));
    assert_eq!(limiter.waited().for_budget, seconds(20));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_budget_past_the_deadline_fails_at_once_and_says_so() {
    let limiter = Limiter::new(1000.0, 4, budget());
    let start = Instant::now();
    pass(&limiter, start + seconds(5)).await;
    pass(&limiter, start + seconds(5)).await;
    let error = limiter.enter(EndpointClass::Rest, start + seconds(5)).await;
    let error = error.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(error.reason(), "budget");
    assert_eq!(
        error.with_advice(),
        "the request budget allows no request for another 10s. Raise poll.budget if GitLab \
         allows more, or set poll.interval higher."
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_class_holds_back_no_other_one() {
    let limiter = Arc::new(Limiter::new(1000.0, 1, None));
    let start = Instant::now();
    limiter.refused(EndpointClass::Jobs, seconds(30));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                drop(
                    limiter
                        .enter(EndpointClass::Jobs, start + seconds(60))
                        .await
                        .unwrap(),
                );
                start.elapsed()
            })
        })
        .collect();
    tokio::task::yield_now().await;
    // Though there is but one slot, and the jobs came first.
    drop(
        limiter
            .enter(EndpointClass::Graphql, start + seconds(1))
            .await
            .unwrap(),
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    for request in waiting {
        assert!(request.await.unwrap() >= seconds(30));
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_that_was_refused_is_paced_below_what_was_let_through() {
    let limiter = Limiter::new(1000.0, 8, None);
    let start = Instant::now();
    let deadline = start + seconds(3600);
    let jobs = async || drop(limiter.enter(EndpointClass::Jobs, deadline).await.unwrap());
    for _ in 0..100 {
        jobs().await;
        limiter.answered(EndpointClass::Jobs);
    }
    jobs().await;
    limiter.refused(EndpointClass::Jobs, seconds(1));
    assert_eq!(limiter.learned(), [(EndpointClass::Jobs, 90.0)]);
    jobs().await;
    let paced = Instant::now();
    for _ in 0..45 {
        jobs().await;
    }
    assert_eq!(paced.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn what_is_scarce_lasts_until_the_window_ends() {
    let limiter = Limiter::new(1000.0, 8, None);
    let start = Instant::now();
    let spread = |left: u32| Spread {
        interval: seconds(50) / left,
        lasting: seconds(50),
    };
    limiter.spread(Some(spread(10)));
    for _ in 0..10 {
        pass(&limiter, start + seconds(60)).await;
    }
    assert_eq!(start.elapsed(), seconds(50));
    pass(&limiter, start + seconds(60)).await;
    assert_eq!(start.elapsed(), seconds(50));
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_can_be_told_while_it_lasts() {
    let limiter = Arc::new(Limiter::new(1000.0, 4, budget()));
    let start = Instant::now();
    assert_eq!(limiter.waiting(), None);
    pass(&limiter, start + seconds(60)).await;
    pass(&limiter, start + seconds(60)).await;
    assert_eq!(limiter.waiting(), None);

    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { pass(&limiter, start + seconds(60)).await }
    });
    tokio::task::yield_now().await;
    let told = limiter.waiting().unwrap();
    assert_eq!(told.remaining, seconds(10));
    assert_eq!(told.held_back_by, HeldBackBy::Budget(BUDGET));
    waiting.await.unwrap();
    assert_eq!(limiter.waiting(), None);

    // A wait past the deadline is not begun, and the caller waits until then.
    limiter.block(seconds(300));
    limiter
        .enter(EndpointClass::Rest, Instant::now() + seconds(5))
        .await
        .unwrap_err();
    assert_eq!(limiter.waiting().unwrap().held_back_by, HeldBackBy::GitLab);
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_a_gate_gets_what_is_left_and_what_gitlab_asked_for() {
    let limiter = |budget: Budget| {
        let bucket = budget.bucket(Instant::now());
        Limiter::new(1000.0, 4, Some((budget, bucket)))
    };
    let (small, large) = (
        Budget {
            per_hour: 60,
            per_minute: 60,
        },
        Budget::SELF_MANAGED,
    );
    let mut before = limiter(small);
    let full = before.budget().unwrap();
    for _ in 0..4 {
        pass(&before, Instant::now() + seconds(1)).await;
    }
    for _ in 0..100 {
        let after = limiter(small);
        after.take_over(&before);
        before = after;
    }
    let left = before.budget().unwrap();
    assert!((left - (full - 4.0)).abs() < 0.01, "{left} of {full}");
    // A larger budget begins with as much, and one after none with nothing.
    let after = limiter(large);
    after.take_over(&before);
    assert!((after.budget().unwrap() - left).abs() < 0.01);
    let after = limiter(large);
    after.take_over(&Limiter::new(1000.0, 4, None));
    assert!(after.budget().unwrap() < 0.01);
    before.block(seconds(30));
    let after = limiter(large);
    after.take_over(&before);
    let start = Instant::now();
    pass(&after, start + seconds(60)).await;
    assert_eq!(start.elapsed(), seconds(30));
}
