//! GitLab's limits as its headers tell them, and how far to believe them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest wait that is believed. GitLab's widest window is an hour; what asks for more is a
/// broken proxy or clock, and must not silence the bridge for a day.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Below one part in so many of the limit, what remains is spread over the rest of the window:
/// other users of the token share it, and running into the wall stops all questions at once.
const SCARCE: u64 = 10;

/// A limit of GitLab, as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests allowed in a window.
    pub limit: u64,
    /// Requests left in this window.
    pub remaining: u64,
    /// When the next window opens, in seconds since 1970.
    pub reset: u64,
}

impl RateLimit {
    /// The limit, if the answer tells all of it.
    pub(super) fn read(headers: &HeaderMap) -> Option<RateLimit> {
        Some(RateLimit {
            limit: number(headers, "ratelimit-limit")?,
            remaining: number(headers, "ratelimit-remaining")?,
            reset: number(headers, "ratelimit-reset")?,
        })
    }

    /// How long nothing is left to spend; none if something is, or if the window makes no sense.
    pub(super) fn exhausted_for(&self, server_time: SystemTime) -> Option<Duration> {
        if self.remaining > 0 {
            return None;
        }
        self.open_for(server_time)
    }

    /// How to make what is left last, if it is little.
    pub(super) fn spread(&self, server_time: SystemTime) -> Option<Spread> {
        if self.remaining == 0 || self.remaining.saturating_mul(SCARCE) >= self.limit {
            return None;
        }
        let lasting = self.open_for(server_time)?;
        Some(Spread {
            interval: lasting.div_f64(self.remaining as f64),
            lasting,
        })
    }

    /// How long the window lasts, if that makes sense.
    fn open_for(&self, server_time: SystemTime) -> Option<Duration> {
        wait_until_reset(self.reset, server_time).filter(|wait| *wait <= LONGEST_WAIT)
    }
}

/// The pace at which the rest of a window lasts until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) interval: Duration,
    pub(super) lasting: Duration,
}

/// How long GitLab asks to be left alone: `Retry-After`, else the reset of its window.
///
/// None if it does not say, or says what makes no sense; never more than [`LONGEST_WAIT`].
pub(super) fn asked_to_wait(headers: &HeaderMap, server_time: SystemTime) -> Option<Duration> {
    retry_after(headers, server_time)
        .or_else(|| wait_until_reset(number(headers, "ratelimit-reset")?, server_time))
        .map(|wait| wait.min(LONGEST_WAIT))
}

/// The time by the clock of the server, which its other times are told in.
pub(super) fn server_time(headers: &HeaderMap, local: SystemTime) -> SystemTime {
    date(headers).unwrap_or(local)
}

/// When the server answered, by its own clock, if it says so.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// How long the answer's own `Retry-After` asks for, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap, server_time: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits too many for a number still mean "very long".
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let wait = http_date(text)?.duration_since(server_time).ok()?;
    Some(wait.min(LONGEST_WAIT))
}

fn wait_until_reset(reset: u64, server_time: SystemTime) -> Option<Duration> {
    let reset = UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
    let wait = reset.duration_since(server_time).ok()?;
    (!wait.is_zero()).then_some(wait)
}

fn http_date(text: &str) -> Option<SystemTime> {
    let parsed: Timestamp = DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = u64::try_from(parsed.as_second()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    const NOW: u64 = 1_787_137_500;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn wait(pairs: &[(&str, &str)]) -> Option<u64> {
        asked_to_wait(&headers(pairs), now()).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_counts_seconds_or_names_a_date() {
        assert_eq!(wait(&[("retry-after", "42")]), Some(42));
        let date = "Wed, 19 Aug 2026 11:46:00 GMT";
        let expected = http_date(date).unwrap().duration_since(now()).unwrap();
        assert_eq!(wait(&[("retry-after", date)]), Some(expected.as_secs()));
    }

    #[test]
    fn without_retry_after_the_reset_of_the_window_counts() {
        let reset = (NOW + 30).to_string();
        assert_eq!(wait(&[("ratelimit-reset", &reset)]), Some(30));
        let both = [("retry-after", "7"), ("ratelimit-reset", reset.as_str())];
        assert_eq!(wait(&both), Some(7));
    }

    #[test]
    fn a_huge_wait_is_bounded() {
        let longest = Some(LONGEST_WAIT.as_secs());
        assert_eq!(wait(&[("retry-after", "86400000")]), longest);
        assert_eq!(
            wait(&[("retry-after", "99999999999999999999999999")]),
            longest
        );
        assert_eq!(wait(&[("ratelimit-reset", "18446744073709551615")]), None);
        assert_eq!(wait(&[("ratelimit-reset", "9999999999")]), longest);
    }

    #[test]
    fn a_wait_that_makes_no_sense_is_no_wait() {
        for value in ["-5", "soon", "", "1.5", "Wed, 19 Aug 1998 10:26:00 GMT"] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(wait(&[("ratelimit-reset", "0")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn times_are_read_by_the_clock_of_the_server() {
        let headers = headers(&[("date", "Wed, 19 Aug 2026 10:26:00 GMT")]);
        let expected = http_date("Wed, 19 Aug 2026 10:26:00 GMT").unwrap();
        assert_eq!(server_time(&headers, now()), expected);
        assert_eq!(server_time(&HeaderMap::new(), now()), now());
    }

    #[test]
    fn a_spent_window_is_exhausted_until_it_resets() {
        let limit = |remaining, reset| RateLimit {
            limit: 2000,
            remaining,
            reset,
        };
        let wait = Duration::from_secs(9);
        assert_eq!(limit(0, NOW + 9).exhausted_for(now()), Some(wait));
        assert_eq!(limit(1, NOW + 9).exhausted_for(now()), None);
        assert_eq!(limit(0, NOW - 9).exhausted_for(now()), None);
        assert_eq!(limit(0, NOW + 90_000).exhausted_for(now()), None);
    }

    #[test]
    fn the_last_tenth_of_a_window_is_spread_over_what_is_left_of_it() {
        let interval = |remaining, reset| {
            let limit = RateLimit {
                limit: 2000,
                remaining,
                reset,
            };
            limit.spread(now()).map(|spread| spread.interval)
        };
        assert_eq!(interval(200, NOW + 30), None);
        assert_eq!(interval(100, NOW + 30), Some(Duration::from_millis(300)));
        assert_eq!(interval(1, NOW + 30), Some(Duration::from_secs(30)));
        assert_eq!(interval(0, NOW + 30), None);
        assert_eq!(interval(1, NOW - 30), None);
    }
}
