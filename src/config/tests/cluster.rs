//! The engine that replicas share: what is read of it, and that no password is shown.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::cluster::Secret;

const URL: &str = "GITLAB_BRIDGE_CLUSTER_URL";

fn password(secret: Option<Secret>) -> String {
    match secret {
        Some(Secret::Value(_, password)) => password.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_an_address_there_is_no_engine() {
    assert!(nothing().config().cluster.is_none());
    let written = file("cluster: {lease: 10s}\n");
    assert!(written.config().cluster.is_none());
    assert_eq!(
        file("cluster: {name: a}\n").error(),
        "bridge.yaml:1:17: cluster.name: it is of no use without cluster.url: name the engine there, or remove this"
    );
}

#[test]
fn the_group_is_called_after_the_gitlab_unless_it_is_said() {
    let written = variable(URL, "redis://r").variable("GITLAB_URL", "https://gitlab.example.com");
    let cluster = written.config().cluster.unwrap();
    assert_eq!(cluster.name, "gitlab.example.com");
    assert_eq!(cluster.lease, Duration::from_secs(15));
    assert_eq!(cluster.replica, None);
    let written = file("cluster: {url: redis://r, name: team-a, replica: b-0, lease: 3s}\n");
    let cluster = written.config().cluster.unwrap();
    assert_eq!(cluster.name, "team-a");
    assert_eq!(cluster.replica.as_deref(), Some("b-0"));
    assert_eq!(cluster.lease, Duration::from_secs(3));
}

#[test]
fn a_user_and_a_password_in_the_address_are_taken_out_of_it() {
    let written = variable(URL, "rediss://bridge:s3cret%2F1@r:6380/2");
    let config = written.config();
    let printed = format!("{config:?} {:?} {:?}", config.summary(), config.effective());
    assert!(!printed.contains("s3cret"), "{printed}");
    let cluster = config.cluster.unwrap();
    assert_eq!(cluster.url.as_str(), "rediss://r:6380/2");
    assert_eq!(cluster.user.as_deref(), Some("bridge"));
    assert_eq!(password(cluster.password), "s3cret/1");
    let written = file("cluster: {url: \"${REDIS}\"}\n").variable("REDIS", "redis://:s3cret@r");
    assert_eq!(
        password(written.config().cluster.unwrap().password),
        "s3cret"
    );
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    for text in [
        "cluster: {url: \"redis://:s3cret@r\"}\n",
        "cluster: {url: redis://r, password: s3cret}\n",
    ] {
        let error = file(text).error();
        assert!(!error.contains("s3cret"), "{error}");
        let advice = "set GITLAB_BRIDGE_CLUSTER_PASSWORD, or name a file that holds it in cluster.password_file";
        assert!(error.ends_with(advice), "{error}");
    }
}

#[test]
fn a_password_may_hold_spaces() {
    let written = variable(URL, "redis://r").variable("GITLAB_BRIDGE_CLUSTER_PASSWORD", "a b\n");
    assert_eq!(password(written.config().cluster.unwrap().password), "a b");
}

#[test]
fn sentinels_need_the_name_of_the_servers_and_the_name_needs_sentinels() {
    let written = file(
        "cluster:\n  url: redis://r\n  sentinel: {master: m, addresses: [\"a:1\", \"b:2\"]}\n",
    );
    let sentinel = written.config().cluster.unwrap().sentinel.unwrap();
    assert_eq!(
        (sentinel.master.as_str(), sentinel.addresses.len()),
        ("m", 2)
    );
    for (text, needed) in [
        ("{addresses: [\"a:1\"]}", "cluster.sentinel.master"),
        ("{master: m}", "cluster.sentinel.addresses"),
    ] {
        let error = file(&format!("cluster:\n  url: redis://r\n  sentinel: {text}\n")).error();
        assert!(error.contains(&format!("without {needed}:")), "{error}");
    }
}

#[test]
fn what_can_not_be_an_engine_is_told_with_what_would_be_right() {
    for (url, problem) in [
        ("r:6379", "not the address of a Redis"),
        ("https://r", "not a scheme for it"),
        ("redis://r/a", "the number of a database"),
        ("redis://r?x=1", "leave out everything from there on"),
    ] {
        let error = variable(URL, url).error();
        assert!(error.contains(problem), "{url}: {error}");
    }
    let error = file("cluster: {url: redis://r, ca_file: ca}\n")
        .beside("ca")
        .error();
    assert!(error.contains("rediss://"), "{error}");
    let error = file("cluster: {url: redis://r, sentinel: {master: m, addresses: [a]}}\n").error();
    assert!(error.contains("host:port"), "{error}");
}
