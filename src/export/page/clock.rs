//! Bridge time as a time of day.

use serde::{Serialize, Serializer};

use crate::metrics::{GitLabStatus, UnixTime};

/// A moment, as it is shown: RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub UnixTime);

/// What tells the time of day of a moment in bridge time, which does not jump where the wall clock does.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: UnixTime,
    wall: UnixTime,
}

impl Clock {
    pub fn of(gitlab: &GitLabStatus) -> Clock {
        Clock {
            now: gitlab.now,
            wall: gitlab.wall_clock,
        }
    }

    /// The time of day of a moment in bridge time.
    pub fn time(self, at: UnixTime) -> Time {
        Time(self.wall.saturating_sub(self.age(at)))
    }

    /// How many seconds ago it was.
    pub fn age(self, at: UnixTime) -> u64 {
        self.now.saturating_sub(at)
    }
}

impl Time {
    pub fn text(self) -> String {
        let second = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX);
        time.to_string()
    }

    /// The time of day alone, to the minute.
    pub fn of_day(self) -> String {
        let minutes = self.0 / 60 % (24 * 60);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_age_whatever_the_wall_clock_shows() {
        let clock = Clock {
            now: 1_790_000_100,
            wall: 1_790_003_700,
        };
        assert_eq!(clock.time(1_790_000_040).text(), "2026-09-21T15:14:00Z");
        assert_eq!(clock.time(1_790_000_040).of_day(), "15:14");
        assert_eq!(clock.age(1_790_000_040), 60);
        assert_eq!(clock.age(1_790_000_200), 0, "what is ahead of us is new");
    }
}
