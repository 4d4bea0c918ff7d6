//! What polling will cost, as `plan` forecasts it, against the budget and the limit that GitLab speaks of.

use super::findings::{Findings, good, note};
use crate::app::plan::check_limits;
use crate::config;
use crate::gitlab::Client;
use crate::metrics::EnabledMetrics;
use crate::poll::Assumption;
use crate::prose::counted;

/// What is checked of one GitLab.
pub struct Checked<'a> {
    pub instance: &'a config::Instance,
    pub enabled: &'a EnabledMetrics,
}

/// Tells how many requests the first poll and each hour take, and whether limits carry them.
pub fn report(
    checked: &Checked<'_>,
    client: &Client,
    assumption: &Assumption,
    findings: &mut Findings,
) {
    let enabled = checked.enabled.with_cadence(&checked.instance.poll.cadence);
    let (forecast, limits) = check_limits(checked.instance, &enabled, assumption);
    let an_hour = forecast.total().round() as u64;
    let mut text = format!(
        "the first sweep takes {}, and each hour after it about {}",
        counted(forecast.first_sweep, "request"),
        an_hour
    );
    let budget = limits.iter().find(|limit| limit.is_own());
    if let Some(budget) = budget {
        text += &format!(", of a budget of {} an hour", budget.limit.per_hour);
    }
    let told = client.usage().rate_limit;
    if let Some(limit) = &told {
        text += &format!(
            "; GitLab speaks of {} left of {}",
            limit.remaining, limit.limit
        );
    }
    let finding = match budget.filter(|budget| !budget.fits) {
        None => good("forecast", text),
        Some(budget) => {
            note("forecast", format!("{text}: everything gets older evenly")).advising(format!(
                "To keep poll.interval, raise poll.budget; else {}.",
                budget.remedy()
            ))
        }
    };
    findings.tell(
        finding
            .with("first_sweep", forecast.first_sweep)
            .with("requests_an_hour", an_hour)
            .with("busiest_minute", forecast.busiest_minute)
            .with("budget_an_hour", budget.map(|budget| budget.limit.per_hour))
            .with("rate_limit", told.map(|limit| limit.limit)),
    );
}
