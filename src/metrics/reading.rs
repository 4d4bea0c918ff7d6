//! One value as it was told, or why it is not known.

use super::{UnixTime, stamp};

/// A value of an owner. Unknown is not zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// No value, and why.
    Unknown(Reason),
    /// Known to be nothing: the project has switched the feature off, or the list is empty of whose
    /// entries this would be told.
    Off,
    /// The value and when GitLab told it, in seconds since 1970.
    Known { value: f64, at: u32 },
}

/// Why a value is not known: a closed set, fit for an attribute and for the state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The configuration leaves its metric out.
    NotAsked,
    /// GitLab answers null, or 0 where the token has no permission: the token may not see it, or
    /// GitLab does not keep it.
    Hidden,
    /// This GitLab does not have the field.
    Unsupported,
    /// GitLab says that the token may not read it.
    Forbidden,
    /// GitLab's licence does not include it.
    Unlicensed,
    /// GitLab told something that can't be true, such as a negative size.
    Invalid,
    /// It is still to be asked: what was known before stays.
    Pending,
    Unauthorized,
    NotFound,
    Refused,
    RateLimited,
    Budget,
    ServerError,
    Timeout,
    Network,
    NotGitlab,
    NotJson,
    NotUnderstood,
    Redirected,
    Graphql,
    /// A failure that has no name here.
    Other,
}

impl Reason {
    pub const ALL: [Reason; 21] = [
        Reason::NotAsked,
        Reason::Hidden,
        Reason::Unsupported,
        Reason::Forbidden,
        Reason::Unlicensed,
        Reason::Invalid,
        Reason::Pending,
        Reason::Unauthorized,
        Reason::NotFound,
        Reason::Refused,
        Reason::RateLimited,
        Reason::Budget,
        Reason::ServerError,
        Reason::Timeout,
        Reason::Network,
        Reason::NotGitlab,
        Reason::NotJson,
        Reason::NotUnderstood,
        Reason::Redirected,
        Reason::Graphql,
        Reason::Other,
    ];

    /// The value of the `reason` attribute, and the word in the state file.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotAsked => "not_asked",
            Reason::Hidden => "hidden",
            Reason::Unsupported => "unsupported",
            Reason::Forbidden => "forbidden",
            Reason::Unlicensed => "unlicensed",
            Reason::Invalid => "invalid",
            Reason::Pending => "pending",
            Reason::Unauthorized => "unauthorized",
            Reason::NotFound => "not_found",
            Reason::Refused => "refused",
            Reason::RateLimited => "rate_limited",
            Reason::Budget => "budget",
            Reason::ServerError => "server_error",
            Reason::Timeout => "timeout",
            Reason::Network => "network",
            Reason::NotGitlab => "not_gitlab",
            Reason::NotJson => "not_json",
            Reason::NotUnderstood => "not_understood",
            Reason::Redirected => "redirected",
            Reason::Graphql => "graphql",
            Reason::Other => "other",
        }
    }

    /// Why a value is absent, for the middle of a sentence.
    pub fn why(self) -> &'static str {
        match self {
            Reason::NotAsked => "the configuration leaves it out",
            Reason::Hidden => "GitLab hides it from the token's user, or does not keep it",
            Reason::Unsupported => "this version or edition of GitLab does not have it",
            Reason::Forbidden => "GitLab forbids the token to read it",
            Reason::Unlicensed => "GitLab's licence does not include it",
            Reason::Invalid => "GitLab tells what can't be, such as a negative size",
            Reason::Pending => "it has not been read yet",
            Reason::Unauthorized => "GitLab does not accept the token",
            Reason::NotFound => "GitLab does not find it",
            Reason::Refused => "GitLab refuses the request",
            Reason::RateLimited => "GitLab's rate limit allowed no request for it yet",
            Reason::Budget => "poll.budget allowed no request for it yet",
            Reason::ServerError => "GitLab, or what stands before it, failed when it was asked",
            Reason::Timeout => "GitLab took too long to answer",
            Reason::Network => "GitLab could not be reached",
            Reason::NotGitlab | Reason::NotJson | Reason::Redirected => {
                "a proxy or a login page answered in place of GitLab's API"
            }
            Reason::NotUnderstood => "the answer was not in the form of GitLab's API",
            Reason::Graphql => "GraphQL gave no data for it",
            Reason::Other => "it could not be read",
        }
    }

    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether GitLab or the configuration decided so. Such a reason is no failure, and an older
    /// value would no longer be true.
    pub fn is_fact(self) -> bool {
        matches!(
            self,
            Reason::NotAsked
                | Reason::Hidden
                | Reason::Unsupported
                | Reason::Forbidden
                | Reason::Unlicensed
                | Reason::Invalid
        )
    }
}

impl Reading {
    pub fn known(value: f64, now: UnixTime) -> Reading {
        let at = stamp(now);
        Reading::Known { value, at }
    }

    /// The value, if it is known.
    pub fn value(&self) -> Option<f64> {
        match self {
            Reading::Known { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// Whether this one shows as the other does: when it was told is not shown.
    pub fn shows_like(&self, other: &Reading) -> bool {
        self.value() == other.value()
    }

    /// This reading, or what is known from before if this one failed: a value, or that it is off.
    #[must_use]
    pub fn or_last_good(self, last: Option<&Reading>) -> Reading {
        match (self, last) {
            (Reading::Unknown(reason), Some(last @ (Reading::Known { .. } | Reading::Off)))
                if !reason.is_fact() =>
            {
                *last
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Reading = Reading::Known { value: 7.0, at: 1 };

    #[test]
    fn a_reading_takes_sixteen_bytes() {
        assert_eq!(size_of::<Reading>(), 16);
        assert_eq!(size_of::<Reason>(), 1);
    }

    #[test]
    fn a_failure_keeps_what_is_known_and_a_fact_does_not() {
        for reason in Reason::ALL {
            let read = Reading::Unknown(reason);
            for last in [KNOWN, Reading::Off] {
                let kept = if reason.is_fact() { read } else { last };
                assert_eq!(read.or_last_good(Some(&last)), kept, "{reason:?}");
            }
            assert_eq!(read.or_last_good(None), read);
        }
        assert_eq!(Reading::Off.or_last_good(Some(&KNOWN)), Reading::Off);
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(place, reason as usize);
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
    }
}
