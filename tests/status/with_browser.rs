//! The pages in a real Chromium: what it sees, whether anything goes wrong, and what axe-core finds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::process::Program;
use crate::support::running::{Running, bridge_for};
use crate::wait_for_status;

/// What tests/tools/page.mjs saw.
#[derive(Deserialize)]
struct Looked {
    seen: Vec<Seen>,
    searched: Vec<Searched>,
}

/// A page, in one of its looks.
#[derive(Debug, Deserialize)]
struct Seen {
    visit: Value,
    status: u16,
    /// Messages of the console, errors, failed requests and broken policies.
    wrong: Vec<String>,
    requests: Vec<String>,
    text: String,
    /// How wide the page is, and how wide the window.
    width: u32,
    room: u32,
    back: String,
    headings: Vec<u8>,
    violations: Vec<Value>,
    focused: Vec<Focused>,
}

#[derive(Debug, Deserialize)]
struct Focused {
    name: String,
    visible: bool,
}

/// A search, with or without JavaScript.
#[derive(Debug, Deserialize)]
struct Searched {
    found: Text,
    followed: Text,
    wrong: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Text {
    url: String,
    text: String,
}

const SIZES: [(u32, u32); 2] = [(1280, 900), (320, 640)];

/// The demo, polled so often.
async fn bridge(polls: usize) -> (GitLab, Running) {
    let gitlab = GitLab::start(World::demo(jiff::Timestamp::now()))
        .await
        .unwrap();
    let program = bridge_for(gitlab.url()).env("GITLAB_BRIDGE_METRICS_ENABLED", "*");
    let bridge = Running::start(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    wait_for_status(&bridge, |status| {
        status["gitlabs"][0]["recent_polls"][polls - 1].is_object()
    })
    .await;
    (gitlab, bridge)
}

async fn looked(task: &Value) -> Looked {
    let tool = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!("{name} is not set: run tests/run, or eval \"$(tests/run --tools)\" and then this test")
        })
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tools/page.mjs");
    let folder = tempfile::tempdir().unwrap();
    let finished = Program::new(&PathBuf::from(tool("NODE")))
        .arg(script)
        .env("CHROMIUM", tool("CHROMIUM"))
        .env("BROWSER_MODULES", tool("BROWSER_MODULES"))
        .env("HOME", folder.path().to_str().unwrap())
        .env("PATH", std::env::var("PATH").unwrap())
        .stdin(&task.to_string())
        .finish()
        .await;
    assert_eq!(finished.code(), 0, "{}", finished.stderr());
    serde_json::from_str(&finished.stdout()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_browser_finds_nothing_wrong_in_light_and_dark_wide_and_narrow() {
    let (_gitlab, bridge) = bridge(3).await;
    let mut backs = BTreeSet::new();
    for (path, text) in [
        ("/", "Healthy and ready: 120 projects"),
        ("/?q=web", "acme/web/storefront"),
        ("/?q=storefornt", "Did you mean"),
        ("/projects/27", "gitlab_commits_total"),
    ] {
        let mut visits = Vec::new();
        for scheme in ["light", "dark"] {
            for (width, height) in SIZES {
                visits.push(json!({
                    "url": bridge.url(path), "scheme": scheme, "width": width, "height": height,
                }));
            }
        }
        let looked = looked(&json!({"visits": visits})).await;
        assert_eq!(looked.seen.len(), 4);
        for seen in looked.seen {
            sound(&seen, &bridge.url("/"));
            assert!(seen.text.contains(text), "{path}: {}", seen.text);
            backs.insert((seen.visit["scheme"].as_str().unwrap().to_owned(), seen.back));
        }
    }
    let both = [("dark", "rgb(13, 17, 23)"), ("light", "rgb(255, 255, 255)")];
    let both = both.map(|(scheme, back)| (scheme.to_owned(), back.to_owned()));
    assert_eq!(backs, both.into(), "each scheme has its own background");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn a_search_leads_to_a_project_by_keyboard_with_and_without_javascript() {
    let (_gitlab, bridge) = bridge(3).await;
    let search = json!({"url": bridge.url("/"), "query": "storefront"});
    let looked = looked(&json!({"visits": [], "search": search})).await;
    assert_eq!(looked.searched.len(), 2);
    for searched in &looked.searched {
        assert_eq!(searched.wrong, [""; 0]);
        let (found, followed) = (&searched.found, &searched.followed);
        assert!(found.url.ends_with("/?q=storefront"), "{}", found.url);
        assert!(found.text.contains("acme/web/storefront"), "{}", found.text);
        assert!(followed.url.contains("/projects/"), "{}", followed.url);
        assert!(
            followed.text.contains("gitlab_commits_total"),
            "{}",
            followed.text
        );
    }
}

/// Nothing is wrong with a page.
fn sound(seen: &Seen, root: &str) {
    let visit = &seen.visit;
    assert_eq!(seen.status, 200, "{visit}");
    assert_eq!(seen.wrong, [""; 0], "{visit}");
    assert_eq!(seen.violations, Vec::<Value>::new(), "{visit}");
    assert!(
        seen.width <= seen.room,
        "{visit}: {} in {}",
        seen.width,
        seen.room
    );
    assert!(
        seen.requests.iter().all(|url| url.starts_with(root)),
        "{:?}",
        seen.requests
    );
    assert_eq!(
        seen.headings.iter().filter(|level| **level == 1).count(),
        1,
        "{visit}"
    );
    let steps = seen.headings.windows(2);
    assert!(
        steps.into_iter().all(|pair| pair[1] <= pair[0] + 1),
        "{:?}",
        seen.headings
    );
    assert_eq!(seen.focused[0].name, "Skip to the content", "{visit}");
    assert!(
        seen.focused.iter().all(|own| own.visible),
        "{visit}: {:?}",
        seen.focused
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium"]
async fn the_pictures_of_the_documentation_are_small_and_made_anew_when_asked_for() {
    let images = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    let folder = match std::env::var_os("UPDATE_SCREENSHOTS") {
        Some(_) => images.clone(),
        None => tempfile::tempdir().unwrap().keep(),
    };
    let (_gitlab, bridge) = bridge(25).await;
    let picture = |scheme: &str| folder.join(format!("status-{scheme}.png"));
    let visits = ["light", "dark"].map(|scheme| {
        json!({
            "url": bridge.url("/"), "scheme": scheme, "width": 1280, "height": 1400,
            "screenshot": picture(scheme),
        })
    });
    looked(&json!({"visits": visits})).await;
    for scheme in ["light", "dark"] {
        for file in [picture(scheme), images.join(format!("status-{scheme}.png"))] {
            let size = std::fs::metadata(&file).unwrap().len();
            assert!(
                (10_000..200_000).contains(&size),
                "{}: {size}",
                file.display()
            );
        }
    }
    if folder != images {
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
