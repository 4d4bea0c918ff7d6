//! A configuration file made of flags: what is said with its meaning beside it, from the list of settings.

use super::error::Error;
use super::flags::Flags;
use super::reference::comment;
use super::setting::{Setting, Takes};
use super::settings::{SECTIONS, SETTINGS};

/// Settings that a new user soon looks for: a comment shows them where they are not said.
const SUGGESTED: [&str; 7] = [
    "select.exclude",
    "poll.interval",
    "poll.budget",
    "metrics.enabled",
    "metrics.project_labels",
    "prometheus.web_config_file",
    "log.format",
];

/// A configuration file that says what these flags say, and some settings more: keys with their values.
///
/// # Errors
/// If a flag can't be read.
pub fn written(flags: &Flags, more: &[(&str, String)]) -> Result<String, Error> {
    let mut text = String::from(
        "# Written by `gitlab-metrics-bridge init`. `docs/settings.md` has all settings; a later source wins: this\n\
         # file, the environment, flags. Files are looked for from the folder of this one.\n",
    );
    for (section, about) in SECTIONS {
        let mut blocks = Vec::new();
        let mut is_said = false;
        for setting in SETTINGS {
            let Some(key) = setting.in_section(section).filter(|key| !key.contains('.')) else {
                continue;
            };
            let own = more.iter().find(|(own, _)| *own == setting.key);
            let said = match own {
                Some((_, value)) => Some(scalar(value)),
                None => said(flags, setting)?,
            };
            is_said |= said.is_some();
            let line = match said {
                Some(value) => format!("  {key}: {value}\n"),
                None if SUGGESTED.contains(&setting.key) => {
                    format!("  # {key}: {}\n", shown(setting))
                }
                None => continue,
            };
            let mut block = String::new();
            comment(&mut block, "  ", setting.meaning);
            blocks.push(block + &line);
        }
        if blocks.is_empty() {
            continue;
        }
        // A section of comments alone would be one of nothing.
        let head = if is_said { "" } else { "# " };
        text += &format!("\n# {about}\n{head}{section}:\n{}", blocks.join("\n"));
    }
    Ok(text)
}

/// What the flags say of a setting, as YAML.
fn said(flags: &Flags, setting: &Setting) -> Result<Option<String>, Error> {
    let mut said = None;
    for flag in setting.flags() {
        let Some(values) = flags.given(flag, setting)? else {
            continue;
        };
        said = Some(match (flag.takes, flag.name) {
            // The list of exporters is a switch of each.
            (_, "exporter") => {
                let section = setting.key.split('.').next().unwrap_or_default();
                values
                    .iter()
                    .any(|own| own.eq_ignore_ascii_case(section))
                    .to_string()
            }
            (Takes::Values(_), _) => {
                let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
                format!("[{}]", values.join(", "))
            }
            _ => scalar(values.last().map_or("", String::as_str)),
        });
    }
    Ok(said)
}

/// What to write in place of what is not said.
fn shown(setting: &Setting) -> String {
    let default = setting.value.show(&mut Default::default());
    match (setting.example, default) {
        ("", default) => default.unwrap_or_default(),
        (example, _) => example.to_owned(),
    }
}

/// A text as YAML: in quotes, unless it means the same without. A dollar would stand for a variable.
fn scalar(text: &str) -> String {
    let text = &text.replace('$', "$$");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:+-".contains(&byte);
    let is_word = text.bytes().all(is_plain)
        && text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric() || first == b'/' || first == b'.')
        && !text.ends_with(':');
    match is_word {
        true => text.to_owned(),
        // A JSON string is a YAML string.
        false => serde_json::Value::from(text.as_str()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    /// The configuration that these flags are, read from a file that is made of them.
    fn read_back(flags: &Flags) -> (Config, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.yaml");
        let text = written(flags, &[("gitlab.token_file", "a token".to_owned())]).unwrap();
        std::fs::write(&path, &text).unwrap();
        std::fs::write(folder.path().join("a token"), "glpat-x").unwrap();
        let flags = Flags::default()
            .with("config", path.to_str().unwrap())
            .unwrap();
        let config = Config::load(&flags, &Environment::default());
        (
            config.unwrap_or_else(|error| panic!("{error}\n{text}")),
            text,
        )
    }

    #[test]
    fn a_file_made_of_flags_says_what_they_say() {
        let given = [
            ("gitlab-url", "https://gitlab.example.com/sub"),
            ("group", "platform"),
            ("group", "9970"),
            ("group", "true"),
            ("exclude", "**/sandbox/**"),
            ("exclude", "a$b/**"),
            ("include", "{a,b}/**"),
            ("interval", "30s"),
            ("budget", "600/h,60/m"),
            ("listen", "[::1]:9999"),
            ("exporter", "otlp"),
            ("otlp-endpoint", "http://localhost:4317"),
            ("log-level", "debug,poll=trace"),
        ];
        let mut flags = Flags::default();
        for (name, value) in given {
            flags = flags.with(name, value).unwrap();
        }
        let (config, text) = read_back(&flags);
        let by_flags = Config::load(&flags, &Environment::default()).unwrap();
        // What was said and where is another matter.
        let shown = |config: &Config| {
            let one = &config.instances[0];
            format!(
                "{:?} {:?} {:?} {:?}",
                one.poll, config.export, config.log, config.metrics
            )
        };
        assert_eq!(shown(&config), shown(&by_flags), "{text}");
        assert_eq!(
            config.instances[0].gitlab.url,
            by_flags.instances[0].gitlab.url
        );
        assert!(text.contains("token_file: \"a token\""), "{text}");
        assert!(
            text.contains("# An access token")
                || text.contains("# A file that holds the access token"),
            "{text}"
        );
    }

    #[test]
    fn a_file_of_no_flags_is_one_of_defaults() {
        let (config, text) = read_back(&Flags::default());
        assert_eq!(config.instances[0].poll.selection.groups, [""; 0], "{text}");
        assert!(text.contains("# poll:\n"), "{text}");
    }
}
