//! The expressions of dashboards and rules, and whether the catalogue has what they ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use promql_parser::parser::{
    BinaryExpr, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};
use serde_json::Value;

/// Labels that Prometheus adds, and `gitlab_instance`, which stands in no row of the catalogue.
const ADDED: [&str; 4] = ["job", "instance", "gitlab_instance", "le"];

/// Labels that `project_labels` adds to series, which aggregations over them leave out.
const OF_PROJECTS: [&str; 3] = ["project_path", "namespace", "topics"];

/// What Grafana puts in the place of its variables: everything.
const GRAFANA: [(&str, &str); 8] = [
    ("$__rate_interval", "30s"),
    ("$__range", "2m"),
    ("$top", "10"),
    ("$gitlab_instance", ".*"),
    ("$instance", ".*"),
    ("$job", ".*"),
    ("$group", ".*"),
    ("$project", ".*"),
];

/// An expression, and where it stands.
#[derive(Debug)]
pub struct Expression {
    pub place: String,
    pub text: String,
}

impl Expression {
    fn parsed(&self) -> Expr {
        parse(&self.text).unwrap_or_else(|error| panic!("{}: {error}: {}", self.place, self.text))
    }

    /// Metrics and labels that the catalogue does not have.
    pub fn problems(&self, recorded: &BTreeSet<String>) -> Vec<String> {
        let mut seen = Seen::default();
        seen.look(&self.parsed());
        let mut problems = Vec::new();
        let mut known: BTreeSet<&str> = ADDED.into_iter().chain(OF_PROJECTS).collect();
        let mut from_rules = false;
        for (metric, labels) in &seen.selected {
            if recorded.contains(metric) {
                from_rules = true;
                continue;
            }
            let Some(has) = labels_of(metric) else {
                problems.push(format!("{}: no metric {metric}", self.place));
                continue;
            };
            known.extend(has.iter().map(String::as_str));
            for label in labels {
                if !has.contains(label) && !ADDED.contains(&label.as_str()) {
                    problems.push(format!("{}: {metric} has no label {label}", self.place));
                }
            }
        }
        let unknown = seen
            .grouped
            .iter()
            .filter(|label| !known.contains(label.as_str()));
        // `ref` is also made of `default_branch`; a recorded series has what its own rule left.
        let unknown = unknown.filter(|label| !from_rules && label.as_str() != "ref");
        problems.extend(unknown.map(|label| format!("{}: nothing has {label}", self.place)));
        problems
    }

    /// Whether its answer has that label.
    pub fn keeps(&self, label: &str) -> bool {
        keeps(&self.parsed(), label)
    }
}

/// The expressions of a rendered dashboard, with Grafana's variables filled in.
pub fn of_dashboard(dashboard: &Value) -> Vec<Expression> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(move |target| (panel, target))
    });
    let expression = |(panel, target): (&Value, &Value)| Expression {
        place: format!("{} / {}", dashboard["title"], panel["title"]),
        text: filled_in(target["expr"].as_str().unwrap()),
    };
    targets.map(expression).collect()
}

/// A query as Grafana asks it when everything is chosen.
pub fn filled_in(query: &str) -> String {
    with_variables(query, &[])
}

/// A query as Grafana asks it with these choices, and everything else chosen.
pub fn with_variables(query: &str, chosen: &[(&str, &str)]) -> String {
    let variables = chosen.iter().chain(&GRAFANA);
    variables.fold(query.to_owned(), |text, (variable, value)| {
        text.replace(variable, value)
    })
}

/// The files of rules.
pub fn rule_files() -> Vec<PathBuf> {
    let mut files = files_in(&super::otel("alerts"));
    files.extend(files_in(&super::otel("prometheus")));
    files
}

/// The text of each file of tests of rules.
pub fn rule_tests() -> impl Iterator<Item = String> {
    let files = files_in(&super::otel("alerts/tests"));
    files
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap())
}

/// Every rule.
pub fn rules() -> Vec<Value> {
    let mut rules = Vec::new();
    for file in rule_files() {
        let text = fs::read_to_string(&file).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        for group in file["groups"].as_array().unwrap() {
            rules.extend(group["rules"].as_array().unwrap().iter().cloned());
        }
    }
    rules
}

/// The expressions of all rules, and the names of the series that they record.
pub fn of_rules() -> (Vec<Expression>, BTreeSet<String>) {
    let mut expressions = Vec::new();
    let mut recorded = BTreeSet::new();
    for rule in rules() {
        let record = rule["record"].as_str();
        recorded.extend(record.map(str::to_owned));
        let place = record.or(rule["alert"].as_str()).unwrap().to_owned();
        let text = rule["expr"].as_str().unwrap().to_owned();
        expressions.push(Expression { place, text });
    }
    (expressions, recorded)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    files
}

/// The labels that the registry gives a metric, or the histogram that the series is of.
fn labels_of(metric: &str) -> Option<&'static BTreeSet<String>> {
    static REGISTRY: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
        let text = fs::read_to_string(super::otel("registry/metrics.yaml")).unwrap();
        let registry: Value = serde_saphyr::from_str(&text).unwrap();
        let groups = registry["groups"].as_array().unwrap().iter();
        let metrics = groups.filter_map(|group| {
            let labels = group["attributes"].as_array().into_iter().flatten();
            let labels = labels.filter_map(|attribute| attribute["ref"].as_str());
            let name = group["metric_name"].as_str()?.to_owned();
            Some((name, labels.map(str::to_owned).collect()))
        });
        metrics.collect()
    });
    let of_histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| metric.strip_suffix(suffix));
    REGISTRY.get(metric).or_else(|| REGISTRY.get(of_histogram?))
}

/// What an expression names.
#[derive(Default)]
struct Seen {
    /// Metrics, each with the labels that are asked of it.
    selected: Vec<(String, Vec<String>)>,
    /// Labels that series are matched or grouped by.
    grouped: BTreeSet<String>,
}

impl Seen {
    fn look(&mut self, expression: &Expr) {
        match expression {
            Expr::Aggregate(aggregate) => {
                self.grouped(aggregate.modifier.as_ref());
                self.look(&aggregate.expr);
            }
            Expr::Unary(unary) => self.look(&unary.expr),
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                self.grouped(modifier.and_then(|modifier| modifier.matching.as_ref()));
                self.grouped.extend(group_left(binary).iter().cloned());
                self.look(&binary.lhs);
                self.look(&binary.rhs);
            }
            Expr::Paren(paren) => self.look(&paren.expr),
            Expr::Subquery(subquery) => self.look(&subquery.expr),
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(selector) => self.select(&selector.vs),
            Expr::Call(call) => {
                for argument in &call.args.args {
                    self.look(argument);
                }
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
        }
    }

    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone();
        let name = name.unwrap_or_else(|| panic!("{selector}: a series without a name"));
        let matchers = selector.matchers.matchers.iter();
        let labels = matchers.map(|matcher| matcher.name.clone()).collect();
        self.selected.push((name, labels));
    }

    fn grouped(&mut self, modifier: Option<&LabelModifier>) {
        if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
            self.grouped.extend(labels.labels.iter().cloned());
        }
    }
}

/// The labels that `group_left` brings over.
fn group_left(binary: &BinaryExpr) -> &[String] {
    match binary.modifier.as_ref().map(|modifier| &modifier.card) {
        Some(
            VectorMatchCardinality::ManyToOne(labels) | VectorMatchCardinality::OneToMany(labels),
        ) => &labels.labels,
        _ => &[],
    }
}

fn keeps(expression: &Expr, label: &str) -> bool {
    match expression {
        Expr::Aggregate(aggregate) => {
            let inner = keeps(&aggregate.expr, label);
            let named = |labels: &[String]| labels.iter().any(|named| named == label);
            match &aggregate.modifier {
                Some(LabelModifier::Include(labels)) => inner && named(&labels.labels),
                Some(LabelModifier::Exclude(labels)) => inner && !named(&labels.labels),
                // `topk` without `by` keeps all labels, and is looked for before.
                None => false,
            }
        }
        Expr::Unary(unary) => keeps(&unary.expr, label),
        Expr::Binary(binary) => {
            group_left(binary).iter().any(|brought| brought == label)
                || keeps(&binary.lhs, label)
                || keeps(&binary.rhs, label)
        }
        Expr::Paren(paren) => keeps(&paren.expr, label),
        Expr::Subquery(subquery) => keeps(&subquery.expr, label),
        Expr::VectorSelector(selector) => selects(selector, label),
        Expr::MatrixSelector(selector) => selects(&selector.vs, label),
        Expr::Call(call) => call.args.args.iter().any(|argument| keeps(argument, label)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => false,
    }
}

fn selects(selector: &VectorSelector, label: &str) -> bool {
    let name = selector.name.as_deref();
    name.and_then(labels_of)
        .is_some_and(|labels| labels.contains(label))
}
