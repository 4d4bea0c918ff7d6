//! The rows of that exporter's names are right, and found only where they are chosen.

use crate::metrics::{Catalogue, Choices, EnabledMetrics, ScrapeNames};

#[test]
fn the_rows_are_right() {
    assert_eq!(Catalogue::standard().with_ci_exporter().err(), None);
}

#[test]
fn the_names_are_found_only_where_they_are_chosen_and_ours_that_say_the_same_give_way_to_them() {
    let chosen = |scrape_names| {
        let choices = Choices {
            scrape_names,
            ..Choices::default()
        };
        EnabledMetrics::new(Catalogue::standard(), |_| true, choices)
    };
    let own = chosen(ScrapeNames::GitLab);
    assert!(!own.shows("gitlab_ci_pipeline_id"));
    let both = chosen(ScrapeNames::CiExporter);
    let (scraped, pushed) = (both.scraped(), both.under_own_names());
    for metric in &own.metrics {
        assert!(pushed.shows(metric.name), "{}", metric.name);
    }
    assert_eq!(pushed.metrics.len(), own.metrics.len());
    assert!(scraped.shows("gitlab_ci_pipeline_status"));
    assert!(!scraped.shows("gitlab_pipeline_last_run_status"));
    assert!(scraped.shows("gitlab_pipeline_runs_total"));
    let named = scraped
        .metrics
        .iter()
        .filter(|own| own.name.starts_with("gitlab_ci_"));
    assert_eq!(named.count(), 18);
}
