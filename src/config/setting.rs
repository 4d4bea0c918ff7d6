//! A setting: where it can be written, what it means and which value it has.

use std::borrow::Cow;

use super::value::Value;

/// A setting.
pub struct Setting {
    /// `section.key` in the file, or `section.mapping.key`; a name without a dot can't be written there.
    pub key: &'static str,
    /// What it means, in sentences.
    pub meaning: &'static str,
    /// Variables by a standard or of GitLab's; a later one wins. Without any there is one of ours.
    standard: &'static [&'static str],
    flag: Option<Flag>,
    /// Another flag that fills it, and wins.
    also: Option<Flag>,
    /// A value to show where the default is to have none.
    pub example: &'static str,
    /// Whether a change of it needs a restart; else a reload is enough.
    pub restart: bool,
    pub(super) value: &'static dyn Value,
}

/// A flag, which may fill several settings.
#[derive(Clone, Copy)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    pub help: &'static str,
    pub(super) takes: Takes,
}

/// What a flag takes, with the name of the value in the help.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Nothing; it stands for a value.
    Nothing(&'static str),
    /// One value.
    Value(&'static str),
    /// One value each time it is given.
    Values(&'static str),
    /// Two settings in one.
    HostAndPort(&'static str),
}

pub(super) const fn row(
    key: &'static str,
    value: &'static dyn Value,
    meaning: &'static str,
) -> Setting {
    Setting {
        key,
        meaning,
        standard: &[],
        flag: None,
        also: None,
        example: "",
        restart: false,
        value,
    }
}

impl Setting {
    pub(super) const fn standard(self, standard: &'static [&'static str]) -> Setting {
        Setting { standard, ..self }
    }

    pub(super) const fn flag(
        self,
        name: &'static str,
        takes: Takes,
        help: &'static str,
    ) -> Setting {
        self.shared(Flag { name, help, takes })
    }

    pub(super) const fn shared(self, flag: Flag) -> Setting {
        Setting {
            flag: Some(flag),
            ..self
        }
    }

    pub(super) const fn also(
        self,
        name: &'static str,
        takes: Takes,
        help: &'static str,
    ) -> Setting {
        Setting {
            also: Some(Flag { name, help, takes }),
            ..self
        }
    }

    pub(super) const fn example(self, example: &'static str) -> Setting {
        Setting { example, ..self }
    }

    /// A change of it needs a restart.
    pub(super) const fn restart(self) -> Setting {
        Setting {
            restart: true,
            ..self
        }
    }

    /// What it means, and whether a change of it waits for a restart.
    pub(super) fn whole_meaning(&self) -> Cow<'static, str> {
        match self.restart {
            true => format!("{} A change needs a restart.", self.meaning).into(),
            false => self.meaning.into(),
        }
    }

    /// Its flags; a later one wins.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flag.iter().chain(&self.also)
    }

    /// Its variables; a later one wins. Ours are called after the key, in which `gitlab` and `select`
    /// go without saying, and so does `enabled` of a section as a whole.
    pub fn variables(&self) -> Vec<Cow<'static, str>> {
        if !self.standard.is_empty() {
            return self.standard.iter().copied().map(Cow::from).collect();
        }
        let key = self.key;
        let implied = ["gitlab.", "select."];
        let key = implied
            .iter()
            .find_map(|section| key.strip_prefix(section))
            .unwrap_or(key);
        // Not the list of metrics that are enabled.
        let section = key
            .strip_suffix(".enabled")
            .filter(|section| *section != "metrics");
        let key = section.unwrap_or(key);
        vec![format!("GITLAB_BRIDGE_{}", key.replace('.', "_").to_uppercase()).into()]
    }

    /// The token or password that it is about, if it is: the key without what says how the token is given.
    pub(super) fn token(&self) -> Option<&'static str> {
        let ends = ["_file", "_variable"];
        let stem = ends.iter().find_map(|end| self.key.strip_suffix(end));
        let stem = stem.unwrap_or(self.key);
        let is_secret = ["token", "password"]
            .iter()
            .any(|name| stem.ends_with(name));
        is_secret.then_some(stem)
    }

    /// The next part of its key below a section or a mapping in it, if it belongs there.
    pub(super) fn below(&self, path: &str) -> Option<&'static str> {
        let key = self.key.strip_prefix(path)?.strip_prefix('.')?;
        key.split('.').next()
    }

    /// Its key within a section, if it belongs to it.
    pub(super) fn in_section(&self, section: &str) -> Option<&'static str> {
        let (own, key) = self.key.split_once('.')?;
        (own == section).then_some(key)
    }
}
