//! What is released: the static binary, and the image and the packages around it. `tests/run` builds the binary as
//! a release does, and has the image built and unpacked by Buildah, which needs no daemon.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use support::process::{Finished, Program, free_ports};
use tempfile::TempDir;

/// As large as the binary of a release may be: 15 MiB.
const MOST_BYTES: u64 = 15 << 20;
/// Whoever the program is in the image.
const USER: &str = "65532:65532";

fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What `tests/run` names by a variable.
fn named(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} is set by tests/run"))
        .into()
}

fn tool(path: impl AsRef<Path>) -> Program {
    let path = path.as_ref();
    Program::new(path)
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .current_dir(file(""))
}

async fn run(program: Program) -> String {
    let finished: Finished = program.finish().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    finished.stdout()
}

/// An image with its storage, which goes with the test.
struct Image {
    storage: TempDir,
    container: String,
    root: PathBuf,
}

impl Image {
    fn buildah(&self) -> Program {
        buildah(self.storage.path())
    }

    /// Builds the image around the static binary, and unpacks it.
    async fn build() -> Image {
        let storage = tempfile::tempdir().unwrap();
        let parts = file("target/image");
        let _ = fs::remove_dir_all(&parts); // It may not be there.
        fs::create_dir_all(parts.join("state")).unwrap();
        fs::copy(named("STATIC_BRIDGE"), parts.join("gitlab-metrics-bridge")).unwrap();
        let authorities = ["/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"];
        let authorities = authorities.iter().find(|path| Path::new(path).exists());
        let authorities = authorities.expect("certificates of authorities");
        fs::copy(authorities, parts.join("ca-certificates.crt")).unwrap();
        let build =
            buildah(storage.path()).args(["build", "--format", "docker", "--tag", "bridge"]);
        let build = build
            .args(["--ignorefile", "examples/container/Dockerfile.dockerignore"])
            .args(["--file", "examples/container/Dockerfile"]);
        run(build.args(["--build-arg", "BINARY=prebuilt", "."])).await;
        let container = run(buildah(storage.path()).args(["from", "--pull-never", "bridge"])).await;
        let container = container.trim().to_owned();
        let root = run(buildah(storage.path()).args(["mount", &container])).await;
        Image {
            root: root.trim().into(),
            storage,
            container,
        }
    }

    /// The program of the image, for which the image is all there is.
    fn program(&self) -> Program {
        tool("/usr/sbin/chroot")
            .arg(format!("--userspec={USER}"))
            .arg(&self.root)
            .arg("/usr/local/bin/gitlab-metrics-bridge")
    }
}

fn buildah(storage: &Path) -> Program {
    let program = tool(named("BUILDAH"))
        .env("STORAGE_DRIVER", "vfs")
        .env("BUILDAH_ISOLATION", "chroot")
        .env("HOME", storage);
    program
        .arg("--root")
        .arg(storage.join("root"))
        .arg("--runroot")
        .arg(storage.join("run"))
}

/// All files below a folder, by their paths from there.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let path = path.strip_prefix(root).unwrap();
                    found.insert(path.display().to_string());
                }
            }
        }
    }
    found
}

mod with_static_binary {
    use super::*;

    #[tokio::test]
    #[ignore = "needs a static binary: run tests/run"]
    async fn the_binary_of_a_release_is_small_and_needs_no_library() {
        let binary = named("STATIC_BRIDGE");
        let size = fs::metadata(&binary).unwrap().len();
        assert!(size <= MOST_BYTES, "{size} bytes");
        // An ELF that is linked to libraries names the program that loads them.
        let bytes = fs::read(&binary).unwrap();
        let loader = b"/lib/ld-";
        assert!(!bytes.windows(loader.len()).any(|part| part == loader));
        let version = run(Program::new(&binary).arg("version")).await;
        assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    }

    #[tokio::test]
    #[ignore = "needs nfpm, dpkg-deb and a static binary: run tests/run"]
    async fn the_deb_unpacks_to_a_program_that_runs_and_a_unit_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let packaging = fs::read_to_string(file("examples/packages/nfpm.yaml")).unwrap();
        let binary = format!("src: {}", named("STATIC_BRIDGE").display());
        let packaging = packaging.replace("src: target/dist/gitlab-metrics-bridge", &binary);
        let changed = folder.path().join("nfpm.yaml");
        fs::write(&changed, packaging).unwrap();
        let nfpm = tool(named("NFPM"))
            .env("VERSION", "0.1.0")
            .env("ARCH", "amd64");
        let nfpm = nfpm.args(["package", "--packager", "deb", "--config"]);
        run(nfpm.arg(&changed).arg("--target").arg(folder.path())).await;
        let package = folder.path().join("gitlab-metrics-bridge_0.1.0_amd64.deb");
        let root = folder.path().join("root");
        run(tool("/usr/bin/dpkg-deb").arg("-x").arg(&package).arg(&root)).await;
        let program = root.join("usr/bin/gitlab-metrics-bridge");
        run(Program::new(&program).arg("version")).await;
        let unit = root.join("usr/lib/systemd/system/gitlab-metrics-bridge.service");
        let unit = fs::read_to_string(unit).unwrap();
        assert!(unit.contains("ExecStart=gitlab-metrics-bridge --config /etc/"));
        let configuration = root.join("etc/gitlab-metrics-bridge/config.yaml");
        assert!(configuration.exists());
        let state = root.join("var/lib/gitlab-metrics-bridge");
        let mode = fs::metadata(state).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let fields = run(tool("/usr/bin/dpkg-deb").arg("-f").arg(&package)).await;
        assert!(fields.contains("Depends: ca-certificates\n"), "{fields}");
    }
}

mod with_buildah {
    use super::*;

    #[tokio::test]
    #[ignore = "needs Buildah, as root, and a static binary: run tests/run"]
    async fn the_image_holds_the_program_alone_and_runs_it_without_root() {
        let image = Image::build().await;
        let wanted = [
            "etc/ssl/certs/ca-certificates.crt",
            "usr/local/bin/gitlab-metrics-bridge",
        ];
        assert_eq!(files(&image.root), wanted.map(str::to_owned).into());
        let inspected = image
            .buildah()
            .args(["inspect", "--type", "image", "bridge"]);
        let inspected: Value = serde_json::from_str(&run(inspected).await).unwrap();
        let config = &inspected["Docker"]["config"];
        assert_eq!(config["User"], USER);
        assert_eq!(
            config["Entrypoint"][0],
            "/usr/local/bin/gitlab-metrics-bridge"
        );
        assert_eq!(config["Healthcheck"]["Test"][2], "health", "{config:#}");
        assert_eq!(config["StopSignal"], "SIGTERM");

        let [port] = free_ports();
        let port = port.to_string();
        let demo = image.program().env("OTEL_EXPORTER_PROMETHEUS_PORT", &port);
        let mut demo = demo.arg("demo").start();
        demo.wait_for_http(&format!("http://127.0.0.1:{port}/-/ready"))
            .await;
        let health = || {
            image
                .program()
                .env("OTEL_EXPORTER_PROMETHEUS_PORT", &port)
                .arg("health")
        };
        run(health()).await;
        let ended = demo.terminate_within(Duration::from_secs(10)).await;
        assert_eq!(ended.code(), 0, "{ended:#?}");
        assert_ne!(
            health().finish().await.code(),
            0,
            "nobody is there any more"
        );
        // As one that is not root could write nowhere but to the state, it has not.
        assert_eq!(files(&image.root).len(), wanted.len());
        run(image.buildah().args(["rm", &image.container])).await;
    }
}
