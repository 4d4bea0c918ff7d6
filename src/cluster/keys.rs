//! The names of what stands in the engine. All begin with one tag in braces, so that they share a slot of a cluster and
//! one pattern of rights.

use std::fmt::Write;

use super::digest::Digest;

/// The tag that all keys and channels begin with.
const TAG: &str = "{gmb}";

/// The keys of one GitLab.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub lease: String,
    pub token: String,
    pub head: String,
    pub seen: String,
    pub life: String,
    pub hints: String,
    /// What the keys of chunks begin with.
    pub chunks: String,
}

impl Keys {
    pub(super) fn new(group: &str, instance: &str) -> Keys {
        let key = |name: &str| format!("{}:{}:{name}", channel(group), escaped(instance));
        Keys {
            lease: key("lease"),
            token: key("token"),
            head: key("head"),
            seen: key("seen"),
            life: key("life"),
            hints: key("hints"),
            chunks: key("chunk:"),
        }
    }

    pub(super) fn chunk(&self, digest: &Digest) -> String {
        format!("{}{digest}", self.chunks)
    }
}

/// Where a group tells what happened. Each message is the name of a GitLab.
pub(super) fn channel(group: &str) -> String {
    format!("{TAG}:{}", escaped(group))
}

/// The key of a request budget, which several groups may share.
pub(super) fn bucket(name: &str) -> String {
    format!("{TAG}:budget:{}", escaped(name))
}

/// A name without what separates names in a key.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'@' | b'/' | b'-' => {
                escaped.push(char::from(byte));
            }
            // Writing into a text does not fail.
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_gitlabs_share_a_key() {
        let keys = |group, instance| Keys::new(group, instance).lease;
        assert_eq!(keys("a", "b"), "{gmb}:a:b:lease");
        assert_eq!(keys("a", ""), "{gmb}:a::lease");
        assert_eq!(keys("a:b", "c d"), "{gmb}:a%3Ab:c%20d:lease");
        assert_ne!(keys("a:b", "c"), keys("a", "b:c"));
        assert!(keys("budget", "x").ends_with(":lease"));
        assert_eq!(bucket("x:lease"), "{gmb}:budget:x%3Alease");
    }
}
