//! The token: where it comes from, who it is, and whether it may read. It is neither shown nor written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::questions::{Questions, say};
use crate::app::misconfigured::misconfigured;
use crate::app::waiting;
use crate::gitlab::{Client, Config, CredentialSource, TokenInfo};

/// The setting that names the file with the token.
pub const TOKEN_FILE: &str = "gitlab.token_file";
/// How long GitLab may take to say who the token is.
const PATIENCE: Duration = Duration::from_secs(30);
/// So often a token may be tried: GitLab bars an address that collects wrong ones.
const TRIES: usize = 3;
/// Where a token is suggested to be kept.
const FILE: &str = "gitlab-token";

/// A token that GitLab takes.
pub struct Token {
    pub source: CredentialSource,
    /// What the configuration file says of it; nothing where a variable holds it.
    pub written: Option<(&'static str, String)>,
    /// What is still to be done for it.
    pub to_do: String,
}

/// The token that the environment says, or else an answer; it is tried at the GitLab.
///
/// # Errors
/// If there is none, or GitLab does not take it.
pub async fn find(config: &Config, questions: &mut Questions) -> Result<Token> {
    if let Some(source) = config.token.clone() {
        verify(config, &source).await?;
        return Ok(of_environment(source));
    }
    for tried in 1.. {
        let asked =
            "Access token with the scope read_api, or a file that holds it (it is not shown)";
        let Some(answer) = questions.secret(&format!("{asked}: "))? else {
            bail!(no_token());
        };
        let text = answer.expose_secret();
        if text.is_empty() {
            bail!(no_token());
        }
        let file = Path::new(text);
        let token = match file.is_file() {
            true => of_file(std::path::absolute(file)?),
            false => of_answer(text),
        };
        match verify(config, &token.source).await {
            Ok(()) => return Ok(token),
            Err(error) if tried < TRIES && questions.goes_on() => say(&format!("{error:#}")),
            Err(error) => return Err(error),
        }
    }
    bail!(no_token())
}

fn no_token() -> anyhow::Error {
    misconfigured(anyhow!(
        "there is no token: set GITLAB_TOKEN, or GITLAB_TOKEN_FILE, to an access token with the scope read_api \
         (in GitLab: Preferences > Access tokens)"
    ))
}

fn of_environment(source: CredentialSource) -> Token {
    match source {
        CredentialSource::File(file) => of_file(std::path::absolute(&file).unwrap_or(file)),
        CredentialSource::Value(ref name, _) if name == "GITLAB_TOKEN" => Token {
            to_do: "Set GITLAB_TOKEN wherever it runs.".to_owned(),
            written: None,
            source,
        },
        CredentialSource::Value(ref name, _) => Token {
            to_do: format!("Set {name} wherever it runs."),
            written: Some(("gitlab.token_variable", name.clone())),
            source,
        },
    }
}

fn of_file(file: PathBuf) -> Token {
    Token {
        to_do: String::new(),
        written: Some((TOKEN_FILE, file.display().to_string())),
        source: CredentialSource::File(file),
    }
}

/// The file is named, and for the user to make: what is written by accident is a leak.
fn of_answer(text: &str) -> Token {
    Token {
        to_do: format!(
            "Put the token into the file {FILE} beside the configuration, for the bridge alone to read:\n  \
             install -m 600 /dev/stdin {FILE}   (paste it, then Enter and Ctrl-D)"
        ),
        written: Some((TOKEN_FILE, FILE.to_owned())),
        source: CredentialSource::Value("the answer".to_owned(), text.into()),
    }
}

/// Tries a token.
async fn verify(config: &Config, source: &CredentialSource) -> Result<()> {
    let config = Config {
        token: Some(source.clone()),
        ..config.clone()
    };
    let client = config.build().map_err(misconfigured)?;
    let info = asked(&client).await?;
    let version = info
        .version
        .as_deref()
        .map(|version| format!("GitLab {version}: the"));
    let user = info
        .username
        .as_deref()
        .unwrap_or("somebody it does not name");
    let until = info.expires_at.map(|date| format!(" until {date}"));
    let says = version.unwrap_or_else(|| "The".to_owned());
    say(&format!(
        "{says} token belongs to {user}{}.",
        until.unwrap_or_default()
    ));
    scopes(&info)
}

async fn asked(client: &Client) -> Result<TokenInfo> {
    let asking = client.token_info(Instant::now() + PATIENCE);
    let info = waiting::explained(client, asking).await;
    info.map_err(|error| anyhow!("{}: {}", client.url(), error.with_advice()))
}

fn scopes(info: &TokenInfo) -> Result<()> {
    let may_read = |scope: &String| scope == "api" || scope == "read_api";
    match &info.scopes {
        Some(scopes) if scopes.iter().any(may_read) => {
            say(&format!("Its scopes are {}.", scopes.join(", ")));
            if !scopes.iter().any(|scope| scope == "read_api") {
                say("It may write too. The bridge only reads: read_api is enough.");
            }
            Ok(())
        }
        Some(scopes) => bail!(
            "the token has the scopes {}: create one with read_api",
            scopes.join(", ")
        ),
        None => {
            say("GitLab does not tell the scopes of this kind of token; it needs read_api.");
            Ok(())
        }
    }
}
