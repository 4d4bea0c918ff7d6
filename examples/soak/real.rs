//! An hour, or as long as is wished, in real time: the bridge as a process of its own, with a real Collector behind
//! it, and a real Prometheus that scrapes both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use gitlab_metrics_bridge::simulator::{GitLab, World};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::bridge::{Bridge, free_port, sample};
use super::ended::{Ended, RUNS, series};
use super::simulation::idle;
use super::{Missed, descriptors};

const INTERVAL: &str = "10s";
/// What share of all requests fails, but for the calm at the end.
const FAULTS: f64 = 0.05;
/// How often the bridge is killed.
const KILLS: u32 = 4;
/// How many times as lively as usual it is.
const LIVELINESS: u32 = 8;
/// How long nothing fails and nothing happens at the end: longer than anything takes to be seen and exported.
const CALM: Duration = Duration::from_secs(180);
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// What is seen of the bridge at one moment.
struct Look {
    memory: usize,
    descriptors: usize,
}

/// The ports of all that runs.
struct Ports {
    bridge: u16,
    otlp: u16,
    /// Where the Collector shows what it got.
    collector: u16,
    prometheus: u16,
}

impl Ports {
    fn free() -> Result<Ports> {
        Ok(Ports {
            bridge: free_port()?,
            otlp: free_port()?,
            collector: free_port()?,
            prometheus: free_port()?,
        })
    }
}

/// Lets so much time pass.
pub async fn run(time: Duration, projects: u64, seed: u64) -> Result<Missed> {
    let folder = tempfile::tempdir()?;
    let ports = Ports::free()?;
    let _collector = collector(folder.path(), &ports)?;
    let _prometheus = prometheus(folder.path(), &ports)?;
    let gitlab = GitLab::start(idle(projects)).await?;
    let (state, endpoint) = (
        folder.path().join("state"),
        format!("http://127.0.0.1:{}", ports.otlp),
    );
    let start = || {
        Bridge::start_on(
            ports.bridge,
            &gitlab,
            Some(&endpoint),
            INTERVAL,
            Some(&state),
        )
    };
    let mut bridge = start()?;
    // Counting begins with the first reading.
    bridge.wait_until_ready().await?;
    let since = gitlab.read(World::now);
    let lively = time.saturating_sub(CALM);
    let mut random = Rng::with_seed(seed);
    let lasting = lively.mul_f64(0.9);
    (0..LIVELINESS).for_each(|_| gitlab.edit(|world| world.churn(lasting, &mut random)));
    gitlab.chaos(FAULTS, seed);
    println!("## {time:?} in real time, {projects} projects, seed {seed}\n");
    println!(
        "| after | memory | descriptors | scrape | series | kills |\n|---:|---:|---:|---:|---:|---:|"
    );
    let (began, mut kills, mut looks, mut row) = (Instant::now(), 0, Vec::new(), Duration::ZERO);
    while began.elapsed() < time {
        sleep(LOOK).await;
        let passed = began.elapsed();
        if passed > lively {
            gitlab.chaos(0.0, 0);
        } else if passed > lively / (KILLS + 1) * (kills + 1) {
            bridge.kill().await?;
            bridge = start()?;
            bridge.wait_until_ready().await?;
            kills += 1;
        }
        let (look, cells) = look(&bridge).await?;
        if passed >= row {
            println!("| {passed:.0?} | {cells} | {kills} |");
            row += time / 12;
        }
        looks.push(look);
    }
    let ended = gitlab.read(|world| Ended::since(world, since));
    let mut missed = growth(&looks);
    missed.extend(judged(&ended, &bridge, &ports).await?);
    bridge.stop().await?;
    Ok(missed)
}

/// Scrapes it, and looks what the system says of it.
async fn look(bridge: &Bridge) -> Result<(Look, String)> {
    let asked = Instant::now();
    let text = bridge.scrape("identity").await.context("a scrape")?;
    let took = asked.elapsed();
    let look = Look {
        memory: resident(bridge.id()),
        descriptors: descriptors(&bridge.id().to_string()),
    };
    let series = sample(&text, "gitlab_bridge_series")?;
    let memory = super::megabytes(look.memory);
    let cells = format!("{memory} | {} | {took:.1?} | {series}", look.descriptors);
    Ok((look, cells))
}

/// Holds what each shows against the ledger.
async fn judged(ended: &Ended, bridge: &Bridge, ports: &Ports) -> Result<Missed> {
    let shown = bridge.scrape("identity").await?;
    let collected = get(&format!("http://127.0.0.1:{}/metrics", ports.collector)).await?;
    let scraped = of_prometheus(ports.prometheus, ports.bridge).await?;
    let pushed = of_prometheus(ports.prometheus, ports.collector).await?;
    println!("\n| shown by | pipelines that ended | wrong series |\n|---|---:|---:|");
    let mut missed = Missed::new();
    for (who, counted) in [
        ("the bridge", of_text(std::str::from_utf8(&shown)?)),
        ("the Collector", of_text(&collected)),
        ("Prometheus, from the bridge", scraped),
        ("Prometheus, from the Collector", pushed),
    ] {
        let (all, wrong) = (counted.values().sum::<f64>(), ended.wrong(&counted));
        println!("| {who} | {all} | {} |", wrong.len());
        missed.extend(wrong.iter().map(|what| format!("{who}: {what}")));
    }
    println!("| the ledger | {} | |", ended.all());
    Ok(missed)
}

/// What grew from the first third to the last.
fn growth(looks: &[Look]) -> Missed {
    let third = looks.len() / 3;
    let most =
        |of: &[Look], value: fn(&Look) -> usize| of.iter().map(value).max().unwrap_or_default();
    let mut missed = Missed::new();
    let mut flat = |what: &str, slack: f64, value: fn(&Look) -> usize| {
        let (first, last) = (
            most(&looks[..third], value),
            most(&looks[looks.len() - third..], value),
        );
        if last as f64 > first as f64 * slack {
            missed.push(format!("{what} grew from {first} to {last}"));
        }
    };
    flat("memory", 1.25, |look| look.memory);
    flat("the number of open descriptors", 1.25, |look| {
        look.descriptors
    });
    missed
}

/// The counters of an exposition.
fn of_text(text: &str) -> BTreeMap<String, f64> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(RUNS)?.strip_prefix('{'));
    let counters = lines.filter_map(|line| {
        let (labels, value) = line.split_once("} ")?;
        let label = |name: &str| {
            let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
            labels
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim_matches('"'))
        };
        let value = value.split(' ').next()?.parse().ok()?;
        Some((series(label("project_id")?, label("status")?), value))
    });
    counters.collect()
}

/// The counters that Prometheus has of a target.
async fn of_prometheus(port: u16, target: u16) -> Result<BTreeMap<String, f64>> {
    let query = format!("{RUNS}{{instance=\"127.0.0.1:{target}\"}}");
    let api = format!("http://127.0.0.1:{port}/api/v1/query");
    let url = url::Url::parse_with_params(&api, [("query", query)])?;
    let answer: Value = serde_json::from_str(&get(url.as_str()).await?)?;
    let rows = answer["data"]["result"].as_array();
    let counters = rows.into_iter().flatten().filter_map(|row| {
        let label = |name: &str| row["metric"][name].as_str();
        let value = row["value"][1].as_str()?.parse().ok()?;
        Some((series(label("project_id")?, label("status")?), value))
    });
    Ok(counters.collect())
}

async fn get(url: &str) -> Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    Ok(answer.text().await?)
}

fn collector(folder: &Path, ports: &Ports) -> Result<Child> {
    let file = folder.join("otelcol.yaml");
    let (otlp, exposition) = (ports.otlp, ports.collector);
    let config = format!(
        "
receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{otlp}'}}}}}}}}
exporters: {{prometheus: {{endpoint: '127.0.0.1:{exposition}', metric_expiration: 15m}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{metrics: {{receivers: [otlp], exporters: [prometheus]}}}}
"
    );
    std::fs::write(&file, config)?;
    start(tool("OTELCOL")?, &["--config".into(), file])
}

fn prometheus(folder: &Path, ports: &Ports) -> Result<Child> {
    let file = folder.join("prometheus.yaml");
    let (bridge, collector) = (ports.bridge, ports.collector);
    let config = format!(
        "
global: {{scrape_interval: 5s}}
scrape_configs:
- {{job_name: soak, static_configs: [{{targets: ['127.0.0.1:{bridge}', '127.0.0.1:{collector}']}}]}}
"
    );
    std::fs::write(&file, config)?;
    let flag = |name: &str, value: String| PathBuf::from(format!("--{name}={value}"));
    let arguments = [
        flag("config.file", file.display().to_string()),
        flag(
            "storage.tsdb.path",
            folder.join("tsdb").display().to_string(),
        ),
        flag(
            "web.listen-address",
            format!("127.0.0.1:{}", ports.prometheus),
        ),
        flag("log.level", "error".to_owned()),
    ];
    start(tool("PROMETHEUS")?, &arguments)
}

/// Where a tool is.
fn tool(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable);
    let path =
        path.with_context(|| format!("{variable} is not set: eval \"$(tests/run --tools)\""))?;
    Ok(path.into())
}

fn start(program: PathBuf, arguments: &[PathBuf]) -> Result<Child> {
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn();
    child.with_context(|| format!("starting {}", program.display()))
}

/// The resident memory of a process, in bytes.
fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kibibytes.unwrap_or_default() * 1024
}
