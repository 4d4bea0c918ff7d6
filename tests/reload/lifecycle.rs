//! The pages that change something, and what is refused.

use reqwest::{Method, StatusCode};

use crate::support::process::http_client;
use crate::support::running::{Running, bridge_for};
use crate::{Set, post, world};

const SUCCESSFUL: &str = "gitlab_bridge_config_last_reload_successful";
const AT: &str = "gitlab_bridge_config_last_reload_success_timestamp_seconds";

#[tokio::test]
async fn who_reaches_the_endpoint_changes_nothing_unless_that_is_switched_on() {
    let set = Set::up(world()).await;
    let bridge = Running::start(bridge_for(set.gitlab.url())).await;
    for (method, path) in [
        (Method::POST, "/-/reload"),
        (Method::PUT, "/-/log-level?level=debug"),
        (Method::GET, "/-/log-level"),
    ] {
        let answer = bridge.ask(method, path).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("--web.enable-lifecycle"), "{text}");
    }
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_whole_and_the_old_one_goes_on() {
    let set = Set::up(world()).await;
    let good = "poll: {interval: 1s}\n";
    let mut bridge = set.start(good).await;
    let at_start = bridge.scrape().await;
    assert_eq!(at_start.value(SUCCESSFUL, []), Some(1.0));
    // The GitLab listens there.
    let taken = set
        .gitlab
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let taken = format!(
        "metrics: {{disabled: [storage]}}\nwebhook: {{enabled: true, token_file: bridge.yaml, listen: \"{taken}\"}}\n"
    );
    for (bad, told) in [
        (
            "poll: {interval: soon}\n",
            "poll.interval: \"soon\" is not a duration",
        ),
        (
            "metrics: {disabled: [storage]}\npolls: {}\n",
            "no section is called \"polls\"",
        ),
        (&taken, "listening on"),
        (
            "metrics: {disabled: [storage]}\nwebhook: {enabled: true, token_file: bridge.yaml, signing_token_file: bridge.yaml}\n",
            "webhook.signing_token",
        ),
        (
            "gitlab: {url: \"https://user:glpat-secret@h\"}\n",
            "bridge.yaml:2",
        ),
    ] {
        set.write(bad);
        let (status, text) = post(&bridge, "/-/reload").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{bad}: {text}");
        assert!(text.contains("the old one goes on"), "{text}");
        assert!(!text.contains("glpat-secret"), "{text}");
        assert!(text.contains(told), "{text}");
        let scrape = bridge.scrape().await;
        assert_eq!(scrape.value(SUCCESSFUL, []), Some(0.0));
        assert_eq!(scrape.value(AT, []), at_start.value(AT, []));
        assert!(!scrape.series("gitlab_storage_size_bytes").is_empty());
    }
    let line = bridge.process.wait_for_line("the old one goes on").await;
    assert!(line.contains("is not a duration"), "{line}");
    set.reload(&bridge, good).await;
    let scrape = bridge.scrape().await;
    assert_eq!(scrape.value(SUCCESSFUL, []), Some(1.0));
    assert!(scrape.value(AT, []) > at_start.value(AT, []));
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_reload_is_asked_for_by_post_and_names_what_changed_and_what_waits_for_a_restart() {
    let set = Set::up(world()).await;
    let mut bridge = set.start("poll: {interval: 1s}\n").await;
    let answer = bridge.ask(Method::GET, "/-/reload").await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let text = set.reload(&bridge, "poll: {interval: 1s}\n").await;
    assert_eq!(text, "Reloaded; no setting has changed.\n");
    let text = set
        .reload(&bridge, "poll: {interval: 2s}\notlp: {queue: off}\n")
        .await;
    let told = "Reloaded; changed: otlp.queue, poll.interval. These need a restart: otlp.queue.\n";
    assert_eq!(text, told);
    let line = bridge.process.wait_for_line("need a restart").await;
    assert!(line.contains("changed=otlp.queue,poll.interval"), "{line}");
    assert!(line.contains("restart=otlp.queue"), "{line}");
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn the_level_and_the_format_of_the_log_change_at_run_time() {
    let set = Set::up(world()).await;
    let settings = "poll: {interval: 300ms}\n";
    let mut bridge = set.start(settings).await;
    assert_eq!(bridge.get("/-/log-level").await.1, "info\n");
    let address = bridge.url("");
    let ask = async |method: Method, path: &str, body: &'static str| {
        let request = http_client()
            .request(method, format!("{address}{path}"))
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let answer = ask(Method::PUT, "/-/log-level", "DEBUG\n").await;
    assert_eq!(answer, (StatusCode::OK, "debug\n".to_owned()));
    bridge.process.wait_for_line("level=debug").await;
    let (status, text) = ask(Method::POST, "/-/log-level?level=loud", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("write error, warn, info"), "{text}");
    let (_, level) = ask(Method::POST, "/-/log-level?level=warn", "").await;
    assert_eq!(level, "warn\n");
    // A reload is about all settings.
    set.reload(&bridge, &format!("{settings}log: {{format: json}}\n"))
        .await;
    assert_eq!(bridge.get("/-/log-level").await.1, "info\n");
    bridge.process.wait_for_line("{\"ts\"").await;
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn the_listener_moves_to_another_port() {
    let set = Set::up(world()).await;
    let [first, second] = crate::support::process::free_ports();
    let program = || {
        let program = crate::support::process::bridge();
        let program = program.env("GITLAB_TOKEN", crate::TOKEN);
        program.arg("--config").arg(set.path("bridge.yaml"))
    };
    let at = |port: u16| format!("prometheus: {{port: {port}, enable_lifecycle: true}}\n");
    set.write(&at(first));
    let mut bridge = Running::listening(program()).await;
    bridge.first_scrape().await;
    let text = set.reload(&bridge, &at(second)).await;
    assert_eq!(text, "Reloaded; changed: prometheus.port.\n");
    let url = format!("http://127.0.0.1:{second}/metrics");
    let text = bridge.process.wait_for_http(&url).await;
    assert!(text.contains("gitlab_project_count 40"), "{text}");
    let gone = async || {
        http_client()
            .get(bridge.url("/metrics"))
            .send()
            .await
            .is_err()
    };
    while !gone().await {
        tokio::task::yield_now().await;
    }
    let text = set.path("bridge.yaml");
    std::fs::write(&text, format!("gitlab: {{url: {}}}\nprometheus: {{port: {second}, host: 0.0.0.0, enable_lifecycle: true}}\n", set.gitlab.url())).unwrap();
    let answer = http_client().post(format!("http://127.0.0.1:{second}/-/reload"));
    let text = answer.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("need a restart: prometheus.host"), "{text}");
    assert_eq!(bridge.stop().await.code(), 0);
}
