//! Answers that are changed on their way, and what they can be changed to.

use std::io::Read;
use std::sync::OnceLock;

use super::*;

const PAGE: &str = "query Page($after: String) {
  listed: projects(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}";

fn two_projects(world: &mut World) {
    world.project("group/a");
    world.project("group/b");
}

#[tokio::test(start_paused = true)]
async fn headers_can_be_stripped() {
    let inside = Inside::of(two_projects);
    let fault = Fault::on("/api/v4/projects").tamper(|_, answer| {
        for name in ["link", "X-Total", "x-next-page"] {
            answer.remove_header(name);
        }
    });
    inside.0.fault(fault);
    let path = "projects?per_page=1";
    let stripped = inside.get(path).await;
    assert_eq!(text(&stripped, "link"), None);
    assert_eq!(text(&stripped, "x-total"), None);
    assert_eq!(text(&stripped, "x-page"), Some("1"));
    assert!(text(&inside.get(path).await, "link").is_some());
}

#[tokio::test(start_paused = true)]
async fn every_list_of_a_query_can_be_reached_whatever_its_alias() {
    let inside = Inside::of(two_projects);
    let fault = Fault::operation("Page")
        .when(|request| request.variables["after"] != Value::Null)
        .always()
        .tamper(|_, answer| answer.edit_each("nodes", |nodes| nodes[0] = json!({})));
    inside.0.fault(fault);
    let first = inside.graphql(PAGE, Value::Null).await;
    let page = &first["data"]["listed"];
    assert_eq!(page["nodes"][0]["id"], "gid://gitlab/Project/2");
    let after = page["pageInfo"]["endCursor"].clone();
    let second = inside.graphql(PAGE, json!({ "after": after })).await;
    assert_eq!(second["data"]["listed"]["nodes"], json!([{}]));
}

#[tokio::test(start_paused = true)]
async fn a_page_can_be_given_for_ever() {
    let inside = Inside::of(two_projects);
    let first = OnceLock::new();
    let fault = Fault::on("/api/v4/projects")
        .always()
        .tamper(move |_, answer| {
            *answer = first.get_or_init(|| answer.clone()).clone();
        });
    inside.0.fault(fault);
    let one = inside.rest("projects?per_page=1&page=1").await;
    assert_eq!(inside.rest("projects?per_page=1&page=2").await, one);
    inside.0.clear_faults();
    assert_ne!(inside.rest("projects?per_page=1&page=2").await, one);
}

#[tokio::test(start_paused = true)]
async fn a_body_can_be_of_any_bytes_and_an_answer_of_any_kind() {
    let inside = Inside::of(two_projects);
    let with_mark = Fault::anywhere().tamper(|_, answer| {
        answer.body.splice(0..0, *b"\xef\xbb\xbf");
    });
    inside.0.fault(with_mark);
    assert!(
        inside
            .get("version")
            .await
            .body()
            .starts_with(b"\xef\xbb\xbf{")
    );
    let elsewhere = Fault::anywhere().tamper(|request, answer| {
        *answer = Answer::html(301, "Moved");
        answer.set_header(
            "Location",
            format!("https://elsewhere.test{}", request.path),
        );
    });
    inside.0.fault(elsewhere);
    let moved = inside.get("version").await;
    assert_eq!(moved.status(), 301);
    let target = "https://elsewhere.test/api/v4/version";
    assert_eq!(text(&moved, "location"), Some(target));
}

#[tokio::test]
async fn a_small_body_can_unpack_to_a_large_one() {
    let asked = Asked::of(two_projects).await;
    let fault = Fault::anywhere().tamper(|_, answer| answer.pad(16 << 20));
    asked.gitlab.fault(fault);
    let address = format!("{}/api/v4/version", asked.gitlab.url());
    let client = Client::builder().no_gzip().build().unwrap();
    let request = client.get(address).bearer_auth(DEMO_TOKEN);
    let answer = request.header("accept-encoding", "gzip").send().await;
    let packed = answer.unwrap().bytes().await.unwrap();
    assert!(packed.len() < 17_000, "{}", packed.len());
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&packed[..]);
    decoder.read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked.len(), 16 << 20);
    assert!(serde_json::from_slice::<Value>(&unpacked).is_ok());
}
