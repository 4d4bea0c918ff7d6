//! `explain`: where a metric comes from and why it is absent, by the bridge that runs or by one poll.

mod settings;

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use secrecy::SecretString;
use url::Url;

use super::misconfigured::misconfigured;
use super::own_status::{OwnParts, OwnStatus};
use super::polled_gitlabs::PolledGitLabs;
use super::{chosen, terminal};
use crate::cli::{Explain, ReportFormat};
use crate::config::Config;
use crate::export::{Answered, User, ask_explain};
use crate::metrics::EnabledMetrics;
use crate::metrics::explain::{NoAnswer, Question, explain as explain_metric, find_metric};
use crate::stdio;

pub use settings::settings;

/// Explains a metric: asks the bridge of this configuration, or another, and polls GitLab once if none answers.
///
/// # Errors
/// If there is no such metric, or neither a bridge nor GitLab can be asked.
pub async fn explain(config: Config, asked: &Explain) -> Result<()> {
    let enabled = chosen::enabled_metrics(&config)?;
    if asked.url.is_none() {
        // Nobody need be asked for a name that is none.
        known(asked, &enabled)?;
    }
    let url = asked.url.as_deref().map(str::parse::<Url>).transpose();
    let url = url.context("reading --url").map_err(misconfigured)?;
    let user = user(asked)?;
    let ca = asked.ca_file.as_ref().map(|file| {
        let pem = fs::read(file).with_context(|| format!("reading --ca-file {}", file.display()));
        pem.map_err(misconfigured)
    });
    let ca = ca.transpose()?;
    let wanted = wanted(asked);
    let wanted: Vec<(&str, &str)> = wanted
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let answered = ask_explain(
        &config.export,
        url.as_ref(),
        user.as_ref(),
        ca.as_deref(),
        &wanted,
    );
    match answered.await? {
        Answered::Explained(told) => print(asked, &told),
        Answered::Unknown(error) => Err(misconfigured(anyhow!(error))),
        Answered::Wrong(error) => Err(misconfigured(anyhow!(error))),
        Answered::Nobody(why) if asked.url.is_some() => bail!("{why}"),
        Answered::Nobody(why) => by_one_poll(&config, asked, &enabled, &why).await,
    }
}

/// Refuses a metric that there is not.
fn known(asked: &Explain, enabled: &EnabledMetrics) -> Result<()> {
    let found = find_metric(enabled.catalogue, &asked.metric);
    found.map(drop).map_err(misconfigured)
}

/// Who asks, if that is said. The password is never an argument: anybody on the machine could read it.
fn user(asked: &Explain) -> Result<Option<User>> {
    let Some(name) = &asked.user else {
        return Ok(None);
    };
    let password: SecretString = match &asked.password_file {
        Some(file) => {
            let text = fs::read_to_string(file);
            let text = text.with_context(|| format!("reading --password-file {}", file.display()));
            text.map_err(misconfigured)?
                .trim_end_matches(['\r', '\n'])
                .into()
        }
        None => terminal::secret(&format!("Password of {name}: "))
            .context("asking for the password; --password-file names a file that holds it")
            .map_err(misconfigured)?,
    };
    let name = name.clone();
    Ok(Some(User { name, password }))
}

/// The parameters of the question.
fn wanted(asked: &Explain) -> Vec<(&'static str, String)> {
    let format = match asked.format {
        ReportFormat::Text => "text",
        ReportFormat::Json => "json",
    };
    let named = [
        ("project", &asked.project),
        ("group", &asked.group),
        ("instance", &asked.instance),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)));
    let always = [
        ("metric", asked.metric.clone()),
        ("format", format.to_owned()),
        ("limit", asked.limit.to_string()),
    ];
    always.into_iter().chain(named).collect()
}

/// Prints what a bridge has told.
fn print(asked: &Explain, told: &str) -> Result<()> {
    match asked.format {
        ReportFormat::Text => stdio::print(&[told]),
        ReportFormat::Json => {
            let told: serde_json::Value =
                serde_json::from_str(told).context("reading the answer of the bridge")?;
            stdio::print(&[format!("{told:#}\n")])
        }
    }
}

/// Polls once by itself; `why` no bridge answers.
async fn by_one_poll(
    config: &Config,
    asked: &Explain,
    enabled: &EnabledMetrics,
    why: &str,
) -> Result<()> {
    let settings = settings(config, enabled).map_err(misconfigured)?;
    let gitlabs = PolledGitLabs::build(config, enabled);
    let mut gitlabs =
        gitlabs.with_context(|| format!("no bridge answers ({why}), so GitLab is to be polled"))?;
    stdio::say(format_args!(
        "No bridge answers ({why}). GitLab is polled once instead."
    ));
    let own = Arc::<OwnStatus>::default();
    own.is_about(OwnParts {
        gitlabs: gitlabs.asked(),
        config: config.digest(),
        ..OwnParts::default()
    });
    let view = gitlabs.poll().await;
    let question = Question {
        metric: &asked.metric,
        project: asked.project.as_deref(),
        group: asked.group.as_deref(),
        instance: asked.instance.as_deref(),
        most: asked.limit.into(),
    };
    let told = explain_metric(&question, &own.now(&view), &settings);
    let told = told.map_err(|error: NoAnswer| misconfigured(error))?;
    match asked.format {
        ReportFormat::Text => stdio::print(&[told.to_string()])?,
        ReportFormat::Json => {
            let json = serde_json::to_value(&told).context("writing the explanation")?;
            stdio::print(&[format!("{json:#}\n")])?;
        }
    }
    let reports = view
        .gitlabs
        .iter()
        .filter_map(|gitlab| gitlab.snapshot.report.as_ref());
    let mut unreached = reports.filter(|report| !report.reached);
    match unreached.next() {
        // Nothing is known then, so nothing is explained.
        Some(report) => bail!(
            "{}",
            report
                .failure
                .as_deref()
                .unwrap_or("GitLab does not answer")
        ),
        None => Ok(()),
    }
}
