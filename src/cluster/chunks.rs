//! The chunks of versions on their way to the engine and back, in pieces that hold up nobody.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::digest::Digest;
use super::error::Error;
use super::link::Request;
use super::place::{Place, milliseconds};

/// How long the engine keeps a chunk that no version needs yet, or no more.
const LOOSE_LASTS: Duration = Duration::from_secs(15 * 60);
/// A loose chunk that would be gone sooner than this is kept longer.
const SOON_GONE: Duration = Duration::from_secs(5 * 60);
/// How many chunks are asked for at once: at half a megabyte each, some milliseconds of the engine.
const ASKED_AT_ONCE: usize = 16;
/// How many chunks are looked for at once.
const LOOKED_FOR_AT_ONCE: usize = 500;
/// How many bytes go out at once.
const SENT_AT_ONCE: usize = 2 << 20;

/// The chunks with these digests, in their order.
pub(super) async fn get(place: &Place, digests: &[Digest]) -> Result<Vec<Option<Bytes>>, Error> {
    let mut chunks = Vec::with_capacity(digests.len());
    for some in digests.chunks(ASKED_AT_ONCE) {
        let mut question = redis::cmd("MGET");
        some.iter().for_each(|digest| {
            question.arg(place.keys.chunk(digest));
        });
        let answer = place.engine.ask_for_chunks(Request::Command(&question));
        let answer: Vec<Option<Bytes>> = answer.await?;
        let with_digests = answer.into_iter().zip(some);
        // A chunk is what its digest says, whoever wrote it.
        chunks.extend(
            with_digests.map(|(chunk, digest)| chunk.filter(|chunk| Digest::of(chunk) == *digest)),
        );
    }
    chunks.resize(digests.len(), None);
    Ok(chunks)
}

/// Stores those chunks that the engine lacks.
pub(super) async fn put(place: &Place, chunks: &[(Digest, Bytes)]) -> Result<(), Error> {
    let unique: HashMap<_, _> = chunks
        .iter()
        .map(|(digest, chunk)| (*digest, chunk))
        .collect();
    let unique: Vec<_> = unique.into_iter().collect();
    let mut lacking = Vec::new();
    for some in unique.chunks(LOOKED_FOR_AT_ONCE) {
        let mut questions = redis::pipe();
        some.iter().for_each(|(digest, _)| {
            questions.cmd("PTTL").arg(place.keys.chunk(digest));
        });
        let answer = place.engine.ask_for_chunks(Request::Commands(&questions));
        let left: Vec<i64> = answer.await?;
        let soon = i64::try_from(milliseconds(SOON_GONE)).unwrap_or(i64::MAX);
        let gone = some.iter().zip(left).filter(|(_, left)| *left < soon);
        lacking.extend(gone.map(|(chunk, _)| *chunk));
    }
    for piece in pieces(&lacking) {
        let mut commands = redis::pipe();
        for (digest, chunk) in piece {
            let key = place.keys.chunk(digest);
            let command = commands.cmd("SET").arg(key).arg(&chunk[..]);
            command.arg("PX").arg(milliseconds(LOOSE_LASTS)).ignore();
        }
        let answer = place.engine.ask_for_chunks(Request::Commands(&commands));
        let () = answer.await?;
    }
    Ok(())
}

/// Chunks cut into pieces that go out at once: at least one chunk, and else no more bytes than that.
fn pieces<'a>(chunks: &'a [(Digest, &'a Bytes)]) -> Vec<&'a [(Digest, &'a Bytes)]> {
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, (_, chunk)) in chunks.iter().enumerate() {
        if index > start && bytes + chunk.len() > SENT_AT_ONCE {
            pieces.push(&chunks[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += chunk.len();
    }
    if start < chunks.len() {
        pieces.push(&chunks[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_chunk_once_and_no_more_bytes_than_go_out_at_once() {
        let large = Bytes::from(vec![0; SENT_AT_ONCE + 1]);
        let small = Bytes::from(vec![0; SENT_AT_ONCE / 3]);
        let digest = Digest::of(b"");
        let chunks: Vec<_> = [&small, &small, &small, &small, &large, &small]
            .map(|chunk| (digest, chunk))
            .into();
        let sizes: Vec<_> = pieces(&chunks).iter().map(|piece| piece.len()).collect();
        assert_eq!(sizes, [3, 1, 1, 1]);
        assert!(pieces(&[]).is_empty());
    }
}
