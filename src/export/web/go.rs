//! Durations as Go writes them, such as `1m30s`: web configurations are written for programs in Go.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

/// The units, those first that begin with another one.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// Reads a duration that is not negative.
///
/// # Errors
/// If it is none.
pub fn duration(text: &str) -> Result<Duration> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    ensure!(!text.is_empty(), "it is empty");
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let (number, after) = rest.split_at(end.ok_or_else(|| anyhow!("it has no unit"))?);
        let unit = UNITS.iter().find(|(unit, _)| after.starts_with(unit));
        let (unit, each) = unit.ok_or_else(|| anyhow!("its unit is not known"))?;
        seconds += number.parse::<f64>()? * each;
        rest = &after[unit.len()..];
    }
    Ok(Duration::try_from_secs_f64(seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_in_go() {
        for (text, milliseconds) in [
            ("0", 0),
            ("1s", 1_000),
            ("1.5s", 1_500),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(duration(text).unwrap(), expected, "{text}");
        }
        for text in ["", "1", "s", "1d", "-1s", "1 s", ".s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
