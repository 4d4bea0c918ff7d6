//! The process of the bridge, under the names that all clients of Prometheus use.

use crate::metrics::subject::{Cadence, Grain, Rows, Shows, Subject, counter, gauge};

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
            Shows::Bridge(|bridge, emit| {
                if let Some(process) = &bridge.process {
                    emit(&[], process.cpu_seconds);
                }
            }),
        ),
        gauge(
            "process_resident_memory_bytes",
            "By",
            "Memory of the process that is in RAM",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(process) = &bridge.process {
                    emit(&[], process.resident_bytes as f64);
                }
            }),
        ),
        gauge(
            "process_virtual_memory_bytes",
            "By",
            "Memory that the process has reserved",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(process) = &bridge.process {
                    emit(&[], process.virtual_bytes as f64);
                }
            }),
        ),
        gauge(
            "process_open_fds",
            "{file_descriptor}",
            "Files and connections that the process has open",
            &[],
            Shows::Bridge(|bridge, emit| {
                let process = bridge.process.as_ref();
                if let Some(open) = process.and_then(|process| process.open_files) {
                    emit(&[], open as f64);
                }
            }),
        ),
        gauge(
            "process_max_fds",
            "{file_descriptor}",
            "Files and connections that the process may have open",
            &[],
            Shows::Bridge(|bridge, emit| {
                let process = bridge.process.as_ref();
                if let Some(most) = process.and_then(|process| process.most_open_files) {
                    emit(&[], most as f64);
                }
            }),
        ),
        gauge(
            "process_threads",
            "{thread}",
            "Threads of the process",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(process) = &bridge.process {
                    emit(&[], process.threads as f64);
                }
            }),
        ),
        gauge(
            "process_start_time_seconds",
            "s",
            "When the process began",
            &[],
            Shows::Bridge(|bridge, emit| {
                if let Some(process) = &bridge.process {
                    emit(&[], process.started);
                }
            }),
        ),
    ],
};
