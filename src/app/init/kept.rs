//! Where what is known is kept over a restart: a file in a folder that can be written.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::interview::Interview;
use super::questions::{Question, Questions, say};

/// The folder that the systemd unit and the packages make.
const FOLDER: &str = "/var/lib/gitlab-metrics-bridge";
const NONE: &str = "none";

/// Asks for the state file, if it is not said, and tries its folder.
///
/// # Errors
/// If it can't be written.
pub async fn ask(
    interview: &mut Interview,
    questions: &mut Questions,
    beside: &Path,
) -> Result<()> {
    let config = interview.config()?;
    if let Some(path) = &config.instances[0].poll.state {
        return writable(path, beside);
    }
    let default = match fits(Path::new(FOLDER)) {
        Ok(()) => format!("{FOLDER}/state"),
        Err(_) => "gitlab-metrics-bridge.state".to_owned(),
    };
    let question = Question {
        text: "Which file keeps what is known over a restart (none: a restart begins anew)",
        default: Some(&default),
        is_needed: false,
        said_by: "--state",
    };
    let chosen = questions.until_right(question, async |answer| {
        if answer.eq_ignore_ascii_case(NONE) {
            return Ok(None);
        }
        writable(Path::new(answer), beside)?;
        Ok(Some(answer.to_owned()))
    });
    if let Some(path) = chosen.await? {
        interview.say("state", &path)?;
    }
    Ok(())
}

/// Whether the file can be written, looked for from the folder of the configuration.
fn writable(path: &Path, beside: &Path) -> Result<()> {
    let whole = beside.join(path);
    if whole.is_dir() {
        bail!("{} is a folder: name a file in it", whole.display());
    }
    let folder = whole
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    fits(&folder)?;
    say(&format!("{} can be written.", whole.display()));
    Ok(())
}

/// Tries a folder with a file of a name that nobody uses.
///
/// # Errors
/// If it can't be written.
pub fn fits(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!(
            "there is no folder {}: create it, or name another",
            folder.display()
        );
    }
    let trial = folder.join(format!(".gitlab-metrics-bridge-{}", std::process::id()));
    let made = fs::File::options()
        .write(true)
        .create_new(true)
        .open(&trial);
    made.map_err(|error| anyhow!("{error}")).with_context(|| {
        format!(
            "the folder {} can't be written: give it to the user of the bridge, or name another",
            folder.display()
        )
    })?;
    let _ = fs::remove_file(&trial); // It has just been made.
    Ok(())
}

/// The folder from which the files of a configuration are looked for.
pub fn folder_of(file: Option<&Path>) -> PathBuf {
    let folder = file
        .and_then(Path::parent)
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or_else(|| PathBuf::from("."), Path::to_owned)
}
