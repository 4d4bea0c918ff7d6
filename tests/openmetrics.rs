//! The exposition in OpenMetrics 1.0, judged by the words of its specification and not by our writer;
//! and what else is negotiated over real sockets.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use reqwest::{Client, Method, Response, StatusCode};

use support::Series;
use support::exposition::{Exposition, is_own};
use support::running::{Running, bridge_for};
use support::tools::Prometheus;

/// What Prometheus 3 sends.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// A GitLab with a bit of everything in it, in which a pipeline has run since the bridge began to count.
async fn everything() -> (GitLab, Running) {
    let gitlab = GitLab::start(World::demo(jiff::Timestamp::now()))
        .await
        .unwrap();
    let program = bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_METRICS_ENABLED", "*")
        .env("GITLAB_BRIDGE_POLL_CI_INTERVAL", "1s")
        .arg("--all");
    let bridge = Running::start(program).await;
    bridge.first_scrape().await;
    gitlab.edit(|world| {
        let path = world.projects().next().unwrap().full_path.clone();
        let mut events = world.events(&path);
        events.run_pipeline(|plan| plan.job("unit", "test").takes(Duration::from_secs(1)));
    });
    let counted = |series: &Series| series.values().sum::<f64>() > 0.0;
    bridge
        .wait_for_series("gitlab_pipeline_run_duration_seconds_count", counted)
        .await;
    (gitlab, bridge)
}

async fn ask(bridge: &Running, path: &str, accept: &str, encoding: &str) -> Response {
    let client = Client::builder().no_proxy().no_gzip().build().unwrap();
    let request = client.get(bridge.url(path)).header(ACCEPT, accept);
    request
        .header(ACCEPT_ENCODING, encoding)
        .send()
        .await
        .unwrap()
}

/// A family of OpenMetrics while it is read.
#[derive(Default)]
struct Family {
    kind: String,
    unit: String,
    help: bool,
    samples: usize,
}

/// Reads a text as the specification wants it, and panics where it is not so.
struct Reader {
    families: BTreeMap<String, Family>,
    /// Names that samples of the families so far may have: no other family may be called so.
    taken: BTreeSet<String>,
    current: String,
    /// Of the histogram that is being read: its labels, and its last bound and count.
    buckets: Option<(String, f64, f64)>,
}

impl Reader {
    fn read(text: &str) -> BTreeMap<String, Family> {
        let lines = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
        let mut reader = Reader {
            families: BTreeMap::new(),
            taken: BTreeSet::new(),
            current: String::new(),
            buckets: None,
        };
        for line in lines.lines() {
            match line.strip_prefix("# ") {
                Some(header) => reader.header(header),
                None => reader.sample(line),
            }
        }
        reader.families
    }

    fn header(&mut self, header: &str) {
        let mut words = header.splitn(3, ' ');
        let (what, name, rest) = (
            words.next().unwrap(),
            words.next().unwrap(),
            words.next().unwrap(),
        );
        if name != self.current {
            assert!(!self.families.contains_key(name), "{name} is told apart");
            assert!(
                !self.taken.contains(name),
                "{name} is a sample of another family"
            );
            self.current = name.to_owned();
        }
        let family = self.families.entry(name.to_owned()).or_default();
        assert_eq!(
            family.samples, 0,
            "headers of {name} stand before its samples"
        );
        match what {
            "HELP" => {
                let plain = rest
                    .replace("\\\\", "")
                    .replace("\\\"", "")
                    .replace("\\n", "");
                assert!(!plain.contains(['"', '\\']), "{header}");
                assert!(!std::mem::replace(&mut family.help, true), "{header}");
            }
            "TYPE" => {
                assert!(
                    ["gauge", "counter", "histogram", "unknown"].contains(&rest),
                    "{header}"
                );
                assert!(family.kind.is_empty(), "{header}");
                rest.clone_into(&mut family.kind);
                for suffix in suffixes(rest) {
                    let taken = format!("{name}{suffix}");
                    assert!(
                        !self.families.contains_key(&taken) || suffix.is_empty(),
                        "{taken}"
                    );
                    assert!(self.taken.insert(taken), "{name} clashes");
                }
            }
            "UNIT" => {
                assert!(name.ends_with(&format!("_{rest}")), "{header}");
                assert!(family.unit.is_empty(), "{header}");
                rest.clone_into(&mut family.unit);
            }
            _ => panic!("{header} is no header of OpenMetrics"),
        }
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let family = self.families.get_mut(&self.current).unwrap();
        family.samples += 1;
        let suffix = name
            .strip_prefix(&self.current)
            .expect("a sample of its family");
        assert!(
            suffixes(&family.kind).contains(&suffix),
            "{line} in a {}",
            family.kind
        );
        match (family.kind.as_str(), suffix) {
            ("counter", _) => assert!(value >= 0.0, "{line}"),
            ("histogram", "_bucket") => self.bucket(labels, value, line),
            ("histogram", "_count") => {
                let (of, bound, count) = self.buckets.take().expect("buckets before");
                let is_end = of == labels && bound == f64::INFINITY && count == value;
                assert!(is_end, "{line} after {of} {bound} {count}");
            }
            _ => {}
        }
    }

    fn bucket(&mut self, labels: &str, value: f64, line: &str) {
        let (of, bound) = labels.rsplit_once("le=\"").unwrap();
        let (of, bound) = (of.trim_end_matches(','), bound.strip_suffix('"').unwrap());
        // A bound is a float and looks like one.
        assert!(bound == "+Inf" || bound.contains(['.', 'e']), "{line}");
        let bound: f64 = bound.parse().unwrap();
        if let Some((before, last, count)) = &self.buckets
            && before == of
        {
            assert!(bound > *last && value >= *count, "{line}");
        }
        self.buckets = Some((of.to_owned(), bound, value));
    }
}

/// What the names of samples may have behind the name of their family.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total", "_created"],
        "histogram" => &["_bucket", "_sum", "_count", "_created"],
        _ => &[""],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openmetrics_is_what_its_specification_says_and_tells_what_the_text_tells() {
    let (_gitlab, bridge) = everything().await;
    let answer = ask(&bridge, "/metrics", PROMETHEUS, "identity").await;
    assert_eq!(
        answer.headers()[CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let openmetrics = answer.text().await.unwrap();
    let families = Reader::read(&openmetrics);
    for (family, kind, unit) in [
        // Names of a contract: gauges, although they end like counters.
        ("gitlab_commits_total", "gauge", ""),
        ("gitlab_merge_requests_total", "gauge", ""),
        ("gitlab_project_count", "gauge", ""),
        ("gitlab_pipeline_runs", "counter", ""),
        (
            "gitlab_pipeline_run_duration_seconds",
            "histogram",
            "seconds",
        ),
        ("gitlab_bridge_poll_duration_seconds", "gauge", "seconds"),
    ] {
        let Some(found) = families.get(family) else {
            panic!("{family} is not in {:?}", families.keys());
        };
        assert_eq!(
            (found.kind.as_str(), found.unit.as_str()),
            (kind, unit),
            "{family}"
        );
        assert!(found.help && found.samples > 0, "{family}");
    }

    // A poll may come between the two.
    for attempt in 1.. {
        let [openmetrics, text] = [PROMETHEUS, "text/plain"].map(async |accept| {
            let answer = ask(&bridge, "/metrics", accept, "identity").await;
            told_of_gitlab(&answer.text().await.unwrap())
        });
        let (openmetrics, text) = (openmetrics.await, text.await);
        assert!(text.len() > 100);
        if openmetrics == text {
            return;
        }
        assert!(attempt < 5, "{openmetrics:#?} {text:#?}");
    }
}

/// The lines of series about GitLab, without the bounds of buckets: they are written differently.
fn told_of_gitlab(text: &str) -> Vec<String> {
    let of_gitlab =
        |line: &&str| line.starts_with("gitlab_") && !line.starts_with("gitlab_bridge_");
    let lines = text.lines().filter(of_gitlab);
    let lines = lines.map(|line| match line.split_once("le=\"") {
        Some((series, _)) => series.to_owned(),
        None => line.to_owned(),
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_the_coding_it_likes_best() {
    let (_gitlab, bridge) = everything().await;
    for (accept, family) in [("text/plain", "# TYPE"), (PROMETHEUS, "# EOF")] {
        for (asked, coding) in [
            ("gzip", Some("gzip")),
            ("zstd", Some("zstd")),
            ("gzip;q=0.5, zstd", Some("zstd")),
            ("gzip, zstd", Some("gzip")),
            ("br", None),
        ] {
            let answer = ask(&bridge, "/metrics", accept, asked).await;
            let told = answer.headers().get(CONTENT_ENCODING);
            assert_eq!(told.map(|told| told.to_str().unwrap()), coding, "{asked}");
            let text = decoded(answer).await;
            assert!(text.contains(family) && text.contains("gitlab_commits_total{"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bridge_says_of_itself_is_told_apart_in_every_form() {
    let (_gitlab, bridge) = everything().await;
    let names = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let names = lines.filter_map(|line| line.split(['{', ' ']).next());
        names.map(str::to_owned).collect()
    };
    let both = bridge.get("/metrics").await.1;
    let of_gitlab: BTreeSet<String> = names(&told_of_gitlab(&both).join("\n"));
    let own: BTreeSet<String> = names(&both).difference(&of_gitlab).cloned().collect();
    for name in [
        "target_info",
        "process_threads",
        "gitlab_bridge_up",
        "gitlab_bridge_build_info",
    ] {
        assert!(own.contains(name), "{name} is not in {own:?}");
    }
    for (accept, is_openmetrics) in [("text/plain", false), (PROMETHEUS, true)] {
        for coding in ["identity", "gzip", "zstd"] {
            let text = decoded(ask(&bridge, "/metrics/bridge", accept, coding).await).await;
            let told = names(&text);
            assert!(told.is_superset(&own), "{accept} {coding}: {told:?}");
            assert!(told.iter().all(|name| is_own(name)), "{told:?}");
            assert_eq!(text.ends_with("# EOF\n"), is_openmetrics);
            if is_openmetrics {
                Reader::read(&text);
            } else {
                Exposition::parse(&text).unwrap();
            }
        }
    }
}

/// The text of an answer, whatever it is coded in. A length that is told is right.
async fn decoded(answer: Response) -> String {
    let told = |name| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let (coding, length) = (told(CONTENT_ENCODING), told(CONTENT_LENGTH));
    let body = answer.bytes().await.unwrap();
    if let Some(length) = length {
        assert_eq!(length, body.len().to_string());
    }
    match coding.as_deref() {
        Some("gzip") => std::io::read_to_string(flate2::read::GzDecoder::new(&body[..])).unwrap(),
        Some("zstd") => String::from_utf8(zstd::decode_all(&body[..]).unwrap()).unwrap(),
        Some(other) => panic!("{other}"),
        None => String::from_utf8(body.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn a_wrong_path_or_method_is_told_what_there_is() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    let text = ask(&bridge, "/metric", "*/*", "identity").await;
    assert_eq!(text.status(), StatusCode::NOT_FOUND);
    let text = text.text().await.unwrap();
    let page = ask(&bridge, "/metric", "text/html,*/*;q=0.8", "identity").await;
    assert!(
        page.headers()[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let page = page.text().await.unwrap();
    // Links are relative: the bridge may lie behind a prefix of a proxy.
    for (path, link) in [
        ("/", "./"),
        ("/metrics", "metrics"),
        ("/metrics/bridge", "metrics/bridge"),
        ("/-/healthy", "-/healthy"),
        ("/-/ready", "-/ready"),
    ] {
        assert!(
            text.contains(path) && page.contains(&format!("href=\"{link}\"")),
            "{text} {page}"
        );
        let posted = bridge.ask(Method::POST, path).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(posted.headers()[ALLOW], "GET,HEAD");
        for accept in ["text/plain", PROMETHEUS] {
            let client = Client::builder().no_proxy().build().unwrap();
            let head = client.head(bridge.url(path)).header(ACCEPT, accept);
            let head = head.send().await.unwrap();
            assert_eq!(head.text().await.unwrap(), "", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus: run tests/run"]
async fn prometheus_reads_openmetrics_with_the_types_that_are_meant() {
    let (_gitlab, bridge) = everything().await;
    let prometheus = Prometheus::scraping(bridge.port()).await;
    prometheus
        .wait_for("up", |up| up.values().all(|up| *up == 1.0))
        .await;
    let buckets = "gitlab_pipeline_run_duration_seconds_bucket";
    for series in [
        "gitlab_commits_total",
        "gitlab_pipeline_runs_total",
        buckets,
    ] {
        prometheus
            .wait_for(series, |series| !series.is_empty())
            .await;
    }
    let told = prometheus.get("/api/v1/targets/metadata", &[]).await;
    let told = told["data"].as_array().unwrap();
    for (metric, kind, unit) in [
        ("gitlab_commits_total", "gauge", ""),
        ("gitlab_pipeline_runs", "counter", ""),
        (
            "gitlab_pipeline_run_duration_seconds",
            "histogram",
            "seconds",
        ),
    ] {
        let found = told.iter().find(|entry| entry["metric"] == metric);
        let found = found.unwrap_or_else(|| panic!("{metric}: {told:?}"));
        // Only OpenMetrics has units, so this is what was read.
        assert_eq!(
            (&found["type"], &found["unit"]),
            (&kind.into(), &unit.into())
        );
    }
}

/// What strangers call a project is read by Prometheus as they wrote it, in both formats.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus: run tests/run"]
async fn prometheus_reads_every_name_as_it_is() {
    let names = [
        "back\\slash and \\n",
        "\"quotes\"",
        "two\nlines",
        "a\"} 1\nb{c=\"d\"} 2",
        "ä€😀\u{2028}\u{fffd}",
        "\ttab\r\u{7f}\u{1}",
        "# TYPE a gauge",
    ];
    let mut world = World::new();
    for (id, name) in (1..).zip(names) {
        world
            .project_with_id(&format!("group/p{id}"), id)
            .named(name);
    }
    let gitlab = GitLab::start(world).await.unwrap();
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    for protocol in ["OpenMetricsText1.0.0", "PrometheusText0.0.4"] {
        let prometheus = Prometheus::start(&format!(
            "
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: bridge
    scrape_protocols: [{protocol}]
    static_configs: [{{targets: ['127.0.0.1:{}']}}]
",
            bridge.port()
        ))
        .await;
        let all = |series: &Series| series.len() == names.len();
        let read = prometheus.wait_for("gitlab_project_info", all).await;
        for (id, name) in (1..).zip(names) {
            let id = id.to_string();
            let own = read
                .keys()
                .find(|labels| labels["project_id"] == id)
                .unwrap();
            assert_eq!(own["project_name"], name, "{protocol}");
        }
    }
}
