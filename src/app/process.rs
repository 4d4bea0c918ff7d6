//! What the system tells of this process.

use crate::metrics::Process;

/// What the system tells now; none where it tells nothing.
#[cfg(target_os = "linux")]
pub fn process() -> Option<Process> {
    use procfs::WithCurrentSystemInfo;
    let this = procfs::process::Process::myself().ok()?;
    let (stat, limits) = (this.stat().ok()?, this.limits().ok()?);
    let ticks = procfs::ticks_per_second() as f64;
    let booted = procfs::boot_time_secs().ok()?;
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
        started: booted as f64 + stat.starttime as f64 / ticks,
    })
}

#[cfg(not(target_os = "linux"))]
pub fn process() -> Option<Process> {
    None
}
