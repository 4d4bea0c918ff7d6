//! Whatever stands in a file, in the environment or on the command line: it is taken or refused in words
//! that fit on a line, the same each time, and no secret is shown.

use clap::Parser;

use super::*;
use crate::cli::Cli;
use crate::config::settings::everything;
use crate::tests::fuzz::{Outcome, Target};

const SECRET: &str = "s3cret-7f31";

/// What comes of loading, and that nothing of it shows a secret.
fn judged(load: impl Fn() -> Result<Config, Error>) -> Outcome {
    let told = |loaded: Result<Config, Error>| match loaded {
        Ok(config) => {
            let warnings = config.warnings.iter().map(Error::to_string);
            let warnings: Vec<_> = warnings.collect();
            assert!(
                warnings.iter().all(|warning| is_a_line(warning)),
                "{warnings:?}"
            );
            let told = format!("{config:?} {:?} {}", config.summary(), config.digest());
            (warnings.join(" "), told)
        }
        Err(error) => {
            let text = error.to_string();
            assert!(is_a_line(&text), "{text:?}");
            (text, String::new())
        }
    };
    let (outcome, shown) = told(load());
    assert!(
        !outcome.contains(SECRET) && !shown.contains(SECRET),
        "{outcome} {shown}"
    );
    assert_eq!((&outcome, &shown), (&told(load()).0, &told(load()).1));
    outcome
}

fn is_a_line(text: &str) -> bool {
    !text.is_empty() && text.len() < 2_000 && !text.contains(['\n', '\r', '\u{1b}'])
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

fn variables() -> Vec<String> {
    let all = everything().flat_map(|setting| setting.variables());
    all.map(|name| name.into_owned()).collect()
}

#[test]
fn any_file() {
    let folder = nothing().beside("token").beside("empty");
    let written = folder
        .with_file("")
        .variable("GITLAB_TOKEN", SECRET)
        .variable("KEY", SECRET);
    let examples = ["full", "group", "instances", "otlp"].map(|name| {
        let example = format!("{}/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        fs::read(example).unwrap()
    });
    let keys = everything().flat_map(|setting| setting.key.split('.'));
    Target::new("configuration-file")
        .seeds(examples)
        .seeds(["gitlab: {url: 'https://a.example', headers: {x-key: @, x-file: {file: token}}}\n"])
        .words(keys.map(|key| format!("{key}: ")))
        .words([
            "${KEY}", "x-key: @", "&a ", "*a", "? ", "- ", "!!str ", "{", "}", "[", "]", "\"",
            "|\n  ", "<<: ",
        ])
        // The list of everything that may be written is looked at for each key that is not known.
        .memory(2_000, 16 << 20)
        .run(|input| {
            let input = text(input).replace("x-key: @", &format!("x-key: {SECRET}"));
            fs::write(written.path("bridge.yaml"), input).unwrap();
            judged(|| written.load())
        });
}

#[test]
fn any_environment() {
    let secrets = ["TOKEN", "HEADERS", "ENDPOINT", "URL", "PROXY"];
    Target::new("configuration-environment")
        .seeds(variables().iter().map(|name| format!("{name}=a")))
        .seeds([
            "GITLAB_URL=https://a.example\nGITLAB_TOKEN=b\nOTEL_EXPORTER_OTLP_HEADERS=a=b,c=d%20e",
        ])
        .words(variables())
        .words([
            "=",
            "\n",
            ",",
            "%",
            "true",
            "https://",
            "1h",
            "grpc",
            "otlp",
            "https://a:@b",
        ])
        .memory(2_000, 16 << 20)
        .run(|input| {
            let input = text(input);
            let pairs = input.lines().filter_map(|line| line.split_once('='));
            let environment: Environment = pairs
                .map(|(name, value)| {
                    let is_secret = secrets.iter().any(|part| name.ends_with(part));
                    let value = value.replace('@', &format!("{SECRET}@"));
                    let hidden = match is_secret {
                        true if name.ends_with("HEADERS") => format!("{value}={SECRET}"),
                        true if name.ends_with("TOKEN") => format!("{value}{SECRET}"),
                        true => value,
                        false => value.replace(SECRET, "a"),
                    };
                    (name.to_owned(), hidden)
                })
                .collect();
            judged(|| Config::load(&Flags::default(), &environment))
        });
}

#[test]
fn any_command_line() {
    let flags = crate::config::flags::all().map(|(flag, _)| format!("--{}", flag.name));
    let flags: Vec<_> = flags.collect();
    Target::new("command-line")
        .seeds(flags.iter().map(|flag| format!("{flag}\n1")))
        .words(flags)
        .words([
            "\n",
            "=",
            "check",
            "plan",
            "demo",
            "--active",
            "5%",
            "1h",
            "0.0.0.0:1",
            "[::1]:2",
            "-",
        ])
        // The whole command line is described anew for each input.
        .memory(2_000, 32 << 20)
        .run(|input| {
            let input = text(input);
            let words = std::iter::once("bridge").chain(input.split('\n'));
            match Cli::try_parse_from(words) {
                Ok(cli) => judged(|| Config::load(&cli.flags, &Environment::default())),
                Err(error) => format!("{:?}", error.kind()),
            }
        });
}
