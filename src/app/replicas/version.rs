//! One version of what is known of a GitLab: the texts that every replica shows, the state that the next holder
//! of the lease goes on from, and what is said of both. It is stored as a whole, or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cluster::{Digest, Error, Head, Seat};
use crate::export::Texts;
use crate::metrics::{Catalogue, Outline, Snapshot, UnixTime};

/// Grows when a bridge that does not know the new form can't go on from it any more. Showing it is another
/// matter: texts are bytes to whoever shows them.
const FORMAT: u32 = 1;
/// How much of the state is in a chunk.
const CHUNK: usize = 256 << 10;

/// A version, whole.
pub struct Version {
    /// The token of the lease it was published under. A higher one is newer, whatever the numbers say.
    pub token: u64,
    /// Grows by one with every version.
    pub number: u64,
    pub manifest: Manifest,
    /// The manifest as it was published.
    pub body: Bytes,
    /// The blocks of the texts, and behind them those of the state.
    pub chunks: Vec<(Digest, Bytes)>,
}

/// What is said of a version.
#[derive(Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of the bridge that published it.
    bridge: String,
    /// The name of the replica that published it.
    pub replica: String,
    /// When.
    pub at: UnixTime,
    pub outline: Outline,
    texts: Vec<Digest>,
    state: Vec<Digest>,
}

/// What a version is made of.
pub struct Content {
    pub replica: String,
    pub at: UnixTime,
    pub outline: Outline,
    pub texts: Vec<Bytes>,
    pub state: Vec<u8>,
}

/// What came of fetching a version.
pub enum Fetched {
    Whole(Box<Version>),
    /// A newer one has taken its place meanwhile.
    Gone,
    /// It is of a form that this bridge does not know.
    Unreadable,
}

impl Version {
    /// A version that is to be published.
    ///
    /// # Errors
    /// If the manifest can't be written.
    pub fn new(token: u64, number: u64, content: Content) -> serde_json::Result<Version> {
        let named = |bytes: Bytes| (Digest::of(&bytes), bytes);
        let digests =
            |chunks: &[(Digest, Bytes)]| chunks.iter().map(|(digest, _)| *digest).collect();
        let mut chunks: Vec<_> = content.texts.into_iter().map(named).collect();
        let whole = Bytes::from(content.state);
        let starts = (0..whole.len()).step_by(CHUNK);
        let state = starts.map(|start| whole.slice(start..whole.len().min(start + CHUNK)));
        let state: Vec<_> = state.map(named).collect();
        let manifest = Manifest {
            format: FORMAT,
            bridge: env!("CARGO_PKG_VERSION").to_owned(),
            replica: content.replica,
            at: content.at,
            outline: content.outline,
            texts: digests(&chunks),
            state: digests(&state),
        };
        chunks.extend(state);
        Ok(Version {
            token,
            number,
            body: serde_json::to_vec(&manifest)?.into(),
            manifest,
            chunks,
        })
    }

    /// The same content under another lease.
    pub fn again(&self, token: u64, number: u64) -> serde_json::Result<Version> {
        Ok(Version {
            token,
            number,
            manifest: serde_json::from_slice(&self.body)?,
            body: self.body.clone(),
            chunks: self.chunks.clone(),
        })
    }

    /// Fetches the version that the engine holds as the newest: only the chunks that are not in `before`.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn fetch(
        seat: &Seat,
        head: Head,
        before: Option<&Version>,
    ) -> Result<Fetched, Error> {
        let manifest: Manifest = match serde_json::from_slice(&head.body) {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::error!(%error, version = head.version, "a published version can't be read");
                return Ok(Fetched::Unreadable);
            }
        };
        let known = before.iter().flat_map(|before| &before.chunks).cloned();
        let mut known: HashMap<Digest, Bytes> = known.collect();
        let digests: Vec<_> = manifest.digests().collect();
        let lacking = digests.iter().filter(|digest| !known.contains_key(digest));
        let lacking: Vec<_> = lacking.copied().collect();
        let fetched = seat.chunks(&lacking).await?;
        for (digest, bytes) in lacking.into_iter().zip(fetched) {
            match bytes {
                Some(bytes) if Digest::of(&bytes) == digest => known.insert(digest, bytes),
                _ => return Ok(Fetched::Gone),
            };
        }
        let chunk = |digest: Digest| Some((digest, known.get(&digest)?.clone()));
        let chunks: Option<Vec<_>> = digests.into_iter().map(chunk).collect();
        Ok(chunks.map_or(Fetched::Gone, |chunks| {
            Fetched::Whole(Box::new(Version {
                token: head.token,
                number: head.version,
                manifest,
                body: head.body,
                chunks,
            }))
        }))
    }

    /// What orders versions: of two leases the later one's are newer.
    pub fn order(&self) -> (u64, u64) {
        (self.token, self.number)
    }

    /// Whether a bridge of this version can go on from it.
    pub fn is_of_use(&self) -> bool {
        self.manifest.format <= FORMAT
    }

    /// The texts that are shown; none if this bridge can't put them together.
    pub fn texts(&self) -> Option<Texts> {
        let blocks = self.chunks.iter().take(self.manifest.texts.len());
        let blocks: Vec<_> = blocks.map(|(_, bytes)| bytes.clone()).collect();
        Texts::of_blocks(&blocks)
    }

    /// The state that a poller goes on from.
    pub fn state(&self) -> Vec<u8> {
        let chunks = self.chunks.iter().skip(self.manifest.texts.len());
        chunks
            .flat_map(|(_, bytes)| bytes.iter().copied())
            .collect()
    }

    /// What is said of it as a snapshot, without owners.
    pub fn snapshot(&self, catalogue: &Catalogue) -> Arc<Snapshot> {
        Arc::new(self.manifest.outline.snapshot(catalogue))
    }
}

impl Manifest {
    /// What names all chunks, in their order.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.texts.iter().chain(&self.state).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(state: &[u8]) -> Version {
        let content = Content {
            replica: "a".to_owned(),
            at: 7,
            outline: Outline::default(),
            texts: Vec::new(),
            state: state.to_vec(),
        };
        Version::new(3, 5, content).unwrap()
    }

    /// The same as another replica reads it, with another form.
    fn of_format(version: &Version, format: u32) -> Version {
        let mut body: serde_json::Value = serde_json::from_slice(&version.body).unwrap();
        body["format"] = format.into();
        body["of_a_newer_bridge"] = true.into();
        let body = Bytes::from(serde_json::to_vec(&body).unwrap());
        Version {
            manifest: serde_json::from_slice(&body).unwrap(),
            body,
            chunks: version.chunks.clone(),
            ..*version
        }
    }

    #[test]
    fn a_state_goes_in_pieces_and_comes_out_whole() {
        let state: Vec<u8> = (0..CHUNK + 7).map(|at| (at % 251) as u8).collect();
        let version = version(&state);
        assert_eq!(version.chunks.len(), 2);
        assert!(version.chunks.iter().all(|(_, bytes)| bytes.len() <= CHUNK));
        assert_eq!(version.state(), state);
        let named = version.chunks.iter().map(|(digest, _)| *digest);
        assert!(version.manifest.digests().eq(named));
        let again = version.again(4, 6).unwrap();
        assert_eq!((again.order(), again.state()), ((4, 6), state));
    }

    #[test]
    fn a_version_of_a_newer_form_is_shown_and_not_gone_on_from() {
        let ours = version(b"state");
        let newer = of_format(&ours, FORMAT + 1);
        assert!(ours.is_of_use() && of_format(&ours, FORMAT).is_of_use());
        assert!(!newer.is_of_use());
        assert_eq!(newer.texts().unwrap().series(), 0);
        assert_eq!(newer.manifest.replica, "a");
    }
}
