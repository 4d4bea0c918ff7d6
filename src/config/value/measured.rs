//! What is measured and how it is shown: names of metrics and subjects, and mappings from them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use globset::Glob;
use humantime::format_duration;
use serde_json::{Value as Json, json};

use super::number::duration;
use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Text};
use crate::config::wording::{nearest, quote};
use crate::config::yaml::{Content, Node};
use crate::metrics::{Cadence, Catalogue, Instrument, ProjectLabels, ScrapeNames};

/// Names of metrics, patterns that fit at least one, or names of subjects.
pub struct MetricNames(pub Field<Vec<String>>);

/// Names of GitLab's, each once and at most so many.
pub struct Names(pub Field<Vec<String>>, pub usize);

/// Which labels every series of a project carries.
pub struct Labels(pub Field<ProjectLabels>);

/// How often subjects are asked, by name, within bounds.
pub struct Cadences(
    pub Field<BTreeMap<&'static str, Duration>>,
    pub RangeInclusive<Duration>,
);

/// The bounds of histograms, by name.
pub struct Bounds(pub Field<BTreeMap<String, Vec<f64>>>);

/// The labels that can be listed, and their switches.
type Label = (&'static str, fn(&mut ProjectLabels) -> &mut bool);
const LABELS: [Label; 3] = [
    ("path", |labels| &mut labels.path),
    ("namespace", |labels| &mut labels.namespace),
    ("topics", |labels| &mut labels.topics),
];

/// More buckets than this make a histogram a burden.
const MOST_BOUNDS: usize = 50;

impl Value for MetricNames {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let items = input.list()?;
        each_once(&items)?;
        let names = items.into_iter().map(metric_or_subject);
        *self.0(builder) = names.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(format!("[{}]", self.0(builder).join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let names: Vec<_> = metrics().chain(subjects()).collect();
        let pattern = json!({"type": "string", "pattern": r"[*?\[{]"});
        let item = json!({"anyOf": [{"enum": names}, pattern]});
        Some(json!({"type": "array", "items": item, "uniqueItems": true}))
    }
}

impl Value for Names {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Names(field, most) = self;
        let items = input.list()?;
        each_once(&items)?;
        if items.len() > *most {
            return Err(input.place.error(format!(
                "{} are listed: list at most {most}, each costs requests and series",
                items.len()
            )));
        }
        let names = items.into_iter().map(|item| item.checked(name));
        *field(builder) = names.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(format!("[{}]", self.0(builder).join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let item = json!({"type": ["string", "integer"], "pattern": r"\S", "maxLength": LONGEST});
        let list = json!({"type": "array", "items": item, "maxItems": self.1, "uniqueItems": true});
        Some(list)
    }
}

impl Value for Labels {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let items = input.list()?;
        each_once(&items)?;
        let labels = self.0(builder);
        *labels = ProjectLabels::default();
        for item in items {
            let mut known = LABELS.iter();
            let Some((_, switch)) = known.find(|(name, _)| *name == item.text) else {
                return Err(item.unexpected("a label of projects: use path, namespace or topics"));
            };
            *switch(labels) = true;
        }
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let labels = self.0(builder);
        let listed = LABELS.iter().filter(|(_, switch)| *switch(labels));
        let listed: Vec<_> = listed.map(|(name, _)| *name).collect();
        Some(format!("[{}]", listed.join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let names = LABELS.map(|(name, _)| name);
        Some(json!({"type": "array", "items": {"enum": names}, "uniqueItems": true}))
    }
}

impl Value for Cadences {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let pairs: Vec<(Text, Text)> =
            input.pairs(|input, node| input.scalar(node, "a duration, such as 5m"))?;
        keys_once(&pairs)?;
        for (name, every) in pairs {
            let subject = paced(&name)?;
            self.0(builder).insert(subject, duration(&every, false, &self.1)?);
        }
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let cadences = self.0(builder).iter();
        let cadences =
            cadences.map(|(subject, every)| format!("{subject}: {}", format_duration(*every)));
        Some(format!("{{{}}}", cadences.collect::<Vec<_>>().join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let names: Vec<_> = paced_subjects().collect();
        Some(json!({
            "type": "object",
            "propertyNames": {"enum": names},
            "additionalProperties": super::number::duration_schema(),
        }))
    }
}

impl Value for Bounds {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let pairs: Vec<(Text, Listed)> = input.pairs(listed)?;
        keys_once(&pairs)?;
        for (name, Listed(items)) in pairs {
            let Some(known) = histograms().find(|known| *known == name.text) else {
                return Err(name.error(unknown("histogram", &name.text, histograms())));
            };
            let bounds = items.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
            if bounds.is_empty() || bounds.len() > MOST_BOUNDS {
                let given = bounds.len();
                return Err(name.error(format!(
                    "{known} is given {given} bounds: give from 1 to {MOST_BOUNDS}"
                )));
            }
            if let Some(at) = bounds.windows(2).position(|pair| pair[0] >= pair[1]) {
                return Err(items[at + 1].error(format!(
                    "{} is not more than the bound before: write them from the smallest to the largest",
                    quote(&items[at + 1].text)
                )));
            }
            self.0(builder).insert(known.to_owned(), bounds);
        }
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let bounds = self.0(builder).iter().map(|(name, bounds)| {
            let bounds: Vec<_> = bounds.iter().map(f64::to_string).collect();
            format!("{name}: [{}]", bounds.join(", "))
        });
        Some(format!("{{{}}}", bounds.collect::<Vec<_>>().join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        let names: Vec<_> = histograms().collect();
        let bound = json!({"anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            super::number::duration_schema(),
        ]});
        let bounds =
            json!({"type": "array", "items": bound, "minItems": 1, "maxItems": MOST_BOUNDS});
        Some(json!({
            "type": "object",
            "propertyNames": {"enum": names},
            "additionalProperties": bounds,
        }))
    }
}

/// Several texts below a name; separated by spaces where they stand in a variable.
struct Listed(Vec<Text>);

impl From<Text> for Listed {
    fn from(Text { place, text, .. }: Text) -> Listed {
        let texts = text.split([' ', ';']).filter(|text| !text.is_empty());
        let text = |text: &str| Text::new(&place, text);
        Listed(texts.map(text).collect())
    }
}

fn listed(input: &Input<'_>, node: &Node) -> Result<Listed, Error> {
    let Content::List(items) = &node.content else {
        let expected = "expected a list of bounds, such as [10s, 1m, 1h]";
        return Err(input.at(node).error(expected));
    };
    let items = items.iter();
    let items = items.map(|item| input.scalar(item, "one value"));
    Ok(Listed(items.collect::<Result<_, _>>()?))
}

/// A bound in seconds, or as a duration.
fn bound(item: &Text) -> Result<f64, Error> {
    let seconds = match item.text.parse::<f64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => humantime::parse_duration(&item.text)
            .ok()
            .map(|time| time.as_secs_f64()),
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    seconds
        .ok_or_else(|| item.unexpected("a bound above 0: write seconds, or a duration such as 5m"))
}

/// All metrics, those under another exporter's names too.
fn metrics() -> impl Iterator<Item = &'static str> + Clone {
    let catalogue = Catalogue::standard().with_names(ScrapeNames::CiExporter);
    let metrics = catalogue.metrics().iter();
    metrics.map(|metric| metric.name)
}

fn subjects() -> impl Iterator<Item = &'static str> {
    let subjects = Catalogue::standard().subjects().iter();
    let names: BTreeSet<_> = subjects.map(|subject| subject.name).collect();
    Vec::from_iter(names).into_iter()
}

/// The subjects that have a cadence of their own.
fn paced_subjects() -> impl Iterator<Item = &'static str> {
    let subjects = Catalogue::standard().subjects().iter();
    let paced = subjects.filter(|subject| subject.cadence != Cadence::WithOwner);
    let names: BTreeSet<_> = paced.map(|subject| subject.name).collect();
    Vec::from_iter(names).into_iter()
}

fn histograms() -> impl Iterator<Item = &'static str> + Clone {
    let metrics = Catalogue::standard().metrics().iter();
    let histograms = metrics.filter(|metric| metric.instrument == Instrument::Histogram);
    histograms.map(|metric| metric.name)
}

/// The name of a subject that has a cadence of its own.
fn paced(name: &Text) -> Result<&'static str, Error> {
    let Some(known) = subjects().find(|known| *known == name.text) else {
        return Err(name.error(unknown("subject", &name.text, paced_subjects())));
    };
    match paced_subjects().any(|paced| paced == known) {
        true => Ok(known),
        false => Err(name.error(format!(
            "{known} is read along with what it belongs to: poll.interval, poll.ci_interval and \
             poll.sweep say how often"
        ))),
    }
}

fn metric_or_subject(item: Text) -> Result<String, Error> {
    let glob = Glob::new(&item.text).map_err(|error| {
        let kind = error.kind();
        item.unexpected(&format!(
            "a pattern ({kind}): write for example gitlab_project_*"
        ))
    })?;
    let glob = glob.compile_matcher();
    let known = metrics().any(|name| glob.is_match(name));
    match known || subjects().any(|name| name == item.text) {
        true => Ok(item.text),
        false => {
            let names = metrics().chain(subjects());
            Err(item.error(unknown("metric", &item.text, names)))
        }
    }
}

/// Says that nothing is called so, and what was probably meant.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = nearest(name, known);
    let hint = near.map_or("the command `metrics` lists them".to_owned(), |near| {
        format!("did you mean {near:?}?")
    });
    format!("no {what} is called {}: {hint}", quote(name))
}

/// Longer names than this GitLab does not take.
const LONGEST: usize = 255;

fn name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty: write a name, or remove it".to_owned());
    }
    if text.chars().count() > LONGEST || text.contains(char::is_control) {
        return Err(format!(
            "{} is no name of GitLab's: write at most {LONGEST} letters on one line",
            quote(text)
        ));
    }
    Ok(())
}

fn each_once(items: &[Text]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match items.iter().find(|item| !seen.insert(&item.text)) {
        Some(twice) => Err(twice.error(format!(
            "{} is listed twice: remove one of them",
            quote(&twice.text)
        ))),
        None => Ok(()),
    }
}

fn keys_once<T>(pairs: &[(Text, T)]) -> Result<(), Error> {
    let keys: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
    each_once(&keys)
}
