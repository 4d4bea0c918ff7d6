//! Where each setting was said, in the words of who wrote it.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Place;

/// Where each setting was said, as it may be shown.
#[derive(Clone, Default)]
pub struct Sources(BTreeMap<&'static str, String>);

impl Sources {
    pub fn of(places: &BTreeMap<&'static str, Place>) -> Sources {
        let places = places.iter();
        Sources(places.map(|(key, place)| (*key, source(place))).collect())
    }

    /// Where a setting was said; none where the default holds.
    pub fn of_setting(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    /// Notes that a setting is what it is for another reason than that somebody said so.
    pub fn note(&mut self, key: &'static str, source: &str) {
        self.0.insert(key, source.to_owned());
    }
}

/// Where something was said is no part of what was said: see [`Config::digest`].
impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sources")
    }
}

fn source(place: &Place) -> String {
    match place {
        Place::File { file, position, .. } => match position {
            Some((line, _)) => format!("{file}:{line}"),
            None => file.clone(),
        },
        other => other.to_string(),
    }
}
