//! How much memory the process may take: what is configured, and what the system allows.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, MemoryChoice};
use crate::memory_limit::MemoryLimit;
use crate::metrics::MemoryUse;

/// How much of what a cgroup allows is taken by default: not all that counts there is ours to see.
const SHARE: u8 = 90;

/// The configuration with the limit in all its parts.
pub fn limited(mut config: Config, limit: &MemoryLimit) -> Config {
    for instance in &mut config.instances {
        instance.gitlab.memory = limit.clone();
        instance.poll.memory = limit.clone();
    }
    if let Some(otlp) = &mut config.export.otlp {
        otlp.queue.memory = limit.clone();
    }
    config.export.memory = limit.clone();
    config
}

/// What is known of the limit; none if there is none.
pub fn usage(limit: &MemoryLimit) -> Option<MemoryUse> {
    Some(MemoryUse {
        limit: limit.bytes()?,
        refused: limit.refused(),
    })
}

/// The limit that the configuration chooses, for this process.
pub fn limit(choice: MemoryChoice) -> MemoryLimit {
    let allowed = || allowed(Path::new("/sys/fs/cgroup"), &text("/proc/self/cgroup"));
    let bytes = match choice {
        MemoryChoice::Unlimited => None,
        MemoryChoice::Bytes(bytes) => Some(bytes),
        MemoryChoice::Auto => allowed().map(|bytes| share(bytes, SHARE)),
        MemoryChoice::Share(part) => allowed()
            .or_else(|| machine(&text("/proc/meminfo")))
            .map(|bytes| share(bytes, part)),
    };
    let Some(bytes) = bytes else {
        return MemoryLimit::default();
    };
    let limit = MemoryLimit::new(bytes, resident());
    tracing::info!(bytes, taken = limit.taken(), "memory is limited");
    if !limit.has_room(0) {
        tracing::warn!(
            bytes,
            "limits.memory: the bridge alone takes nearly as much, so no project has room; raise it"
        );
    }
    limit
}

fn share(bytes: u64, part: u8) -> u64 {
    bytes / 100 * u64::from(part)
}

/// Tells how many bytes of the process are in memory. The file stays open: it is read often, and also when
/// no other one can be opened.
#[cfg(target_os = "linux")]
fn resident() -> impl Fn() -> Option<u64> + Send + Sync + 'static {
    let (statm, page) = (File::open("/proc/self/statm").ok(), procfs::page_size());
    move || {
        let mut text = [0; 128];
        let read = statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = str::from_utf8(&text[..read]).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * page)
    }
}

#[cfg(not(target_os = "linux"))]
fn resident() -> impl Fn() -> Option<u64> + Send + Sync + 'static {
    || None
}

/// The least that a cgroup of the process allows, or one above it. Inside of a container its own is often
/// mounted where all of them are.
fn allowed(mount: &Path, cgroups: &str) -> Option<u64> {
    let mut limits = Vec::new();
    for line in cgroups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (roots, name) = match controllers {
            "" => (vec![mount.to_owned(), mount.join("unified")], "memory.max"),
            all if all.split(',').any(|one| one == "memory") => {
                (vec![mount.join("memory")], "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for root in roots {
            limits.extend(above(&root, path).filter_map(|folder| bytes(&folder.join(name))));
        }
    }
    limits.into_iter().min()
}

/// A folder and all above it, up to the root.
fn above(root: &Path, path: &str) -> impl Iterator<Item = PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    let all: Vec<_> = path.ancestors().map(|path| root.join(path)).collect();
    all.into_iter()
}

/// A limit in a file; none if it says `max`, or what no machine has.
fn bytes(file: &Path) -> Option<u64> {
    const NO_LIMIT: u64 = 1 << 60;
    let limit: u64 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (limit < NO_LIMIT).then_some(limit)
}

/// What the machine has.
fn machine(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_all_cgroups_above_counts_in_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, limit: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{limit}\n")).unwrap();
        };
        let allowed = |cgroups| allowed(folder.path(), cgroups);
        assert_eq!(allowed("0::/a/b\n"), None);
        write("a/b/memory.max", "max");
        assert_eq!(allowed("0::/a/b\n"), None);
        write("a/memory.max", "7000");
        assert_eq!(allowed("0::/a/b\n"), Some(7_000));
        write("a/b/memory.max", "5000");
        assert_eq!(allowed("0::/a/b\n"), Some(5_000));
        // The path is one of the host, and only our own is mounted.
        write("memory/memory.limit_in_bytes", "3000");
        let first = "9:cpu,cpuacct:/x\n8:memory:/docker/deadbeef\n";
        assert_eq!(allowed(first), Some(3_000));
        write("memory/memory.limit_in_bytes", "9223372036854771712");
        assert_eq!(allowed(first), None);
    }

    #[test]
    fn the_system_tells_what_is_taken_and_what_there_is() {
        assert!(machine(&text("/proc/meminfo")).unwrap() > resident()().unwrap());
        assert!(resident()().unwrap() > 1 << 20);
    }

    #[test]
    fn what_is_configured_is_the_limit() {
        assert_eq!(limit(MemoryChoice::Unlimited).bytes(), None);
        assert_eq!(limit(MemoryChoice::Bytes(1 << 40)).bytes(), Some(1 << 40));
        let whole = limit(MemoryChoice::Share(100)).bytes().unwrap();
        let half = limit(MemoryChoice::Share(50)).bytes().unwrap();
        assert!(half.abs_diff(whole / 2) < 100, "{half} {whole}");
    }
}
