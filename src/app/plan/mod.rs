//! `plan`: what polling will cost in this configuration, with a GitLab at hand or without.

mod report;

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::time::Instant;

use super::polled_gitlabs::PolledGitLab;
use super::{chosen, waiting};
use crate::cli::{Active, Plan, ReportFormat};
use crate::config::{self, Config};
use crate::gitlab::Budget;
use crate::metrics::EnabledMetrics;
use crate::poll::{ANNOUNCED, Assumption, Forecast, Forecasts, prices};
use crate::prose::advised;
use crate::stdio;
pub(super) use report::{GitLabPlan, LimitCheck};

/// How long GitLab may take to say how many projects there are.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many projects are assumed to be active in an hour where no GitLab is asked. It is a lot: most
/// projects of a big company are quiet for weeks.
const ACTIVE: Active = Active::Percent(5.0);

/// The forecast for one GitLab, which is asked what there is to read.
///
/// # Errors
/// If it can't be asked.
pub(super) async fn of_one(config: &Config, gitlab: &config::Instance) -> Result<GitLabPlan> {
    let enabled = chosen::enabled_metrics(config)?.with_cadence(&gitlab.poll.cadence);
    let assumption = survey(gitlab, config.label(gitlab), &enabled, None).await?;
    let (forecast, limits) = check_limits(gitlab, &enabled, &assumption);
    Ok(GitLabPlan {
        name: config.label(gitlab).map(str::to_owned),
        surveyed: true,
        prices: Vec::new(),
        assumption,
        forecast,
        limits,
    })
}

/// Prints a forecast for each configured GitLab.
///
/// # Errors
/// If a GitLab is to be asked and can't be.
pub async fn plan(config: Config, plan: &Plan) -> Result<()> {
    let of_all = chosen::enabled_metrics(&config)?;
    let mut plans = Vec::new();
    for gitlab in &config.instances {
        let enabled = of_all.with_cadence(&gitlab.poll.cadence);
        let name = config.label(gitlab);
        let assumption = match plan.projects {
            Some(projects) => assume(gitlab, projects, plan.active),
            None => survey(gitlab, name, &enabled, plan.active).await?,
        };
        let prices = prices(gitlab.poll.rhythm, &enabled, &assumption);
        let (forecast, limits) = check_limits(gitlab, &enabled, &assumption);
        plans.push(GitLabPlan {
            name: name.map(str::to_owned),
            surveyed: plan.projects.is_none(),
            assumption,
            forecast,
            prices,
            limits,
        });
    }
    let text = match plan.format {
        ReportFormat::Text => report::text(&plans),
        ReportFormat::Json => report::json(&plans),
    };
    stdio::print(&[text])
}

/// Needs neither a GitLab nor a token.
fn assume(gitlab: &config::Instance, projects: u32, active: Option<Active>) -> Assumption {
    let sources = gitlab.poll.selection.sources();
    let active = |projects| number(active.unwrap_or(ACTIVE), projects);
    Assumption::of(&sources, projects as usize, active)
}

/// Asks the GitLab what there is to read.
async fn survey(
    gitlab: &config::Instance,
    name: Option<&str>,
    enabled: &EnabledMetrics,
    active: Option<Active>,
) -> Result<Assumption> {
    let mut built = PolledGitLab::build(gitlab, name, enabled)
        .context("plan asks GitLab; with --projects it does not")?;
    let survey = built.poller.survey(Instant::now() + PATIENCE);
    let surveyed = waiting::shown(&built.client, "GitLab to tell what there is", survey).await;
    let mut assumption = surveyed.map_err(|problem| {
        let said = format!("{}: {problem}", built.client.url());
        anyhow!(advised(said, "With --projects, no GitLab is asked."))
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

/// Forecasts the requests, and compares them with the budget and with the limits that GitLab.com has
/// announced.
pub(super) fn check_limits(
    gitlab: &config::Instance,
    enabled: &EnabledMetrics,
    assumption: &Assumption,
) -> (Forecast, Vec<LimitCheck>) {
    let rhythm = gitlab.poll.rhythm;
    let mut forecasts = Forecasts::new(enabled, assumption);
    let forecast = forecasts.of(rhythm).clone();
    let mut check = |name: &'static str, limit: Budget, fits: fn(&Forecast, Budget) -> bool| {
        let is_enough = fits(&forecast, limit);
        let advice = match is_enough {
            true => None,
            false => forecasts.advice(rhythm, |other| fits(other, limit)),
        };
        LimitCheck {
            name,
            limit,
            fits: is_enough,
            advice,
        }
    };
    let budget = gitlab.gitlab.budget();
    let own = budget.map(|budget| check("poll.budget", budget, Forecast::fits_budget));
    let announced = ANNOUNCED.map(|limit| check("gitlab.com", limit, Forecast::fits));
    let limits = own.into_iter().chain(announced).collect();
    (forecast, limits)
}
