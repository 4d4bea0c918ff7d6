//! The text of one metric as compressed fragments in the order of its lines. A change touches only
//! the fragments its lines lie in; all others are used again as they are.
//!
//! Fragments are cut by their size, not by projects: a fixed size holds for metrics with one series
//! for each project and with many, and the order of the lines stays that of rust-prometheus.

use std::ops::Range;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};

use super::entries::{Entries, compare, differences, label};
use super::gzip::{Codec, Piece, Sum};

/// Bytes of text in a fragment. Measured over 2 million lines: half of it costs a sixth more time to
/// compress and 4 % more memory, and saves nothing when 1 % of all projects change at random.
const TARGET: usize = 16 << 10;
/// A fragment that has shrunk below this is joined with the one before it.
const SMALL: usize = TARGET / 4;

/// How the compressed text of a metric is cut: all that must be known beside its bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Layout {
    headers: Option<PieceLayout>,
    of_histograms: bool,
    /// Of each fragment its piece, its first entry and how many series it has.
    fragments: Vec<(PieceLayout, String, u32)>,
}

/// The compressed bytes of a piece, and the checksum and length of its text.
type PieceLayout = (usize, u32, u64);

/// The text of one metric.
#[derive(Clone, Debug, Default)]
pub struct MetricText {
    headers: Option<Piece>,
    pub(super) of_histograms: bool,
    pub(super) fragments: Vec<Fragment>,
    /// The headers and all fragments, compressed, behind each other.
    whole: Piece,
    series: u64,
}

#[derive(Clone, Debug)]
pub struct Fragment {
    pub piece: Piece,
    /// The first entry, to find the fragment of others by.
    pub first: Box<[u8]>,
    pub series: u32,
}

impl MetricText {
    /// How many series it has.
    pub fn series(&self) -> u64 {
        self.series
    }

    /// Whether the names of its series begin like this.
    pub fn is_named(&self, start: &[u8]) -> bool {
        let first = self.fragments.first();
        first.is_some_and(|fragment| fragment.first.starts_with(start))
    }

    /// Whether its series have such a label, as the first one tells.
    pub fn has_label(&self, name: &str) -> bool {
        let first = self.fragments.first();
        first.is_some_and(|fragment| label(&fragment.first, name).is_some())
    }

    /// All of it, compressed.
    pub fn whole(&self) -> &Piece {
        &self.whole
    }

    /// Its parts, compressed, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let shown = self.headers.iter().filter(|_| !self.fragments.is_empty());
        let fragments = self.fragments.iter().map(|fragment| &fragment.piece);
        // There may be nothing in a fragment of a shard.
        shown.chain(fragments.filter(|piece| piece.sum.length > 0))
    }

    /// Whether the first of its parts are the headers.
    pub fn has_headers(&self) -> bool {
        self.headers.is_some()
    }

    /// Whether its series are histograms.
    pub fn is_of_histograms(&self) -> bool {
        self.of_histograms
    }

    /// All of it but the headers, compressed. It shares the bytes of the whole.
    pub fn without_headers(&self) -> Piece {
        let Some(headers) = &self.headers else {
            return self.whole.clone();
        };
        Piece {
            compressed: self.whole.compressed.slice(headers.compressed.len()..),
            sum: self.whole.sum.after(headers.sum),
        }
    }

    /// A text of the same metric with the same headers and no series yet.
    pub fn emptied(&self) -> MetricText {
        MetricText {
            headers: self.headers.clone(),
            of_histograms: self.of_histograms,
            ..MetricText::default()
        }
    }

    /// Joins the fragments that were put into it.
    pub fn finish(&mut self) {
        self.count();
        self.join();
    }

    /// How its compressed bytes are cut.
    pub fn layout(&self) -> Layout {
        let piece = |piece: &Piece| {
            let Sum { checksum, length } = piece.sum;
            (piece.compressed.len(), checksum, length)
        };
        let fragments = self.fragments.iter().map(|fragment| {
            let first = String::from_utf8_lossy(&fragment.first).into_owned();
            (piece(&fragment.piece), first, fragment.series)
        });
        Layout {
            headers: self.headers.as_ref().map(piece),
            of_histograms: self.of_histograms,
            fragments: fragments.collect(),
        }
    }

    /// The text that was cut like this; none if these are not its bytes.
    pub fn laid_out(layout: &Layout, whole: Bytes) -> Option<MetricText> {
        let mut text = MetricText::default();
        text.append(layout, whole)?;
        text.join();
        Some(text)
    }

    /// Puts what was cut like this behind it, to be joined; none if these are not its bytes.
    pub fn append(&mut self, layout: &Layout, bytes: Bytes) -> Option<()> {
        let mut start = 0;
        let mut piece = |&(length, checksum, text): &PieceLayout| {
            let end = usize::checked_add(start, length).filter(|end| *end <= bytes.len())?;
            let compressed = bytes.slice(start..end);
            start = end;
            let sum = Sum {
                checksum,
                length: text,
            };
            Some(Piece { compressed, sum })
        };
        self.of_histograms |= layout.of_histograms;
        // Without series the headers are not shown, and not kept.
        if let Some(headers) = &layout.headers
            && !layout.fragments.is_empty()
        {
            self.headers = Some(piece(headers)?);
        }
        for (layout, first, series) in &layout.fragments {
            self.fragments.push(Fragment {
                piece: piece(layout)?,
                first: first.as_bytes().into(),
                series: *series,
            });
        }
        self.count();
        Some(())
    }

    /// The checksum and the bytes of each fragment.
    pub fn fragment_sums(&self) -> impl Iterator<Item = (u32, usize)> {
        let fragments = self.fragments.iter();
        fragments.map(|own| (own.piece.sum.checksum, own.piece.compressed.len()))
    }

    /// Some of its fragments, to be appended elsewhere: how their bytes are cut, and the bytes. With the first
    /// one come the headers.
    pub fn section(&self, fragments: Range<usize>) -> (Layout, Vec<Bytes>) {
        let headers = self.headers.clone().filter(|_| fragments.start == 0);
        let some = MetricText {
            headers,
            of_histograms: self.of_histograms,
            fragments: self.fragments[fragments].to_vec(),
            ..MetricText::default()
        };
        let parts = some.pieces().map(|piece| piece.compressed.clone());
        (some.layout(), parts.collect())
    }

    /// The same without headers, to stand behind another text of the metric.
    pub fn bare(&self) -> MetricText {
        MetricText {
            headers: None,
            whole: self.without_headers(),
            ..self.clone()
        }
    }

    /// Takes the series away whose entry is chosen; false if the text is damaged.
    #[must_use]
    pub fn remove(&mut self, chosen: impl Fn(&[u8]) -> bool, codec: &mut Codec) -> bool {
        let mut gone = Vec::new();
        for fragment in &self.fragments {
            let mut text = Vec::new();
            if !codec.decompress(&fragment.piece, &mut text) {
                return false;
            }
            let entries = Entries::of(text, self.of_histograms);
            let all = (0..entries.len()).map(|index| entries.get(index));
            gone.extend(all.filter(|entry| chosen(entry)).map(<[u8]>::to_vec));
        }
        let gone: Vec<_> = gone.iter().map(Vec::as_slice).collect();
        let changed = gone.is_empty() || self.change(&gone, &[], codec);
        self.count();
        self.join();
        changed
    }

    /// Puts the text of some series in place of what it was before; both as they were rendered, with
    /// headers. False if what was before is not there: then this text is of no use any more.
    #[must_use]
    pub fn replace(&mut self, before: Vec<u8>, after: Vec<u8>, codec: &mut Codec) -> bool {
        let (_, before) = Entries::with_headers(before);
        let (headers, after) = Entries::with_headers(after);
        if self.headers.is_none() && !headers.is_empty() {
            self.of_histograms = headers.ends_with(b" histogram\n");
            self.headers = Some(codec.compress(&headers));
        }
        let (removed, added) = differences(&before, &after);
        if removed.is_empty() && added.is_empty() {
            return true;
        }
        let changed = self.change(&removed, &added, codec);
        self.count();
        changed
    }

    fn count(&mut self) {
        let series = self
            .fragments
            .iter()
            .map(|fragment| u64::from(fragment.series));
        self.series = series.sum();
    }

    /// Takes all of its text away, compares it with another and shows that.
    #[must_use]
    pub fn replace_all(&mut self, after: Vec<u8>, codec: &mut Codec) -> bool {
        let mut before = Vec::new();
        self.pieces()
            .all(|piece| codec.decompress(piece, &mut before))
            && { before == after || self.replace(before, after, codec) }
    }

    /// Lays the compressed fragments behind each other after some changes, so that a scrape has but one
    /// piece to send.
    pub fn join(&mut self) {
        let length = self.pieces().map(|piece| piece.compressed.len()).sum();
        let mut whole = Vec::with_capacity(length);
        let mut sum = Sum::default();
        for piece in self.pieces() {
            whole.extend_from_slice(&piece.compressed);
            sum = sum.and(piece.sum);
        }
        self.whole = Piece {
            compressed: whole.into(),
            sum,
        };
        self.share();
    }

    /// Lets the fragments be slices of the whole: each byte is kept once.
    fn share(&mut self) {
        let whole: Bytes = self.whole.compressed.clone();
        let mut start = 0;
        let mut take = |piece: &mut Piece| {
            let end = start + piece.compressed.len();
            piece.compressed = whole.slice(start..end);
            start = end;
        };
        if self.fragments.is_empty() {
            return;
        }
        self.headers.iter_mut().for_each(&mut take);
        self.fragments
            .iter_mut()
            .for_each(|fragment| take(&mut fragment.piece));
    }

    fn change(&mut self, removed: &[&[u8]], added: &[&[u8]], codec: &mut Codec) -> bool {
        let old = std::mem::take(&mut self.fragments);
        let (mut removed, mut added) = (removed, added);
        let mut old = old.into_iter().peekable();
        loop {
            let fragment = old.next();
            // What comes before the next fragment belongs to this one.
            let next = old.peek().map(|next| &*next.first);
            let here = |entries: &[&[u8]]| match (entries.first(), next) {
                // Nearly all fragments are untouched, and this tells it with one comparison.
                (Some(first), Some(next)) if compare(first, next).is_ge() => 0,
                (_, Some(next)) => entries.partition_point(|entry| compare(entry, next).is_lt()),
                (_, None) => entries.len(),
            };
            let (removed_here, rest) = removed.split_at(here(removed));
            removed = rest;
            let (added_here, rest) = added.split_at(here(added));
            added = rest;
            let untouched = removed_here.is_empty() && added_here.is_empty();
            match fragment {
                Some(fragment) if untouched => self.fragments.push(fragment),
                fragment => {
                    if !self.rewrite(fragment, removed_here, added_here, codec) {
                        return false;
                    }
                }
            }
            if old.peek().is_none() && removed.is_empty() && added.is_empty() {
                return true;
            }
        }
    }

    /// Changes one fragment, and adds what becomes of it to the fragments.
    fn rewrite(
        &mut self,
        fragment: Option<Fragment>,
        removed: &[&[u8]],
        added: &[&[u8]],
        codec: &mut Codec,
    ) -> bool {
        let mut text = Vec::new();
        if let Some(fragment) = fragment
            && !codec.decompress(&fragment.piece, &mut text)
        {
            return false;
        }
        let entries = Entries::of(text, self.of_histograms);
        let Some(mut entries) = entries.changed(removed, added) else {
            return false;
        };
        if (1..SMALL).contains(&entries.text().len())
            && let Some(before) = self.fragments.pop()
        {
            let mut text = Vec::new();
            if !codec.decompress(&before.piece, &mut text) {
                return false;
            }
            text.extend_from_slice(entries.text());
            entries = Entries::of(text, self.of_histograms);
        }
        self.cut(&entries, codec);
        true
    }

    /// Cuts entries into fragments of about the same size.
    fn cut(&mut self, entries: &Entries, codec: &mut Codec) {
        let count = entries.text().len().div_ceil(TARGET + TARGET / 2).max(1);
        let size = entries.text().len() / count;
        let mut start = 0;
        while start < entries.len() {
            let (mut end, mut length) = (start, 0);
            while end < entries.len() && (length < size || end == start) {
                length += entries.get(end).len();
                end += 1;
            }
            self.fragments.push(Fragment {
                piece: codec.compress(entries.slice(start..end)),
                first: entries.get(start).into(),
                series: (end - start) as u32,
            });
            start = end;
        }
    }
}
