//! The types that Grafana publishes: TypeScript's compiler reads the dashboards as values of them.

use std::fs;
use std::path::PathBuf;

use super::rendered;
use super::support::process::Program;

/// Where `tests/run` has put the compiler and the types.
const VARIABLE: &str = "GRAFANA_TYPES";

const OPTIONS: &str = r#"{"compilerOptions": {"strict": true, "noEmit": true, "skipLibCheck": true, "types": [],
    "moduleResolution": "bundler", "module": "esnext", "target": "es2020", "jsx": "react"},
    "files": ["dashboards.ts"]}"#;

#[tokio::test]
#[ignore = "needs Grafana's types"]
async fn the_dashboards_are_what_grafanas_published_types_describe() {
    let folder = tempfile::tempdir().unwrap();
    let types = std::env::var_os(VARIABLE).map(PathBuf::from);
    let types = types.expect("GRAFANA_TYPES is set by tests/run where there is npm");
    let modules = types.join("node_modules");
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
    fs::copy(described(), folder.path().join("grafana.ts")).unwrap();
    fs::write(folder.path().join("tsconfig.json"), OPTIONS).unwrap();
    let as_it_is = compiled(&folder, &written()).await;
    assert_eq!(as_it_is.0, 0, "{}", as_it_is.1);
    // What is wrong is found: in a dashboard, the options of a panel, its fields and its queries.
    let mistakes = [
        ("\"schemaVersion\":", "\"schemaVersions\":"),
        ("\"showHeader\":", "\"showHeading\":"),
        ("\"drawStyle\":\"line\"", "\"drawStyle\":\"dashes\""),
        ("\"editorMode\":", "\"editing\":"),
    ];
    for (right, wrong) in mistakes {
        let changed = written().replace(right, wrong);
        assert_ne!(changed, written(), "{right}");
        let (code, told) = compiled(&folder, &changed).await;
        assert_ne!(code, 0, "{wrong} is taken: {told}");
    }
}

fn described() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dashboards/grafana.ts")
}

/// All dashboards as constants of the type.
fn written() -> String {
    let mut text = "import type { Written } from './grafana';\n".to_owned();
    for (index, dashboard) in rendered().iter().enumerate() {
        text.push_str(&format!("export const d{index}: Written = {dashboard};\n"));
    }
    text
}

async fn compiled(folder: &tempfile::TempDir, dashboards: &str) -> (i32, String) {
    fs::write(folder.path().join("dashboards.ts"), dashboards).unwrap();
    let compiler = folder.path().join("node_modules/typescript/bin/tsc");
    let compiler = Program::new("/usr/bin/env".as_ref())
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .arg("node")
        .arg(compiler)
        .arg("--project")
        .arg(folder.path());
    let finished = compiler.finish().await;
    (finished.code(), finished.stdout())
}
