//! `explain` and `init` as users have them: the built program against a model of GitLab, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, Role, World};
use reqwest::StatusCode;
use serde_json::Value;

use support::process::{Finished, Program, bridge, free_ports};
use support::running::{Running, TOKEN, bridge_for};

/// Two projects in one group, one in another, and a project whose CI has never run.
fn world() -> World {
    let mut world = World::new();
    world
        .project_with_id("platform/website", 2540)
        .commits(11)
        .issues(3, 1);
    world.project_with_id("platform/api", 2541).commits(250);
    world.project_with_id("tools/ci/runner", 2542).commits(7);
    world
}

async fn gitlab() -> GitLab {
    GitLab::start(world()).await.unwrap()
}

/// What `explain` prints as JSON.
async fn explained(program: Program, arguments: &[&str]) -> Value {
    let finished = program
        .args(["explain", "--format", "json"])
        .args(arguments)
        .finish()
        .await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    serde_json::from_str(&finished.stdout())
        .unwrap_or_else(|error| panic!("{error}: {finished:#?}"))
}

/// A bridge that nobody listens for: `explain` polls by itself.
fn alone(gitlab: &GitLab) -> Program {
    let [port] = free_ports();
    bridge_for(gitlab.url()).env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
}

fn absent(explained: &Value) -> &Value {
    &explained["gitlabs"][0]["absent"][0]
}

#[tokio::test]
async fn a_running_bridge_explains_what_it_shows_and_asks_gitlab_nothing() {
    let gitlab = gitlab().await;
    let running = Running::start(bridge_for(gitlab.url())).await;
    running
        .wait_for_series("gitlab_commits_total", |series| series.len() == 3)
        .await;
    let port = running.port().to_string();
    let asking = || bridge().env("OTEL_EXPORTER_PROMETHEUS_PORT", &port);
    let told = explained(asking(), &["commits", "--project", "platform/website"]).await;
    assert_eq!(told["metric"], "gitlab_commits_total");
    assert_eq!(told["source"]["asked_as"][0], "statistics.commitCount");
    let of = &told["gitlabs"][0];
    assert_eq!(of["project"]["path"], "platform/website");
    let series = of["series"].as_array().unwrap();
    assert_eq!((series.len(), &series[0]["value"]), (1, &Value::from(11)));
    assert!(
        series[0]["age_seconds"].as_u64().unwrap() < 60,
        "{series:#?}"
    );

    let text = asking()
        .args(["explain", "commits", "--group", "platform"])
        .finish()
        .await;
    assert_eq!((text.code(), text.stderr().as_str()), (0, ""), "{text:#?}");
    for part in [
        "gitlab_commits_total (gauge",
        " 11  {project_id=\"2540\"} platform/website, read ",
        "250  {",
    ] {
        assert!(text.stdout().contains(part), "{part}: {}", text.stdout());
    }
    assert!(!text.stdout().contains("2542"), "{}", text.stdout());

    let elsewhere = [
        "commits",
        "--project",
        "2541",
        "--url",
        &running.url("/metrics"),
    ];
    let told = explained(bridge(), &elsewhere).await;
    assert_eq!(told["gitlabs"][0]["series"][0]["value"], 250);
    running.stop().await;
}

#[tokio::test]
async fn the_page_tells_wrong_questions_what_would_be_right() {
    let gitlab = gitlab().await;
    let running = Running::start(bridge_for(gitlab.url())).await;
    running
        .wait_for_series("gitlab_commits_total", |series| series.len() == 3)
        .await;
    for (question, status, says) in [
        ("", StatusCode::BAD_REQUEST, "say which metric"),
        ("?metric=", StatusCode::BAD_REQUEST, "say which metric"),
        (
            "?metrik=commits",
            StatusCode::BAD_REQUEST,
            "unknown field `metrik`",
        ),
        ("?metric=commits&limit=x", StatusCode::BAD_REQUEST, "limit"),
        (
            "?metric=commits&format=xml",
            StatusCode::BAD_REQUEST,
            "json or text",
        ),
        (
            "?metric=commits&project=1&group=a",
            StatusCode::BAD_REQUEST,
            "not both",
        ),
        (
            "?metric=gitlab_comits_total",
            StatusCode::NOT_FOUND,
            "did you mean gitlab_commits_total",
        ),
        (
            "?metric=commits&instance=com",
            StatusCode::NOT_FOUND,
            "one GitLab alone",
        ),
    ] {
        let (told, body) = running.get(&format!("/api/v1/explain{question}")).await;
        assert_eq!(told, status, "{question}: {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(
            body["error"].as_str().unwrap().contains(says),
            "{question}: {body}"
        );
    }
    let (_, limited) = running
        .get("/api/v1/explain?metric=gitlab_issues&limit=2")
        .await;
    let limited: Value = serde_json::from_str(&limited).unwrap();
    let of = &limited["gitlabs"][0];
    assert_eq!(of["series"].as_array().unwrap().len(), 2);
    assert_eq!(of["more_series"], 4);
    running.stop().await;
}

#[tokio::test]
async fn without_a_bridge_gitlab_is_polled_once_and_that_is_said() {
    let gitlab = gitlab().await;
    let finished = alone(&gitlab)
        .args(["explain", "commits", "--project", "tools/ci/runner"])
        .finish()
        .await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    assert!(
        finished.stderr().contains("GitLab is polled once instead"),
        "{finished:#?}"
    );
    assert!(
        finished
            .stdout()
            .contains("7  {project_id=\"2542\"} tools/ci/runner, read "),
        "{finished:#?}"
    );
}

#[tokio::test]
async fn what_is_absent_is_explained_and_no_error() {
    let gitlab = gitlab().await;
    for (arguments, settings, reason, says) in [
        (
            &["gitlab_jobs_total"][..],
            &[][..],
            "disabled",
            "metrics.enabled",
        ),
        (
            &["issues"],
            &[("GITLAB_BRIDGE_METRICS_DISABLED", "gitlab_iss*")],
            "disabled",
            "metrics.disabled (gitlab_iss*)",
        ),
        (
            &["pipeline_last_run_status", "--project", "platform/api"],
            &[],
            "none",
            "no pipeline has run yet",
        ),
        (
            &["commits", "--project", "platform/webiste"],
            &[],
            "not_selected",
            "did you mean platform/website?",
        ),
        (
            &["commits", "--project", "tools/ci/runner"],
            &[("GITLAB_BRIDGE_EXCLUDE", "tools/**")],
            "not_selected",
            "select.exclude (tools/**)",
        ),
        (
            &["commits", "--project", "tools/ci/runner"],
            &[("GITLAB_BRIDGE_GROUPS", "platform")],
            "not_selected",
            "select.groups (platform)",
        ),
        (
            &["commits", "--group", "platfrom"],
            &[],
            "not_selected",
            "did you mean platform?",
        ),
    ] {
        let mut program = alone(&gitlab);
        for (name, value) in settings {
            program = program.env(name, value);
        }
        let told = explained(program, arguments).await;
        let absent = absent(&told);
        assert_eq!(absent["reason"], reason, "{arguments:?}: {told:#}");
        let text = format!("{} {}", absent["why"], absent["advice"]);
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn a_value_that_gitlab_hides_or_forbids_is_told_with_what_it_takes() {
    let mut world = World::new();
    world
        .project_with_id("platform/website", 2540)
        .commits(11)
        .role(Role::Guest);
    let gitlab = GitLab::start(world).await.unwrap();
    let told = explained(alone(&gitlab), &["storage_size", "--project", "2540"]).await;
    let absent = absent(&told);
    assert_eq!(absent["reason"], "hidden", "{told:#}");
    assert!(
        absent["advice"]
            .as_str()
            .unwrap()
            .contains("the role Reporter"),
        "{absent:#}"
    );
    assert_eq!(absent["count"], 9);
}

#[tokio::test]
async fn what_this_edition_or_version_does_not_have_is_told_as_such() {
    let mut world = world();
    world.community_edition(true);
    let gitlab = GitLab::start(world).await.unwrap();
    let program = alone(&gitlab).env("GITLAB_BRIDGE_METRICS_ENABLED", "security");
    let told = explained(program, &["vulnerabilities", "--project", "2540"]).await;
    let absent = absent(&told);
    assert_eq!(absent["reason"], "unsupported", "{told:#}");
    let why = absent["why"].as_str().unwrap();
    assert!(why.contains("version or edition of GitLab"), "{why}");
    let advice = absent["advice"].as_str().unwrap();
    assert!(advice.contains("GitLab Ultimate"), "{advice}");
}

#[tokio::test]
async fn exit_codes_tell_a_wrong_word_from_what_went_wrong() {
    let gitlab = gitlab().await;
    let ended = async |program: Program, arguments: &[&str]| {
        program.arg("explain").args(arguments).finish().await
    };
    let unknown = ended(alone(&gitlab), &["comits"]).await;
    assert_eq!(unknown.code(), 2, "{unknown:#?}");
    assert!(
        unknown
            .stderr()
            .contains("did you mean gitlab_commits_total"),
        "{unknown:#?}"
    );
    assert!(
        gitlab.requests().is_empty(),
        "a name that is none costs no request"
    );
    assert_eq!(ended(alone(&gitlab), &[]).await.code(), 2);
    assert_eq!(
        ended(alone(&gitlab), &["commits", "--instance", "com"])
            .await
            .code(),
        2
    );
    let both = ["commits", "--project", "1", "--group", "a"];
    assert_eq!(ended(alone(&gitlab), &both).await.code(), 2);
    let [nobody] = free_ports();
    let away = format!("http://127.0.0.1:{nobody}");
    let away = ended(bridge(), &["commits", "--url", &away]).await;
    assert_eq!(away.code(), 1, "{away:#?}");
    let down = bridge_for(&format!("http://127.0.0.1:{nobody}"))
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", nobody.to_string());
    let down = ended(down, &["commits"]).await;
    assert_eq!(down.code(), 1, "{down:#?}");
    let no_token = bridge().env("OTEL_EXPORTER_PROMETHEUS_PORT", nobody.to_string());
    assert_eq!(ended(no_token, &["commits"]).await.code(), 2);
}

#[tokio::test]
async fn a_bridge_that_wants_a_password_is_asked_with_one() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web.yml");
    // bcrypt of "ask-me", of the lowest cost.
    let hash = bcrypt::hash("ask-me", 4).unwrap();
    fs::write(&web, format!("basic_auth_users:\n  reader: {hash}\n")).unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "ask-me\n").unwrap();
    let web = web.to_str().unwrap();
    let running = Running::start(bridge_for(gitlab.url()).args(["--web.config.file", web])).await;
    let port = running.port().to_string();
    let ask = async |arguments: &[&str]| {
        let program = bridge().env("OTEL_EXPORTER_PROMETHEUS_PORT", &port);
        program
            .args(["explain", "commits", "--web.config.file", web])
            .args(arguments)
            .finish()
            .await
    };
    let refused = ask(&[]).await;
    assert_eq!(refused.code(), 1, "{refused:#?}");
    assert!(refused.stderr().contains("--user"), "{refused:#?}");
    let let_in = ask(&[
        "--user",
        "reader",
        "--password-file",
        password.to_str().unwrap(),
    ])
    .await;
    assert_eq!(let_in.code(), 0, "{let_in:#?}");
    assert!(!format!("{let_in:?}").contains("ask-me"));
    running.stop().await;
}

// ---- init ----

/// A program that begins a configuration in a folder, with answers.
fn beginning(folder: &Path, answers: &str) -> Program {
    let [port] = free_ports();
    bridge()
        .current_dir(folder)
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
        .args(["init", "--output", "bridge.yaml"])
        .stdin(answers)
}

fn is_written(folder: &Path) -> bool {
    let names = fs::read_dir(folder).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().starts_with('.')),
        "{names:?}"
    );
    names.iter().any(|name| name == "bridge.yaml")
}

/// Asserts that a command ends well with the configuration that is written.
async fn assert_works(folder: &Path, command: &str, gitlab: &GitLab) -> Finished {
    let finished = bridge()
        .current_dir(folder)
        .env("GITLAB_TOKEN", TOKEN)
        .args([command, "--config", "bridge.yaml"])
        .finish()
        .await;
    assert_eq!(
        finished.code(),
        0,
        "{command} with {}: {finished:#?}",
        gitlab.url()
    );
    finished
}

#[tokio::test]
async fn flags_alone_make_a_configuration_that_check_and_once_work_with() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let begun = beginning(folder, "")
        .env("GITLAB_TOKEN", TOKEN)
        .args([
            "--yes",
            "--gitlab-url",
            gitlab.url(),
            "--group",
            "platform",
            "--interval",
            "30s",
        ])
        .finish()
        .await;
    assert_eq!(begun.code(), 0, "{begun:#?}");
    assert_eq!(begun.stdout(), "");
    for says in [
        " is a GitLab.",
        "token belongs to ",
        "Its scopes are ",
        "2 projects are selected. The first poll makes about ",
        "an hour.",
        "fits poll.budget",
        "gitlab-metrics-bridge check --config bridge.yaml\n",
        "gitlab-metrics-bridge --config bridge.yaml\n",
        "Set GITLAB_TOKEN wherever it runs.",
    ] {
        assert!(
            (begun.stderr() + "\n").contains(says),
            "{says}: {}",
            begun.stderr()
        );
    }
    let written = fs::read_to_string(folder.join("bridge.yaml")).unwrap();
    for line in [
        "groups: [platform]",
        "interval: 30s",
        "# From the start of one poll",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    assert!(!written.contains(TOKEN) && !begun.stderr().contains(TOKEN));
    assert_works(folder, "check", &gitlab).await;
    let once = assert_works(folder, "once", &gitlab).await;
    assert!(
        once.stdout()
            .contains("gitlab_commits_total{project_id=\"2540\"} 11\n"),
        "{once:#?}"
    );
    assert!(!once.stdout().contains("2542"));
}

#[tokio::test]
async fn answers_through_a_pipe_do_what_flags_do_and_the_token_is_named_by_a_file() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The address without its scheme, a group by the last part of its path, and what Enter stands for.
    let address = gitlab.url().trim_start_matches("http://").to_owned() + "/platform/website";
    let answers = format!("{address}\n{TOKEN}\nci\n\nnone\n");
    let begun = beginning(folder, &answers).finish().await;
    assert_eq!(begun.code(), 0, "{begun:#?}");
    let written = fs::read_to_string(folder.join("bridge.yaml")).unwrap();
    for line in [
        "groups: [tools/ci]",
        "token_file: gitlab-token",
        &format!("url: {}", gitlab.url()),
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    assert!(
        !written.contains(TOKEN) && !begun.stderr().contains(TOKEN),
        "{begun:#?}"
    );
    assert!(
        !folder.join("gitlab-token").exists(),
        "the token is not written by us"
    );
    assert!(
        begun
            .stderr()
            .contains("install -m 600 /dev/stdin gitlab-token"),
        "{begun:#?}"
    );
    fs::write(folder.join("gitlab-token"), TOKEN).unwrap();
    let once = bridge()
        .current_dir(folder)
        .args(["once", "--config", "bridge.yaml"])
        .finish()
        .await;
    assert_eq!(once.code(), 0, "{once:#?}");
}

#[tokio::test]
async fn what_gitlab_does_not_agree_with_is_said_and_nothing_is_written() {
    let mut world = world();
    world.token(AccessToken::new(TOKEN));
    world.token(AccessToken::new("writes-only").scopes(&["write_repository"]));
    let gitlab = GitLab::start(world).await.unwrap();
    let [nobody] = free_ports();
    let nobody = format!("http://127.0.0.1:{nobody}");
    for (token, url, group, says) in [
        (
            "wrong",
            gitlab.url(),
            "platform",
            "does not accept the token",
        ),
        ("writes-only", gitlab.url(), "platform", "read_api"),
        (TOKEN, gitlab.url(), "platfrom", "did you mean platform?"),
        (TOKEN, gitlab.url(), "tools/c", "did you mean tools/ci?"),
        (
            TOKEN,
            &nobody,
            "platform",
            "no GitLab is found at http://127.0.0.1:",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let begun = beginning(folder.path(), "")
            .env("GITLAB_TOKEN", token)
            .env("GITLAB_BRIDGE_ATTEMPTS", "1")
            .args(["--yes", "--gitlab-url", url, "--group", group])
            .finish()
            .await;
        assert_eq!(begun.code(), 1, "{says}: {begun:#?}");
        assert!(begun.stderr().contains(says), "{says}: {begun:#?}");
        assert!(!is_written(folder.path()), "{says}");
    }
}

#[tokio::test]
async fn a_project_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let begin = async |project: &str| {
        let program = beginning(folder.path(), "").env("GITLAB_TOKEN", TOKEN);
        let arguments = [
            "--yes",
            "--force",
            "--gitlab-url",
            gitlab.url(),
            "--project",
            project,
        ];
        program.args(arguments).finish().await
    };
    let misspelt = begin("platform/webiste").await;
    assert_eq!(misspelt.code(), 1, "{misspelt:#?}");
    assert!(!is_written(folder.path()));
    for right in ["platform/website", "2540"] {
        let begun = begin(right).await;
        assert_eq!(begun.code(), 0, "{begun:#?}");
        assert!(
            begun.stderr().contains("1 project is selected."),
            "{begun:#?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_wrong_is_asked_again_and_without_answers_nothing_is_written() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let start = |answers: &str| {
        beginning(folder, answers)
            .env("GITLAB_TOKEN", TOKEN)
            .env("GITLAB_URL", gitlab.url())
    };
    // A group that is not there, and then no more answers: Enter's answer is not taken for it.
    let ended = start("platfrom\n").finish().await;
    assert_eq!(ended.code(), 1, "{ended:#?}");
    assert!(!is_written(folder));
    let mended = start("platfrom\nplatform\n\nnone\n").finish().await;
    assert_eq!(mended.code(), 0, "{mended:#?}");
    assert!(
        mended.stderr().contains("did you mean platform?"),
        "{mended:#?}"
    );
    assert!(is_written(folder));
    // A token that nobody says.
    let folder = tempfile::tempdir().unwrap();
    let silent = beginning(folder.path(), "")
        .env("GITLAB_URL", gitlab.url())
        .finish()
        .await;
    assert_eq!(silent.code(), 2, "{silent:#?}");
    assert!(silent.stderr().contains("GITLAB_TOKEN"), "{silent:#?}");
    // An address that nobody says: a token must not go to a GitLab that nobody meant.
    let silent = beginning(folder.path(), "").env("GITLAB_TOKEN", TOKEN);
    let silent = silent.finish().await;
    assert_eq!(silent.code(), 2, "{silent:#?}");
    assert!(silent.stderr().contains("--gitlab-url"), "{silent:#?}");
    assert!(!is_written(folder.path()));
}

#[tokio::test]
async fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bridge.yaml");
    fs::write(&path, "mine").unwrap();
    let begin = |more: &[&str]| {
        let begun = beginning(folder.path(), "").env("GITLAB_TOKEN", TOKEN);
        begun
            .args(["--yes", "--gitlab-url", gitlab.url()])
            .args(more)
    };
    let refused = begin(&[]).finish().await;
    assert_eq!(refused.code(), 2, "{refused:#?}");
    assert!(refused.stderr().contains("--force"), "{refused:#?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(
        gitlab.requests().is_empty(),
        "it is seen before anything is asked"
    );
    let replaced = begin(&["--force"]).finish().await;
    assert_eq!(replaced.code(), 0, "{replaced:#?}");
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("# Written by")
    );
    assert!(is_written(folder.path()));
}

#[tokio::test]
async fn a_gitlab_below_a_path_is_found_and_what_is_none_is_told_from_it() {
    let gitlab = GitLab::start(world().sub_path("/git")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let page = format!("{}/platform/website/-/pipelines?page=2", gitlab.url());
    let begun = beginning(folder.path(), "").env("GITLAB_TOKEN", TOKEN);
    let begun = begun.args(["--yes", "--gitlab-url", &page]).finish().await;
    assert_eq!(begun.code(), 0, "{begun:#?}");
    let written = fs::read_to_string(folder.path().join("bridge.yaml")).unwrap();
    assert!(
        written.contains(&format!("url: {}\n", gitlab.url())),
        "{written}"
    );
}

#[tokio::test]
async fn a_token_goes_nowhere_before_a_gitlab_answers_there() {
    let gitlab = gitlab().await;
    gitlab.fault(Fault::anywhere().always().login_page());
    let folder = tempfile::tempdir().unwrap();
    let begun = beginning(folder.path(), "").env("GITLAB_TOKEN", TOKEN);
    let begun = begun
        .args(["--yes", "--gitlab-url", gitlab.url()])
        .finish()
        .await;
    assert_eq!(begun.code(), 1, "{begun:#?}");
    assert!(
        begun.stderr().contains("no GitLab is found at"),
        "{begun:#?}"
    );
    let sent = gitlab.requests();
    assert!(!sent.is_empty());
    assert!(
        sent.iter().all(|request| request.token.is_none()),
        "{sent:#?}"
    );
}

#[tokio::test]
async fn ctrl_c_at_a_question_writes_nothing() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    // The pipe stays open and says nothing until the signal comes.
    let script = "sleep 8 | timeout -s INT 6 \"$0\" init --output bridge.yaml";
    let bridge = env!("CARGO_BIN_EXE_gitlab-metrics-bridge");
    let broken_off = Program::new(Path::new("/bin/bash"))
        .args(["-c", script, bridge])
        .current_dir(folder.path())
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN", TOKEN)
        .finish()
        .await;
    assert!(
        broken_off.stderr().contains("Groups to read"),
        "{broken_off:#?}"
    );
    assert_eq!(broken_off.code(), 124, "{broken_off:#?}");
    assert!(!is_written(folder.path()));
}

// ---- docs/asking.md ----

/// What is different each time, as the document has it.
fn settled(printed: &str, gitlab: &GitLab, port: u16) -> String {
    let printed = printed.replace(gitlab.url(), "https://gitlab.example.com");
    let printed = printed.replace(&format!(":{port}"), ":9464");
    let lines = printed
        .lines()
        .map(|line| match line.split_once(", read ") {
            Some((before, _)) => format!("{before}, read 12 seconds ago"),
            None => line.trim_end().to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The document is rendered anew by `UPDATE_EXAMPLES=1`.
#[tokio::test]
async fn what_the_document_shows_is_printed() {
    const BLOCK: &str = "```console\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/asking.md");
    let document = fs::read_to_string(&path).unwrap();
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let mut parts = document.split(BLOCK);
    let mut anew = parts.next().unwrap().to_owned();
    let mut followed = 0;
    for part in parts {
        let (block, rest) = part.split_once("```").unwrap();
        let command = block
            .lines()
            .next()
            .unwrap()
            .strip_prefix("$ gitlab-metrics-bridge ");
        let words = command
            .unwrap()
            .replace("https://gitlab.example.com", gitlab.url());
        let [port] = free_ports();
        let finished = bridge_for(gitlab.url())
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
            .current_dir(folder.path())
            .args(words.split(' '))
            .finish()
            .await;
        assert_eq!(finished.code(), 0, "{finished:#?}");
        let printed = match words.starts_with("init") {
            true => finished.stderr(),
            false => finished.stdout(),
        };
        let command = block.lines().next().unwrap();
        let printed = settled(&printed, &gitlab, port);
        anew += &format!("{BLOCK}{command}\n{printed}\n```{rest}");
        followed += 1;
    }
    assert!(followed >= 5, "{followed} commands");
    match std::env::var_os("UPDATE_EXAMPLES") {
        Some(_) => fs::write(&path, &anew).unwrap(),
        None => assert_eq!(document, anew, "UPDATE_EXAMPLES=1 renders docs/asking.md"),
    }
}
