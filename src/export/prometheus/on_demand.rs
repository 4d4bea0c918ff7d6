//! The exposition in forms that are not kept: OpenMetrics, and zstd. It is made of the kept texts a
//! piece at a time, no faster than the client reads, and costs no memory beside them.

use std::io::Write;
use std::sync::Arc;

use axum::body::Bytes;
use zstd::stream::write::Encoder;

use super::fragments::MetricText;
use super::gzip::{Codec, HEADER, Piece, Sum};
use super::openmetrics::{self, END};
use crate::export::negotiation::{Coding, Format};

/// What is still to be sent of an exposition.
pub struct OnDemand {
    texts: Vec<Arc<MetricText>>,
    /// The metric and the piece of it that come next.
    next: (usize, usize),
    format: Format,
    coding: Coding,
    /// What the bridge says of itself, which comes last.
    fresh: Option<Vec<u8>>,
    codec: Codec,
    /// Of what is sent, for gzip.
    sum: Sum,
    progress: Progress,
    encoder: Option<Encoder<'static, Vec<u8>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Begins,
    GoesOn,
    Ended,
}

/// A part of the text: made, or as it is kept.
enum Part {
    Made(Vec<u8>),
    Kept(Piece),
}

impl OnDemand {
    /// How much is made at once.
    const TEXT: usize = 256 << 10;
    /// More than a scrape can wait for saves little of what gzip sends.
    const ZSTD_LEVEL: i32 = 1;

    /// Some rendered texts, and a fresh one behind them.
    pub(super) fn of(
        texts: Vec<Arc<MetricText>>,
        fresh: Vec<u8>,
        format: Format,
        coding: Coding,
    ) -> OnDemand {
        let encoder = || Encoder::new(Vec::new(), Self::ZSTD_LEVEL).ok();
        OnDemand {
            texts,
            next: (0, 0),
            format,
            coding,
            fresh: Some(fresh),
            codec: Codec::new(),
            sum: Sum::default(),
            progress: Progress::Begins,
            encoder: (coding == Coding::Zstd).then(encoder).flatten(),
        }
    }

    /// All that is left, in one.
    pub fn concat(self) -> Vec<u8> {
        self.flatten().collect()
    }

    /// The next part; `Err` if one is damaged, which we compressed: the client sees that the end is
    /// missing.
    fn part(&mut self) -> Result<Option<Part>, ()> {
        let is_openmetrics = self.format == Format::OpenMetrics;
        while let Some(text) = self.texts.get(self.next.0).cloned() {
            let (metric, step) = self.next;
            let Some(piece) = text.pieces().nth(step) else {
                self.next = (metric + 1, 0);
                continue;
            };
            self.next = (metric, step + 1);
            let is_header = step == 0 && text.has_headers();
            if is_openmetrics && (is_header || text.is_of_histograms()) {
                let mut made = Vec::new();
                openmetrics::written(&self.text_of(piece)?, &mut made);
                return Ok(Some(Part::Made(made)));
            }
            if self.coding == Coding::Gzip && step == 1 && text.has_headers() {
                self.next = (metric + 1, 0);
                return Ok(Some(Part::Kept(text.without_headers())));
            }
            return Ok(Some(Part::Kept(piece.clone())));
        }
        let fresh = self.fresh.take();
        Ok(fresh.map(|fresh| match is_openmetrics {
            true => {
                let mut made = Vec::new();
                openmetrics::written(&fresh, &mut made);
                made.extend_from_slice(END);
                Part::Made(made)
            }
            false => Part::Made(fresh),
        }))
    }

    fn text_of(&mut self, piece: &Piece) -> Result<Vec<u8>, ()> {
        let mut text = Vec::new();
        match self.codec.decompress(piece, &mut text) {
            true => Ok(text),
            false => Err(()),
        }
    }

    /// The next of the text as it is.
    fn text(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let mut text = Vec::new();
        while text.len() < Self::TEXT {
            match self.part()? {
                Some(Part::Made(made)) => text.extend_from_slice(&made),
                Some(Part::Kept(piece)) => text.extend_from_slice(&self.text_of(&piece)?),
                None => break,
            }
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// The next of the gzip stream.
    fn gzip(&mut self) -> Result<Option<Bytes>, ()> {
        if self.progress == Progress::Begins {
            self.progress = Progress::GoesOn;
            return Ok(Some(Bytes::from_static(&HEADER)));
        }
        let piece = match self.part()? {
            Some(Part::Made(made)) => self.codec.compress(&made),
            Some(Part::Kept(piece)) => piece,
            None => {
                self.progress = Progress::Ended;
                return Ok(Some(self.sum.trailer()));
            }
        };
        self.sum = self.sum.and(piece.sum);
        Ok(Some(piece.compressed))
    }

    /// The next of the zstd stream.
    fn zstd(&mut self) -> Result<Option<Bytes>, ()> {
        loop {
            let text = self.text()?;
            let Some(mut encoder) = self.encoder.take() else {
                return Err(());
            };
            let Some(text) = text else {
                self.progress = Progress::Ended;
                return encoder.finish().map(|rest| Some(rest.into())).map_err(drop);
            };
            encoder.write_all(&text).map_err(drop)?;
            let written = std::mem::take(encoder.get_mut());
            self.encoder = Some(encoder);
            if !written.is_empty() {
                return Ok(Some(written.into()));
            }
        }
    }
}

impl Iterator for OnDemand {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.progress == Progress::Ended {
            return None;
        }
        let next = match self.coding {
            Coding::Gzip => self.gzip(),
            Coding::Zstd => self.zstd(),
            Coding::Identity => self.text().map(|text| text.map(Bytes::from)),
        };
        if next.is_err() {
            self.progress = Progress::Ended;
        }
        next.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const GAUGES: &str = "# HELP m Help.\n# TYPE m gauge\n";
    const HISTOGRAMS: &str = "# HELP d_seconds Help.\n# TYPE d_seconds histogram\n";
    const FRESH: &str = "# HELP r_total Help.\n# TYPE r_total counter\nr_total 3\n";

    /// Texts of several fragments, of one with nothing in it, and of histograms.
    fn rendered() -> (Vec<Arc<MetricText>>, String) {
        let gauges = (1000..5000).map(|id| format!("m{{project_id=\"{id}\"}} {id}\n"));
        let histograms = (1000..2000).map(|id| {
            let labels = format!("project_id=\"{id}\"");
            format!(
                "d_seconds_bucket{{{labels},le=\"60\"}} 1\nd_seconds_bucket{{{labels},le=\"+Inf\"}} 2\n\
                 d_seconds_sum{{{labels}}} 90\nd_seconds_count{{{labels}}} 2\n"
            )
        });
        let texts = [
            GAUGES.to_owned() + &gauges.collect::<String>(),
            String::new(),
            HISTOGRAMS.to_owned() + &histograms.collect::<String>(),
        ];
        let rendered = texts.iter().map(|text| {
            let mut kept = MetricText::default();
            assert!(kept.replace(Vec::new(), text.clone().into(), &mut Codec::new()));
            kept.join();
            Arc::new(kept)
        });
        (rendered.collect(), texts.concat() + FRESH)
    }

    #[test]
    fn every_format_and_coding_tells_the_same() {
        let (rendered, text) = rendered();
        let mut openmetrics = Vec::new();
        openmetrics::written(text.as_bytes(), &mut openmetrics);
        openmetrics.extend_from_slice(END);
        for (format, expected) in [
            (Format::Text, text.as_bytes()),
            (Format::OpenMetrics, &openmetrics),
        ] {
            for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
                let sent = OnDemand::of(rendered.clone(), FRESH.into(), format, coding).concat();
                let mut read = Vec::new();
                match coding {
                    Coding::Identity => read = sent,
                    Coding::Gzip => {
                        let mut decoder = flate2::read::GzDecoder::new(sent.as_slice());
                        decoder.read_to_end(&mut read).unwrap();
                    }
                    Coding::Zstd => read = zstd::decode_all(sent.as_slice()).unwrap(),
                }
                assert!(read == expected, "{format:?} {coding:?}");
            }
        }
    }

    #[test]
    fn openmetrics_shares_the_kept_bytes() {
        let (rendered, _) = rendered();
        let kept = rendered[0].whole().compressed.as_ptr_range();
        let sent = OnDemand::of(rendered, Vec::new(), Format::OpenMetrics, Coding::Gzip);
        assert!(sent.into_iter().any(|piece| {
            let piece = piece.as_ptr_range();
            kept.contains(&piece.start) && piece.end == kept.end
        }));
    }
}
