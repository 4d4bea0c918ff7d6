//! One gzip stream of texts that were compressed apart.
//!
//! Each is a run of deflate blocks that end on a byte and refer to nothing before them, so they can
//! be put behind each other in any order. Gzip members in a row would be simpler, but not every
//! client reads past the first.

use axum::body::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Level 2 of zlib-rs takes a quarter of level 6's time for 2 % more bytes of exposition.
const LEVEL: Compression = Compression::new(2);
/// Magic, deflate, no flags, no time, no extra flags, unknown system.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// An empty last block: deflate needs one that says so.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// The checksum and the length of a text, which gzip wants at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub checksum: u32,
    pub length: u64,
}

/// A text that was compressed apart.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    pub compressed: Bytes,
    pub sum: Sum,
}

/// Compresses and decompresses, one text after the other.
pub struct Codec {
    /// Made when it is needed first: it takes a quarter of a megabyte, and a reader only decompresses.
    compress: Option<Compress>,
    decompress: Decompress,
}

impl Sum {
    pub fn of(text: &[u8]) -> Sum {
        Sum {
            checksum: crc32fast::hash(text),
            length: text.len() as u64,
        }
    }

    /// The sum of this text and another behind it.
    #[must_use]
    pub fn and(self, next: Sum) -> Sum {
        let hasher = |sum: Sum| Hasher::new_with_initial_len(sum.checksum, sum.length);
        let mut both = hasher(self);
        both.combine(&hasher(next));
        Sum {
            checksum: both.finalize(),
            length: self.length + next.length,
        }
    }

    /// The sum of what follows the first part of this text.
    #[must_use]
    pub fn after(self, first: Sum) -> Sum {
        let length = self.length - first.length;
        // What the first part makes of the sum of both, which is all else than the rest's own.
        let moved = first.and(Sum {
            checksum: 0,
            length,
        });
        Sum {
            checksum: self.checksum ^ moved.checksum,
            length,
        }
    }

    /// The end of a gzip stream of this text.
    pub fn trailer(self) -> Bytes {
        let mut trailer = LAST_BLOCK.to_vec();
        trailer.extend_from_slice(&self.checksum.to_le_bytes());
        trailer.extend_from_slice(&(self.length as u32).to_le_bytes());
        trailer.into()
    }
}

impl Codec {
    pub fn new() -> Codec {
        Codec {
            compress: None,
            decompress: Decompress::new(false),
        }
    }

    pub fn compress(&mut self, text: &[u8]) -> Piece {
        let compress = self
            .compress
            .get_or_insert_with(|| Compress::new(LEVEL, false));
        compress.reset();
        let mut compressed = Vec::with_capacity(text.len() / 4 + 64);
        loop {
            let read = compress.total_in() as usize;
            // Deflate takes any bytes, and a flush ends the last block on a byte.
            let done = compress.compress_vec(&text[read..], &mut compressed, FlushCompress::Sync);
            let all_read = compress.total_in() as usize == text.len();
            if done.is_err() || (all_read && compressed.len() < compressed.capacity()) {
                break;
            }
            compressed.reserve(compressed.capacity());
        }
        Piece {
            compressed: compressed.into(),
            sum: Sum::of(text),
        }
    }

    /// Appends the text of a piece; false if the piece is damaged.
    #[must_use]
    pub fn decompress(&mut self, piece: &Piece, text: &mut Vec<u8>) -> bool {
        self.decompress.reset(false);
        let start = text.len();
        // A byte of room is left, so that the end of the input is seen.
        text.reserve_exact(piece.sum.length as usize + 1);
        let done = self
            .decompress
            .decompress_vec(&piece.compressed, text, FlushDecompress::Sync);
        let whole = matches!(done, Ok(Status::Ok | Status::BufError));
        whole && Sum::of(&text[start..]) == piece.sum
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn pieces_behind_each_other_are_one_gzip_stream() {
        let long = "gitlab_commits_total 11\n".repeat(10_000);
        let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
            .take(100_000)
            .collect();
        for texts in [
            vec![long.as_bytes(), b"gitlab_bridge_up 1\n"],
            vec![b"", b"rest", b""],
            vec![&random, long.as_bytes(), &random],
            vec![],
        ] {
            let mut codec = Codec::new();
            let (mut stream, mut sum) = (HEADER.to_vec(), Sum::default());
            for text in &texts {
                let piece = codec.compress(text);
                stream.extend_from_slice(&piece.compressed);
                sum = sum.and(piece.sum);
                let mut again = b"before".to_vec();
                assert!(codec.decompress(&piece, &mut again));
                assert!(again == [b"before", *text].concat());
            }
            stream.extend_from_slice(&sum.trailer());
            let mut decompressed = Vec::new();
            // Not the multi-member decoder: the whole text must come from a single member.
            let mut decoder = flate2::read::GzDecoder::new(stream.as_slice());
            decoder.read_to_end(&mut decompressed).unwrap();
            assert!(decompressed == texts.concat());
        }
    }

    #[test]
    fn the_sum_of_a_rest_is_known_without_reading_it() {
        for (first, rest) in [("headers\n", "entries\n"), ("", "all"), ("all", "")] {
            let (first, rest) = (Sum::of(first.as_bytes()), Sum::of(rest.as_bytes()));
            assert_eq!(first.and(rest).after(first), rest);
        }
    }

    #[test]
    fn a_damaged_piece_is_noticed() {
        let mut codec = Codec::new();
        let piece = codec.compress("gitlab_commits_total 11\n".repeat(100).as_bytes());
        for index in 0..piece.compressed.len() {
            let mut bytes = piece.compressed.to_vec();
            bytes[index] ^= 4;
            let damaged = Piece {
                compressed: bytes.into(),
                ..piece.clone()
            };
            let mut text = Vec::new();
            let same = codec.decompress(&damaged, &mut text)
                && text == "gitlab_commits_total 11\n".repeat(100).into_bytes();
            assert!(
                same || !codec.decompress(&damaged, &mut Vec::new()),
                "byte {index}"
            );
        }
    }
}
