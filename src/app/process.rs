//! What the system tells of this process.

#[cfg(target_os = "linux")]
use std::sync::LazyLock;

use crate::metrics::Process;

/// When the system began, in seconds since 1970: it never changes, and is told with much else.
#[cfg(target_os = "linux")]
static BOOTED: LazyLock<Option<f64>> =
    LazyLock::new(|| Some(procfs::boot_time_secs().ok()? as f64));

/// What the system tells now; none where it tells nothing.
#[cfg(target_os = "linux")]
pub fn process() -> Option<Process> {
    use procfs::WithCurrentSystemInfo;
    let this = procfs::process::Process::myself().ok()?;
    let (stat, limits) = (this.stat().ok()?, this.limits().ok()?);
    let ticks = procfs::ticks_per_second() as f64;
    let most = match limits.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(most) => Some(most),
        procfs::process::LimitValue::Unlimited => None,
    };
    Some(Process {
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        resident_bytes: stat.rss_bytes().get(),
        virtual_bytes: stat.vsize,
        open_files: this.fd_count().ok().map(|count| count as u64),
        most_open_files: most,
        threads: stat.num_threads.unsigned_abs(),
        started: (*BOOTED)? + stat.starttime as f64 / ticks,
    })
}

#[cfg(not(target_os = "linux"))]
pub fn process() -> Option<Process> {
    None
}
