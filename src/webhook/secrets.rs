//! Whether GitLab sent a webhook: by the secret token it carries, or by its signature as
//! <https://www.standardwebhooks.com> describes it. Secrets are compared in constant time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// How far the time of a signature may be from ours. An older webhook may be a copy that somebody sends
/// again.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What webhooks are checked against: one of the secrets must fit.
pub struct Secrets {
    /// The digests of the secret tokens. Digests have one length, so comparing them tells nothing of a
    /// token's.
    tokens: Vec<Digest>,
    keys: Vec<hmac::Key>,
}

/// The signature of a webhook, with a time close to ours. It is still to be compared with the body.
pub struct Signature {
    /// What is signed before the body: `{id}.{timestamp}.`.
    prefix: String,
    /// GitLab may sign with several keys while one replaces another.
    tags: Vec<Vec<u8>>,
}

/// Why a webhook is not accepted as GitLab's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "it has no secret: give the webhook in GitLab the token or signing token that is configured here"
    )]
    NoSecret,
    #[error("its secret token is not webhook.token: set the same in GitLab and here")]
    WrongToken,
    #[error("its signature does not fit webhook.signing_token: set the same in GitLab and here")]
    WrongSignature,
    #[error(
        "it was signed more than 5 minutes away from our time: set the clocks of both machines"
    )]
    WrongTime,
}

impl Secrets {
    /// Signing tokens are written as GitLab shows them: `whsec_` and base64.
    ///
    /// # Errors
    /// If there is no secret at all, or a signing token can't be one.
    pub fn build(tokens: &[SecretString], signing_tokens: &[SecretString]) -> Result<Secrets> {
        ensure!(
            !tokens.is_empty() || !signing_tokens.is_empty(),
            "no secret to check webhooks against"
        );
        let tokens = tokens.iter().map(SecretString::expose_secret);
        let tokens = tokens.map(|token| digest(&SHA256, token.as_bytes()));
        let keys = signing_tokens.iter().map(key).collect::<Result<_>>()?;
        Ok(Secrets {
            tokens: tokens.collect(),
            keys,
        })
    }

    /// Checks what can be checked before the body is read: a stranger's body costs no memory. Where a
    /// signature is returned, the body must be checked with it.
    pub fn check_headers(
        &self,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Option<Signature>, Refusal> {
        if !self.keys.is_empty() && headers.contains_key("webhook-signature") {
            return Signature::read(headers, now).map(Some);
        }
        let token = headers.get("x-gitlab-token");
        let token = token.filter(|_| !self.tokens.is_empty());
        let token = token.ok_or(Refusal::NoSecret)?;
        let token = digest(&SHA256, token.as_bytes());
        match any(&self.tokens, |known| equal(known.as_ref(), token.as_ref())) {
            true => Ok(None),
            false => Err(Refusal::WrongToken),
        }
    }

    /// Checks that the body is the one that was signed.
    pub fn check_body(&self, signature: &Signature, body: &[u8]) -> Result<(), Refusal> {
        let signed = any(&self.keys, |key| {
            let mut context = hmac::Context::with_key(key);
            context.update(signature.prefix.as_bytes());
            context.update(body);
            let ours = context.sign();
            any(&signature.tags, |tag| equal(tag, ours.as_ref()))
        });
        match signed {
            true => Ok(()),
            false => Err(Refusal::WrongSignature),
        }
    }
}

impl Signature {
    fn read(headers: &HeaderMap, now: SystemTime) -> Result<Signature, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let id = text("webhook-id").ok_or(Refusal::WrongSignature)?;
        let timestamp = text("webhook-timestamp").ok_or(Refusal::WrongSignature)?;
        let seconds = timestamp.parse().map_err(|_| Refusal::WrongTime)?;
        let signed = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let signed = signed.ok_or(Refusal::WrongTime)?;
        let apart = now.duration_since(signed);
        if apart.unwrap_or_else(|ahead| ahead.duration()) > TOLERANCE {
            return Err(Refusal::WrongTime);
        }
        let values = headers.get_all("webhook-signature").into_iter();
        let tags = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?).ok());
        Ok(Signature {
            prefix: format!("{id}.{timestamp}."),
            tags: tags.collect(),
        })
    }
}

fn key(token: &SecretString) -> Result<hmac::Key> {
    let token = token.expose_secret();
    let base64 = token.strip_prefix("whsec_").unwrap_or(token);
    // The cause is not told: it may name a character of the secret.
    let bytes = BASE64.decode(base64).ok().map(Zeroizing::new);
    let bytes = bytes.filter(|key| !key.is_empty());
    let bytes = bytes.context(
        "a signing token is whsec_ and base64 after it: copy the whole of it from the webhook in GitLab",
    )?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Whether one of them fits. All are tried, so that the time it takes does not tell which.
fn any<T>(items: &[T], fits: impl Fn(&T) -> bool) -> bool {
    items.iter().fold(false, |found, item| fits(item) | found)
}

fn equal(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks specification's libraries, which is not of our making.
    const SIGNING_TOKEN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SIGNED: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secrets(tokens: &[&str], signing_tokens: &[&str]) -> Secrets {
        let secret = |text: &&str| SecretString::from(*text);
        let tokens: Vec<_> = tokens.iter().map(secret).collect();
        let signing_tokens: Vec<_> = signing_tokens.iter().map(secret).collect();
        Secrets::build(&tokens, &signing_tokens).unwrap()
    }

    fn headers<const N: usize>(pairs: [(&'static str, &str); N]) -> HeaderMap {
        pairs
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn signed_with(signature: &str) -> HeaderMap {
        headers([
            ("webhook-id", ID),
            ("webhook-timestamp", &SIGNED.to_string()),
            ("webhook-signature", signature),
        ])
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn judge(secrets: &Secrets, headers: &HeaderMap, body: &[u8], now: u64) -> Result<(), Refusal> {
        match secrets.check_headers(headers, at(now))? {
            Some(signature) => secrets.check_body(&signature, body),
            None => Ok(()),
        }
    }

    #[test]
    fn one_of_the_tokens_must_fit() {
        let secrets = secrets(&["first", "second"], &[]);
        let judge = |token| judge(&secrets, &headers([("x-gitlab-token", token)]), b"", 0);
        assert_eq!(judge("first"), Ok(()));
        assert_eq!(judge("second"), Ok(()));
        for wrong in ["", "firs", "first ", "First", "firstsecond"] {
            assert_eq!(judge(wrong), Err(Refusal::WrongToken), "{wrong:?}");
        }
        let nothing = HeaderMap::new();
        assert_eq!(
            secrets.check_headers(&nothing, at(0)).err(),
            Some(Refusal::NoSecret)
        );
    }

    #[test]
    fn a_signature_holds_for_its_body_alone() {
        let secrets = secrets(&[], &[SIGNING_TOKEN]);
        let signed = signed_with(SIGNATURE);
        assert_eq!(judge(&secrets, &signed, BODY, SIGNED), Ok(()));
        let other = br#"{"test": 2432232315}"#;
        let refused = Err(Refusal::WrongSignature);
        assert_eq!(judge(&secrets, &signed, other, SIGNED), refused);

        for name in ["webhook-id", "webhook-timestamp"] {
            let mut changed = signed.clone();
            changed.insert(name, (SIGNED + 1).into());
            assert_eq!(judge(&secrets, &changed, BODY, SIGNED), refused, "{name}");
            changed.remove(name);
            assert_eq!(judge(&secrets, &changed, BODY, SIGNED), refused, "{name}");
        }
    }

    #[test]
    fn one_of_several_signatures_and_keys_is_enough() {
        let secrets = secrets(&[], &["whsec_b3RoZXI=", SIGNING_TOKEN]);
        for (signatures, outcome) in [
            (
                format!("v1,AAAA v1a,{0} {SIGNATURE}", &SIGNATURE[3..]),
                Ok(()),
            ),
            (
                format!("v1a,{}", &SIGNATURE[3..]),
                Err(Refusal::WrongSignature),
            ),
            ("v1,".to_owned(), Err(Refusal::WrongSignature)),
            ("v1,not*base64 v1".to_owned(), Err(Refusal::WrongSignature)),
            (
                SIGNATURE[..SIGNATURE.len() - 4].to_owned(),
                Err(Refusal::WrongSignature),
            ),
        ] {
            let headers = signed_with(&signatures);
            assert_eq!(
                judge(&secrets, &headers, BODY, SIGNED),
                outcome,
                "{signatures}"
            );
        }
    }

    #[test]
    fn a_copy_of_an_old_webhook_is_refused() {
        let secrets = secrets(&[], &[SIGNING_TOKEN]);
        let judge = |now| judge(&secrets, &signed_with(SIGNATURE), BODY, now);
        for near in [SIGNED - 300, SIGNED + 300] {
            assert_eq!(judge(near), Ok(()));
        }
        for far in [0, SIGNED - 301, SIGNED + 301] {
            assert_eq!(judge(far), Err(Refusal::WrongTime));
        }
        let mut headers = signed_with(SIGNATURE);
        for odd in [
            "",
            "-1",
            "1e9",
            "99999999999999999999",
            "18446744073709551615",
        ] {
            headers.insert("webhook-timestamp", odd.parse().unwrap());
            let refused = secrets.check_headers(&headers, at(SIGNED)).err();
            assert_eq!(refused, Some(Refusal::WrongTime), "{odd}");
        }
    }

    #[test]
    fn a_token_does_not_make_up_for_a_wrong_signature() {
        let both = secrets(&["token"], &[SIGNING_TOKEN]);
        let mut headers = signed_with("v1,AAAA");
        headers.insert("x-gitlab-token", "token".parse().unwrap());
        let refused = Err(Refusal::WrongSignature);
        assert_eq!(judge(&both, &headers, BODY, SIGNED), refused);

        // Where no signing token is known, the signature says nothing.
        let token = secrets(&["token"], &[]);
        assert_eq!(judge(&token, &headers, BODY, SIGNED), Ok(()));
        // Nor is a webhook of an older GitLab signed at all.
        headers.remove("webhook-signature");
        assert_eq!(judge(&both, &headers, BODY, SIGNED), Ok(()));
        let signing = secrets(&[], &[SIGNING_TOKEN]);
        let missing = Err(Refusal::NoSecret);
        assert_eq!(judge(&signing, &headers, BODY, SIGNED), missing);
    }

    #[test]
    fn a_signing_token_that_is_none_is_refused_without_being_shown() {
        for wrong in ["whsec_", "whsec_s3cret*", "whsec_s3cre", ""] {
            let error = Secrets::build(&[], &[wrong.into()]).err().unwrap();
            let text = format!("{error:#} {error:?}");
            assert!(
                text.contains("copy the whole") && !text.contains("s3cre"),
                "{text}"
            );
        }
        assert!(Secrets::build(&[], &[]).is_err());
    }
}
