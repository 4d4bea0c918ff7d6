//! How a value of each kind is read from JSON. What can't be true is never taken for a null.

use serde_json::Value as Json;

use super::time::moment;
use super::{Kind, Reason};

/// The answer to one question, before it is known what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answered {
    Value(f64),
    Null,
    /// The list it is asked of is empty: there is none.
    Nothing,
    /// Something that can't be a value of this kind.
    Invalid,
    Failed(Reason),
}

/// GitLab answered, and not with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not understood: {0}")]
pub struct NotUnderstood(pub &'static str);

/// Above this a number of JSON is no longer exact, and no count or size is that large.
const MOST: f64 = 9_007_199_254_740_992.0;

impl Answered {
    /// The value, if there is one.
    pub fn value(self) -> Option<f64> {
        match self {
            Answered::Value(value) => Some(value),
            _ => None,
        }
    }
}

impl Kind {
    pub fn read(self, value: &Json) -> Answered {
        if value.is_null() {
            return Answered::Null;
        }
        let value = match self {
            Kind::Count | Kind::Bytes => number(value).filter(|number| number.fract() == 0.0),
            Kind::Seconds | Kind::Ratio => number(value),
            Kind::Time => moment(value).map(|at| at as f64),
            Kind::OneOf(words) => word(value, words).map(|place| place as f64),
            Kind::Label => None,
        };
        value.map_or(Answered::Invalid, Answered::Value)
    }
}

/// A number that is not negative. GraphQL writes a `BigInt` as a text of digits.
fn number(value: &Json) -> Option<f64> {
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = match value {
        Json::String(text) => Some(text.as_str()).filter(digits)?.parse().ok(),
        value => value.as_f64(),
    };
    number.filter(|number| (0.0..=MOST).contains(number))
}

/// The place of a word among those that are known; GraphQL shouts and REST does not.
fn word(value: &Json, words: &[&str]) -> Option<usize> {
    let text = value.as_str()?;
    words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_count_is_a_whole_number_of_a_sensible_size() {
        for (value, answer) in [
            (json!(0), Answered::Value(0.0)),
            (json!(11), Answered::Value(11.0)),
            (json!(1_218_327.0), Answered::Value(1_218_327.0)),
            (json!("11"), Answered::Value(11.0)),
            (json!(null), Answered::Null),
            (json!(-1), Answered::Invalid),
            (json!(-1024.0), Answered::Invalid),
            (json!(1.5), Answered::Invalid),
            (json!(1e300), Answered::Invalid),
            (json!(u64::MAX), Answered::Invalid),
            (json!("NaN"), Answered::Invalid),
            (json!(""), Answered::Invalid),
            (json!("-3"), Answered::Invalid),
            (json!(true), Answered::Invalid),
            (json!({}), Answered::Invalid),
            (json!([1]), Answered::Invalid),
        ] {
            assert_eq!(Kind::Count.read(&value), answer, "{value}");
            assert_eq!(Kind::Bytes.read(&value), answer, "{value}");
        }
    }

    #[test]
    fn each_kind_reads_what_gitlab_writes() {
        assert_eq!(Kind::Seconds.read(&json!(1.5)), Answered::Value(1.5));
        assert_eq!(Kind::Ratio.read(&json!(0.25)), Answered::Value(0.25));
        assert_eq!(Kind::Seconds.read(&json!(-1.5)), Answered::Invalid);
        let moment = json!("2026-11-26T14:00:00.123Z");
        assert_eq!(Kind::Time.read(&moment), Answered::Value(1_795_701_600.0));
        assert_eq!(Kind::Time.read(&json!("soon")), Answered::Invalid);
        let states = Kind::OneOf(&["available", "stopped"]);
        assert_eq!(states.read(&json!("STOPPED")), Answered::Value(1.0));
        assert_eq!(states.read(&json!("lost")), Answered::Invalid);
    }
}
