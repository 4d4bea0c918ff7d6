//! `${NAME}` in a file: works in values of every kind, and never does more than stand for a value.

use super::{Written, file};

/// A file, with variables for all cases.
fn with_variables(text: &str) -> Written {
    let set = [
        ("ADDRESS", "https://gitlab.example.com"),
        ("EVERY", "45s"),
        ("MANY", "7"),
        ("YES", "false"),
        ("GROUP", "acme"),
        ("HOSTILE", "a\"]}\nlog: {level: \"off\"}\n# ${GROUP}"),
        ("EMPTY", ""),
    ];
    set.into_iter().fold(file(text), |written, (name, value)| {
        written.variable(name, value)
    })
}

#[test]
fn a_variable_stands_for_a_value_of_every_kind() {
    let written = with_variables(
        "gitlab: {url: ${ADDRESS}, concurrency: ${MANY}}\n\
         select:\n  archived: ${YES}\n  groups: [${GROUP}, \"x-${GROUP}/sub\", '${GROUP}-2']\n  exclude:\n  - ${GROUP}/**\n\
         poll: {interval: ${EVERY}, sweep: ${UNSET:-2h}, timeout: ${EMPTY:-3m}}\n\
         resource:\n  attributes: {team: \"${GROUP}\", price: \"$$5 $${GROUP} $x\"}\n",
    );
    let instance = written.instance();
    assert_eq!(instance.gitlab.url.as_str(), "https://gitlab.example.com/");
    assert_eq!(instance.gitlab.concurrency, 7);
    let selection = &instance.poll.selection;
    assert!(!selection.filter.archived);
    assert_eq!(selection.groups, ["acme", "x-acme/sub", "acme-2"]);
    assert_eq!(selection.filter.exclude.texts(), ["acme/**"]);
    let rhythm = instance.poll.rhythm;
    assert_eq!(
        (rhythm.interval.as_secs(), rhythm.sweep.as_secs()),
        (45, 7_200)
    );
    assert_eq!(instance.poll.timeout.as_secs(), 180);
    let attributes = written.config().export.resource_attributes;
    let pairs = [("team", "acme"), ("price", "$5 ${GROUP} $x")];
    assert_eq!(
        attributes,
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[test]
fn what_a_variable_holds_stays_within_its_value() {
    for text in [
        "resource:\n  attributes: {team: ${HOSTILE}}\n",
        "resource:\n  attributes:\n    team: ${HOSTILE}\n",
        "resource:\n  attributes:\n    team: \"${HOSTILE}\"\n",
        "resource:\n  attributes:\n    team: |\n      ${HOSTILE}\n",
    ] {
        let config = with_variables(text).config();
        let [(_, team)] = config.export.resource_attributes.try_into().unwrap();
        assert_eq!(team, "a\"]}\nlog: {level: \"off\"}\n# ${GROUP}", "{text}");
        assert_eq!(config.log.level, "info");
    }
}

#[test]
fn a_variable_that_is_missing_is_named_with_its_line_and_what_to_do() {
    let error = |text: &str| with_variables(text).error();
    let needs = "the variable MISSING is not set; ${MISSING} needs it: set MISSING, or write ${MISSING:-default}";
    for (text, place) in [
        (
            "# ${UNSET}\ngitlab:\n  url: ${MISSING}\n",
            "3:8: gitlab.url",
        ),
        ("gitlab: {url: ${MISSING}}\n", "1:15: gitlab.url"),
        (
            "select:\n  groups: [a, ${MISSING}]\n",
            "2:15: select.groups",
        ),
        (
            "metrics:\n  limits: {series: ${MISSING}}\n",
            "2:20: metrics.limits.series",
        ),
        (
            "instances:\n  one:\n    gitlab: {url: ${MISSING}}\n",
            "3:19: gitlab.url",
        ),
    ] {
        assert_eq!(error(text), format!("bridge.yaml:{place}: {needs}"));
    }
    for (text, problem) in [
        ("log: {level: \"${GROUP\"}\n", "a ${ is not closed"),
        ("log: {level: \"${1}\"}\n", "${1} does not name a variable"),
        (
            "log: {level: \"${A B}\"}\n",
            "${A B} does not name a variable",
        ),
    ] {
        assert!(
            error(text).contains(&format!("bridge.yaml:1:14: log.level: {problem}")),
            "{}",
            error(text)
        );
    }
}

#[test]
fn lines_and_columns_after_a_variable_stay_true() {
    assert_eq!(
        with_variables("gitlab: {url: ${ADDRESS}, attempts: many}\n").error(),
        "bridge.yaml:1:37: gitlab.attempts: \"many\" is not a whole number from 1 to 100"
    );
    assert_eq!(
        with_variables("log: {level: \"${HOSTILE}\",\n  ulr: x}\n").error(),
        "bridge.yaml:2:3: log has no setting \"ulr\": known are level, format"
    );
}

#[test]
fn what_a_variable_holds_is_not_shown_where_it_is_wrong() {
    for text in [
        "poll: {interval: ${HOSTILE}}\n",
        "select: {archived: ${HOSTILE}}\n",
        "log: {format: ${HOSTILE}}\n",
        "gitlab: {url: ${HOSTILE}}\n",
        "prometheus: {port: ${HOSTILE}}\n",
        "select: {groups: ${HOSTILE}}\n",
    ] {
        let error = with_variables(text).error();
        assert!(
            error.contains("\"${HOSTILE}\"") && !error.contains("a\\\""),
            "{error}"
        );
    }
}

#[test]
fn a_setting_on_the_wrong_level_is_told_where_it_goes() {
    for (text, hint) in [
        (
            "gitlab.ulr: x\n",
            "did you mean \"url\" in the section gitlab? Write gitlab: {url: ...}",
        ),
        (
            "gitlab.url: x\n",
            "did you mean \"url\" in the section gitlab? Write gitlab: {url: ...}",
        ),
        (
            "gitlb.url: x\n",
            "did you mean \"url\" in the section gitlab? Write gitlab: {url: ...}",
        ),
        (
            "web_config_file: x\n",
            "did you mean \"web_config_file\" in the section prometheus?",
        ),
        (
            "metrics.limits.series: 3\n",
            "did you mean \"limits.series\" in the section metrics? Write metrics: {limits: {series: ...}}",
        ),
        (
            "instances: {a: {gitlab.ulr: x}}\n",
            "did you mean \"url\" in the section gitlab?",
        ),
    ] {
        let error = file(text).error();
        assert!(error.contains(hint), "{error}");
    }
}
