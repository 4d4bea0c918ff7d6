//! An hour, or as long as is wished, in real time: the bridge as a process of its own, with a real Collector behind
//! it, and a real Prometheus that scrapes both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use gitlab_metrics_bridge::simulator::GitLab;
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
/// How long nothing fails and nothing happens at the end: longer than anything takes to be seen and exported.
const CALM: Duration = Duration::from_secs(180);
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// What is seen of the bridge at one moment.
struct Look {
    memory: usize,
    descriptors: usize,
}

/// Lets so much time pass.
pub async fn run(time: Duration, projects: u64, seed: u64) -> Result<Missed> {
    let folder = tempfile::tempdir()?;
    let (port, otlp, exposition, prometheus) =
        (free_port()?, free_port()?, free_port()?, free_port()?);
    let _collector = collector(folder.path(), otlp, exposition)?;
    let _prometheus = prometheus_server(folder.path(), prometheus, &[port, exposition])?;
    let gitlab = GitLab::start(idle(projects)).await?;
    let since = gitlab.read(gitlab_metrics_bridge::simulator::World::now);
    let mut random = Rng::with_seed(seed);
    gitlab.live(Duration::from_secs(1), seed);
    let lively = time.saturating_sub(CALM);
    gitlab.edit(|world| world.churn(lively.mul_f64(0.8), &mut random));
    gitlab.chaos(FAULTS, seed);
    let state = folder.path().join("state");
    let endpoint = format!("http://127.0.0.1:{otlp}");
    let start = || Bridge::start_on(port, &gitlab, Some(&endpoint), INTERVAL, Some(&state));
    let mut bridge = start()?;
    println!("## {time:?} in real time, {projects} projects, seed {seed}\n");
    println!("| after | memory | descriptors | scrape | series | kills |");
    println!("|---:|---:|---:|---:|---:|---:|");
    let (began, mut kills, mut looks, mut row) = (Instant::now(), 0, Vec::new(), Duration::ZERO);
    let mut missed = Missed::new();
    while began.elapsed() < time {
        sleep(LOOK).await;
        if began.elapsed() > lively {
            gitlab.chaos(0.0, 0);
        } else if began.elapsed() > lively / (KILLS + 1) * (kills + 1) && kills < KILLS {
            bridge.kill().await?;
            bridge = start()?;
            kills += 1;
            continue;
        }
        let asked = Instant::now();
        let Ok(text) = bridge.scrape("identity").await else {
            missed.push(format!("no scrape after {:?}", began.elapsed()));
            continue;
        };
        let took = asked.elapsed();
        let look = Look {
            memory: resident(bridge.id()),
            descriptors: descriptors(&bridge.id().to_string()),
        };
        if began.elapsed() >= row {
            println!(
                "| {:.0?} | {} | {} | {took:.1?} | {} | {kills} |",
                began.elapsed(),
                super::megabytes(look.memory),
                look.descriptors,
                sample(&text, "gitlab_bridge_series").unwrap_or_default(),
            );
            row += time / 12;
        }
        looks.push(look);
    }
    missed.extend(growth(&looks));
    let ended = gitlab.read(|world| Ended::since(world, since));
    let shown = of_text(std::str::from_utf8(&bridge.scrape("identity").await?)?);
    let names = [
        ("the bridge", shown),
        ("the Collector", of_text(&text(exposition).await?)),
    ];
    let both = names
        .into_iter()
        .chain(of_prometheus(prometheus, &[port, exposition]).await?);
    println!("\n| shown by | pipelines that ended | wrong series |\n|---|---:|---:|");
    for (who, counted) in both {
        let wrong = ended.wrong(&counted);
        println!(
            "| {who} | {} | {} |",
            counted.values().sum::<f64>(),
            wrong.len()
        );
        missed.extend(wrong.iter().map(|what| format!("{who}: {what}")));
    }
    println!("| the ledger | {} | |", ended.all());
    bridge.stop().await?;
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

/// The counters that Prometheus has of each target.
async fn of_prometheus(
    port: u16,
    targets: &[u16],
) -> Result<Vec<(&'static str, BTreeMap<String, f64>)>> {
    let mut all = Vec::new();
    for (target, who) in targets
        .iter()
        .zip(["Prometheus, from the bridge", "Prometheus, over OTLP"])
    {
        let query = format!("{RUNS}{{instance=\"127.0.0.1:{target}\"}}");
        let url = url::Url::parse_with_params(
            &format!("http://127.0.0.1:{port}/api/v1/query"),
            [("query", query)],
        )?;
        let answer: Value = serde_json::from_str(&get(url.as_str()).await?)?;
        let rows = answer["data"]["result"]
            .as_array()
            .context("an answer of Prometheus")?;
        let counters = rows.iter().filter_map(|row| {
            let label = |name: &str| row["metric"][name].as_str();
            let value = row["value"][1].as_str()?.parse().ok()?;
            Some((series(label("project_id")?, label("status")?), value))
        });
        all.push((who, counters.collect()));
    }
    Ok(all)
}

async fn text(port: u16) -> Result<String> {
    get(&format!("http://127.0.0.1:{port}/metrics")).await
}

async fn get(url: &str) -> Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    Ok(answer.text().await?)
}

fn collector(folder: &Path, otlp: u16, exposition: u16) -> Result<Child> {
    let file = folder.join("otelcol.yaml");
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

fn prometheus_server(folder: &Path, port: u16, targets: &[u16]) -> Result<Child> {
    let file = folder.join("prometheus.yaml");
    let targets: Vec<String> = targets
        .iter()
        .map(|port| format!("'127.0.0.1:{port}'"))
        .collect();
    let config = format!(
        "
global: {{scrape_interval: 5s}}
scrape_configs: [{{job_name: soak, static_configs: [{{targets: [{}]}}]}}]
",
        targets.join(", ")
    );
    std::fs::write(&file, config)?;
    let flag =
        |name: &str, value: &dyn std::fmt::Display| PathBuf::from(format!("--{name}={value}"));
    start(
        tool("PROMETHEUS")?,
        &[
            flag("config.file", &file.display()),
            flag("storage.tsdb.path", &folder.join("tsdb").display()),
            flag("web.listen-address", &format!("127.0.0.1:{port}")),
            flag("log.level", &"error"),
        ],
    )
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
