//! The rendered texts of one GitLab as a value: rendered by the process that reads it, cut into blocks of
//! bytes, and put together again by processes that only show it. They neither decompress nor render anything.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use axum::body::Bytes;
use opentelemetry_sdk::Resource;

use super::fragments::{Layout, MetricText};
use super::rendering::{Rendered, Renderer};
use crate::memory_limit::MemoryLimit;
use crate::metrics::{EnabledMetrics, View};

/// About so many fragments are in a block. Where it ends hangs on what is in it, so that a change moves no
/// other block's end.
const FRAGMENTS: u32 = 32;
/// A block is cut here at the latest.
const LARGEST: usize = 256 << 10;

/// What is shown of one GitLab: the text of each metric by its name, in order.
#[derive(Clone, Debug, Default)]
pub struct Texts(Vec<(Box<str>, Arc<MetricText>)>);

/// Renders the texts of one GitLab.
pub struct TextsRenderer {
    renderer: Renderer,
    last: Rendered,
}

/// One metric's part of a block: its name, the bytes of its text, and how they are laid out.
type Section = (String, usize, Layout);

impl TextsRenderer {
    /// Builds the instruments.
    ///
    /// # Errors
    /// If the SDK's exporter can't be built.
    pub fn build(
        resource: &Resource,
        enabled: EnabledMetrics,
        memory: &MemoryLimit,
    ) -> Result<TextsRenderer> {
        Ok(TextsRenderer {
            renderer: Renderer::build(resource, enabled.scraped())?.within(memory),
            last: Rendered::default(),
        })
    }

    /// The texts of a view of the one GitLab: only what changed since the last one is rendered.
    pub fn render(&mut self, view: &Arc<View>) -> Texts {
        self.last = self.renderer.after(&self.last, view);
        let names = self
            .renderer
            .metrics()
            .map(|(_, metric)| metric.name.into());
        Texts(names.zip(self.last.texts.iter().cloned()).collect())
    }
}

impl Texts {
    /// How many series they have.
    pub fn series(&self) -> u64 {
        self.0.iter().map(|(_, text)| text.series()).sum()
    }

    /// The texts in blocks: what is unchanged comes in blocks that are the same bytes as before.
    pub fn blocks(&self) -> Vec<Bytes> {
        let mut blocks = Vec::new();
        let mut block = Block::default();
        for (name, text) in &self.0 {
            let mut start = 0;
            let sums: Vec<_> = text.fragment_sums().collect();
            for (place, (checksum, bytes)) in sums.iter().enumerate() {
                block.bytes += bytes;
                let is_cut = checksum % FRAGMENTS == 0 || block.bytes >= LARGEST;
                if is_cut || place + 1 == sums.len() {
                    block.add(name, text, start..place + 1);
                    start = place + 1;
                }
                if is_cut {
                    blocks.push(std::mem::take(&mut block).encoded());
                }
            }
        }
        if !block.sections.is_empty() {
            blocks.push(block.encoded());
        }
        blocks
    }

    /// The texts of these blocks; none if they are damaged, or of a bridge that cuts them otherwise.
    pub fn of_blocks(blocks: &[Bytes]) -> Option<Texts> {
        let mut all: Vec<(Box<str>, MetricText)> = Vec::new();
        for block in blocks {
            let end = block.iter().position(|byte| *byte == b'\n')? + 1;
            let sections: Vec<Section> = serde_json::from_slice(&block[..end]).ok()?;
            let mut start = end;
            for (name, bytes, layout) in sections {
                let end = start.checked_add(bytes).filter(|end| *end <= block.len())?;
                if all.last().is_none_or(|(last, _)| **last != *name) {
                    all.push((name.into(), MetricText::default()));
                }
                let (_, text) = all.last_mut()?;
                text.append(&layout, block.slice(start..end))?;
                start = end;
            }
        }
        let joined = all.into_iter().map(|(name, mut text)| {
            text.join();
            (name, Arc::new(text))
        });
        Some(Texts(joined.collect()))
    }

    /// The texts of several GitLabs as those of one exposition: what is about one metric stands together.
    pub(super) fn composed(gitlabs: &[Texts]) -> Vec<Arc<MetricText>> {
        let mut order: Vec<&str> = Vec::new();
        let mut by_name: HashMap<&str, Vec<&Arc<MetricText>>> = HashMap::new();
        for (name, text) in gitlabs.iter().flat_map(|texts| &texts.0) {
            let texts = by_name.entry(name).or_default();
            if texts.is_empty() {
                order.push(name);
            }
            texts.push(text);
        }
        let mut composed = Vec::new();
        for name in order {
            let mut with_series = by_name[name].iter().filter(|text| text.series() > 0);
            composed.extend(with_series.next().map(|first| Arc::clone(first)));
            composed.extend(with_series.map(|other| Arc::new(other.bare())));
        }
        composed
    }
}

/// A block that is being filled.
#[derive(Default)]
struct Block {
    sections: Vec<Section>,
    parts: Vec<Bytes>,
    /// Bytes of the fragments that are to be in it.
    bytes: usize,
}

impl Block {
    fn add(&mut self, name: &str, text: &MetricText, fragments: std::ops::Range<usize>) {
        let (layout, parts) = text.section(fragments);
        let bytes = parts.iter().map(Bytes::len).sum();
        self.sections.push((name.to_owned(), bytes, layout));
        self.parts.extend(parts);
    }

    fn encoded(self) -> Bytes {
        // Names and numbers: there is nothing in it that JSON has no form for.
        let mut block = serde_json::to_vec(&self.sections).unwrap_or_default();
        block.push(b'\n');
        for part in self.parts {
            block.extend_from_slice(&part);
        }
        block.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip::Codec;
    use super::*;

    fn text(name: &str, lines: impl Iterator<Item = String>) -> (Box<str>, Arc<MetricText>) {
        let mut codec = Codec::new();
        let mut text = MetricText::default();
        let lines: String = lines.collect();
        let rendered = format!("# HELP {name} Help\n# TYPE {name} gauge\n{lines}");
        assert!(text.replace(Vec::new(), rendered.into(), &mut codec));
        text.join();
        (name.into(), Arc::new(text))
    }

    fn texts(changed: u64) -> Texts {
        let own = |name: &str, count: u64| {
            let value = |id: u64| {
                if id == changed {
                    0
                } else {
                    id * 7_919 % 10_007
                }
            };
            let line = |id| format!("{name}{{project_id=\"{id}\"}} {}\n", value(id));
            text(name, (10_000..10_000 + count).map(line))
        };
        Texts(vec![
            own("gitlab_a", 20_000),
            own("gitlab_b", 1),
            text("gitlab_empty", std::iter::empty()),
            own("gitlab_c", 30_000),
        ])
    }

    fn read(texts: &[Arc<MetricText>]) -> String {
        let (mut read, mut codec) = (Vec::new(), Codec::new());
        for piece in texts.iter().flat_map(|text| text.pieces()) {
            assert!(codec.decompress(piece, &mut read));
        }
        String::from_utf8(read).unwrap()
    }

    #[test]
    fn blocks_are_put_together_to_the_same_text_and_damaged_ones_are_not() {
        let before = texts(0);
        let blocks = before.blocks();
        assert!(blocks.len() > 2 && blocks.iter().all(|block| block.len() < 2 * LARGEST));
        let again = Texts::of_blocks(&blocks).unwrap();
        let shown = Texts::composed(std::slice::from_ref(&again));
        assert_eq!(read(&shown), read(&Texts::composed(&[before])));
        assert_eq!(again.series(), 50_001);
        assert!(Texts::of_blocks(&[blocks[0].slice(1..)]).is_none());
        assert!(Texts::of_blocks(&[blocks[0].slice(..blocks[0].len() - 1)]).is_none());
    }

    #[test]
    fn a_change_of_one_series_changes_few_blocks() {
        let (before, after) = (texts(0).blocks(), texts(15_000).blocks());
        let new = after.iter().filter(|block| !before.contains(block));
        assert!((1..=4).contains(&new.count()), "of {}", after.len());
    }

    #[test]
    fn the_texts_of_several_gitlabs_stand_together_by_metric_under_one_head() {
        let gitlab = |name: &str, metrics: &[&str]| {
            let line = |metric: &&str| format!("{metric}{{gitlab_instance=\"{name}\"}} 1\n");
            let own = metrics
                .iter()
                .map(|metric| text(metric, [line(metric)].into_iter()));
            Texts(own.collect())
        };
        let all = [gitlab("x", &["a", "b"]), gitlab("y", &["b", "c"])];
        let shown = read(&Texts::composed(&all));
        let names: Vec<_> = shown
            .lines()
            .filter(|line| line.starts_with("# TYPE"))
            .collect();
        assert_eq!(
            names,
            ["# TYPE a gauge", "# TYPE b gauge", "# TYPE c gauge"]
        );
        let both = "b{gitlab_instance=\"x\"} 1\nb{gitlab_instance=\"y\"} 1\n";
        assert!(shown.contains(both), "{shown}");
    }
}
