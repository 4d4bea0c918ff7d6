//! Writes the configuration: read back by the loader first, and never over another file unless that is asked for.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use super::kept::{fits, folder_of};
use super::token::TOKEN_FILE;
use crate::app::misconfigured::misconfigured;
use crate::cli;
use crate::config::{Config, Environment, Flags, written};
use crate::stdio;

/// Where the configuration goes.
pub struct Target {
    /// None for standard output.
    file: Option<PathBuf>,
    force: bool,
}

impl Target {
    /// Looks first whether it can be written, before anything is asked.
    ///
    /// # Errors
    /// If the file is there already, or its folder is not.
    pub fn new(asked: &cli::Init) -> Result<Target> {
        let target = Target {
            file: asked.output.clone().filter(|file| file != Path::new("-")),
            force: asked.force,
        };
        let Some(file) = &target.file else {
            return Ok(target);
        };
        if file.exists() && !target.force {
            let text = format!("{} is there already: --force replaces it", file.display());
            return Err(misconfigured(anyhow!(text)));
        }
        let folder = target.folder();
        if !folder.is_dir() {
            return Err(misconfigured(anyhow!(
                "--output: there is no folder {}",
                folder.display()
            )));
        }
        fits(&folder).map_err(misconfigured)?;
        Ok(target)
    }

    /// The folder from which files in it are looked for.
    pub fn folder(&self) -> PathBuf {
        folder_of(self.file.as_deref())
    }

    /// Writes the configuration, once it reads as it should.
    ///
    /// # Errors
    /// If it does not, or can't be written.
    pub fn write(&self, flags: &Flags, more: &[(&'static str, String)]) -> Result<()> {
        let text = written(flags, more).map_err(misconfigured)?;
        let trial = Trial::new(self.file.as_deref())?;
        // A token that is still to be put into its file can't be read from there yet.
        let more = more.iter().map(|(key, value)| {
            let is_to_come = *key == TOKEN_FILE && !self.folder().join(value).exists();
            let readable = if is_to_come { trial.path()? } else { value };
            Ok((*key, readable.to_owned()))
        });
        let readable = written(flags, &more.collect::<Result<Vec<_>>>()?).map_err(misconfigured)?;
        trial.write(&readable)?;
        trial.read().context("reading back what would be written")?;
        trial.write(&text)?;
        match &self.file {
            None => stdio::print(&[text]),
            Some(file) => trial.become_file(file, self.force),
        }
    }

    /// Says the next steps.
    pub fn tell_what_next(&self, to_do: &str) {
        let say = |text: &str| stdio::say(format_args!("{text}"));
        let file = match &self.file {
            Some(file) => {
                say(&format!("\n{} is written.", file.display()));
                file.display().to_string()
            }
            None => {
                say("\nWrite this to a file, such as bridge.yaml.");
                "bridge.yaml".to_owned()
            }
        };
        if !to_do.is_empty() {
            say(to_do);
        }
        say(&format!(
            "Next:\n  gitlab-metrics-bridge check --config {file}\n  gitlab-metrics-bridge --config {file}"
        ));
    }
}

/// A file that is read before it takes its place. It is gone when this is dropped.
struct Trial(PathBuf);

impl Trial {
    /// An empty one beside the file that it shall become.
    fn new(file: Option<&Path>) -> Result<Trial> {
        let folder = match file {
            Some(_) => folder_of(file),
            None => std::env::temp_dir(),
        };
        let name = format!(".gitlab-metrics-bridge-{}.yaml", std::process::id());
        let trial = std::path::absolute(folder.join(name))?;
        let made = File::options().write(true).create_new(true).open(&trial);
        made.with_context(|| format!("writing to {}", folder.display()))?;
        Ok(Trial(trial))
    }

    fn path(&self) -> Result<&str> {
        let path = self.0.to_str();
        path.context("the folder has a name that is no text")
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut file = File::create(&self.0).context("writing the configuration")?;
        let written = file.write_all(text.as_bytes());
        let written = written.and_then(|()| file.sync_all());
        written.context("writing the configuration")
    }

    fn read(&self) -> Result<()> {
        let flags = Flags::default().with("config", self.path()?)?;
        Config::load(&flags, &Environment::of_process())?;
        Ok(())
    }

    /// Takes its place in one step, so that nobody sees a part of it.
    fn become_file(self, file: &Path, force: bool) -> Result<()> {
        let moved = match force {
            true => fs::rename(&self.0, file),
            // Unlike a rename, it fails if somebody else has written that file meanwhile.
            false => fs::hard_link(&self.0, file),
        };
        moved.with_context(|| format!("writing {}", file.display()))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // It is not there any more where it has become the file.
    }
}
