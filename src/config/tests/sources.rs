//! Which source wins, and what each can say.

use std::time::Duration;

use super::super::{Environment, LogFormat, SETTINGS};
use super::*;
use crate::gitlab::{Budget, BudgetChoice};

#[test]
fn nothing_needs_to_be_written() {
    let config = nothing().config();
    let instance = nothing().instance();
    assert_eq!(instance.gitlab.url.as_str(), "https://gitlab.com/");
    assert_eq!(instance.poll.rhythm.interval, Duration::from_secs(60));
    assert_eq!(
        (
            config.export.listen.host.as_str(),
            config.export.listen.port
        ),
        ("127.0.0.1", 9464)
    );
    assert!(config.export.prometheus);
    assert!(config.export.otlp.is_none());
}

#[test]
fn the_environment_wins_over_the_file_and_flags_win_over_both() {
    let written = file("poll: {interval: 1m}\n");
    assert_eq!(
        written.instance().poll.rhythm.interval,
        Duration::from_secs(60)
    );
    let written = written.variable("GITLAB_BRIDGE_POLL_INTERVAL", "2m");
    assert_eq!(
        written.instance().poll.rhythm.interval,
        Duration::from_secs(120)
    );
    let written = written.flag("interval", "1h30m");
    assert_eq!(
        written.instance().poll.rhythm.interval,
        Duration::from_secs(5400)
    );
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let written = variable("GITLAB_BRIDGE_GROUPS", " ").variable("OTEL_EXPORTER_OTLP_ENDPOINT", "");
    assert!(written.instance().poll.selection.groups.is_empty());
    assert!(written.config().export.otlp.is_none());
}

#[test]
fn an_empty_address_does_not_take_the_token_to_the_default_one() {
    let complaint = variable("GITLAB_URL", "").error();
    assert!(complaint.contains("GITLAB_URL: is empty"), "{complaint}");
}

#[test]
fn a_flag_names_another_file_than_the_environment() {
    let written = file("log: {format: json}\n").beside("other.yaml");
    let other = written.path("other.yaml").display().to_string();
    assert_eq!(written.config().log.format, LogFormat::Json);
    let written = written.flag("config", &other);
    assert_eq!(written.config().log.format, LogFormat::Text);
    assert_eq!(written.config().file, Some(written.path("other.yaml")));
}

#[test]
fn files_are_named_from_the_folder_of_the_configuration() {
    let written = file("gitlab: {ca_file: company.pem}\n").beside("company.pem");
    assert_eq!(
        written.instance().gitlab.ca_file,
        Some(written.path("company.pem"))
    );
}

#[test]
fn a_section_may_be_empty() {
    assert_eq!(
        file("gitlab:\n  # url: x\n").instance().gitlab.url.as_str(),
        "https://gitlab.com/"
    );
}

#[test]
fn where_to_listen_is_one_flag() {
    let listen = |text: &str| {
        let listen = flag("listen", text).config().export.listen;
        (listen.host, listen.port)
    };
    assert_eq!(listen("0.0.0.0:9000"), ("0.0.0.0".to_owned(), 9000));
    assert_eq!(listen("[::1]:0"), ("::1".to_owned(), 0));
}

#[test]
fn a_log_level_may_differ_for_a_part() {
    let config = variable(
        "GITLAB_BRIDGE_LOG_LEVEL",
        "info,gitlab_metrics_bridge=debug",
    )
    .config();
    assert_eq!(config.log.level, "info,gitlab_metrics_bridge=debug");
}

#[test]
fn what_kubernetes_tells_of_a_service_is_not_ours() {
    variable("GITLAB_BRIDGE_SERVICE_HOST", "10.0.0.1")
        .variable("GITLAB_BRIDGE_PORT", "tcp://10.0.0.1:9464")
        .variable("GITLAB_BRIDGE_PORT_9464_TCP_ADDR", "10.0.0.1")
        .config();
}

#[test]
fn every_setting_has_a_variable_named_after_its_key_or_by_a_standard() {
    for setting in SETTINGS {
        for variable in setting.variables() {
            let key = setting.key.strip_prefix("gitlab.").unwrap_or(setting.key);
            let key = key.strip_prefix("select.").unwrap_or(key);
            let section = key.strip_suffix(".enabled"); // A section as a whole.
            let key = section
                .filter(|section| *section != "metrics")
                .unwrap_or(key);
            let ours = format!("GITLAB_BRIDGE_{}", key.replace('.', "_").to_uppercase());
            let gitlab =
                setting.key.starts_with("gitlab.") && !variable.starts_with("GITLAB_BRIDGE_");
            assert!(
                gitlab || variable.starts_with("OTEL_") || variable == ours,
                "{variable} should be {ours}"
            );
        }
        assert!(
            !setting.variables().is_empty(),
            "{} has no variable",
            setting.key
        );
    }
}

#[test]
fn an_environment_shows_no_values() {
    let environment: Environment = [("GITLAB_TOKEN", "hidden")].into_iter().collect();
    assert_eq!(format!("{environment:?}"), r#"{"GITLAB_TOKEN"}"#);
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_file() {
    let written = file("\u{feff}poll: {interval: 2m}\n");
    let interval = written.instance().poll.rhythm.interval;
    assert_eq!(interval, Duration::from_secs(120));
    assert_eq!(
        file("\u{feff}poll: {every: 2m}\n").error(),
        "bridge.yaml:1:8: poll has no setting \"every\": known are interval, timeout, ci_interval, sweep, cadence, budget"
    );
}

#[test]
fn a_file_in_utf_16_is_called_that() {
    let marked = |bytes: &str| [b"\xff\xfe", bytes.as_bytes()].concat();
    for bytes in [marked("l\0o\0g\0"), b"\0l\0o\0g".to_vec()] {
        let written = file("");
        fs::write(written.path("bridge.yaml"), bytes).unwrap();
        assert_eq!(
            written.error(),
            "GITLAB_BRIDGE_CONFIG: \"bridge.yaml\" can't be read: it is in UTF-16: save it in UTF-8"
        );
    }
}

#[test]
fn a_budget_suits_the_gitlab_or_is_said() {
    let budget = |text: &str| {
        file(&format!("poll: {{budget: {text}}}\n"))
            .instance()
            .gitlab
            .budget
    };
    let limited = |per_hour, per_minute| {
        BudgetChoice::Limited(Budget {
            per_hour,
            per_minute,
        })
    };
    assert_eq!(nothing().instance().gitlab.budget, BudgetChoice::Auto);
    assert_eq!(budget("auto"), BudgetChoice::Auto);
    assert_eq!(budget("None"), BudgetChoice::Unlimited);
    assert_eq!(budget("[4500/h, 90/m]"), limited(4500, 90));
    assert_eq!(budget("90 / minute"), limited(5400, 90));
    assert_eq!(budget("[100/hour]"), limited(100, 100));
    let error = |text: &str| file(&format!("poll: {{budget: {text}}}\n")).error();
    assert!(
        error("[auto, 90/m]").contains("\"auto\" is not a budget: write for example 4500/h, 90/m")
    );
    assert!(error("[1/h, 2/h]").contains("the same window is given twice"));
}
