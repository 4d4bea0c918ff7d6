//! The shape of an explanation, which programs read as JSON: a member stays what it is, and new ones may come.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use crate::metrics::UnixTime;

/// What is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// A metric, by its name or a short form of it.
    pub metric: &'a str,
    /// A project, by its id or full path.
    pub project: Option<&'a str>,
    /// A group, by its id or full path.
    pub group: Option<&'a str>,
    /// The name of a GitLab, where there are several.
    pub instance: Option<&'a str>,
    /// The most series of the answer.
    pub most: usize,
}

/// Where a metric comes from, and what is shown of it or why not.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub metric: &'static str,
    /// `gauge`, `counter` or `histogram`.
    #[serde(rename = "type")]
    pub instrument: &'static str,
    pub unit: &'static str,
    pub meaning: &'static str,
    pub attributes: Vec<&'static str>,
    pub subject: &'static str,
    /// What has it: `instance`, `group`, `project`, `runner`, or `bridge`.
    pub of: &'static str,
    /// Whether the configuration lets it be read and shown.
    pub enabled: bool,
    pub source: Source,
    pub gitlabs: Vec<OfGitLab>,
}

/// Where a metric comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// In a sentence.
    pub text: String,
    /// What GitLab is asked for: paths over GraphQL, or over REST where that alone has it.
    pub asked_as: Vec<&'static str>,
    /// How REST is asked where GraphQL can't be.
    pub over_rest: Vec<String>,
}

/// What there is of a metric in one GitLab.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OfGitLab {
    /// Its name, where there are several.
    pub instance: Option<String>,
    pub url: String,
    /// When the metric is read, in a sentence.
    pub read: String,
    /// When the last poll ended, in seconds since 1970.
    pub last_poll: Option<UnixTime>,
    /// The project that was asked about, if it is read.
    pub project: Option<Thing>,
    /// The group that was asked about, if it is known.
    pub group: Option<Thing>,
    pub series: Vec<Series>,
    /// How many further series there are.
    pub more_series: u64,
    pub absent: Vec<Absent>,
    /// What else helps to understand it, in sentences.
    pub notes: Vec<String>,
}

/// A project, group or runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thing {
    pub id: u64,
    pub path: String,
}

/// A series as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    pub labels: BTreeMap<&'static str, String>,
    /// The full path of the project or group that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub value: Value,
    /// What it is as a time of day, if it is a moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment: Option<String>,
    /// When it was read, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<UnixTime>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// Since when it is counted, if it counts what ends: in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixTime>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Number(#[serde(serialize_with = "number")] f64),
    Histogram {
        count: u64,
        #[serde(serialize_with = "number")]
        sum: f64,
        /// Each bucket by its upper bound; a bucket counts those of the smaller ones too.
        buckets: Vec<(f64, u64)>,
    },
}

/// Series that are absent for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Absent {
    /// A word that stays: one of `gitlab_bridge_missing_series`, or of those in docs/asking.md.
    pub reason: &'static str,
    /// How many are.
    pub count: u64,
    /// In a sentence.
    pub why: String,
    /// What helps, if something does.
    pub advice: Option<String>,
    /// The labels that tell them apart, as far as they are known; no more than some.
    pub labels: BTreeSet<String>,
    /// Of whom they are, as full paths; no more than some.
    pub paths: BTreeSet<String>,
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoAnswer {
    /// `no_such_metric` or `no_such_instance`.
    pub reason: &'static str,
    /// In a sentence, with what was probably meant.
    pub error: String,
    pub did_you_mean: Vec<String>,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.error)
    }
}

impl std::error::Error for NoAnswer {}

/// A whole number is written as one.
fn number<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    /// All whole numbers up to here can be told apart.
    const MOST: f64 = 9_007_199_254_740_992.0;
    match number.fract() == 0.0 && number.abs() <= MOST {
        true => to.serialize_i64(*number as i64),
        false => to.serialize_f64(*number),
    }
}
