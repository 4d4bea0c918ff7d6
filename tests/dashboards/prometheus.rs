//! The real tools: a Prometheus with all rules asks the demo, directly and through a Collector, and every
//! panel has data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tokio::time::Instant;

use super::at_work::{AtWork, COLLECTED, EXCUSED, SCRAPED, TROUBLED};
use super::expressions::{rule_files, with_variables};
use super::source::{Board, Common};
use super::support::process::ASK_AGAIN;
use super::support::tools::{Prometheus, promtool};
use super::support::{PATIENCE, Series};
use super::{boards, otel, render};

/// A query of a panel, where it stands, and why it has no data in the demo, if it has none.
#[derive(Clone)]
struct Asked {
    place: String,
    query: String,
    excuse: Option<String>,
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn each_alert_fires_in_one_test_and_is_silent_in_another() {
    for file in rule_files() {
        let file = file.to_str().unwrap();
        let rules = promtool(["check", "rules", file]).finish().await;
        assert_eq!(rules.code(), 0, "{rules:#?}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tests")).unwrap();
    for name in ["gitlab.yaml", "bridge.yaml"] {
        let file = folder.path().join("tests").join(name);
        fs::copy(otel("alerts/tests").join(name), &file).unwrap();
        let rules = fs::read_to_string(otel("alerts").join(name)).unwrap();
        let rules = match name {
            // Its tests last a week: a minute for each evaluation takes promtool a minute of ours.
            "gitlab.yaml" => rules.replace("    interval: 1m\n", "    interval: 5m\n"),
            _ => rules,
        };
        fs::write(folder.path().join(name), rules).unwrap();
        let file = file.to_str().unwrap();
        let tests = promtool(["test", "rules", file]).finish().await;
        assert_eq!(tests.code(), 0, "{tests:#?}");
    }
}

/// The demo is scraped, and pushes through a Collector. Beside it runs a bridge of two GitLabs, of which one is
/// like the demo; the other one is in trouble, and so is the bridge itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus and the Collector"]
async fn every_panel_has_data_in_the_demo_over_a_scrape_and_through_a_collector_alike() {
    let at_work = AtWork::start().await;
    let (prometheus, all) = (&at_work.prometheus, queries());
    assert!(all.len() > 100, "{} queries", all.len());
    let (excused, wanted): (Vec<Asked>, Vec<Asked>) =
        all.into_iter().partition(|asked| asked.excuse.is_some());
    let mut open: Vec<(&str, &str, &Asked)> = Vec::new();
    for (job, gitlab) in [(SCRAPED, ".*"), (COLLECTED, ".*"), (TROUBLED, "busy")] {
        open.extend(wanted.iter().map(|asked| (job, gitlab, asked)));
    }
    open.extend(excused.iter().map(|asked| (EXCUSED, ".*", asked)));
    have_data(prometheus, open).await;
    for asked in &excused {
        for job in [SCRAPED, COLLECTED] {
            let answer = ask(prometheus, job, ".*", asked).await;
            let (place, excuse) = (&asked.place, &asked.excuse);
            assert!(
                answer.is_empty(),
                "{place} has data in the demo, though {excuse:?}"
            );
        }
    }
    both_ways_have_the_same_labels(prometheus, &wanted).await;
    no_rule_fails(prometheus).await;
}

/// Asks all queries again and again until each has answered something; fails with those that never did.
async fn have_data(prometheus: &Prometheus, mut without: Vec<(&str, &str, &Asked)>) {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let mut still = Vec::new();
        for (job, gitlab, asked) in without {
            if ask(prometheus, job, gitlab, asked).await.is_empty() {
                still.push((job, gitlab, asked));
            }
        }
        without = still;
        if without.is_empty() {
            return;
        }
        let places = without.iter().map(|(job, _, asked)| (job, &asked.place));
        let places: Vec<_> = places.collect();
        assert!(Instant::now() < deadline, "without data: {places:#?}");
        tokio::time::sleep(ASK_AGAIN * 10).await;
    }
}

async fn ask(prometheus: &Prometheus, job: &str, gitlab: &str, asked: &Asked) -> Series {
    let query = with_variables(&asked.query, &[("$job", job), ("$gitlab_instance", gitlab)]);
    prometheus.query(&query).await
}

/// No metric and no answer to a panel has a label on the one way that it lacks on the other.
async fn both_ways_have_the_same_labels(prometheus: &Prometheus, wanted: &[Asked]) {
    let all = Asked {
        place: "all metrics".to_owned(),
        query: "{__name__=~\"gitlab_.+\",job=\"$job\"}".to_owned(),
        excuse: None,
    };
    let deadline = Instant::now() + PATIENCE / 2;
    let mut open: Vec<&Asked> = wanted.iter().chain([&all]).collect();
    while !open.is_empty() {
        let mut still = Vec::new();
        for asked in open {
            let scraped = ask(prometheus, SCRAPED, ".*", asked).await;
            let collected = ask(prometheus, COLLECTED, ".*", asked).await;
            let (scraped, collected) = (labels_by_metric(&scraped), labels_by_metric(&collected));
            // What has just come or gone is not there on both ways at once.
            let is_alike = !scraped.is_empty() && scraped == collected;
            if !is_alike {
                let late = Instant::now() > deadline;
                assert!(!late, "{}: {scraped:#?} {collected:#?}", asked.place);
                still.push(asked);
            }
        }
        open = still;
    }
}

/// The names of all labels that the series of a metric have.
fn labels_by_metric(series: &Series) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut by_metric: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for labels in series.keys() {
        let name = labels.get("__name__").map_or("", String::as_str);
        let labels = labels.keys().map(String::as_str);
        by_metric.entry(name).or_default().extend(labels);
    }
    by_metric
}

async fn no_rule_fails(prometheus: &Prometheus) {
    let rules = prometheus.get("/api/v1/rules", &[]).await;
    for group in rules["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_ne!(rule["health"], "err", "{rule:#}");
        }
    }
}

fn queries() -> Vec<Asked> {
    let (common, boards) = boards();
    let all = boards.iter().flat_map(|board| of_board(board, &common));
    all.collect()
}

fn of_board(board: &Board, common: &Common) -> Vec<Asked> {
    let panels = board.rows.iter().flat_map(|row| &row.panels);
    let queries = panels.flat_map(|panel| {
        panel.queries.iter().map(move |query| Asked {
            place: format!("{} / {}", board.title, panel.title),
            query: render::spelled_out(&query.expr, common),
            excuse: panel.without_data(query).map(str::to_owned),
        })
    });
    queries.collect()
}
