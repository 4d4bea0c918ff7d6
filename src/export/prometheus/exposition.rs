//! The exposition as it is sent: compressed as it is kept, or decompressed a piece at a time.

use std::sync::Arc;

use axum::body::Bytes;

use super::fragments::MetricText;
use super::gzip::{Codec, HEADER, Sum};

/// An exposition in pieces, to be sent one after the other.
pub struct Exposition {
    /// The pieces: made when they are taken, so that a long text is never in memory as a whole.
    pub pieces: Pieces,
    /// Bytes of all pieces.
    pub length: u64,
    /// Whether they are a gzip stream.
    pub gzip: bool,
}

/// What is still to be sent of an exposition.
pub struct Pieces {
    /// Not the view beside them: a client that reads slowly keeps no values of GitLab.
    texts: Vec<Arc<MetricText>>,
    /// The metric and the piece of it that come next.
    next: (usize, usize),
    gzip: bool,
    codec: Option<Codec>,
    first: Option<Bytes>,
    last: Vec<Bytes>,
}

impl Exposition {
    /// Some rendered texts, and a fresh one behind them.
    pub(super) fn of(texts: Vec<Arc<MetricText>>, fresh: Vec<u8>, gzip: bool) -> Exposition {
        let sums = texts.iter().map(|text| text.whole().sum);
        let sum = sums.fold(Sum::default(), Sum::and);
        let (first, last, length) = match gzip {
            true => {
                let fresh = Codec::new().compress(&fresh);
                let trailer = sum.and(fresh.sum).trailer();
                let wholes = texts.iter().map(|text| text.whole().compressed.len());
                (
                    Some(Bytes::from_static(&HEADER)),
                    vec![trailer, fresh.compressed],
                    wholes.sum::<usize>() as u64,
                )
            }
            false => (None, vec![fresh.into()], sum.length),
        };
        let around = first.iter().chain(&last).map(Bytes::len).sum::<usize>();
        Exposition {
            length: length + around as u64,
            pieces: Pieces {
                texts,
                next: (0, 0),
                gzip,
                codec: None,
                first,
                last,
            },
            gzip,
        }
    }
}

impl Pieces {
    /// How much is decompressed at once.
    const TEXT: usize = 256 << 10;

    /// All that is left, in one.
    pub fn concat(self) -> Vec<u8> {
        self.flatten().collect()
    }

    /// The text of some fragments.
    fn text(&mut self) -> Option<Bytes> {
        let mut text = Vec::new();
        let codec = self.codec.get_or_insert_with(Codec::new);
        let (metric, piece) = &mut self.next;
        while text.len() < Self::TEXT
            && let Some(of_metric) = self.texts.get(*metric)
        {
            let mut left = of_metric.pieces().skip(*piece);
            match left.next() {
                // What can't be decompressed was compressed by us: a client sees that bytes are missing.
                Some(next) if codec.decompress(next, &mut text) => *piece += 1,
                Some(_) => return None,
                None => (*metric, *piece) = (*metric + 1, 0),
            }
        }
        (!text.is_empty()).then(|| text.into())
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let next = match self.gzip {
            true => {
                let text = self.texts.get(self.next.0);
                self.next.0 += 1;
                text.map(|text| text.whole().compressed.clone())
            }
            false => self.text(),
        };
        next.or_else(|| self.last.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_what_they_are_sent() {
        let (mut text, mut codec) = (MetricText::default(), Codec::new());
        let rendered = b"# TYPE m gauge\nm{a=\"1\"} 1\nm{a=\"2\"} 2\n";
        assert!(text.replace(Vec::new(), rendered.to_vec(), &mut codec));
        text.join();
        let kept = text.whole().compressed.as_ptr();
        let texts = vec![Arc::new(text)];
        let sent = || {
            let pieces = Exposition::of(texts.clone(), Vec::new(), true).pieces;
            pieces.map(|piece| piece.as_ptr()).collect::<Vec<_>>()
        };
        let readers = (0..180).map(|_| sent());
        assert!(readers.into_iter().all(|pieces| pieces.contains(&kept)));
    }
}
