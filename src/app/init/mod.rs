//! `init`: writes a configuration from flags and a few questions, each answer tried at the GitLab.

mod address;
mod exporters;
mod groups;
mod interview;
mod kept;
mod price;
mod questions;
mod token;
mod writing;

use anyhow::{Result, anyhow};

use super::misconfigured::misconfigured;
use crate::cli;
use crate::config::Flags;
use crate::gitlab::Client;
use interview::Interview;
use questions::{Question, Questions, say};
use token::Token;

/// Asks for what flags and variables do not say, tries it, and writes the configuration.
///
/// # Errors
/// If an answer is missing or does not hold, or the file can't be written. Nothing is written then.
pub async fn init(flags: Flags, asked: &cli::Init) -> Result<()> {
    let target = writing::Target::new(asked)?;
    let mut interview = Interview::new(flags);
    if interview.config_without_address()?.file.is_some() {
        let text = "init begins a new configuration: leave out --config and GITLAB_BRIDGE_CONFIG, and name the \
                    new file with --output";
        return Err(misconfigured(anyhow!(text)));
    }
    interview.settle_paths(&target.folder())?;
    let mut questions = Questions::new(asked.yes);
    ask_address(&mut interview, &mut questions).await?;
    let token = token::find(&interview.config()?.instances[0].gitlab, &mut questions).await?;
    ask_selection(&mut interview, &token, &mut questions).await?;
    exporters::ask(&mut interview, &mut questions).await?;
    let beside = target.folder();
    kept::ask(&mut interview, &mut questions, &beside).await?;
    let more: Vec<_> = token.written.iter().cloned().collect();
    target.write(&interview.flags, &more)?;
    target.tell_what_next(&token.to_do);
    Ok(())
}

/// Asks where GitLab is, unless that is said.
async fn ask_address(interview: &mut Interview, questions: &mut Questions) -> Result<()> {
    let config = interview.config_without_address()?;
    let gitlab = &config.instances[0].gitlab;
    let said = interview
        .flags
        .values("gitlab-url")
        .and_then(|values| values.last().cloned());
    let said = said.or_else(|| (!config.is_address_assumed).then(|| gitlab.url.to_string()));
    let url = match said {
        Some(said) => address::find(&said, gitlab).await?,
        None => {
            let question = Question {
                text: "Address of GitLab",
                default: Some("https://gitlab.com"),
                // The token goes there.
                is_needed: true,
                said_by: "--gitlab-url or GITLAB_URL",
            };
            questions
                .until_right(question, async |answer| address::find(answer, gitlab).await)
                .await?
        }
    };
    let url = url.as_str().trim_end_matches('/').to_owned();
    interview.say_instead("gitlab-url", &[url])
}

/// Asks which groups are read, unless that is said, and what that costs.
async fn ask_selection(
    interview: &mut Interview,
    token: &Token,
    questions: &mut Questions,
) -> Result<()> {
    let client = interview.client(token)?;
    let config = interview.config()?;
    let selection = &config.instances[0].poll.selection;
    for project in &selection.projects {
        groups::find_project(&client, project).await?;
    }
    if !selection.groups.is_empty() {
        let mut paths = Vec::new();
        for group in &selection.groups {
            paths.push(groups::find(&client, group).await?);
        }
        say(&format!("Groups to read: {}.", paths.join(", ")));
        interview.say_instead("group", &paths)?;
    } else if selection.projects.is_empty()
        && !interview.says(&["all"])
        && !config.says("select.scope")
    {
        let question = Question {
            text: "Groups to read, by name or full path, with commas between; \"all\" is all that the token may \
                   see, and Enter what its user is a member of",
            default: Some(""),
            is_needed: false,
            said_by: "--group",
        };
        let answer = questions
            .until_right(question, async |answer| named(&client, answer).await)
            .await?;
        match answer {
            None => interview.say("all", "")?,
            Some(paths) => interview.say_instead("group", &paths)?,
        }
    }
    let config = interview.config_with(token)?;
    price::tell(&config, &config.instances[0]).await
}

/// The full paths of the groups that are named; none for all there is.
async fn named(client: &Client, answer: &str) -> Result<Option<Vec<String>>> {
    let names = answer
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    if let ["all" | "*"] = names[..] {
        return Ok(None);
    }
    let mut paths = Vec::new();
    for name in names {
        paths.push(groups::find(client, name).await?);
    }
    Ok(Some(paths))
}
