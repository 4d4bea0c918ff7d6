//! What a client takes: which format of the exposition, and which coding of it.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName};

/// A format of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// A coding of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// The form of a text that a client reads best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadsBest {
    Html,
    Json,
    Text,
}

/// What a client that names a form reads best. Who names none reads text, or JSON where an API is asked.
pub fn reads_best(request: &HeaderMap, is_api: bool) -> ReadsBest {
    let choices = choices(request, ACCEPT);
    let weight = |name| {
        let named = choices
            .iter()
            .filter(|choice: &&Choice<'_>| choice.is(name));
        named.map(|choice| choice.weight).fold(0.0, f32::max)
    };
    let [html, json, text] = ["text/html", "application/json", "text/plain"].map(weight);
    if html > json && html > text {
        return ReadsBest::Html;
    }
    match json > text || is_api && text == 0.0 {
        true => ReadsBest::Json,
        false => ReadsBest::Text,
    }
}

/// One of the things that a client takes, and how much it likes it.
struct Choice<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: f32,
}

impl Format {
    /// The type of what is sent.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Whether a client takes the text format, however little it likes it.
    pub fn takes_text(request: &HeaderMap) -> bool {
        let choices = choices(request, ACCEPT);
        let names = ["text/plain", "text/*", "*/*"];
        let is_text = |choice: &Choice<'_>| names.iter().any(|name| choice.is(name));
        choices.is_empty()
            || choices
                .iter()
                .any(|choice| is_text(choice) && choice.weight > 0.0)
    }

    /// OpenMetrics for those who name it and like nothing better that there is. There is no protobuf; who
    /// takes neither gets the text all the same.
    pub fn chosen(request: &HeaderMap) -> Format {
        let choices = choices(request, ACCEPT);
        let weight = |fits: &dyn Fn(&Choice<'_>) -> bool| {
            let fitting = choices.iter().filter(|choice| fits(choice));
            fitting.map(|choice| choice.weight).fold(0.0, f32::max)
        };
        let openmetrics = weight(&|choice| {
            let is_ours = choice.version().is_none_or(|version| version == "1.0.0");
            choice.is("application/openmetrics-text") && is_ours
        });
        let named = choices.iter().any(|choice| choice.is("text/plain"));
        let text = weight(&|choice| match named {
            true => {
                choice.is("text/plain") && choice.version().is_none_or(|version| version == "0.0.4")
            }
            false => choice.is("text/*") || choice.is("*/*"),
        });
        match openmetrics > 0.0 && openmetrics >= text {
            true => Format::OpenMetrics,
            false => Format::Text,
        }
    }
}

impl Coding {
    /// The name of it in a header, if it has one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Coding::Identity => None,
            Coding::Gzip => Some("gzip"),
            Coding::Zstd => Some("zstd"),
        }
    }

    /// The one that is liked best of those that are kept.
    pub fn without_zstd(request: &HeaderMap) -> Coding {
        let choices = choices(request, ACCEPT_ENCODING);
        let is_gzip = |choice: &&Choice<'_>| choice.is("gzip") || choice.is("x-gzip");
        let gzip = choices.iter().find(is_gzip);
        match gzip.is_some_and(|gzip| gzip.weight > 0.0) {
            true => Coding::Gzip,
            false => Coding::Identity,
        }
    }

    /// The one that is liked best. Of those that are liked alike gzip, as it is kept like that.
    pub fn chosen(request: &HeaderMap) -> Coding {
        let choices = choices(request, ACCEPT_ENCODING);
        let named = |name: &str| {
            let named = choices.iter().find(|choice| choice.is(name));
            named.map(|choice| choice.weight)
        };
        let any = named("*").unwrap_or(0.0);
        let gzip = named("gzip").or(named("x-gzip")).unwrap_or(any);
        // Only where it is asked for: it has to be made.
        let zstd = named("zstd").unwrap_or(0.0);
        // Whoever takes nothing else takes it as it is.
        let identity = named("identity").unwrap_or(0.0);
        if gzip > 0.0 && gzip >= zstd && gzip >= identity {
            return Coding::Gzip;
        }
        match zstd > 0.0 && zstd >= identity {
            true => Coding::Zstd,
            false => Coding::Identity,
        }
    }
}

impl Choice<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn version(&self) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let version = parameters.find(|(name, _)| name.eq_ignore_ascii_case("version"));
        version.map(|(_, value)| *value)
    }
}

/// What the headers of a name list. A weight that can't be read means that the choice is not taken.
fn choices(request: &HeaderMap, header: HeaderName) -> Vec<Choice<'_>> {
    let values = request.get_all(header).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let choices = values.flat_map(|value| value.split(',')).map(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters: Vec<_> = parameters
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        let weight = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("q"));
        let weight = weight.map_or(Ok(1.0), |(_, weight)| weight.parse::<f32>());
        let weight = weight.ok().filter(|weight| (0.0..=1.0).contains(weight));
        Choice {
            name,
            parameters,
            weight: weight.unwrap_or(0.0),
        }
    });
    choices.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(header: HeaderName, value: &str) -> HeaderMap {
        [(header, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        use Format::{OpenMetrics, Text};
        // What Prometheus 3 sends, with protobuf and without.
        const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let protobuf = format!(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,{PROMETHEUS}"
        );
        for (accepted, format) in [
            (PROMETHEUS, OpenMetrics),
            (&protobuf, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                OpenMetrics,
            ),
            (
                "Application/OpenMetrics-Text;version=\"1.0.0\"",
                OpenMetrics,
            ),
            ("application/openmetrics-text, */*", OpenMetrics),
            ("application/openmetrics-text;q=0.5, */*;q=0.8", Text),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=1.0.0;q=0", Text),
            ("application/openmetrics-text;version=1.0.0;q=x", Text),
            (
                "text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5",
                Text,
            ),
            ("text/plain;version=0.0.4", Text),
            ("application/vnd.google.protobuf", Text),
            ("text/html, */*;q=0.8", Text),
            ("application/json", Text),
            ("", Text),
        ] {
            let chosen = Format::chosen(&request(ACCEPT, accepted));
            assert_eq!(chosen, format, "{accepted}");
        }
        assert_eq!(Format::chosen(&HeaderMap::new()), Text);
    }

    #[test]
    fn the_coding_that_is_liked_best_is_sent_and_gzip_of_equals() {
        use Coding::{Gzip, Identity, Zstd};
        for (accepted, coding) in [
            ("gzip", Gzip),
            ("deflate, gzip;q=0.5", Gzip),
            ("*", Gzip),
            ("gzip, deflate, br, zstd", Gzip),
            ("zstd", Zstd),
            ("zstd, gzip;q=0.5", Zstd),
            ("zstd;q=0.5, gzip;q=0.9", Gzip),
            ("zstd;q=0, gzip;q=0", Identity),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("gzip;q=0, *", Identity),
            ("gzip;q=0.0", Identity),
            ("gzip;q=2", Identity),
            ("identity", Identity),
            ("br", Identity),
            ("", Identity),
        ] {
            let chosen = Coding::chosen(&request(ACCEPT_ENCODING, accepted));
            assert_eq!(chosen, coding, "{accepted}");
        }
        assert_eq!(Coding::chosen(&HeaderMap::new()), Identity);
    }
}
