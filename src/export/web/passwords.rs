//! Passwords of users, hashed with bcrypt. A hash takes long on purpose: one is computed at a time, off
//! the runtime's workers, and what was right once is remembered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, ensure};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bcrypt::HashParts;
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::lock::lock;

/// So many passwords are remembered.
const REMEMBERED: usize = 100;
/// So many wait for their hash at most.
const WAITING: usize = 64;
/// A hash of this cost takes some seconds, of each more twice as long.
const HIGHEST_COST: u32 = 18;

/// The hash of a password.
type Hash = Arc<Zeroizing<String>>;

/// Users by name, with the hashes of their passwords.
#[derive(Default)]
pub struct Users {
    known: Vec<(String, Hash)>,
    /// Checked for a name that is not known, so that it takes as long as for one that is.
    nobody: Hash,
}

/// What checks passwords.
pub struct Passwords {
    /// Under this key, which nobody knows, what was right is remembered.
    key: hmac::Key,
    right: Mutex<HashSet<[u8; 32]>>,
    one: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Known,
    Unknown,
    /// Too many others wait for theirs.
    Busy,
}

impl Users {
    /// Takes names and hashes.
    ///
    /// # Errors
    /// If a hash is none of bcrypt.
    pub fn build<'a>(users: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Users> {
        let (mut known, mut highest) = (Vec::new(), 0);
        for (name, hash) in users {
            // The cause is not told: it may name a part of a password that stands there by mistake.
            let parts: Option<HashParts> = hash.parse().ok();
            let parts = parts.with_context(|| {
                format!("basic_auth_users: what is given for {name:?} is no hash of bcrypt: write the output of htpasswd -nB {name}, without the name")
            })?;
            ensure!(
                parts.get_cost() <= HIGHEST_COST,
                "basic_auth_users: the hash of {name:?} costs {}: more than {HIGHEST_COST} takes too long",
                parts.get_cost()
            );
            highest = highest.max(parts.get_cost());
            known.push((name.to_owned(), kept(hash)));
        }
        let nobody =
            format!("$2y${highest:02}$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi");
        Ok(Users {
            known,
            nobody: kept(&nobody),
        })
    }

    /// Whether anybody gets in.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The hash to check a password with, and whether it is a user's. All names are looked at, so that
    /// the time it takes tells nothing of them.
    fn hash(&self, name: &[u8]) -> (Hash, bool) {
        let wanted = digest(&SHA256, name);
        let mut found = None;
        for (known, hash) in &self.known {
            let known = digest(&SHA256, known.as_bytes());
            if verify_slices_are_equal(known.as_ref(), wanted.as_ref()).is_ok() {
                found = Some(hash);
            }
        }
        (Arc::clone(found.unwrap_or(&self.nobody)), found.is_some())
    }
}

impl Passwords {
    /// # Errors
    /// If the system has no random numbers.
    pub fn new() -> Result<Passwords> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Passwords {
            key: key.map_err(|_| anyhow!("the system gives no random numbers"))?,
            right: Mutex::default(),
            one: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Whether a request carries the name and password of a user.
    pub async fn judge(&self, users: &Users, headers: &HeaderMap) -> Judgement {
        let Some((name, password)) = credentials(headers) else {
            return Judgement::Unknown;
        };
        let (hash, is_user) = users.hash(&name);
        let mark = self.mark(&name, &hash, &password);
        if self.right().contains(&mark) {
            return Judgement::Known;
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Judgement::Busy;
        }
        let waiting = Waiting(&self.waiting);
        let fits = self.fits(password, hash).await;
        drop(waiting);
        if !(fits && is_user) {
            tracing::debug!("a request without a right name and password was refused");
            return Judgement::Unknown;
        }
        let mut right = self.right();
        if right.len() >= REMEMBERED {
            right.clear(); // Those that are still used are soon there again.
        }
        right.insert(mark);
        Judgement::Known
    }

    /// Whether a password fits a hash. One is computed at a time.
    async fn fits(&self, password: SecretSlice<u8>, hash: Hash) -> bool {
        let Ok(permit) = Arc::clone(&self.one).acquire_owned().await else {
            return false;
        };
        let fits = spawn_blocking(move || {
            // It goes on when the client does not wait for it, and so does the permit.
            let _permit = permit;
            bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false)
        });
        fits.await.unwrap_or(false)
    }

    /// What stands for a name, its hash and its password.
    fn mark(&self, name: &[u8], hash: &str, password: &SecretSlice<u8>) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [name, hash.as_bytes(), password.expose_secret()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(context.sign().as_ref());
        mark
    }

    fn right(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        lock(&self.right)
    }
}

fn kept(hash: &str) -> Hash {
    Arc::new(Zeroizing::new(hash.to_owned()))
}

/// One that waits for its hash, or has gone.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name and password of a request with basic authentication.
fn credentials(headers: &HeaderMap) -> Option<(Vec<u8>, SecretSlice<u8>)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(BASE64.decode(value.trim()).ok()?);
    let colon = text.iter().position(|byte| *byte == b':')?;
    let password = SecretSlice::from(text[colon + 1..].to_vec());
    Some((text[..colon].to_vec(), password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, password: &str) -> HeaderMap {
        let value = BASE64.encode(format!("{name}:{password}"));
        let value = format!("Basic {value}").parse().unwrap();
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    #[tokio::test]
    async fn who_has_the_password_of_a_user_is_known_and_remembered() {
        let hash = bcrypt::hash("right: password", 4).unwrap();
        let users = Users::build([("alice", hash.as_str())].into_iter()).unwrap();
        let passwords = Passwords::new().unwrap();
        let judge = async |name, password| passwords.judge(&users, &with(name, password)).await;
        for (name, password, judgement) in [
            ("alice", "right: password", Judgement::Known),
            ("alice", "right", Judgement::Unknown),
            ("alice", "", Judgement::Unknown),
            ("bob", "right: password", Judgement::Unknown),
            // What the stand-in for unknown names is the hash of.
            ("bob", "fakepassword", Judgement::Unknown),
        ] {
            assert_eq!(judge(name, password).await, judgement, "{name} {password}");
        }
        assert_eq!(passwords.right().len(), 1);
        let none = passwords.judge(&users, &HeaderMap::new()).await;
        assert_eq!(none, Judgement::Unknown);

        // Whoever is remembered does not wait behind those who are not.
        let _busy = passwords.one.acquire().await.unwrap();
        assert_eq!(judge("alice", "right: password").await, Judgement::Known);
        passwords.waiting.store(WAITING, Ordering::Relaxed);
        assert_eq!(judge("alice", "wrong").await, Judgement::Busy);
    }

    #[tokio::test]
    async fn another_hash_means_another_password() {
        let passwords = Passwords::new().unwrap();
        for (set, judgement) in [("old", Judgement::Known), ("new", Judgement::Unknown)] {
            let hash = bcrypt::hash(set, 4).unwrap();
            let users = Users::build([("alice", hash.as_str())].into_iter()).unwrap();
            let judged = passwords.judge(&users, &with("alice", "old")).await;
            assert_eq!(judged, judgement);
        }
    }

    #[test]
    fn an_unknown_name_costs_as_much_as_the_dearest_user() {
        let hashes = [4, 6].map(|cost| bcrypt::hash("a", cost).unwrap());
        let users = ["alice", "bob"]
            .into_iter()
            .zip(hashes.iter().map(String::as_str));
        let users = Users::build(users).unwrap();
        let nobody: HashParts = users.hash(b"eve").0.parse().unwrap();
        assert_eq!(nobody.get_cost(), 6);
        assert!(!users.hash(b"eve").1 && users.hash(b"bob").1);
    }

    #[test]
    fn what_is_no_hash_is_refused_without_showing_it() {
        for text in ["plain", "$2y$99$x", "$1$abc"] {
            let Err(error) = Users::build([("alice", text)].into_iter()) else {
                panic!("{text} is taken")
            };
            let error = format!("{error:#}");
            assert!(error.contains("alice") && !error.contains(text), "{error}");
        }
        let dear = "$2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
        assert!(Users::build([("alice", dear)].into_iter()).is_err());
    }
}
