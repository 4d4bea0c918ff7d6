//! How many requests may be sent in an hour and in a minute.

use serde_json::{Value as Json, json};

use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Text};
use crate::gitlab::{Budget, BudgetChoice};

/// `auto`, `none`, or limits such as `4500/h` and `90/m`, one of them or both.
pub struct Requests(pub Field<BudgetChoice>);

impl Value for Requests {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = budget(&input.words()?)?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(match self.0(builder) {
            BudgetChoice::Auto => "auto".to_owned(),
            BudgetChoice::Limited(budget) => {
                format!("[{}/h, {}/m]", budget.per_hour, budget.per_minute)
            }
            BudgetChoice::Unlimited => "none".to_owned(),
        })
    }

    fn schema(&self) -> Option<Json> {
        const LIMIT: &str = r"\s*0*[1-9][0-9]*\s*/\s*(h|hour|m|min|minute)\s*";
        let text = format!("^({LIMIT}(,{LIMIT})?|auto|none)$");
        let limit = json!({"type": "string", "pattern": format!("^{LIMIT}$")});
        Some(json!({"anyOf": [
            {"type": "string", "pattern": text},
            {"type": "array", "items": limit, "maxItems": 2},
        ]}))
    }
}

fn budget(items: &[Text]) -> Result<BudgetChoice, Error> {
    if let [item] = items {
        match item.text.to_ascii_lowercase().as_str() {
            "auto" => return Ok(BudgetChoice::Auto),
            "none" => return Ok(BudgetChoice::Unlimited),
            _ => {}
        }
    }
    let (mut per_hour, mut per_minute) = (None, None);
    for item in items {
        let (number, unit) = item.text.split_once('/').unwrap_or((&item.text, ""));
        let number = number.trim().parse::<u32>().ok();
        let number = number.filter(|number| *number > 0);
        let window = match unit.trim() {
            "h" | "hour" => &mut per_hour,
            "m" | "min" | "minute" => &mut per_minute,
            _ => return Err(item.unexpected("a budget: write for example 4500/h, 90/m")),
        };
        let Some(number) = number else {
            return Err(item.unexpected("a budget of at least 1: write for example 4500/h, 90/m"));
        };
        if window.replace(number).is_some() {
            let problem = "the same window is given twice: one per hour and one per minute";
            return Err(item.error(problem));
        }
    }
    let (per_hour, per_minute) = match (per_hour, per_minute) {
        (Some(hour), Some(minute)) => (hour, minute),
        (Some(hour), None) => (hour, hour),
        (None, Some(minute)) => (minute.saturating_mul(60), minute),
        (None, None) => return Ok(BudgetChoice::Unlimited),
    };
    Ok(BudgetChoice::Limited(Budget {
        per_hour,
        per_minute,
    }))
}
