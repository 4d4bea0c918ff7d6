//! How each kind of panel looks: Grafana's options, fields and transformations.

use serde_json::{Map, Value, json};

use super::source::{Common, Panel};

/// The states of pipelines, jobs, deployments, test cases and runners that have a colour of their own.
const STATES: [(&str, &str); 4] = [
    ("success|online", "green"),
    ("failed|error|offline", "red"),
    ("canceled|stale", "orange"),
    ("running|active", "blue"),
];

/// The options of the panel's kind.
pub fn options(panel: &Panel) -> Value {
    let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
    let below =
        json!({"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []});
    let single = json!({"mode": "single", "sort": "none"});
    match panel.kind.as_str() {
        "stat" => stat(panel, &last),
        "timeseries" => json!({
            "legend": below, "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        "table" => table(panel),
        "bargauge" => json!({
            "displayMode": "gradient", "orientation": "horizontal", "reduceOptions": last, "showUnfilled": true,
            "valueMode": "color", "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "auto", "sizing": "auto",
        }),
        "piechart" => json!({
            "pieType": "donut", "displayLabels": ["percent"], "reduceOptions": last, "tooltip": single,
            "legend": {
                "displayMode": "list", "placement": "right", "showLegend": true, "calcs": [], "values": [],
            },
        }),
        "heatmap" => heatmap(panel),
        "state-timeline" => json!({
            "mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.9, "legend": below,
            "tooltip": single,
        }),
        "status-history" => json!({
            "showValue": "never", "rowHeight": 0.9, "colWidth": 0.9, "legend": below, "tooltip": single,
        }),
        other => panic!("{}: no kind of panel is called {other}", panel.title),
    }
}

fn stat(panel: &Panel, last: &Value) -> Value {
    let (color, text) = match panel.text.as_deref() {
        None => ("value", "auto"),
        Some("name") => ("value", "name"),
        Some("wall") => ("background", "name"),
        Some(other) => panic!("{}: no text is called {other}", panel.title),
    };
    json!({
        "colorMode": color, "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "reduceOptions": last,
        "textMode": text, "wideLayout": true, "showPercentChange": false,
    })
}

fn table(panel: &Panel) -> Value {
    let mut options = json!({"showHeader": true, "cellHeight": "sm"});
    if let Some(sort) = &panel.sort {
        options["sortBy"] = json!([{"displayName": sort.by, "desc": sort.desc}]);
    }
    options
}

fn heatmap(panel: &Panel) -> Value {
    json!({
        "calculate": false, "cellGap": 1, "showValue": "never",
        "color": {
            "mode": "scheme", "scheme": "Blues", "steps": 64, "exponent": 0.5, "fill": "dark-blue", "reverse": false,
        },
        "yAxis": {"unit": panel.unit(), "axisPlacement": "left"},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": false},
        "legend": {"show": true},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
    })
}

/// Unit, colours, links.
pub fn field_config(panel: &Panel, common: &Common) -> Value {
    let green = vec![("green".to_owned(), Value::Null)];
    let steps = panel.thresholds.as_ref().unwrap_or(&green).iter();
    let steps: Vec<Value> = steps
        .map(|(color, value)| json!({"color": color, "value": value}))
        .collect();
    let color = match panel.kind.as_str() {
        "stat" | "table" | "state-timeline" | "status-history" => "thresholds",
        "bargauge" => "continuous-BlPu",
        _ => "palette-classic",
    };
    let mut defaults = json!({
        "unit": panel.unit(),
        "color": {"mode": color},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": custom(panel),
        "mappings": mappings(panel, common),
    });
    let mut names = panel.queries.iter().map(|query| query.name.as_deref());
    if names.any(|name| name == Some("{{project_path}}")) {
        defaults["links"] = link_to_project("__field.labels.project_path");
    }
    let mut overrides = colors_of_states(panel);
    if panel.kind == "table"
        && panel
            .columns()
            .iter()
            .any(|column| column == "project_path")
    {
        overrides.push(json!({
            "matcher": {"id": "byName", "options": "Project"},
            "properties": [{"id": "links", "value": link_to_project("__data.fields.Project")}],
        }));
    }
    json!({"defaults": defaults, "overrides": overrides})
}

/// What has failed is red, however many other lines there are: the palette goes by their order.
fn colors_of_states(panel: &Panel) -> Vec<Value> {
    let mut names = panel.queries.iter().flat_map(|query| &query.name);
    if !names.any(|name| name.contains("{{status}}")) {
        return Vec::new();
    }
    let color = |(states, color): &(&str, &str)| {
        json!({
            "matcher": {"id": "byRegexp", "options": format!("/(^| )({states})( |$)/")},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
        })
    };
    STATES.iter().map(color).collect()
}

fn mappings(panel: &Panel, common: &Common) -> Vec<Value> {
    let Some(name) = &panel.map else {
        return Vec::new();
    };
    let mapping = |(index, mapping): (usize, &super::source::Mapping)| {
        let result = json!({"text": mapping.text, "color": mapping.color, "index": index});
        let options = Map::from_iter([(mapping.value.clone(), result)]);
        json!({"type": "value", "options": options})
    };
    common.mappings[name]
        .iter()
        .enumerate()
        .map(mapping)
        .collect()
}

fn custom(panel: &Panel) -> Value {
    match panel.kind.as_str() {
        "timeseries" => json!({
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "showPoints": "auto",
            "spanNulls": false, "fillOpacity": if panel.stack { 25 } else { 0 },
            "stacking": {"group": "A", "mode": if panel.stack { "normal" } else { "none" }},
        }),
        "state-timeline" | "status-history" => json!({"fillOpacity": 80, "lineWidth": 1}),
        "table" => json!({
            "align": "auto", "cellOptions": {"type": "auto"}, "inspect": false, "filterable": false,
        }),
        _ => json!({}),
    }
}

/// A link to the project whose path is in that field, in the same GitLab and range.
fn link_to_project(field: &str) -> Value {
    let kept = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}\
                &${gitlab_instance:queryparam}&${__url_time_range}";
    let url = format!("/d/gitlab-project?var-project=${{{field}}}&{kept}");
    json!([{"title": "Show the project", "url": url}])
}

/// Tables: one row for the labels, with a column for each query.
pub fn transformations(panel: &Panel) -> Vec<Value> {
    if panel.kind != "table" {
        return Vec::new();
    }
    let mut order = vec!["gitlab_instance".to_owned()];
    order.extend(panel.columns());
    let mut titles: Map<String, Value> = order
        .iter()
        .map(|label| (label.clone(), heading(label).into()))
        .collect();
    let one = panel.queries.len() == 1;
    for (letter, query) in ('A'..).zip(&panel.queries) {
        let value = if one {
            "Value".to_owned()
        } else {
            format!("Value #{letter}")
        };
        let title = query.name.clone();
        let title = title.unwrap_or_else(|| panic!("{}: a column has no name", panel.title));
        titles.insert(value.clone(), title.into());
        order.push(value);
    }
    let places: Map<String, Value> = order
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name, index.into()))
        .collect();
    let organize = json!({"id": "organize", "options": {
        "excludeByName": {"Time": true}, "includeByName": {}, "indexByName": places, "renameByName": titles,
    }});
    if one {
        return vec![organize];
    }
    vec![json!({"id": "merge", "options": {}}), organize]
}

fn heading(label: &str) -> String {
    match label {
        "project_path" => return "Project".to_owned(),
        "gitlab_instance" => return "GitLab".to_owned(),
        _ => {}
    }
    let (first, rest) = label.split_at(1);
    format!("{}{rest}", first.to_uppercase()).replace('_', " ")
}
