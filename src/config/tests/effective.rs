//! The settings in use, as they are shown to people.

use super::{Written, file, nothing};
use crate::config::{Config, EffectiveSetting};

fn effective(written: &Written) -> Vec<EffectiveSetting> {
    written.load().unwrap().effective()
}

/// The value and the source of a setting.
fn of<'a>(
    settings: &'a [EffectiveSetting],
    instance: Option<&str>,
    key: &str,
) -> (Option<&'a str>, Option<&'a str>) {
    let mut settings = settings.iter();
    let is_it = |own: &&EffectiveSetting| own.key == key && own.instance.as_deref() == instance;
    let own = settings.find(is_it).unwrap();
    (own.value.as_deref(), own.source.as_deref())
}

#[test]
fn each_setting_in_use_has_its_value_and_where_it_was_said() {
    let written = file("poll:\n  interval: 30s\n  cadence: {groups: 6h}\n")
        .variable("GITLAB_URL", "https://gitlab.example.com")
        .variable("GITLAB_TOKEN", "glpat-secret")
        .flag("port", "1234");
    let settings = effective(&written);
    let of = |key| of(&settings, None, key);
    let (value, source) = of("poll.interval");
    assert_eq!(value, Some("30s"));
    assert!(source.unwrap().ends_with(".yaml:2"), "{source:?}");
    assert_eq!(of("poll.cadence").0, Some("{groups: 6h}"));
    let url = (Some("https://gitlab.example.com"), Some("GITLAB_URL"));
    assert_eq!(of("gitlab.url"), url);
    assert_eq!(of("gitlab.token"), (Some("(hidden)"), Some("GITLAB_TOKEN")));
    assert_eq!(of("gitlab.token_file"), (None, None));
    assert_eq!(of("prometheus.port"), (Some("1234"), Some("--port")));
    assert_eq!(of("poll.sweep").1, None);
    assert_eq!(of("otlp.enabled").0, Some("false"));
    assert_eq!(of("otlp.interval").0, None, "nothing is pushed");
}

#[test]
fn several_gitlabs_have_their_settings_each() {
    let text = "
instances:
  com: {gitlab: {url: https://gitlab.com, token_variable: COM}, poll: {interval: 2m}}
  own: {gitlab: {url: https://own.example.com, token_variable: OWN}}
";
    let written = file(text).variable("COM", "a").variable("OWN", "b");
    let settings = effective(&written);
    assert_eq!(of(&settings, Some("com"), "poll.interval").0, Some("2m"));
    let own = of(&settings, Some("own"), "gitlab.token_variable");
    assert_eq!(own.0, Some("OWN"));
    assert_eq!(of(&settings, None, "log.level").0, Some("info"));
    let shared = settings.iter().filter(|own| own.key == "gitlab.url");
    assert_eq!(shared.count(), 2);
}

#[test]
fn no_secret_is_among_the_settings_in_use() {
    let text = "
gitlab: {headers: {x-front-key: front-secret}}
otlp: {endpoint: \"https://collector/v1/metrics\", headers: {authorization: Bearer otlp-secret}}
select: {groups: [glpat-aaaaaaaaaaaaaaaaaaaa1]}
";
    let written = file(text)
        .variable("GITLAB_TOKEN", "token-secret")
        .variable("GITLAB_BRIDGE_WEBHOOK_TOKEN", "hook-secret")
        .variable("GITLAB_BRIDGE_WEBHOOK", "true");
    let settings = effective(&written);
    let shown = format!("{settings:?}");
    for secret in [
        "front-secret",
        "otlp-secret",
        "token-secret",
        "hook-secret",
        "aaaa1",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let headers = of(&settings, None, "otlp.headers").0;
    assert_eq!(headers, Some("{authorization: (hidden)}"));
}

#[test]
fn where_a_setting_was_said_changes_no_digest() {
    let digest = |written: Written| written.load().unwrap().digest();
    let said = digest(nothing().flag("port", "1234"));
    let variable = nothing().variable("OTEL_EXPORTER_PROMETHEUS_PORT", "1234");
    assert_eq!(said, digest(variable));
    assert_ne!(said, Config::default().digest());
}
