//! Several GitLabs in one file.

use std::time::Duration;

use super::super::SETTINGS;
use super::super::builder::Builder;
use super::super::settings::instance_sections;
use super::*;
use crate::gitlab::CredentialSource;
use crate::poll::Scope;

/// A file that lists these GitLabs. The variables A and B hold tokens.
fn listed(text: &str) -> Written {
    file(&format!("instances:\n{text}"))
        .variable("A", "token-a")
        .variable("B", "token-b")
}

/// Each GitLab's name, address and variable of its token.
fn asked(written: &Written) -> Vec<(String, String, String)> {
    let instances = written.config().instances.into_iter();
    let asked = instances.map(|instance| {
        let token = match instance.gitlab.token {
            Some(CredentialSource::Value(name, _)) => name,
            other => panic!("{other:?}"),
        };
        (instance.name, instance.gitlab.url.to_string(), token)
    });
    asked.collect()
}

fn each(asked: [(&str, &str, &str); 2]) -> Vec<(String, String, String)> {
    asked
        .map(|(name, url, token)| (name.to_owned(), url.to_owned(), token.to_owned()))
        .into()
}

#[test]
fn gitlabs_are_listed_by_name_in_the_order_of_the_file() {
    let written = listed(
        "  two: {gitlab: {url: https://b.example.com, token_variable: B}}\n  \
           one.1_x-y: {gitlab: {url: https://a.example.com, token_variable: A}}\n",
    );
    assert_eq!(
        asked(&written),
        each([
            ("two", "https://b.example.com/", "B"),
            ("one.1_x-y", "https://a.example.com/", "A"),
        ])
    );
}

#[test]
fn one_gitlab_may_be_asked_with_two_tokens() {
    let written = listed(
        "  a: {gitlab: {token_variable: A}}\n  b: {gitlab: {token_variable: B}}\n\
         gitlab: {url: https://gitlab.example.com}\n",
    );
    let url = "https://gitlab.example.com/";
    assert_eq!(asked(&written), each([("a", url, "A"), ("b", url, "B")]));
}

#[test]
fn what_is_said_of_one_wins_over_what_any_source_says_of_all() {
    let config = listed(
        "  a: {gitlab: {token_variable: A}, poll: {interval: 5m}, select: {groups: [x]}}\n  \
           b: {gitlab: {token_variable: B}, select: {scope: all}}\n\
         poll: {interval: 1m}\n",
    )
    .variable("GITLAB_BRIDGE_POLL_INTERVAL", "2m")
    .flag("interval", "3m")
    .variable("GITLAB_BRIDGE_ARCHIVED", "false")
    .config();
    let [a, b] = config.instances.try_into().unwrap();
    assert_eq!(a.poll.rhythm.interval, Duration::from_secs(300));
    assert_eq!(b.poll.rhythm.interval, Duration::from_secs(180));
    assert_eq!(a.poll.selection.groups, ["x"]);
    assert_eq!(
        (b.poll.selection.scope, b.poll.selection.groups.len()),
        (Scope::All, 0)
    );
    assert!(!a.poll.selection.filter.archived && !b.poll.selection.filter.archived);
}

#[test]
fn the_token_for_all_is_not_sent_to_another_gitlab() {
    let written = listed("  a:\n  b: {gitlab: {url: https://b.example.com, token_variable: B}}\n");
    let written = written.variable("GITLAB_TOKEN", "abc");
    assert_eq!(
        asked(&written),
        each([
            ("a", "https://gitlab.com/", "GITLAB_TOKEN"),
            ("b", "https://b.example.com/", "B"),
        ])
    );
    let written = listed("  a:\n  b: {gitlab: {url: https://b.example.com}}\n");
    assert_eq!(
        written.variable("GITLAB_TOKEN", "abc").error(),
        "bridge.yaml:3:3: b has no token: give it gitlab.token_file or gitlab.token_variable; a token \
         for all is sent to https://gitlab.com/ alone"
    );
}

#[test]
fn the_headers_for_all_are_not_sent_to_another_gitlab() {
    let config = listed(
        "  a: {gitlab: {token_variable: A}}\n  \
           b: {gitlab: {token_variable: B, url: https://b.example.com}}\n  \
           c: {gitlab: {token_variable: B, headers: {x-own: c}}}\n\
         gitlab: {headers: {x-front-key: s3cret}}\n",
    )
    .config();
    let names = config.instances.iter().map(|instance| {
        let headers = instance.gitlab.headers.iter();
        headers.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        [vec!["x-front-key"], vec![], vec!["x-own"]]
    );
}

#[test]
fn the_state_of_one_of_several_is_beside_that_of_the_others() {
    let one = "  a: {gitlab: {token_variable: A}}\n";
    let two = format!("{one}  b: {{gitlab: {{token_variable: B}}, state: {{path: other}}}}\n");
    let states = |text: &str| {
        let written = listed(&format!("{text}state: {{path: state}}\n"));
        let instances = written.config().instances.into_iter();
        let states = instances.map(|instance| instance.poll.state.unwrap());
        states
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(one), ["state"]);
    assert_eq!(states(&two), ["state.a", "other.b"]);
}

#[test]
fn a_gitlab_without_any_token_is_refused() {
    assert_eq!(
        listed("  a: {select: {groups: [x]}}\n").error(),
        "bridge.yaml:2:3: a has no token: give it gitlab.token_file or gitlab.token_variable; a token \
         for all is sent to https://gitlab.com/ alone"
    );
    assert_eq!(
        listed("  a: {gitlab: {token_variable: A, token_file: token}}\n")
            .beside("token")
            .error(),
        "bridge.yaml:2:32: gitlab.token_variable: bridge.yaml:2:47: gitlab.token_file is set too: unset \
         one of them"
    );
}

#[test]
fn a_name_tells_gitlabs_apart_only_if_there_are_several() {
    let one = "  a: {gitlab: {token_variable: A}}\n";
    let two = format!("{one}  b: {{gitlab: {{token_variable: B}}}}\n");
    let labels = |written: &Written| {
        let config = written.config();
        let instances = config.instances.iter();
        let labels = instances.map(|instance| config.label(instance).map(str::to_owned));
        labels.collect::<Vec<_>>()
    };
    assert_eq!(labels(&nothing()), [None]);
    assert_eq!(labels(&listed(one)), [None]);
    assert_eq!(
        labels(&listed(&two)),
        [Some("a".to_owned()), Some("b".to_owned())]
    );
    let summary = listed(&two).config().summary();
    let names = summary.iter().filter(|(key, _)| *key == "instance");
    assert_eq!(names.map(|(_, name)| name).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn what_is_wrong_with_one_of_several_is_told_with_its_place() {
    for (text, error) in [
        (
            "instances: {}\n",
            "1:12: instances lists no GitLab: give each a name, or remove the key",
        ),
        (
            "instances:\n",
            "1:10: instances lists no GitLab: give each a name, or remove the key",
        ),
        (
            "instances: [a]\n",
            "1:12: expected a name and sections for each GitLab, as key: value",
        ),
        (
            "instances:\n  Com: {}\n",
            "2:3: \"Com\" is not a name: write it in lower-case letters, digits, - _ and .",
        ),
        (
            "instances:\n  \"\": {}\n",
            "2:3: \"\" is not a name: write it in lower-case letters, digits, - _ and .",
        ),
        (
            "instances:\n  a: {}\n  a: {}\n",
            "3:3: duplicate mapping key `a` is not allowed here",
        ),
        (
            "instances:\n  a: [x]\n",
            "2:6: expected sections of a, as key: value",
        ),
        (
            "instances:\n  a:\n    gitlba: {}\n",
            "3:5: a has no section \"gitlba\": did you mean \"gitlab\"?",
        ),
        (
            "instances:\n  a:\n    gitlab: {urls: x}\n",
            "3:14: gitlab has no setting \"urls\": did you mean \"url\"?",
        ),
        (
            "instances:\n  a:\n    gitlab: 5\n",
            "3:13: expected the settings of gitlab, as key: value",
        ),
        (
            "instances:\n  a:\n    gitlab: {url: gitlab.com}\n",
            "3:19: gitlab.url: \"gitlab.com\" is not a URL: it begins with https:// or http://",
        ),
        (
            "instance:\n  a: {}\n",
            "1:1: no section is called \"instance\": did you mean \"instances\"?",
        ),
    ] {
        assert_eq!(file(text).error(), format!("bridge.yaml:{error}"));
    }
}

#[test]
fn a_section_that_is_for_all_can_not_differ() {
    let known: Vec<_> = instance_sections().collect();
    assert_eq!(
        file("instances:\n  a:\n    otlp: {}\n").error(),
        format!(
            "bridge.yaml:3:5: a has no section \"otlp\": known are {}",
            known.join(", ")
        )
    );
}

/// A row that is added to one of these sections must not be read for all and forgotten for one.
#[test]
fn every_setting_of_these_sections_can_differ() {
    for setting in SETTINGS {
        let Some((section, key)) = setting.key.split_once('.') else {
            continue;
        };
        if !instance_sections().any(|known| known == section) {
            continue;
        }
        let shown = setting.value.show(&mut Builder::default());
        let schema = setting.value.schema();
        let Some(schema) = schema else {
            continue; // Only the environment can hold it.
        };
        let words = setting.value.words();
        let value = match (setting.key, shown.as_deref()) {
            ("gitlab.token_variable", _) => "B",
            ("gitlab.url", _) => "https://b.example.com",
            ("gitlab.headers", _) => "{x-key: a}",
            ("state.path", _) => setting.example,
            (_, Some("true")) => "false",
            (_, Some("false")) => "true",
            (_, Some("auto")) => "17/h",
            (_, Some("[]" | "{}")) => setting.example,
            (_, Some(_)) if !words.is_empty() => words[words.len() - 1],
            (_, Some(_)) if schema["type"] == "string" => "17m",
            (_, Some(_)) => "17",
            (_, None) if key == "inactive_for" => "17m",
            (_, None) => "file",
        };
        let token = match setting.token() {
            Some(_) => "",
            None => "token_variable: A",
        };
        // A certificate has a key, whichever of the two this is about.
        let other = match key {
            "client_certificate" => ", client_key: key",
            "client_key" => ", client_certificate: key",
            _ => "",
        };
        let text = match section {
            "gitlab" => format!("  a: {{gitlab: {{{key}: {value}{other}, {token}}}}}\n"),
            _ => format!("  a: {{gitlab: {{{token}}}, {section}: {{{key}: {value}}}}}\n"),
        };
        let written = listed(&text).beside("file").beside("key");
        let [read] = written.config().instances.try_into().unwrap();
        let [plain] = listed("  a: {gitlab: {token_variable: A}}\n")
            .config()
            .instances
            .try_into()
            .unwrap();
        assert_ne!(format!("{read:?}"), format!("{plain:?}"), "{}", setting.key);
    }
}
