//! A scraper in a loop, while settings change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::support::exposition::Exposition;
use crate::support::process::http_client;
use crate::support::running::Running;
use crate::{Set, world};

/// The series of a scrape: their names and labels, with their values.
type Series = BTreeMap<String, f64>;

/// What was scraped while something happened.
pub struct Scraped {
    pub scrapes: Vec<Series>,
    /// The names of counters and of parts of histograms.
    counters: BTreeSet<String>,
}

/// Scrapes as fast as it is answered, on one connection and on new ones, until it is told to end.
pub struct Scraper {
    end: Arc<AtomicBool>,
    task: JoinHandle<Scraped>,
}

impl Scraper {
    pub fn start(bridge: &Running) -> Scraper {
        let (end, url) = (Arc::new(AtomicBool::new(false)), bridge.url("/metrics"));
        let ended = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let (kept, mut scrapes, mut counters) = (http_client(), Vec::new(), BTreeSet::new());
            while !ended.load(Ordering::Relaxed) {
                let client = match scrapes.len() % 2 {
                    0 => kept.clone(),
                    _ => http_client(),
                };
                let answer = client.get(&url).send().await;
                let answer = answer.and_then(reqwest::Response::error_for_status);
                let text = answer.expect("a scrape fails").text().await;
                let text = text.expect("a scrape breaks off");
                let exposition = Exposition::parse(&text).unwrap();
                let mut series = Series::new();
                for family in exposition.families.values() {
                    for (name, samples) in &family.samples {
                        if ["counter", "histogram"].contains(&family.kind.as_str()) {
                            counters.insert(name.clone());
                        }
                        for (labels, value) in samples {
                            series.insert(format!("{name} {labels:?}"), *value);
                        }
                    }
                }
                scrapes.push(series);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Scraped { scrapes, counters }
        });
        Scraper { end, task }
    }

    pub async fn end(self) -> Scraped {
        self.end.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

impl Scraped {
    /// Every series that the first and the last scrape have is in all of them.
    #[track_caller]
    pub fn assert_none_is_missing(&self) {
        self.assert_none_is_missing_of("");
    }

    /// The same, of those with a label.
    #[track_caller]
    pub fn assert_none_is_missing_of(&self, label: &str) {
        let (first, last) = (&self.scrapes[0], &self.scrapes[self.scrapes.len() - 1]);
        // What is made of settings that are changed back, and what is missing at the moment, come and go.
        let passing = [
            "gitlab_bridge_missing_series",
            "gitlab_bridge_config_info",
            "target_info",
        ];
        let is_told = |name: &str| !passing.iter().any(|own| name.starts_with(own));
        let stays =
            |name: &&String| last.contains_key(*name) && is_told(name) && name.contains(label);
        let stay: Vec<&String> = first.keys().filter(stays).collect();
        assert!(stay.len() > 100, "{}", stay.len());
        for (at, scrape) in self.scrapes.iter().enumerate() {
            let missing = stay.iter().filter(|name| !scrape.contains_key(**name));
            let missing: Vec<_> = missing.take(5).collect();
            assert!(missing.is_empty(), "scrape {at}: {missing:#?}");
        }
    }

    /// No counter falls from one scrape to the next.
    #[track_caller]
    pub fn assert_no_counter_falls(&self) {
        for (before, after) in self.scrapes.iter().zip(&self.scrapes[1..]) {
            for (name, value) in before {
                let metric = name.split(' ').next().unwrap();
                if let Some(now) = after.get(name).filter(|_| self.counters.contains(metric)) {
                    assert!(now >= value, "{name} fell from {value} to {now}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_scrape_fails_and_no_series_is_missing_that_is_still_configured() {
    let set = Set::up(world()).await;
    let bridge = set.start("poll: {interval: 1s}\n").await;
    let scraper = Scraper::start(&bridge);
    for settings in [
        "poll: {interval: 900ms}\n",
        "poll: {interval: 1s}\nmetrics: {disabled: [storage]}\n",
        "poll: {interval: 1s}\nmetrics: {disabled: [storage], enabled: [jobs], sparse_states: false}\n",
        "poll: {interval: 1s, sweep: 30m}\nresource: {attributes: {a: b}}\nmetrics: {disabled: [storage], enabled: [jobs]}\n",
        "poll: {interval: 1s, budget: [20000/h, 700/m]}\nlog: {format: json}\nmetrics: {disabled: [storage], enabled: [jobs]}\n",
        "poll: {interval: 1s}\nmetrics: {disabled: [storage], enabled: [jobs]}\n",
    ] {
        let text = set.reload(&bridge, settings).await;
        assert!(text.contains("changed: "), "{text}");
        tokio::time::sleep(Duration::from_millis(1300)).await;
    }
    let scraped = scraper.end().await;
    assert!(scraped.scrapes.len() > 20, "{}", scraped.scrapes.len());
    scraped.assert_none_is_missing();
    scraped.assert_no_counter_falls();
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_selected_stays_shown_while_the_selection_changes() {
    let set = Set::up(world()).await;
    let rhythm = "poll: {interval: 1s}\n";
    let bridge = set
        .start(&format!("{rhythm}select: {{groups: [odd]}}\n"))
        .await;
    let scraper = Scraper::start(&bridge);
    let count = |wanted: f64| move |series: &crate::support::Series| series.values().eq([&wanted]);
    for (selected, projects) in [
        ("{groups: [odd, even]}", 40.0),
        ("{scope: membership}", 40.0),
        ("{groups: [odd], projects: [even/p2]}", 21.0),
        ("{groups: [odd], exclude: [\"odd/p1\"]}", 19.0),
        ("{groups: [odd]}", 20.0),
    ] {
        set.reload(&bridge, &format!("{rhythm}select: {selected}\n"))
            .await;
        bridge
            .wait_for_series("gitlab_project_count", count(projects))
            .await;
    }
    let scraped = scraper.end().await;
    let odd = |series: &Series, id: u64| {
        let label = format!("\"project_id\": \"{id}\"");
        series.keys().any(|name| name.contains(&label))
    };
    for (at, scrape) in scraped.scrapes.iter().enumerate() {
        let lost = (3..40).step_by(2).find(|id| !odd(scrape, *id));
        assert_eq!(lost, None, "scrape {at}");
    }
    scraped.assert_no_counter_falls();
    assert_eq!(bridge.stop().await.code(), 0);
}
