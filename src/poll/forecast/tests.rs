//! What is forecast, and whether it comes true.

use super::*;
use crate::gitlab::Budget;
use crate::metrics::{Cadence, Catalogue, Choices, EnabledMetrics, ScrapeNames};
use crate::poll::selection::Source;

/// What is asked of projects with everything else, and no subject that has a cadence of its own.
fn everything() -> EnabledMetrics {
    let catalogue = Catalogue::standard();
    let is_with_owner = |name: &str| {
        let metric = catalogue.find(name);
        metric.is_some_and(|metric| metric.subject.cadence == Cadence::WithOwner)
    };
    EnabledMetrics::new(catalogue, is_with_owner, Choices::default())
}

fn of_pipelines(projects: usize, pipelines: f64) -> Forecast {
    let mut assumption = assumption(&[Source::Membership], projects, 0.0);
    assumption.pipelines = pipelines;
    let catalogue = Catalogue::standard();
    let is_asked = |name: &str| {
        let metric = catalogue.find(name);
        metric.is_some_and(|metric| {
            metric.subject.name == "pipelines" || metric.subject.cadence == Cadence::WithOwner
        })
    };
    let enabled = EnabledMetrics::new(catalogue, is_asked, Choices::default());
    Forecast::new(rhythm(), &enabled, &assumption)
}

#[test]
fn idle_pipelines_cost_hardly_anything_and_active_ones_little() {
    let more = |projects| {
        let without = of_membership(projects, 0.0).total();
        of_pipelines(projects, 0.0).total() - without
    };
    // Two in five minutes for 1,000 projects, forty for 10,000.
    assert!(more(1_000) <= 24.0, "{}", more(1_000));
    assert!(more(10_000) <= 480.0, "{}", more(10_000));
    let (idle, active) = (of_pipelines(1_000, 0.0), of_pipelines(1_000, 600.0));
    let feeds = of_an_hour(&active, Kind::Feed) - of_an_hour(&idle, Kind::Feed);
    // A hundred are under way at a time, or have ended within five minutes.
    assert!((60.0..=180.0).contains(&feeds), "{active:?}");
    assert!(of_pipelines(1_000, 0.0).first_sweep <= 11 + 10);
}

#[test]
fn over_rest_each_pipeline_that_ran_costs_its_document_and_its_counts() {
    let over_rest = |pipelines: f64| {
        let mut assumption = assumption(&[Source::Membership], 200, 0.0);
        (assumption.pipelines, assumption.graphql) = (pipelines, false);
        let asked = |name: &str| {
            let metric = Catalogue::standard().find(name).unwrap();
            metric.subject.name == "pipelines"
        };
        let enabled = EnabledMetrics::new(Catalogue::standard(), asked, Choices::default());
        of_an_hour(&Forecast::new(rhythm(), &enabled, &assumption), Kind::Feed)
    };
    let (idle, active) = (over_rest(0.0), over_rest(100.0));
    // A list a quarter of an hour for each of 200 projects.
    assert!((700.0..=1_100.0).contains(&idle), "{idle}");
    // Besides, a document and two counts for each of 100 pipelines, some of them read while they run, and
    // when they have ended.
    assert!(
        (280.0..=900.0).contains(&(active - idle)),
        "{idle} {active}"
    );
}

/// What the subjects cost over GraphQL and over REST, in an hour.
fn all_prices(projects: usize) -> BTreeMap<&'static str, (f64, f64)> {
    let mut assumption = assumption(&[Source::Membership], projects, 0.05 * projects as f64);
    assumption.runners = 250;
    let prices = prices(rhythm(), &EnabledMetrics::standard(), &assumption);
    let prices = prices.into_iter();
    prices
        .map(|own| (own.subject, (own.over_graphql, own.over_rest)))
        .collect()
}

#[test]
fn each_subject_has_a_price_whether_it_is_on_or_not() {
    let assumption = assumption(&[Source::Membership], 600, 30.0);
    let enabled = EnabledMetrics::standard();
    let prices = prices(rhythm(), &enabled, &assumption);
    let catalogue = Catalogue::standard();
    // What is asked along with each project costs nothing of its own; security can't be had over REST, and
    // labels have no price before they are named.
    let free = [
        "commits",
        "merge_requests",
        "issues",
        "releases",
        "storage",
        "issues_by_label",
    ];
    for subject in catalogue.subjects() {
        let own = prices.iter().find(|price| price.subject == subject.name);
        if free.contains(&subject.name) || subject.name == "bridge" {
            continue;
        }
        let own = own.unwrap_or_else(|| panic!("{} has no price", subject.name));
        assert_eq!(own.is_on, enabled.shows_any_of(subject.name), "{own:?}");
        assert!(own.over_graphql > 0.0, "{own:?}");
        assert!(own.over_rest > 0.0 || subject.name == "security", "{own:?}");
    }
    assert!(prices.iter().map(|price| !price.is_on).is_sorted());
}

#[test]
fn what_lies_beside_the_projects_and_what_hangs_on_pipelines_has_its_price() {
    let prices = all_prices(600);
    // Three pages of runners every five minutes; a page of groups every hour; a queue at each poll.
    assert_eq!(prices["runners"].0, 36.0);
    let (graphql, rest) = prices["groups"];
    assert!(graphql == 1.0 && rest >= 60.0, "{prices:?}");
    assert_eq!(prices["queue"].0, 60.0);
    // 30 pipelines an hour: each is asked for deployments when it comes to rest, and once more.
    assert!(prices["deployments"].0 >= 60.0, "{prices:?}");
    let (graphql, rest) = prices["environments"];
    // Over REST two names of each project, and three deployments of those that it has, each hour.
    assert!(graphql >= 12.0, "{prices:?}");
    assert!((1_200.0..=6_000.0).contains(&rest), "{prices:?}");
    let (graphql, rest) = prices["jobs"];
    assert!((30.0..=120.0).contains(&graphql), "{prices:?}");
    assert!(rest >= 120.0, "{prices:?}");
}

#[test]
fn ten_times_the_projects_cost_no_more_than_ten_times_as_much() {
    let (few, many) = (all_prices(200), all_prices(2_000));
    for subject in ["pipelines", "repository", "members"] {
        let (few, many) = (few[subject], many[subject]);
        assert!(many.0 <= 10.5 * few.0, "{subject}: {few:?} {many:?}");
        assert!(many.0 >= few.0, "{subject}: {few:?} {many:?}");
        let times = many.1 / few.1;
        assert!((9.0..=11.0).contains(&times), "{subject}: {times}");
    }
}

fn rhythm() -> Rhythm {
    Rhythm {
        interval: Duration::from_secs(60),
        glance: Duration::from_secs(900),
        sweep: Duration::from_secs(3600),
    }
}

fn assumption(sources: &[Source], projects: usize, active: f64) -> Assumption {
    Assumption::of(sources, projects, |_| active)
}

fn forecast(assumption: &Assumption) -> Forecast {
    Forecast::new(rhythm(), &everything(), assumption)
}

fn of_membership(projects: usize, active: f64) -> Forecast {
    forecast(&assumption(&[Source::Membership], projects, active))
}

fn of_an_hour(forecast: &Forecast, kind: Kind) -> f64 {
    forecast.an_hour.get(&kind).copied().unwrap_or_default()
}

#[test]
fn the_first_sweep_has_a_request_for_a_hundred_projects_and_one_for_what_gitlab_can() {
    for (projects, requests) in [(0, 2), (1, 2), (100, 2), (101, 3), (12_400, 125)] {
        assert_eq!(of_membership(projects, 0.0).first_sweep, requests);
    }
}

#[test]
fn few_projects_cost_a_request_an_interval_however_active() {
    for active in [0.0, 100.0] {
        let forecast = of_membership(100, active);
        assert_eq!(of_an_hour(&forecast, Kind::Sweep), 60.0);
        assert_eq!((forecast.total(), forecast.busiest_minute), (61.0, 2));
    }
}

#[test]
fn idle_projects_cost_their_share_of_the_sweep_and_a_look_each_interval() {
    let forecast = of_membership(10_000, 0.0);
    let looks = of_an_hour(&forecast, Kind::Recent);
    assert_eq!(looks, 60.0);
    // A look carries a page of the sweep; the other forty carry the glances.
    let others = forecast.total() - looks;
    assert!((40.0..=110.0).contains(&others), "{others}");
}

#[test]
fn the_more_are_active_the_more_is_asked() {
    let totals =
        [0.0, 30.0, 150.0, 600.0, 1_500.0].map(|active| of_membership(3_000, active).total());
    assert!(totals.is_sorted(), "{totals:?}");
    assert!(totals[4] > 2.0 * totals[0], "{totals:?}");
}

#[test]
fn nobody_is_active_more_than_once_an_hour() {
    assert_eq!(of_membership(300, 300.0), of_membership(300, 9_000.0));
}

#[test]
fn a_longer_interval_costs_less() {
    let assumption = assumption(&[Source::All], 3_000, 600.0);
    let total = |seconds| {
        let interval = Duration::from_secs(seconds);
        let rhythm = Rhythm {
            interval,
            ..rhythm()
        };
        Forecast::new(rhythm, &everything(), &assumption).total()
    };
    let totals = [30, 60, 180, 600].map(total);
    assert!(totals.iter().rev().is_sorted(), "{totals:?}");
}

#[test]
fn what_is_not_selected_is_swept_and_nothing_else() {
    let mut assumption = assumption(&[Source::All], 3_000, 0.0);
    let all = forecast(&assumption);
    assumption.lists[0].selected = 0;
    let none = forecast(&assumption);
    assert_eq!(all.first_sweep, none.first_sweep);
    assert!(none.total() <= all.total());
    assert_eq!(of_an_hour(&none, Kind::Glance), 0.0);
}

#[test]
fn hidden_values_cost_requests_of_their_own() {
    let mut assumption = assumption(&[Source::All], 1_000, 0.0);
    assumption.lists[0].hidden = 200;
    let forecast = forecast(&assumption);
    assert_eq!(forecast.first_sweep, 11 + 200);
    assert!(of_an_hour(&forecast, Kind::Values) >= 200.0);
}

#[test]
fn rest_costs_requests_for_each_project() {
    let mut assumption = assumption(&[Source::All], 1_000, 0.0);
    assumption.graphql = false;
    let forecast = forecast(&assumption);
    assert!(forecast.first_sweep > 5_000, "{forecast:?}");
    assert!(
        of_an_hour(&forecast, Kind::Values) > 5_000.0,
        "{forecast:?}"
    );
}

#[test]
fn projects_are_spread_over_the_lists_that_do_not_name_them() {
    let groups = ["a", "b"].map(|path| Source::Group(path.to_owned()));
    let named = Source::Projects(vec!["c/d".to_owned(), "7".to_owned()]);
    let sources = [&groups[..], &[named]].concat();
    let counts = |projects| {
        let assumption = assumption(&sources, projects, 0.0);
        assumption
            .lists
            .iter()
            .map(|list| list.projects)
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(103), [51, 50, 2]);
    assert_eq!(counts(1), [0, 0, 2]);
}

/// The ids of a real GitLab are any; those of the made-up one are counted.
#[test]
fn projects_that_are_selected_by_id_cost_what_others_do() {
    let named = |names: [&str; 3]| {
        let source = Source::Projects(names.map(str::to_owned).to_vec());
        assumption(&[source], 3, 0.0)
    };
    let ids = named(["278964", "2540", "1"]);
    let (by_id, by_path) = (forecast(&ids), forecast(&named(["a/b", "c/d", "e/f"])));
    assert_eq!(by_id.first_sweep, by_path.first_sweep);
    assert_eq!(by_id.total(), by_path.total());
    let mut one_of_three = ids;
    one_of_three.lists[0].projects = 1;
    one_of_three.lists[0].selected = 1;
    assert!(forecast(&one_of_three).first_sweep > 0);
}

#[test]
fn what_fits_a_budget_leaves_a_tenth_of_it() {
    let limit = |per_hour, per_minute| Budget {
        per_hour,
        per_minute,
    };
    let forecast = of_membership(100, 0.0);
    assert_eq!(forecast.total(), 61.0);
    assert!(forecast.fits(limit(61, 100)) && !forecast.fits(limit(60, 100)));
    assert!(forecast.fits(limit(5_000, 2)) && !forecast.fits(limit(5_000, 1)));
    assert!(forecast.fits_budget(limit(68, 100)) && !forecast.fits_budget(limit(67, 100)));
}

#[test]
fn the_shortest_interval_that_fits_is_told() {
    let (assumption, slots) = (assumption(&[Source::All], 2_000, 1_000.0), everything());
    let mut forecasts = Forecasts::new(&slots, &assumption);
    let mut total = |seconds| {
        let interval = Duration::from_secs(seconds);
        forecasts
            .of(Rhythm {
                interval,
                ..rhythm()
            })
            .total()
    };
    let (two, three) = (total(120), total(180));
    assert!(three < two);
    let advice = forecasts.advice(rhythm(), |forecast| forecast.total() < two);
    let expected = Advice {
        interval: Some(Duration::from_secs(180)),
        sweep: None,
    };
    assert_eq!(advice, Some(expected));
}

#[test]
fn a_sweep_that_is_too_much_by_itself_is_told_to_be_longer() {
    let mut assumption = assumption(&[Source::All], 1_000, 0.0);
    assumption.graphql = false;
    let slots = everything();
    let mut forecasts = Forecasts::new(&slots, &assumption);
    let advice = forecasts
        .advice(rhythm(), |forecast| forecast.total() < 3_000.0)
        .unwrap();
    assert_eq!(advice.sweep, Some(Duration::from_secs(6 * 3600)));
    assert_eq!(
        forecasts.advice(rhythm(), |forecast| forecast.total() < 1.0),
        None
    );
}

/// The names of gitlab-ci-pipelines-exporter switch on what they need, and the comparisons of commits are priced.
#[test]
fn what_the_names_of_another_exporter_need_is_priced() {
    let priced = |scrape_names: ScrapeNames, names: &[&str]| -> BTreeMap<&'static str, f64> {
        let choices = Choices {
            scrape_names,
            ..Choices::default()
        };
        let catalogue = Catalogue::standard();
        let keep = |name: &str| {
            let metric = catalogue.find(name);
            metric.is_none_or(|own| own.by_default || names.contains(&own.subject.name))
        };
        let enabled = EnabledMetrics::new(catalogue, keep, choices);
        let mut assumption = assumption(&[Source::Membership], 1_000, 0.0);
        assumption.pipelines = 200.0;
        let prices = prices(rhythm(), &enabled, &assumption).into_iter();
        let on = prices.filter(|price| price.is_on);
        on.map(|price| (price.subject, price.over_graphql))
            .collect()
    };
    let subjects = ["jobs", "environments", "deployments"];
    let ours = priced(ScrapeNames::GitLab, &subjects);
    let theirs = priced(ScrapeNames::CiExporter, &[]);
    for subject in subjects {
        assert!(theirs[subject] > 0.0, "{subject}: {theirs:?}");
    }
    let more = theirs["environments"] - ours["environments"];
    assert!(more > 20.0, "{ours:?} {theirs:?}");
}
