//! One metric's text in shards, each a text of its own. A unit of fragments that was split before is not split
//! again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::sync::{Arc, Weak};

use super::super::entries::Entries;
use super::super::fragments::{Fragment, MetricText};
use super::super::gzip::Codec;
use super::placement::{Owner, Placement};

/// Of so many shards each has enough of a fragment to compress it well; for more of them several fragments are
/// split together.
const OF_A_FRAGMENT: u8 = 4;

/// A text that is split.
pub struct SplitText {
    /// The text it was made of, of which it keeps nothing.
    source: Weak<MetricText>,
    /// What tells its units from others, in order.
    units: Vec<Key>,
    /// By shard. Each has a fragment for each unit, though there may be nothing in it.
    texts: Vec<Arc<MetricText>>,
    /// By shard and unit the projects in it; nothing where they are not counted by this text.
    projects: Vec<Vec<Projects>>,
}

/// By the names of GitLabs the projects that are found, not each once.
pub type Projects = Arc<HashMap<Box<[u8]>, Vec<u64>>>;

/// Of the compressed bytes and of the text.
type Key = (u64, u32);

/// Splits texts, with what is known of those before them.
pub struct Splitter<'a> {
    placement: Placement,
    shards: u8,
    before: &'a [Arc<SplitText>],
    /// The units of all texts before, with the places of the text and of the unit.
    known: HashMap<Key, (usize, usize)>,
    codec: Codec,
}

impl SplitText {
    /// Whether it was made of this text.
    pub fn is_of(&self, text: &Arc<MetricText>) -> bool {
        Weak::ptr_eq(&self.source, &Arc::downgrade(text))
    }

    /// The text of a shard.
    pub fn text(&self, shard: usize) -> &Arc<MetricText> {
        &self.texts[shard]
    }

    /// The projects in a shard, not each once.
    pub fn projects(&self, shard: usize) -> impl Iterator<Item = &Projects> {
        self.projects[shard].iter()
    }

    /// The parts of one of its units, one for each shard.
    fn parts(&self, unit: usize) -> Vec<(Fragment, Projects)> {
        let shards = self.texts.iter().zip(&self.projects);
        let parts = shards
            .map(|(text, projects)| (text.fragments[unit].clone(), Arc::clone(&projects[unit])));
        parts.collect()
    }
}

impl<'a> Splitter<'a> {
    /// Splits into so many shards. What is of use of the texts `before` is taken from them.
    pub fn into_shards(shards: u8, before: &'a [Arc<SplitText>]) -> Splitter<'a> {
        let units = before.iter().enumerate().flat_map(|(text, split)| {
            let units = split.units.iter().enumerate();
            units.map(move |(unit, key)| (*key, (text, unit)))
        });
        Splitter {
            placement: Placement::among(shards),
            shards,
            before,
            known: units.collect(),
            codec: Codec::new(),
        }
    }

    /// Splits a text; none if it is damaged. It `counts` the projects in it, if that is wanted.
    pub fn split(&mut self, source: &Arc<MetricText>, counts: bool) -> Option<Arc<SplitText>> {
        let mut before = self.before.iter();
        if let Some(same) = before.find(|before| before.is_of(source)) {
            return Some(Arc::clone(same));
        }
        let units = self.units(source);
        let keys = units
            .iter()
            .map(|unit| key(&source.fragments[unit.clone()]));
        let keys: Vec<Key> = keys.collect();
        // A bridge that is told its texts gets new ones, of which most are the same.
        if let Some(same) = self.known_as(&keys) {
            return Some(Arc::new(SplitText {
                source: Arc::downgrade(source),
                units: keys,
                texts: same.texts.clone(),
                projects: same.projects.clone(),
            }));
        }
        let shards = usize::from(self.shards);
        let mut texts = vec![source.emptied(); shards];
        let mut projects = vec![Vec::new(); shards];
        for (unit, key) in units.into_iter().zip(&keys) {
            let parts = match self.known.get(key) {
                Some((text, unit)) => self.before[*text].parts(*unit),
                None => self.parts(source, unit, counts)?,
            };
            for (shard, (fragment, found)) in parts.into_iter().enumerate() {
                texts[shard].fragments.push(fragment);
                projects[shard].push(found);
            }
        }
        let joined = texts.into_iter().map(|mut text| {
            text.finish();
            Arc::new(text)
        });
        Some(Arc::new(SplitText {
            source: Arc::downgrade(source),
            units: keys,
            texts: joined.collect(),
            projects,
        }))
    }

    /// The text before that had these units and no others.
    fn known_as(&self, keys: &[Key]) -> Option<&'a SplitText> {
        let (text, _) = self.known.get(keys.first()?)?;
        let before = &self.before[*text];
        (before.units == keys).then_some(before)
    }

    /// Runs of fragments that are split together. Where one ends hangs on what is in it, so that a change moves
    /// the ends of no others.
    fn units(&self, source: &MetricText) -> Vec<Range<usize>> {
        let fragments = u32::from((self.shards / OF_A_FRAGMENT).max(1));
        let (mut units, mut start) = (Vec::new(), 0);
        for (place, (checksum, _)) in source.fragment_sums().enumerate() {
            let is_long = place + 1 - start >= 2 * fragments as usize;
            if checksum % fragments == 0 || is_long || place + 1 == source.fragments.len() {
                units.push(start..place + 1);
                start = place + 1;
            }
        }
        units
    }

    /// The parts of a unit, one for each shard.
    fn parts(
        &mut self,
        source: &MetricText,
        unit: Range<usize>,
        counts: bool,
    ) -> Option<Vec<(Fragment, Projects)>> {
        let mut text = Vec::new();
        for fragment in &source.fragments[unit.clone()] {
            if !self.codec.decompress(&fragment.piece, &mut text) {
                return None;
            }
        }
        let entries = Entries::of(text, source.of_histograms);
        let shards = usize::from(self.shards);
        let mut texts = vec![Vec::new(); shards];
        let mut series = vec![0; shards];
        let mut found: Vec<HashMap<Box<[u8]>, Vec<u64>>> = vec![HashMap::new(); shards];
        for entry in (0..entries.len()).map(|index| entries.get(index)) {
            let owner = Owner::of(entry);
            let shard = self.placement.shard(owner.as_ref());
            texts[shard].extend_from_slice(entry);
            series[shard] += 1;
            let project = owner.filter(|_| counts);
            if let Some((owner, project)) =
                project.and_then(|owner| Some((owner, owner.project()?)))
            {
                note(&mut found[shard], owner.instance, project);
            }
        }
        // The first entry of the text says what it is about.
        let first = source.fragments[0].first.clone();
        let parts = texts.into_iter().zip(series).zip(found);
        let parts = parts.map(|((text, series), found)| {
            let fragment = Fragment {
                piece: match text.is_empty() {
                    true => Default::default(),
                    false => self.codec.compress(&text),
                },
                first: match unit.start {
                    0 => first.clone(),
                    _ => Box::default(),
                },
                series,
            };
            (fragment, Arc::new(found))
        });
        Some(parts.collect())
    }
}

/// Series of a project often stand behind each other.
fn note(found: &mut HashMap<Box<[u8]>, Vec<u64>>, instance: &[u8], project: u64) {
    match found.get_mut(instance) {
        Some(projects) if projects.last() == Some(&project) => {}
        Some(projects) => projects.push(project),
        None => {
            found.insert(instance.into(), vec![project]);
        }
    }
}

fn key(fragments: &[Fragment]) -> Key {
    let (mut bytes, mut sums) = (DefaultHasher::new(), crc32fast::Hasher::new());
    for fragment in fragments {
        bytes.write(&fragment.piece.compressed);
        sums.update(&fragment.piece.sum.checksum.to_le_bytes());
    }
    (bytes.finish(), sums.finalize())
}
