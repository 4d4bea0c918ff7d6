//! The exporters that a variable or a flag lists.

use super::error::Error;
use super::words::quote;
use super::written::Item;

/// What can be listed; `none` stands alone.
pub const NAMES: [&str; 3] = ["prometheus", "otlp", "none"];

/// The exporters that are on.
///
/// # Errors
/// If one is unknown, or `none` is listed with others.
pub fn named(items: &[Item]) -> Result<Vec<&'static str>, Error> {
    let mut on = Vec::new();
    for item in items {
        let name = NAMES
            .iter()
            .find(|name| name.eq_ignore_ascii_case(&item.text));
        match name.copied() {
            Some("none") if items.len() > 1 => {
                return Err(item.error("none can't be listed with others: remove it or the others"));
            }
            Some("none") => {}
            Some(name) => on.push(name),
            None if item.text == "console" => {
                return Err(item.error(
                    "there is no console exporter: use prometheus, otlp or none, and the command \
                     `once` to see the metrics",
                ));
            }
            None => {
                return Err(item.error(format!(
                    "{} is not an exporter: use prometheus, otlp or none",
                    quote(&item.text)
                )));
            }
        }
    }
    Ok(on)
}
