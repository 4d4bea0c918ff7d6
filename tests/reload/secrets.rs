//! Secrets that are rotated while the bridge runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gitlab_metrics_bridge::simulator::AccessToken;
use reqwest::StatusCode;

use crate::support::process::{bridge, http_client};
use crate::support::running::Running;
use crate::support::{Series, labels};
use crate::{Set, post, world};

#[tokio::test]
async fn a_reload_takes_the_secrets_that_files_hold_by_then() {
    let mut gitlab = world();
    gitlab.token(AccessToken::new("first-token"));
    let set = Set::up(gitlab).await;
    let write = |name: &str, text: &str| fs::write(set.path(name), text).unwrap();
    write("token", "first-token");
    write("hook", "first-hook-secret");
    set.write("webhook: {enabled: true, token_file: hook}\npoll: {interval: 1h}\n");
    let program = bridge().arg("--config").arg(set.path("bridge.yaml"));
    let program = program.args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"]);
    let program = program.env("GITLAB_TOKEN_FILE", set.path("token"));
    let mut bridge = Running::listening(program).await;
    bridge.first_scrape().await;
    let hook = async |bridge: &Running, secret: &str| {
        let request = http_client().post(bridge.url("/webhook"));
        let request = request.header("X-Gitlab-Token", secret);
        let request = request.header("X-Gitlab-Event", "Push Hook");
        let body = r#"{"object_kind":"push","project_id":7}"#;
        request.body(body).send().await.unwrap().status()
    };
    assert_eq!(hook(&bridge, "first-hook-secret").await, StatusCode::OK);
    write("token", "second-token");
    write("hook", "second-hook-secret");
    set.gitlab.edit(|world| {
        world.token(AccessToken::new("first-token").revoked());
        world.token(AccessToken::new("second-token"));
        world.project("odd/p7").commits(70);
    });
    let (status, text) = post(&bridge, "/-/reload").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(
        text.contains("gitlab.token_file, webhook.token_file"),
        "{text}"
    );
    let refused = hook(&bridge, "first-hook-secret").await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
    assert_eq!(hook(&bridge, "second-hook-secret").await, StatusCode::OK);
    let seen = |series: &Series| series.get(&labels([("project_id", "7")])) == Some(&70.0);
    bridge.wait_for_series("gitlab_commits_total", seen).await;
    // A file that is gone is no token: the one in use goes on.
    fs::remove_file(set.path("token")).unwrap();
    let (status, text) = post(&bridge, "/-/reload").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    let line = bridge.process.wait_for_line("the old one goes on").await;
    for text in [line, text] {
        assert!(!text.contains("second-token"), "{text}");
    }
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_reload_warns_of_files_with_secrets_that_all_can_read_as_the_start_does() {
    let set = Set::up(world()).await;
    let token = set.path("token");
    fs::write(&token, "demo-token").unwrap();
    let readable_by = |mode| {
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
    };
    // Others may enter the folder, else nobody could read what is in it.
    let folder = token.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    readable_by(0o600);
    set.write("poll: {interval: 1h}\n");
    let program = bridge().arg("--config").arg(set.path("bridge.yaml"));
    let program = program.args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"]);
    let program = program.env("GITLAB_TOKEN_FILE", &token);
    let mut bridge = Running::listening(program).await;
    bridge.first_scrape().await;
    let warned = |bridge: &Running| {
        let stderr = bridge.process.output().stderr.join("\n");
        stderr.contains("every user of this machine can read")
    };
    assert!(!warned(&bridge));
    readable_by(0o644);
    assert_eq!(post(&bridge, "/-/reload").await.0, StatusCode::OK);
    let line = bridge
        .process
        .wait_for_line("every user of this machine can read")
        .await;
    assert!(line.contains("gitlab.token_file"), "{line}");
    bridge.stop().await;
}
