//! A dashboard as Grafana's JSON: its variables, its grid, its queries.

use serde_json::{Value, json};

use super::source::{Board, Common, Panel, Variable};
use super::style::{field_config, options, transformations};

const TAG: &str = "gitlab-metrics-bridge";

/// Grafana's number for a variable that is not seen.
const HIDDEN: u8 = 2;

/// Renders a dashboard.
pub fn dashboard(board: &Board, common: &Common) -> Value {
    json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": ["gitlab", TAG],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "timepicker": {},
        "annotations": {"list": []},
        "links": [{
            "type": "dashboards", "title": "GitLab", "tags": [TAG], "asDropdown": false, "includeVars": true,
            "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
        }],
        "templating": {"list": variables(board, common)},
        "panels": panels(board, common),
    })
}

/// The data source that the reader chose.
pub fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables(board: &Board, common: &Common) -> Vec<Value> {
    let has = |name: &str| board.variables.iter().any(|variable| variable == name);
    let mut list = vec![json!({
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "regex": "",
        "hide": 0, "multi": false, "includeAll": false, "options": [], "refresh": 1, "skipUrlSync": false,
    })];
    for variable in &common.variables {
        let one = board.uid == "gitlab-project" && variable.name == "project";
        let mut asked = asked(variable, one, common);
        // What is chosen on the way to a dashboard without groups and projects is not forgotten there.
        let is_carried = ["group", "project"].contains(&variable.name.as_str());
        if is_carried && !has(&variable.name) {
            asked["hide"] = json!(HIDDEN);
        }
        list.push(asked);
    }
    if has("top") {
        let option = |text: &str| json!({"selected": text == "10", "text": text, "value": text});
        let options = ["10", "20", "50", "100"].map(option);
        list.push(json!({
            "type": "custom", "name": "top", "label": "Top", "query": "10,20,50,100", "hide": 0, "multi": false,
            "includeAll": false, "skipUrlSync": false, "current": option("10"),
            "options": options,
        }));
    }
    list
}

/// A variable that is asked of Prometheus: one value of it, or any number with "all" for a start.
fn asked(variable: &Variable, one: bool, common: &Common) -> Value {
    let query = spelled_out(&variable.query, common);
    // Projects are many: they are asked for when the page opens, and not at each change of the range.
    let refresh = if variable.name == "project" { 1 } else { 2 };
    let mut asked = json!({
        "type": "query", "name": variable.name, "label": variable.label, "datasource": source(),
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": refresh, "sort": 1, "regex": "", "hide": 0, "options": [], "skipUrlSync": false,
        "multi": !one, "includeAll": !one,
    });
    if !one {
        asked["allValue"] = json!(".*");
        asked["current"] = json!({"selected": true, "text": ["All"], "value": ["$__all"]});
    }
    asked
}

/// The query with what its words stand for.
pub fn spelled_out(query: &str, common: &Common) -> String {
    let words = common.words.iter();
    words.fold(query.to_owned(), |text, (word, meaning)| {
        text.replace(word, meaning)
    })
}

fn panels(board: &Board, common: &Common) -> Vec<Value> {
    let mut all = Vec::new();
    let mut y = 0;
    for row in &board.rows {
        all.push(json!({
            "type": "row", "id": all.len() + 1, "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in &row.panels {
            let [width, height] = panel.size;
            if x + width > 24 {
                y += tallest;
                (x, tallest) = (0, 0);
            }
            let place = json!({"h": height, "w": width, "x": x, "y": y});
            all.push(rendered(panel, all.len() + 1, place, common));
            x += width;
            tallest = tallest.max(height);
        }
        y += tallest;
    }
    all
}

fn rendered(panel: &Panel, id: usize, place: Value, common: &Common) -> Value {
    let mut description = panel.about.clone();
    if let Some(needs) = &panel.needs {
        description.push_str(&format!(" Needs metrics.enabled: {needs}."));
    }
    let mut rendered = json!({
        "type": panel.kind,
        "id": id,
        "title": panel.title,
        "description": description,
        "datasource": source(),
        "gridPos": place,
        "targets": targets(panel, common),
        "fieldConfig": field_config(panel, common),
        "options": options(panel),
        "transformations": transformations(panel),
    });
    if let Some(points) = panel.points {
        rendered["maxDataPoints"] = points.into();
    }
    rendered
}

fn targets(panel: &Panel, common: &Common) -> Vec<Value> {
    let format = match panel.kind.as_str() {
        "table" => "table",
        "heatmap" => "heatmap",
        _ => "time_series",
    };
    let target = |(letter, query): (char, &super::source::Query)| {
        json!({
            "refId": letter.to_string(),
            "datasource": source(),
            "editorMode": "code",
            "expr": spelled_out(&query.expr, common),
            "format": format,
            "legendFormat": query.name.as_deref().unwrap_or("__auto"),
            "instant": panel.is_of_a_moment(),
            "range": !panel.is_of_a_moment(),
        })
    };
    ('A'..).zip(&panel.queries).map(target).collect()
}
