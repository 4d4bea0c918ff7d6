//! An explanation as text, for a terminal.

use std::fmt;

use super::answer::{Absent, Explanation, OfGitLab, Series, Value};
use super::when::{moment, span};

impl fmt::Display for Explanation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            "" => String::new(),
            unit => format!(", unit {unit}"),
        };
        writeln!(to, "{} ({}{unit})", self.metric, self.instrument)?;
        writeln!(to, "  {}.", self.meaning)?;
        writeln!(to, "  From {}.", self.source.text)?;
        if !self.source.over_rest.is_empty() && !self.source.text.starts_with("REST") {
            let ways = ended(&some(&self.source.over_rest));
            writeln!(to, "  Where GraphQL can't be asked, from REST: {ways}")?;
        }
        for gitlab in &self.gitlabs {
            writeln!(to, "\n{gitlab}")?;
        }
        Ok(())
    }
}

impl fmt::Display for OfGitLab {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = match (&self.instance, self.url.as_str()) {
            (_, "") => "The bridge itself".to_owned(),
            (Some(name), url) => format!("{name}, {url}"),
            (None, url) => url.to_owned(),
        };
        let asked = [("project", &self.project), ("group", &self.group)];
        let asked = asked
            .iter()
            .filter_map(|(what, thing)| Some((*what, thing.as_ref()?)));
        let asked = asked.map(|(what, thing)| format!(", {what} {} (id {})", thing.path, thing.id));
        writeln!(to, "{about}{}", asked.collect::<String>())?;
        write!(to, "  {}", self.read)?;
        for note in &self.notes {
            write!(to, "\n  {note}")?;
        }
        let wide = self
            .series
            .iter()
            .map(|series| value(&series.value).chars().count());
        let wide = wide.max().unwrap_or_default();
        for series in &self.series {
            write!(to, "\n  {:>wide$}  {series}", value(&series.value))?;
        }
        match self.more_series {
            0 => {}
            1 => write!(to, "\n  and 1 more series")?,
            more => write!(to, "\n  and {more} more series")?,
        }
        let is_of_one = self.project.is_some();
        let mut absent = self.absent.iter();
        absent.try_for_each(|absent| write_absent(to, absent, is_of_one))
    }
}

/// Its labels, and how old it is; its value stands before.
impl fmt::Display for Series {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self
            .labels
            .iter()
            .map(|(name, text)| format!("{name}={text:?}"));
        write!(to, "{{{}}}", labels.collect::<Vec<_>>().join(","))?;
        let named = self
            .labels
            .values()
            .any(|text| Some(text) == self.path.as_ref());
        if let (Some(path), false) = (&self.path, named) {
            write!(to, " {path}")?;
        }
        if let Some(moment) = &self.moment {
            write!(to, " {moment}")?;
        }
        match (self.age_seconds, self.since) {
            (Some(0), _) => write!(to, ", read just now"),
            (Some(age), _) => write!(to, ", read {} ago", span(age)),
            (None, Some(since)) => {
                write!(to, ", counted since {}", moment(since).unwrap_or_default())
            }
            (None, None) => Ok(()),
        }
    }
}

/// Why something is absent. Of whom it is goes without saying if one was asked about.
fn write_absent(to: &mut fmt::Formatter<'_>, absent: &Absent, is_of_one: bool) -> fmt::Result {
    let what = match absent.count {
        1 => "Absent".to_owned(),
        count => format!("Absent are {count}"),
    };
    write!(to, "\n  {what} ({}): {}", absent.reason, ended(&absent.why))?;
    let named = match absent.paths.len() {
        0 | 1 => &absent.labels,
        _ => &absent.paths,
    };
    if !named.is_empty() {
        let names: Vec<&str> = named.iter().map(String::as_str).collect();
        let more = match absent.count > names.len() as u64 {
            true => ", …",
            false => "",
        };
        write!(to, "\n    These: {}{more}", names.join(", "))?;
    }
    if let (1, false, Some(path)) = (absent.paths.len(), is_of_one, absent.paths.first()) {
        write!(to, "\n    Of {path}")?;
    }
    if let Some(advice) = &absent.advice {
        write!(to, "\n    What helps: {}", ended(advice))?;
    }
    Ok(())
}

fn value(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{number}"),
        Value::Histogram { count, sum, .. } => {
            let mean = match count {
                0 => 0.0,
                count => sum / *count as f64,
            };
            format!("{count} of {mean:.1} s on average")
        }
    }
}

/// A sentence with its end.
fn ended(text: &str) -> String {
    match text.ends_with(['.', '?', '!', '…']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

/// Some of these; a line has no room for more.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 2;
    let more = if all.len() > SHOWN { ", …" } else { "" };
    all[..all.len().min(SHOWN)].join(", ") + more
}
