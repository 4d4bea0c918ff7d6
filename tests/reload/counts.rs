//! Counters of what has ended go on exactly, and what is spent of the request budget stays spent.

use gitlab_metrics_bridge::simulator::PipelineStatus;

use crate::load::Scraper;
use crate::support::Series;
use crate::{Set, world};

#[tokio::test(flavor = "multi_thread")]
async fn each_pipeline_is_counted_once_whatever_is_reloaded_meanwhile() {
    for state in [false, true] {
        let set = Set::up(world()).await;
        let kept = match state {
            true => format!("state: {{path: {}}}\n", set.path("state").display()),
            false => String::new(),
        };
        let settings = |round: u64| {
            let interval = 500 + 10 * round;
            let group = if round % 3 == 2 {
                "[even, odd]"
            } else {
                "[odd]"
            };
            format!("{kept}poll: {{interval: {interval}ms}}\nselect: {{groups: {group}}}\n")
        };
        let bridge = set.start(&settings(0)).await;
        bridge
            .wait_for_series("gitlab_pipeline_runs_total", |_| true)
            .await;
        let scraper = Scraper::start(&bridge);
        for round in 1..=12 {
            set.gitlab.edit(|world| {
                let mut events = world.events("odd/p7");
                events.create_pipeline(PipelineStatus::Success);
            });
            set.reload(&bridge, &settings(round)).await;
        }
        let counted = |wanted: f64| {
            move |series: &Series| {
                let of_it = series
                    .iter()
                    .filter(|(labels, _)| labels["project_id"] == "7");
                of_it.map(|(_, value)| *value).sum::<f64>() == wanted
            }
        };
        bridge
            .wait_for_series("gitlab_pipeline_runs_total", counted(12.0))
            .await;
        let scraped = scraper.end().await;
        scraped.assert_no_counter_falls();
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_reloads_does_not_refill_the_budget() {
    let set = Set::up(world()).await;
    // Seven requests at once, and another one after each 66 seconds.
    let settings = |round: u64| {
        let (interval, per_minute) = (200 + round, 60 + round % 2);
        format!("poll: {{interval: {interval}ms, budget: [60/h, {per_minute}/m]}}\n")
    };
    set.write(&settings(0));
    let began = std::time::Instant::now();
    let bridge = crate::Running::listening(set.program()).await;
    for round in 1..=20 {
        set.reload(&bridge, &settings(round)).await;
    }
    let asked = set.gitlab.requests().len();
    let most = 7.0 + began.elapsed().as_secs_f64() / 66.0;
    assert!((1.0..=most).contains(&(asked as f64)), "{asked} requests");
    let all = bridge
        .scrape()
        .await
        .series("gitlab_bridge_api_requests_total");
    assert_eq!(all.values().sum::<f64>(), asked as f64, "all are told");
    assert_eq!(bridge.stop().await.code(), 0);
}
