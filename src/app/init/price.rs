//! What polling will cost: the forecast of `plan` in two sentences.

use anyhow::Result;

use super::questions::say;
use crate::app::plan;
use crate::config::{Config, Instance};

/// Says how many requests the first poll makes and how many an hour, and whether the limits carry them.
///
/// # Errors
/// If GitLab can't be asked how many projects there are.
pub async fn tell(config: &Config, instance: &Instance) -> Result<()> {
    let told = plan::of_one(config, instance).await?;
    let forecast = &told.forecast;
    say(&format!(
        "{} selected. The first poll makes about {} requests, and then it is about {:.0} an hour.",
        projects(told.assumption.projects()),
        forecast.first_sweep,
        forecast.total(),
    ));
    if told.assumption.projects() == 0 {
        say(
            "Nothing would be read: is the token's user a member of a project? --all reads all it may see.",
        );
    }
    for sentence in told.against_limits() {
        say(&format!("It {sentence}."));
    }
    Ok(())
}

fn projects(count: usize) -> String {
    match count {
        1 => "1 project is".to_owned(),
        count => format!("{count} projects are"),
    }
}
