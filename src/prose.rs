//! Counts, durations and advice, as sentences for people have them.

use std::fmt::Display;
use std::time::Duration;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A number with its noun: `1 project`, `2 projects`, `0 series`. The noun is given for one.
pub fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    match is_one(&count) {
        true => format!("{count} {noun}"),
        false => format!("{count} {}", plural(noun)),
    }
}

/// A whole number with commas between the thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The word that goes with a number: `agree(1, "is", "are")` is `is`.
pub fn agree<'a>(count: impl Display, with_one: &'a str, with_others: &'a str) -> &'a str {
    match is_one(&count.to_string()) {
        true => with_one,
        false => with_others,
    }
}

fn is_one(count: &str) -> bool {
    count == "1"
}

fn plural(noun: &str) -> String {
    let before_y = noun.strip_suffix('y');
    match before_y {
        _ if noun.ends_with("series") => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// A duration with two units at the most, as settings are written: `250ms`, `29.2s`, `1m 30s`, `1d 2h`.
pub fn duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match milliseconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => "less than 1ms".to_owned(),
        1..SECOND => format!("{milliseconds}ms"),
        SECOND..MINUTE => tenths(milliseconds),
        MINUTE..HOUR => two_units(milliseconds, MINUTE, "m", SECOND, "s"),
        HOUR..DAY => two_units(milliseconds, HOUR, "h", MINUTE, "m"),
        _ => two_units(milliseconds, DAY, "d", HOUR, "h"),
    }
}

/// Seconds to the tenth. What is cut off is less than anybody waits for.
fn tenths(milliseconds: u64) -> String {
    let tenths = milliseconds / 100;
    match tenths % 10 {
        0 => format!("{}s", tenths / 10),
        tenth => format!("{}.{tenth}s", tenths / 10),
    }
}

fn two_units(milliseconds: u64, large: u64, first: &str, small: u64, second: &str) -> String {
    let whole = milliseconds / large;
    match milliseconds % large / small {
        0 => format!("{whole}{first}"),
        rest => format!("{whole}{first} {rest}{second}"),
    }
}

/// What is said, and then what to do about it: two sentences with one full stop between them.
pub fn advised(said: impl Display, advice: impl Display) -> String {
    let said = said.to_string();
    let said = said.trim_end();
    match said.ends_with(['.', '!', '?', '…']) {
        true => format!("{said} {advice}"),
        false => format!("{said}. {advice}"),
    }
}

/// Text in the middle of a sentence: without the full stop that it may end with.
pub fn within(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}

/// A text as a sentence, with one full stop at its end.
pub fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    // What is named first keeps its name.
    let is_setting = text
        .split(' ')
        .next()
        .is_some_and(|word| word.contains(['.', ':', '/', '_']));
    match (first, is_setting) {
        (Some(first), false) => format!("{first}{}.", letters.as_str()),
        _ => format!("{text}."),
    }
}

/// Several things that are said, as one line: `a; b`. Only the last keeps its full stop.
pub fn listed<Text: AsRef<str>>(texts: &[Text]) -> String {
    let Some((last, before)) = texts.split_last() else {
        return String::new();
    };
    let before = before.iter().map(|text| within(text.as_ref()));
    let all: Vec<_> = before.chain([last.as_ref()]).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        for (count, noun, expected) in [
            (0, "project", "0 projects"),
            (1, "project", "1 project"),
            (2, "project", "2 projects"),
            (11, "value", "11 values"),
            (1, "series", "1 series"),
            (7, "series", "7 series"),
            (2, "query", "2 queries"),
            (2, "day", "2 days"),
            (2, "branch", "2 branches"),
        ] {
            assert_eq!(counted(count, noun), expected);
        }
        assert_eq!(counted("1,000", "request"), "1,000 requests");
        assert_eq!(counted("1.5", "request"), "1.5 requests");
        assert_eq!(
            (agree(1, "is", "are"), agree(21, "is", "are")),
            ("is", "are")
        );
    }

    #[test]
    fn a_duration_is_as_exact_as_a_person_wants_it() {
        for (milliseconds, expected) in [
            (0.0, "0s"),
            (0.4, "less than 1ms"),
            (250.9, "250ms"),
            (1_000.0, "1s"),
            (29_211.576_036, "29.2s"),
            (59_999.0, "59.9s"),
            (60_000.0, "1m"),
            (90_500.0, "1m 30s"),
            (3_600_000.0, "1h"),
            (3_960_000.0, "1h 6m"),
            (93_600_000.0, "1d 2h"),
        ] {
            let shown = duration(Duration::from_secs_f64(milliseconds / 1000.0));
            assert_eq!(shown, expected, "{milliseconds} ms");
        }
    }

    #[test]
    fn every_duration_can_be_written_into_a_setting() {
        for seconds in [0.25, 1.0, 30.0, 90.0, 3_600.0, 5_430.0, 86_400.0, 93_600.0] {
            let shown = duration(Duration::from_secs_f64(seconds));
            assert!(humantime::parse_duration(&shown).is_ok(), "{shown}");
        }
    }

    #[test]
    fn two_sentences_have_one_full_stop_between_them() {
        for (said, expected) in [
            ("It fails", "It fails. Do this."),
            ("Token was revoked.", "Token was revoked. Do this."),
            ("who is that?", "who is that? Do this."),
            ("cut off…", "cut off… Do this."),
        ] {
            assert_eq!(advised(said, "Do this."), expected);
        }
        assert_eq!(within("Do this. "), "Do this");
        assert_eq!(listed(&["One. Do this.", "Two."]), "One. Do this; Two.");
        assert_eq!(listed::<&str>(&[]), "");
    }
}
