//! Numbers and times, within bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use humantime::format_duration;
use serde_json::{Value as Json, json};

use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Text};
use crate::config::wording::quote;
use crate::export::NO_LIMIT;
use crate::prose;

/// A number within bounds.
pub struct Number<T: 'static>(pub Field<T>, pub RangeInclusive<f64>);

/// A whole number within bounds, or none.
pub struct Limit<T: 'static>(pub Field<Option<T>>, pub RangeInclusive<u32>);

/// A time within bounds; it may be missing if the field says so.
pub struct Time<T: 'static>(pub Field<T>, pub RangeInclusive<Duration>);

/// A time within bounds, or [`NO_LIMIT`].
pub struct TimeOrNone(pub Field<Duration>, pub RangeInclusive<Duration>);

impl Value for TimeOrNone {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        let is_none = text.text == "0" || text.text.eq_ignore_ascii_case("none");
        *self.0(builder) = match is_none {
            true => NO_LIMIT,
            false => duration(&text, input.is_opentelemetry(), &self.1)?,
        };
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(match *self.0(builder) {
            NO_LIMIT => "none".to_owned(),
            time => format_duration(time).to_string(),
        })
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"anyOf": [duration_schema(), {"enum": ["none", "0"]}, {"const": 0}]}))
    }
}

impl<T: FromStr + Display> Value for Number<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Number(field, range) = self;
        let text = input.text()?;
        let number = text.text.parse::<f64>().ok();
        let number = number.filter(|number| range.contains(number));
        // As Rust writes it, 5.0 is 5; a type of whole numbers refuses what has a fraction.
        let number = number.and_then(|number| number.to_string().parse().ok());
        *field(builder) = number.ok_or_else(|| {
            let kind = if whole::<T>() {
                "a whole number"
            } else {
                "a number"
            };
            text.unexpected(&format!("{kind} from {} to {}", range.start(), range.end()))
        })?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(self.0(builder).to_string())
    }

    fn schema(&self) -> Option<Json> {
        let (least, most) = (*self.1.start(), *self.1.end());
        Some(match whole::<T>() {
            true => json!({"type": "integer", "minimum": least as i64, "maximum": most as i64}),
            false => json!({"type": "number", "minimum": least, "maximum": most}),
        })
    }
}

impl<T: From<u32> + Display> Value for Limit<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Limit(field, range) = self;
        let text = input.text()?;
        let number = text.text.parse().ok();
        let number = number.filter(|number| range.contains(number));
        let number = number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            text.unexpected(&format!("a whole number from {least} to {most}"))
        })?;
        *field(builder) = Some(number.into());
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        self.0(builder).as_ref().map(T::to_string)
    }

    fn schema(&self) -> Option<Json> {
        let (least, most) = (self.1.start(), self.1.end());
        Some(json!({"type": "integer", "minimum": least, "maximum": most}))
    }
}

/// Whether a type has whole numbers only.
fn whole<T: FromStr>() -> bool {
    T::from_str("0.5").is_err()
}

impl<T: From<Duration> + Into<Option<Duration>> + Copy> Value for Time<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let time = duration(&input.text()?, input.is_opentelemetry(), &self.1)?;
        *self.0(builder) = time.into();
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let time: Option<Duration> = (*self.0(builder)).into();
        time.map(|time| format_duration(time).to_string())
    }

    fn schema(&self) -> Option<Json> {
        Some(duration_schema())
    }
}

/// The schema of a duration. It can't hold the bounds of what is text. "Not without a digit but 0" needs no
/// look-ahead, which the regular expressions of Go, and so of Helm, do not know.
pub fn duration_schema() -> Json {
    const UNIT: &str = "(nanos|nsec|ns|usec|us|µs|millis|msec|ms|s|secs?|seconds?|m|mins?|minutes?|\
                        h|hrs?|hours?|d|days?|w|wks?|weeks?|M|months?|y|yrs?|years?)";
    let pattern = format!(r"^([0-9]+(\.[0-9]+)?\s*{UNIT}\s*)+$");
    json!({"type": "string", "pattern": pattern, "not": {"pattern": "^[^1-9]*$"}})
}

/// A time such as `30s`, or milliseconds where OpenTelemetry counts in them.
pub fn duration(
    item: &Text,
    milliseconds: bool,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, Error> {
    let shown = quote(&item.text);
    let whole = item.text.parse::<u64>().ok();
    let duration = match (whole, milliseconds) {
        (Some(whole), true) => Duration::from_millis(whole),
        (None, true) => return Err(item.unexpected("a number of milliseconds, such as 30000")),
        (Some(0), false) => Duration::ZERO,
        (Some(whole), false) => {
            return Err(item.error(format!("{shown} has no unit: write {whole}s or {whole}m")));
        }
        (None, false) => humantime::parse_duration(&item.text)
            .map_err(|_| item.unexpected("a duration: write for example 30s, 5m or 1h30m"))?,
    };
    let (least, most) = (range.start(), range.end());
    if duration < *least {
        let least = prose::duration(*least);
        return Err(item.error(format!("{shown} is too short: use at least {least}")));
    }
    if duration > *most {
        let most = prose::duration(*most);
        return Err(item.error(format!("{shown} is too long: use at most {most}")));
    }
    Ok(duration)
}
