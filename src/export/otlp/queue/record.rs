//! A message as it lies on disk: with a checksum, with the receiver it is for, and compressed. No header is
//! in it: those may be secrets, and are added when it is sent.

use std::io::Read;

use axum::body::Bytes;

/// Tells the format.
const MAGIC: &[u8; 8] = b"GMBOTLP1";
/// The magic, the checksum of all that follows, the receiver, and how long the message is.
const HEAD: usize = 8 + 4 + 8 + 4;
/// No message of ours is longer.
const LONGEST: usize = 64 << 20;
/// Fast, and metrics still become a tenth.
const LEVEL: i32 = 1;

/// What can be wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was cut short or changed.
    Damaged,
    /// It is for another receiver.
    OtherEndpoint,
}

/// A receiver in few bytes (FNV-1a). Only what may be shown of its endpoint goes into it.
pub fn endpoint(shown: &str) -> u64 {
    let prime = 0x0100_0000_01b3;
    let bytes = shown.bytes();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(prime)
    })
}

/// # Errors
/// If it can't be compressed.
pub fn written(message: &[u8], endpoint: u64) -> std::io::Result<Vec<u8>> {
    let length = u32::try_from(message.len()).map_err(std::io::Error::other)?;
    let mut rest = endpoint.to_le_bytes().to_vec();
    rest.extend(length.to_le_bytes());
    rest.extend(zstd::bulk::compress(message, LEVEL)?);
    let mut record = MAGIC.to_vec();
    record.extend(crc32fast::hash(&rest).to_le_bytes());
    record.extend(rest);
    Ok(record)
}

/// # Errors
/// If it is not a whole record for this receiver.
pub fn read(record: &[u8], endpoint: u64) -> Result<Bytes, Unusable> {
    let (head, packed) = record.split_at_checked(HEAD).ok_or(Unusable::Damaged)?;
    let (magic, checked) = head.split_at(MAGIC.len());
    let (checksum, fields) = checked.split_at(4);
    let (receiver, length) = fields.split_at(8);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    let is_whole = u64::from(crc32fast::hash(&record[MAGIC.len() + 4..])) == number(checksum);
    let length = usize::try_from(number(length)).unwrap_or(usize::MAX);
    if magic != MAGIC || !is_whole || length > LONGEST {
        return Err(Unusable::Damaged);
    }
    if number(receiver) != endpoint {
        return Err(Unusable::OtherEndpoint);
    }
    // Memory is taken as bytes come, and not for what the head announces.
    let mut message = Vec::new();
    let unpacked = zstd::stream::read::Decoder::new(packed).map_err(|_| Unusable::Damaged)?;
    let read = unpacked.take(length as u64 + 1).read_to_end(&mut message);
    match read {
        Ok(read) if read == length => Ok(message.into()),
        _ => Err(Unusable::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fuzz::{Outcome, Target};

    #[test]
    fn a_record_that_was_cut_or_changed_anywhere_is_noticed() {
        let message: Vec<u8> = (0..2_000_u32).map(|at| (at / 7) as u8).collect();
        let record = written(&message, 7).unwrap();
        assert_eq!(read(&record, 7).unwrap(), message);
        assert_eq!(read(&record, 8), Err(Unusable::OtherEndpoint));
        for length in 0..record.len() {
            assert_eq!(
                read(&record[..length], 7),
                Err(Unusable::Damaged),
                "{length}"
            );
        }
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 0x40;
            assert_eq!(read(&changed, 7), Err(Unusable::Damaged), "{at}");
        }
    }

    /// What has the right checksum, and whatever else behind it: it is a message that is written again
    /// as it was read, or damaged.
    #[test]
    fn any_record() {
        let after_checksum = MAGIC.len() + 4;
        let good = [&b""[..], b"a message", &[7; 5_000]].map(|message| {
            let record = written(message, 7).unwrap();
            [b"+", &record[after_checksum..]].concat()
        });
        Target::new("queue-record").seeds(good).run(|input| {
            let mut record = MAGIC.to_vec();
            match input.strip_prefix(b"+") {
                Some(rest) => {
                    record.extend(crc32fast::hash(rest).to_le_bytes());
                    record.extend(rest);
                }
                None => record = input.to_vec(),
            }
            match read(&record, 7) {
                Ok(message) => {
                    let again = written(&message, 7).unwrap();
                    assert_eq!(read(&again, 7).unwrap(), message);
                    Outcome::from("read")
                }
                Err(unusable) => format!("{unusable:?}"),
            }
        });
    }

    #[test]
    fn arbitrary_bytes_are_no_record() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..5_000 {
            let mut bytes: Vec<u8> = (0..random.usize(..90)).map(|_| random.u8(..)).collect();
            if random.bool() && bytes.len() >= 8 {
                bytes[..8].copy_from_slice(MAGIC);
            }
            assert_eq!(read(&bytes, 7), Err(Unusable::Damaged));
        }
    }
}
