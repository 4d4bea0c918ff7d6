//! What polling will cost: the forecast of `plan` in two sentences.

use anyhow::Result;

use super::questions::say;
use crate::app::plan;
use crate::config::{Config, Instance};
use crate::prose::{agree, counted};

/// Says how many requests the first poll makes and how many an hour, and whether the limits carry them.
///
/// # Errors
/// If GitLab can't be asked how many projects there are.
pub async fn tell(config: &Config, instance: &Instance) -> Result<()> {
    let told = plan::of_one(config, instance).await?;
    let forecast = &told.forecast;
    say(&format!(
        "{} {} selected. The first poll makes about {}, and then it is about {:.0} an hour.",
        counted(told.assumption.projects(), "project"),
        agree(told.assumption.projects(), "is", "are"),
        counted(forecast.first_sweep, "request"),
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
