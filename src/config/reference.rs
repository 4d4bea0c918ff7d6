//! The list of settings for people: a table, and a file with every key and its default.

use super::builder::Builder;
use super::setting::Setting;
use super::settings::{SECTIONS, SETTINGS, everything, instance_sections};

/// The reference as a document.
pub fn markdown() -> String {
    let mut table = String::from(
        "# Settings\n\nA later source wins: the file, variables, flags. \
         [`config.schema.json`](config.schema.json) says the same to an editor;\n\
         [`full.yaml`](../examples/full.yaml) is a file with every setting.\n\n\
         A reload (SIGHUP, or `POST /-/reload`) reads all of them again; those marked *restart* hold from the\n\
         next start on.\n\n\
         | setting | variable | flag | default | change | meaning |\n|---|---|---|---|---|---|\n",
    );
    let code = |text: &str| format!("`{text}`");
    let mut defaults = Builder::default();
    for setting in everything() {
        let variables = setting.variables();
        let variables: Vec<_> = variables.iter().map(|name| code(name)).collect();
        let flags = setting
            .flags()
            .map(|flag| code(&format!("--{}", flag.name)));
        let flags: Vec<String> = flags.collect();
        let default = setting.value.show(&mut defaults);
        let cells = [
            match setting.key.contains('.') {
                true => code(setting.key),
                false => setting.key.to_owned(),
            },
            variables.join("<br>"),
            flags.join(", "),
            default.as_deref().map(code).unwrap_or_default(),
            if setting.restart { "restart" } else { "reload" }.to_owned(),
            setting.meaning.to_owned(),
        ];
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table
}

/// A configuration file with every key: its default, or an example in a comment where the default is
/// to have none.
pub fn example() -> String {
    let mut text = String::from(
        "# yaml-language-server: $schema=../docs/config.schema.json\n\
         # Every setting with its default. A later source wins: this file, the environment, flags.\n\
         # Unknown keys are errors. Files are looked for from the folder of this one.\n",
    );
    let mut defaults = Builder::default();
    for (section, about) in SECTIONS {
        text.push_str(&format!("\n# {about}\n{section}:\n"));
        let (mut blocks, mut mapping) = (Vec::new(), "");
        for setting in SETTINGS {
            let Some(key) = setting.in_section(section) else {
                continue;
            };
            blocks.push(match key.split_once('.') {
                Some((within, key)) => {
                    let begins = mapping != within;
                    mapping = within;
                    let head = if begins {
                        format!("  {within}:\n")
                    } else {
                        String::new()
                    };
                    head + &block(setting, key, "    ", &mut defaults)
                }
                None => block(setting, key, "  ", &mut defaults),
            });
        }
        text.push_str(&blocks.join("\n"));
    }
    text.push_str(&instances());
    text
}

/// Several GitLabs, as an example has them.
pub(super) const INSTANCES: &str = "\
instances:
  com:
    gitlab: {url: https://gitlab.com, token_variable: COM_TOKEN}
    select: {groups: [acme]}
  internal:
    gitlab: {url: https://gitlab.example.com, token_variable: INTERNAL_TOKEN}
";

fn instances() -> String {
    let sections: Vec<_> = instance_sections().collect();
    let about = format!(
        "Several GitLabs, or several tokens for one. Each has a name, and says in the sections {} what \
         differs from what is said for all: above, in variables, by flags. A token for all is sent to \
         the gitlab.url for all alone. If there are several, every series about GitLab carries the name \
         as gitlab_instance.",
        sections.join(", ")
    );
    let mut text = String::from("\n");
    comment(&mut text, "", &about);
    for line in INSTANCES.lines() {
        text.push_str(&format!("# {line}\n"));
    }
    text
}

fn block(setting: &Setting, key: &str, indent: &str, defaults: &mut Builder) -> String {
    let mut text = String::new();
    comment(&mut text, indent, &setting.whole_meaning());
    comment(&mut text, indent, &places(setting));
    let example = setting.example;
    text.push_str(&match setting.value.show(defaults) {
        Some(default) if example.is_empty() => format!("{indent}{key}: {default}\n"),
        Some(default) => format!("{indent}{key}: {default} # for example {example}\n"),
        None if example.is_empty() => String::new(), // A key that a file can't hold.
        None => format!("{indent}# {key}: {example}\n"),
    });
    text
}

fn places(setting: &Setting) -> String {
    let flags = setting
        .flags()
        .map(|flag| format!(" Flag: --{}.", flag.name));
    let variables = setting.variables().join(", ");
    format!("Variable: {variables}.{}", flags.collect::<String>())
}

/// Writes sentences as a comment, wrapped.
pub(super) fn comment(text: &mut String, indent: &str, sentences: &str) {
    const WIDTH: usize = 100;
    let mut line = String::new();
    for word in sentences.split(' ') {
        if indent.len() + line.len() + word.len() + "# ".len() > WIDTH {
            text.push_str(&format!("{indent}#{line}\n"));
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&format!("{indent}#{line}\n"));
}
