//! The dashboards and alerts of `otel/`: that they are rendered from the lists of panels beside this
//! file, ask only for what the catalogue has, and show data where a real Prometheus scrapes the demo.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod at_work;
mod expressions;
mod prometheus;
mod render;
mod source;
mod style;
#[path = "../support/mod.rs"]
mod support;
mod with_grafana_types;
mod with_python;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use source::{Board, Common};

/// The dashboards, in the order of the reader: what is wrong, then where.
const BOARDS: [&str; 8] = [
    "overview",
    "project",
    "flow",
    "ci",
    "deployments-dora",
    "runners",
    "storage",
    "bridge",
];

/// The kinds of panels that Grafana has and has not deprecated.
const KINDS: [&str; 9] = [
    "bargauge",
    "heatmap",
    "piechart",
    "row",
    "stat",
    "state-timeline",
    "status-history",
    "table",
    "timeseries",
];

fn boards() -> (Common, Vec<Board>) {
    let boards = BOARDS.map(|name| source::read(&format!("{name}.yaml")));
    (source::read("common.yaml"), boards.into())
}

fn otel(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("otel")
        .join(name)
}

#[test]
fn the_dashboards_are_fresh() {
    let (common, boards) = boards();
    for (name, board) in BOARDS.iter().zip(&boards) {
        let mut text = serde_json::to_string_pretty(&render::dashboard(board, &common)).unwrap();
        text.push('\n');
        let file = otel("dashboards").join(format!("{name}.json"));
        if std::env::var_os("UPDATE_OTEL").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == text,
            "otel/dashboards/{name}.json is stale: run UPDATE_OTEL=1 cargo test --test dashboards, and read what changed"
        );
    }
}

fn rendered() -> Vec<Value> {
    let (common, boards) = boards();
    boards
        .iter()
        .map(|board| render::dashboard(board, &common))
        .collect()
}

#[test]
fn each_panel_says_what_it_shows_and_is_of_a_kind_that_grafana_keeps() {
    for dashboard in rendered() {
        let title = &dashboard["title"];
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let kind = panel["type"].as_str().unwrap();
            assert!(KINDS.contains(&kind), "{title}: {kind}");
            assert!(ids.insert(panel["id"].as_u64()), "{title}: an id twice");
            let described = panel["description"]
                .as_str()
                .is_some_and(|text| text.ends_with('.'));
            assert!(described || kind == "row", "{title}: {}", panel["title"]);
        }
    }
}

#[test]
fn no_panels_overlap_or_leave_the_page() {
    for dashboard in rendered() {
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(x + w <= 24, "{}", panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{} overlaps", panel["title"]);
            }
        }
    }
}

#[test]
fn every_dashboard_has_all_variables_and_those_that_are_seen_choose_something() {
    for dashboard in rendered() {
        let title = &dashboard["title"];
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let asks = dashboard["panels"].to_string();
        let mut names = BTreeSet::new();
        for variable in variables {
            let name = variable["name"].as_str().unwrap();
            names.insert(name);
            let is_used =
                asks.contains(&format!("${name}")) || asks.contains(&format!("${{{name}}}"));
            let is_seen = variable["hide"] == 0;
            assert_eq!(is_used, is_seen, "{title}: {name}");
        }
        for name in [
            "datasource",
            "job",
            "instance",
            "gitlab_instance",
            "group",
            "project",
        ] {
            assert!(names.contains(name), "{title} has no variable {name}");
        }
    }
}

/// A list of links to all that have our tag, which keep what was chosen.
#[test]
fn the_dashboards_lead_to_one_another() {
    for dashboard in rendered() {
        let (link, tags) = (
            &dashboard["links"][0],
            dashboard["tags"].as_array().unwrap(),
        );
        assert!(tags.contains(&link["tags"][0]), "{dashboard:#}");
        assert_eq!(link["includeVars"], true);
        assert_eq!(link["keepTime"], true);
    }
}

#[test]
fn every_dashboard_fits_into_a_config_map_and_is_imported_without_a_question() {
    for name in BOARDS {
        let text = fs::read_to_string(otel("dashboards").join(format!("{name}.json"))).unwrap();
        // kubectl apply keeps a copy in an annotation, where there is room for 256 KiB.
        assert!(text.len() < 250_000, "{name}: {}", text.len());
        assert!(!text.contains("__inputs"), "{name}");
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        assert!(
            dashboard.get("id").is_none(),
            "{name} has the id of one Grafana"
        );
        for panel in dashboard["panels"].as_array().unwrap() {
            if panel["type"] != "row" {
                assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
    }
}

#[test]
fn each_dashboard_has_a_picture_of_all_its_panels_that_the_readme_shows() {
    let readme = fs::read_to_string(otel("dashboards/README.md")).unwrap();
    for (name, dashboard) in BOARDS.iter().zip(rendered()) {
        let picture = format!("docs/images/dashboards/{name}.svg");
        assert!(readme.contains(&format!("(../../{picture})")), "{name}");
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&picture);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.len() < 150_000, "{name}: {}", text.len());
        for title in titles(&dashboard) {
            assert!(
                text.contains(&format!("aria-label=\"{title}\"")),
                "{picture} lacks {title}: draw it anew"
            );
        }
    }
}

/// The titles of all panels but rows.
fn titles(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let panels = panels.filter(|panel| panel["type"] != "row");
    panels
        .map(|panel| panel["title"].as_str().unwrap())
        .collect()
}

#[test]
fn every_expression_asks_for_metrics_and_labels_of_the_catalogue() {
    let dashboards = rendered();
    let (files, recorded) = expressions::of_rules();
    let all = dashboards.iter().flat_map(expressions::of_dashboard);
    let problems: Vec<String> = all
        .chain(files)
        .flat_map(|expression| expression.problems(&recorded))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A panel that compares projects, groups or metrics shows the first ones and no more.
#[test]
fn no_query_answers_a_line_for_each_project() {
    for dashboard in rendered() {
        let one = dashboard["uid"] == "gitlab-project";
        for expression in expressions::of_dashboard(&dashboard) {
            let first = expression.text.contains("topk(") || expression.text.contains("bottomk(");
            assert!(
                one || first || !expression.keeps("project_path"),
                "{expression:?} has a line for each project"
            );
        }
    }
}

#[test]
fn every_alert_has_a_severity_a_summary_a_description_and_what_to_do() {
    for rule in expressions::rules() {
        let Some(name) = rule["alert"].as_str() else {
            continue;
        };
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        for annotation in ["summary", "description", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{name} has no {annotation}");
        }
        let tested = expressions::rule_tests().any(|file| file.contains(name));
        assert!(tested, "{name} is not in otel/alerts/tests");
    }
}
