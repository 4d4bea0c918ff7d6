//! The exposition in shards, for whom one scrape of all of it is too large. It works on the compressed texts
//! alone, so that any bridge that has them answers any shard.
//!
//! What is split is kept for the few numbers of shards that were asked for last. Of new texts only what changed
//! is split; so a scrape of a shard costs little more than its bytes.

mod placement;
mod shard;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use opentelemetry_sdk::Resource;

use super::collector::Collector;
use super::fragments::MetricText;
use crate::lock::lock;
use crate::memory_limit::MemoryLimit;
use crate::metrics::{BridgeStatus, EnabledMetrics, GitLabStatus, ShardStatus};
pub use shard::Shard;
use split::{SplitText, Splitter};

/// For so many numbers of shards what is split is kept: while a number is changed, two are asked for.
const KEPT: usize = 2;
/// What nobody asked for during this time is kept no longer.
const UNASKED: Duration = Duration::from_secs(15 * 60);
/// Has one series for each project, if it is shown.
const PROJECTS: &[u8] = b"gitlab_project_info{";

/// What is split now.
pub struct Shards {
    about: Collector<BridgeStatus>,
    /// Those that were asked for last stand last.
    kept: Mutex<Vec<Kept>>,
    /// Held while texts are split: one processor at a time does that.
    turn: Mutex<()>,
    /// Whether memory is limited: then what is split is kept for one number of shards.
    is_limited: bool,
}

struct Kept {
    split: Arc<Split>,
    asked: Instant,
}

/// Texts that are split into a number of shards.
pub struct Split {
    shards: u8,
    texts: Vec<Arc<SplitText>>,
    /// By which texts projects are counted.
    counted_by: CountedBy,
    /// By the names of GitLabs how many projects are in each shard.
    projects: BTreeMap<Box<[u8]>, Vec<u64>>,
}

/// By which texts projects are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountedBy {
    /// The one with one series for each.
    Info,
    /// All that have this label.
    Label(&'static str),
}

impl Shards {
    /// Nothing is split yet.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(resource: &Resource, enabled: &EnabledMetrics) -> Result<Shards> {
        Ok(Shards {
            about: Collector::about_shards(resource, enabled)?,
            kept: Mutex::default(),
            turn: Mutex::default(),
            is_limited: false,
        })
    }

    /// Keeps less where memory is limited.
    #[must_use]
    pub fn within(self, memory: &MemoryLimit) -> Shards {
        Shards {
            is_limited: memory.bytes().is_some(),
            ..self
        }
    }

    /// What a shard says of itself.
    pub fn told(&self, split: &Split, shard: Shard) -> Vec<u8> {
        let gitlabs = split.projects(shard).map(|(instance, projects)| {
            let instance = String::from_utf8_lossy(instance);
            GitLabStatus {
                name: Some(&*instance)
                    .filter(|name| !name.is_empty())
                    .map(Arc::from),
                shard: Some(ShardStatus {
                    shard: shard.number().to_string(),
                    shards: shard.of().to_string(),
                    projects,
                }),
                ..GitLabStatus::default()
            }
        });
        let status = BridgeStatus {
            gitlabs: gitlabs.collect(),
            ..BridgeStatus::default()
        };
        self.about.gather(status).unwrap_or_else(|error| {
            tracing::error!(error, "reading what a shard holds failed");
            Vec::new()
        })
    }

    /// Whether something is kept for this number of shards, so that splitting new texts takes little memory.
    pub fn has(&self, shards: u8) -> bool {
        lock(&self.kept)
            .iter()
            .any(|kept| kept.split.shards == shards)
    }

    /// These texts in so many shards; none if one of them is damaged. It may take seconds at first.
    pub fn of(&self, texts: &[Arc<MetricText>], shards: u8, now: Instant) -> Option<Arc<Split>> {
        let is_done = |split: &Split| split.is_of(texts);
        if let Some(split) = self.asked(shards, now).filter(|split| is_done(split)) {
            return Some(split);
        }
        let _turn = lock(&self.turn);
        let before = self.asked(shards, now);
        if let Some(split) = before.clone().filter(|split| is_done(split)) {
            return Some(split); // Somebody else has just done it.
        }
        let split = Arc::new(Split::of(texts, shards, before.as_deref())?);
        let mut kept = lock(&self.kept);
        kept.retain(|kept| kept.split.shards != shards);
        let most = if self.is_limited { 1 } else { KEPT };
        let too_many = (kept.len() + 1).saturating_sub(most);
        kept.drain(..too_many);
        kept.push(Kept {
            split: Arc::clone(&split),
            asked: now,
        });
        Some(split)
    }

    /// Keeps no longer what nobody has asked for in a long time.
    pub fn forget(&self, now: Instant) {
        lock(&self.kept).retain(|kept| now.saturating_duration_since(kept.asked) < UNASKED);
    }

    /// What is kept for this number of shards, which is asked for now.
    fn asked(&self, shards: u8, now: Instant) -> Option<Arc<Split>> {
        let mut kept = lock(&self.kept);
        let place = kept.iter().position(|kept| kept.split.shards == shards)?;
        let mut found = kept.remove(place);
        found.asked = now;
        let split = Arc::clone(&found.split);
        kept.push(found);
        Some(split)
    }
}

impl Split {
    fn of(texts: &[Arc<MetricText>], shards: u8, before: Option<&Split>) -> Option<Split> {
        let counted_by = CountedBy::of(texts);
        let before = before.filter(|before| before.counted_by == counted_by);
        let before = before.map_or(&[][..], |before| &before.texts);
        let mut splitter = Splitter::into_shards(shards, before);
        let split = texts.iter();
        let split = split.map(|text| splitter.split(text, counted_by.counts(text)));
        let texts: Vec<_> = split.collect::<Option<_>>()?;
        let projects = counted(&texts, shards);
        Some(Split {
            shards,
            texts,
            counted_by,
            projects,
        })
    }

    /// The texts of a shard.
    pub fn texts(&self, shard: Shard) -> Vec<Arc<MetricText>> {
        let texts = self.texts.iter();
        texts
            .map(|text| Arc::clone(text.text(shard.place())))
            .collect()
    }

    /// How many projects a shard has, by the name of their GitLab, which is empty if there is only one. A GitLab
    /// of which no project is known is missing.
    pub fn projects(&self, shard: Shard) -> impl Iterator<Item = (&[u8], u64)> {
        let projects = self.projects.iter();
        projects.map(move |(instance, counts)| (&**instance, counts[shard.place()]))
    }

    fn is_of(&self, texts: &[Arc<MetricText>]) -> bool {
        let mut both = self.texts.iter().zip(texts);
        self.texts.len() == texts.len() && both.all(|(split, text)| split.is_of(text))
    }
}

impl CountedBy {
    fn of(texts: &[Arc<MetricText>]) -> CountedBy {
        let any = |has: &dyn Fn(&MetricText) -> bool| texts.iter().any(|text| has(text));
        // Under the names of other exporters projects have no id but their path, which would count them again.
        match (
            any(&|text| text.is_named(PROJECTS)),
            any(&|text| text.has_label("project_id")),
        ) {
            (true, _) => CountedBy::Info,
            (false, true) => CountedBy::Label("project_id"),
            (false, false) => CountedBy::Label("project"),
        }
    }

    fn counts(self, text: &MetricText) -> bool {
        match self {
            CountedBy::Info => text.is_named(PROJECTS),
            CountedBy::Label(label) => text.has_label(label),
        }
    }
}

/// Counts each project once, by the name of its GitLab and by shard.
fn counted(texts: &[Arc<SplitText>], shards: u8) -> BTreeMap<Box<[u8]>, Vec<u64>> {
    let mut counts: BTreeMap<Box<[u8]>, Vec<u64>> = BTreeMap::new();
    for shard in 0..usize::from(shards) {
        let found = texts.iter().flat_map(|text| text.projects(shard));
        let mut projects: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
        for (instance, some) in found.flat_map(|found| found.iter()) {
            projects.entry(instance).or_default().extend(some);
        }
        for (instance, mut all) in projects {
            all.sort_unstable();
            all.dedup();
            let counts = counts.entry(instance.into()).or_default();
            counts.resize(usize::from(shards), 0);
            counts[shard] = all.len() as u64;
        }
    }
    counts
}
