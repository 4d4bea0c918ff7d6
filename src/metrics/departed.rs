//! What has ended of projects that are gone: a histogram over all projects takes nothing back.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Catalogue, Ended, Grain, Identity, Owner};

/// What has ended of projects that are gone: by the namespace they lay in, and by the name of what is
/// counted, as the state file calls it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Departed(BTreeMap<String, BTreeMap<String, Ended>>);

impl Departed {
    /// Takes over what was counted of a project that is gone now.
    pub fn take(&mut self, project: &Owner, catalogue: &Catalogue) {
        let places = catalogue.ended(Grain::Project).iter();
        for (place, ended) in places.zip(&project.ended) {
            // What the rows of a project showed is gone with it.
            if ended.series.is_empty() || place.by_row {
                continue;
            }
            let namespace = project.identity.namespace().to_owned();
            let of_it = self.0.entry(namespace).or_default();
            let known = of_it.entry(place.name.clone()).or_default();
            known.take(ended);
        }
    }

    /// It as owners, one for each namespace. What is counted in other buckets by now is left out.
    pub fn owners(&self, catalogue: &Catalogue) -> impl Iterator<Item = Arc<Owner>> {
        let places = catalogue.ended(Grain::Project);
        self.0.iter().map(move |(namespace, counted)| {
            let ended = places.iter().map(|place| {
                let mut ended = counted.get(&place.name).cloned().unwrap_or_default();
                let fits = |buckets: usize| buckets == place.buckets();
                if !ended.series.iter().all(|series| fits(series.buckets.len())) {
                    ended = Ended::default();
                }
                ended
            });
            let identity = Identity {
                path: format!("{namespace}/").into(),
                ..Identity::default()
            };
            Arc::new(Owner {
                identity: Arc::new(identity),
                ended: ended.collect(),
                ..Owner::default()
            })
        })
    }
}

impl Ended {
    fn take(&mut self, other: &Ended) {
        self.since = match self.since {
            0 => other.since,
            since => since.min(other.since),
        };
        let mut all = std::mem::take(&mut self.series).into_vec();
        for series in &other.series {
            match all
                .iter_mut()
                .find(|known| known.attributes == series.attributes)
            {
                Some(known) => known.add(series),
                None => all.push(series.clone()),
            }
        }
        self.series = all.into();
    }
}
