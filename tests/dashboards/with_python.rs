//! The script that draws what the dashboards show.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::support::PATIENCE;
use super::support::process::{Finished, Program, bridge};
use super::support::running::Running;
use super::support::tools::Prometheus;
use super::{BOARDS, rendered, titles};

#[tokio::test]
#[ignore = "needs Prometheus and Python"]
async fn the_script_draws_each_panel_of_each_dashboard() {
    let demo = bridge().args(["demo", "--listen", "127.0.0.1:0", "--change-every", "400ms"]);
    let demo = Running::listening(demo).await;
    let prometheus = Prometheus::scraping(demo.port()).await;
    let folder = tempfile::tempdir().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let drawn = draw(&prometheus, folder.path()).await;
        assert_eq!(drawn.code(), 0, "{drawn:#?}");
        let overview = drawn.stdout();
        let overview = overview.lines().find(|line| line.contains("overview.svg"));
        // Increases take two scrapes.
        if overview.is_some_and(|line| !line.contains("without data")) {
            break;
        }
        assert!(Instant::now() < deadline, "{drawn:#?}");
    }
    for (name, dashboard) in BOARDS.iter().zip(rendered()) {
        let picture = fs::read_to_string(folder.path().join(format!("{name}.svg"))).unwrap();
        assert!(
            picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
            "{name}"
        );
        for title in titles(&dashboard) {
            assert!(
                picture.contains(&format!("aria-label=\"{title}\"")),
                "{name}: {title}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs Python"]
async fn a_prometheus_that_is_not_there_is_told_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = script(folder.path()).args(["--prometheus", "http://127.0.0.1:1"]);
    let drawn = drawn.finish().await;
    assert_eq!(drawn.code(), 1);
    let told = &drawn.output.stderr;
    assert!(
        told.len() == 1 && told[0].contains("can't be asked"),
        "{told:#?}"
    );
}

async fn draw(prometheus: &Prometheus, folder: &Path) -> Finished {
    let address = prometheus.otlp_endpoint();
    let address = address.trim_end_matches("/api/v1/otlp");
    let script = script(folder).args(["--prometheus", address]);
    script
        .args(["--seconds", "30", "--scrape", "1"])
        .finish()
        .await
}

fn script(out: &Path) -> Program {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/dashboards/draw.py");
    let program = Program::new("/usr/bin/env".as_ref())
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    program.arg("python3").arg(script).arg("--out").arg(out)
}
