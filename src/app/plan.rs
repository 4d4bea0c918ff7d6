//! `plan`: what polling will cost in this configuration, with a GitLab at hand or without.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::time::Instant;

use super::instances::Instance;
use super::outlook::{self, Outlook, Verdict};
use super::{parts, waiting};
use crate::cli::{Active, Plan, PlanFormat};
use crate::config::{self, Config};
use crate::gitlab::Budget;
use crate::metrics::EnabledMetrics;
use crate::poll::{ANNOUNCED, Assumption, Forecast, Forecasts};
use crate::stdio;

/// How long GitLab may take to say how many projects there are.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many projects are taken to be active in an hour where no GitLab is asked. It is much: of those
/// that a big company keeps, most are quiet for weeks.
const ACTIVE: Active = Active::Percent(5.0);

/// Prints a forecast for each configured GitLab.
///
/// # Errors
/// If a GitLab is to be asked and can't be.
pub async fn plan(config: Config, plan: &Plan) -> Result<()> {
    let shown = parts::shown(&config)?;
    let mut outlooks = Vec::new();
    for instance in &config.instances {
        let label = config.label(instance);
        let assumption = match plan.projects {
            Some(projects) => assume(instance, projects, plan.active),
            None => survey(instance, label, &shown, plan.active).await?,
        };
        let name = label.map(str::to_owned);
        outlooks.push(outlook(name, instance, &shown, assumption, plan));
    }
    let text = match plan.format {
        PlanFormat::Text => outlook::text(&outlooks),
        PlanFormat::Json => outlook::json(&outlooks),
    };
    stdio::print(&[text])
}

/// Needs neither a GitLab nor a token.
fn assume(instance: &config::Instance, projects: u32, active: Option<Active>) -> Assumption {
    let sources = instance.poll.selection.sources();
    let active = |projects| number(active.unwrap_or(ACTIVE), projects);
    Assumption::of(&sources, projects as usize, active)
}

async fn survey(
    instance: &config::Instance,
    label: Option<&str>,
    shown: &EnabledMetrics,
    active: Option<Active>,
) -> Result<Assumption> {
    let mut built = Instance::build(instance, label, shown)
        .context("plan asks GitLab; with --projects it does not")?;
    let survey = built.poller.survey(Instant::now() + PATIENCE);
    let surveyed = waiting::explained(&built.client, survey).await;
    let mut assumption = surveyed.map_err(|error| {
        let (url, advice) = (built.client.url(), error.with_advice());
        anyhow!("{url}: {advice}; with --projects no GitLab is asked")
    })?;
    if let Some(active) = active {
        assumption.active = number(active, assumption.projects());
        assumption.pipelines = assumption.active;
    }
    Ok(assumption)
}

fn number(active: Active, projects: usize) -> f64 {
    match active {
        Active::Projects(active) => f64::from(active).min(projects as f64),
        Active::Percent(share) => projects as f64 * share / 100.0,
    }
}

fn outlook(
    name: Option<String>,
    instance: &config::Instance,
    shown: &EnabledMetrics,
    assumption: Assumption,
    plan: &Plan,
) -> Outlook {
    let rhythm = instance.poll.rhythm;
    let mut forecasts = Forecasts::new(shown, &assumption);
    let forecast = forecasts.of(rhythm).clone();
    let mut verdict = |name: &'static str, limit: Budget, fits: fn(&Forecast, Budget) -> bool| {
        let fitting = fits(&forecast, limit);
        let advice = match fitting {
            true => None,
            false => forecasts.advice(rhythm, |other| fits(other, limit)),
        };
        Verdict {
            name,
            limit,
            fits: fitting,
            advice,
        }
    };
    let budget = instance.gitlab.budget();
    let own = budget.map(|budget| verdict("poll.budget", budget, Forecast::fits_budget));
    let announced = ANNOUNCED.map(|limit| verdict("gitlab.com", limit, Forecast::fits));
    Outlook {
        name,
        surveyed: plan.projects.is_none(),
        verdicts: own.into_iter().chain(announced).collect(),
        assumption,
        forecast,
    }
}
