//! The process of the bridge, under the names that all clients of Prometheus use.

use crate::metrics::subject::{
    Cadence, Convention, Grain, Instrument, Rows, Shows, Subject, counter, gauge,
};
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
        )
        .as_convention(&Convention {
            instrument: Instrument::Counter,
            ..convention(
                "process.cpu.time",
                "s",
                "Total CPU seconds broken down by different CPU modes",
            )
        }),
        gauge(
            "process_resident_memory_bytes",
            "By",
            "Memory of the process that is in RAM",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.resident_bytes as f64));
            }),
        )
        .as_convention(&convention(
            "process.memory.usage",
            "By",
            "The amount of physical memory in use",
        )),
        gauge(
            "process_virtual_memory_bytes",
            "By",
            "Memory that the process has reserved",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.virtual_bytes as f64));
            }),
        )
        .as_convention(&convention(
            "process.memory.virtual",
            "By",
            "The amount of committed virtual memory",
        )),
        gauge(
            "process_open_fds",
            "{file_descriptor}",
            "Files and connections that the process has open",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.open_files? as f64));
            }),
        )
        .as_convention(&convention(
            "process.unix.file_descriptor.count",
            "{file_descriptor}",
            "Number of UNIX file descriptors in use by the process",
        )),
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
        )
        .called("gitlab.bridge.max_file_descriptors"),
        gauge(
            "process_threads",
            "{thread}",
            "Threads of the process",
            &[],
            Shows::Bridge(|bridge, emit| {
                told(bridge, emit, |process| Some(process.threads as f64));
            }),
        )
        .as_convention(&convention(
            "process.thread.count",
            "{thread}",
            "Process threads count",
        )),
        gauge(
            "process_start_time_seconds",
            "s",
            "When the process began",
            &[],
            Shows::Bridge(|bridge, emit| told(bridge, emit, |process| Some(process.started))),
        )
        .called("gitlab.bridge.start.timestamp"),
    ],
};

const fn convention(name: &'static str, unit: &'static str, help: &'static str) -> Convention {
    Convention {
        name,
        instrument: Instrument::UpDownCounter,
        unit,
        help,
        shows: None,
        attributes: &[],
    }
}

fn told(bridge: &BridgeStatus, emit: &mut Emit<'_>, value: impl Fn(&Process) -> Option<f64>) {
    if let Some(value) = bridge.process.as_ref().and_then(value) {
        emit(&[], value);
    }
}
