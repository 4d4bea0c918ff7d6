//! One of the shards that an exposition is scraped in, as the query of an address names it: `2/4` is the second
//! of four.

use url::form_urlencoded;

/// A shard, and of how many it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1 on.
    number: u8,
    of: u8,
}

impl Shard {
    /// More shards than this are not made: the first of them would be small enough for any Prometheus.
    pub const MOST: u8 = 64;

    /// The shard that a query asks for; none if it says nothing of shards.
    ///
    /// # Errors
    /// In a sentence that says what would be right.
    pub fn read(query: Option<&str>) -> Result<Option<Shard>, String> {
        let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut asked = query.filter(|(name, _)| name == "shard");
        let Some((_, first)) = asked.next() else {
            return Ok(None);
        };
        let right = format!(
            "write shard=2/4 for the second of four; there may be {} shards at the most.",
            Self::MOST
        );
        if asked.next().is_some() {
            return Err(format!("The address has more than one shard: {right}"));
        }
        match Shard::parse(&first) {
            Some(shard) => Ok(Some(shard)),
            None => Err(format!("The address names no shard that there is: {right}")),
        }
    }

    fn parse(text: &str) -> Option<Shard> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u8>().ok().filter(|_| is_plain)
        };
        let (own, of) = text.split_once('/')?;
        let (own, of) = (number(own)?, number(of)?);
        let is_there = (1..=Self::MOST).contains(&of) && (1..=of).contains(&own);
        is_there.then_some(Shard { number: own, of })
    }

    /// Its number, from 1 on.
    pub fn number(self) -> u8 {
        self.number
    }

    /// Its place among all of them, from 0 on.
    pub fn place(self) -> usize {
        usize::from(self.number) - 1
    }

    /// How many there are.
    pub fn of(self) -> u8 {
        self.of
    }

    /// Whether it is the one with what belongs to nobody: totals, and what the bridge says of itself.
    pub fn is_first(self) -> bool {
        self.number == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_from_a_query_however_it_is_escaped() {
        let second = Some(Shard { number: 2, of: 4 });
        for (query, shard) in [
            (None, None),
            (Some(""), None),
            (Some("other=3/2&sharded=1"), None),
            (Some("shard=2/4"), second),
            (Some("a=b&shard=2%2F4"), second),
            (Some("shard=1/1"), Some(Shard { number: 1, of: 1 })),
            (Some("shard=64/64"), Some(Shard { number: 64, of: 64 })),
        ] {
            assert_eq!(Shard::read(query), Ok(shard), "{query:?}");
        }
    }

    #[test]
    fn what_names_no_shard_is_refused_with_what_would_be_right() {
        for query in [
            "shard=",
            "shard",
            "shard=2",
            "shard=0/4",
            "shard=5/4",
            "shard=1/65",
            "shard=1/0",
            "shard=-1/4",
            "shard=+1/4",
            "shard=1/4/4",
            "shard=1.0/4",
            "shard=%201/4",
            "shard=257/4",
            "shard=1/99999999999999999999",
            "shard=%FF/4",
            "shard=1/4&shard=2/4",
        ] {
            let refused = Shard::read(Some(query)).unwrap_err();
            assert!(refused.contains("write shard=2/4"), "{query}: {refused}");
        }
    }
}
