//! The process of the bridge, under the names that all clients of Prometheus use.

use crate::metrics::subject::{Cadence, Grain, Rows, Shows, Subject, counter, gauge};
use crate::metrics::{BridgeStatus, Emit, Process};

pub(super) static SUBJECT: Subject = Subject {
    name: "bridge",
    of: Grain::Instance,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[
        counter(
            "process_cpu_seconds_total",
            "s",
            "Processor time that the process has used",
            &[],
            Shows::Bridge(|bridge, emit| told(bridge, emit, |process| Some(process.cpu_seconds))),
        ),
        gauge(
            "process_resident_memory_bytes",
            "By",
            "Memory of the process that is in RAM",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.resident_bytes as f64));
            }),
        ),
        gauge(
            "process_virtual_memory_bytes",
            "By",
            "Memory that the process has reserved",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.virtual_bytes as f64));
            }),
        ),
        gauge(
            "process_open_fds",
            "{file_descriptor}",
            "Files and connections that the process has open",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.open_files? as f64));
            }),
        ),
        gauge(
            "process_max_fds",
            "{file_descriptor}",
            "Files and connections that the process may have open",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| {
                    Some(process.most_open_files? as f64)
                });
            }),
        ),
        gauge(
            "process_threads",
            "{thread}",
            "Threads of the process",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.threads as f64));
            }),
        ),
        gauge(
            "process_start_time_seconds",
            "s",
            "When the process began",
            &[],
            Shows::Bridge(|bridge, emit| told(bridge, emit, |process| Some(process.started))),
        ),
    ],
};

fn told(bridge: &BridgeStatus, emit: &mut Emit<'_>, value: impl Fn(&Process) -> Option<f64>) {
    if let Some(value) = bridge.process.as_ref().and_then(value) {
        emit(&[], value);
    }
}
