//! Webhooks at an address of their own, which the web configuration covers too.

use std::fs;

use reqwest::{Client, StatusCode};

use super::support::running::Running;
use super::{Secured, TLS, users};

const SECRET: &str = "s3cret-of-the-webhook";

/// Where the bridge takes webhooks, with this before it.
async fn own_address(bridge: &mut Running, scheme: &str) -> String {
    let line = bridge.process.wait_for_line("taking webhooks").await;
    let address = line.split_once("listen=").unwrap().1;
    let port = address.split(' ').next().unwrap().rsplit(':').next();
    format!("{scheme}://localhost:{}", port.unwrap())
}

async fn start(secured: &Secured) -> Running {
    let program = secured
        .bridge()
        .env("GITLAB_BRIDGE_WEBHOOK", "true")
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", SECRET)
        .env("GITLAB_BRIDGE_WEBHOOK_LISTEN", "127.0.0.1:0");
    Running::start(program).await
}

async fn hook(client: &Client, url: &str, token: &str) -> reqwest::Result<StatusCode> {
    let request = client.post(format!("{url}/webhook"));
    let request = request
        .header("X-Gitlab-Token", token)
        .header("X-Gitlab-Event", "Push Hook")
        .body(r#"{"object_kind":"push","project_id":7}"#);
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn webhooks_at_their_own_address_come_over_tls_with_their_secret_and_no_password() {
    let headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n";
    let secured = Secured::new(&format!("{TLS}}}\n{headers}{}", users())).await;
    let mut bridge = start(&secured).await;
    let url = own_address(&mut bridge, "https").await;
    let client = secured.client().build().unwrap();
    assert_eq!(hook(&client, &url, SECRET).await.unwrap(), StatusCode::OK);
    let wrong = hook(&client, &url, "wrong").await.unwrap();
    assert_eq!(wrong, StatusCode::UNAUTHORIZED);
    let other = client.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(other.headers()["x-frame-options"], "deny");

    let plain = own_address(&mut bridge, "http").await;
    let client = Client::builder().no_proxy().build().unwrap();
    let told = hook(&client, &plain, SECRET).await.unwrap();
    assert_eq!(told, StatusCode::BAD_REQUEST, "plain HTTP is not answered");
}

#[tokio::test]
async fn webhooks_at_their_own_address_need_the_client_certificate_that_the_file_asks_for() {
    let secured = Secured::new(&format!("{TLS}}}\n")).await;
    let mut bridge = start(&secured).await;
    let url = own_address(&mut bridge, "https").await;
    let stranger = || secured.client().build().unwrap();
    assert_eq!(hook(&stranger(), &url, SECRET).await.unwrap(), 200);
    // A change of the file holds here too.
    let known = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert";
    fs::write(&secured.file, format!("{TLS}, {known}}}\n")).unwrap();
    assert!(hook(&stranger(), &url, SECRET).await.is_err());
    let known = secured.known_client().build().unwrap();
    assert_eq!(hook(&known, &url, SECRET).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn check_says_at_which_address_webhooks_are_taken() {
    let secured = Secured::new(&format!("{TLS}}}\n")).await;
    let program = secured.bridge().env("GITLAB_BRIDGE_WEBHOOK", "true");
    let program = program.env("GITLAB_BRIDGE_WEBHOOK_TOKEN", SECRET);
    let program = program.env("GITLAB_BRIDGE_WEBHOOK_LISTEN", "127.0.0.1:0");
    let finished = program
        .args(["check", "--listen", "127.0.0.1:0"])
        .finish()
        .await;
    let told = finished.stdout();
    assert!(
        told.contains("taken at https://127.0.0.1:0/webhook"),
        "{told}"
    );
}
