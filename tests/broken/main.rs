//! GitLab and the Collector broken below HTTP, before the built program: what was known stays, nothing grows,
//! and all goes on once they are back.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod collector;
mod gitlab;
mod names;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::front::Wire;

/// All that breaks, with what to call it.
fn wires() -> Vec<Wire> {
    vec![
        Wire::Silent,
        Wire::HalfHead,
        Wire::HalfBody,
        Wire::CutBody,
        Wire::CutChunks,
        Wire::Endless,
        Wire::Bomb(bomb()),
        Wire::Dripping,
        Wire::Noise,
        Wire::Closing,
        Wire::Resetting,
    ]
}

/// A megabyte or so that unpacks to a gigabyte.
fn bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let piece = vec![b' '; 1 << 20];
    packed.write_all(b"[").unwrap();
    for _ in 0..1024 {
        packed.write_all(&piece).unwrap();
    }
    packed.finish().unwrap()
}

/// How a fault is called.
fn name(wire: &Wire) -> String {
    match wire {
        Wire::Bomb(_) => "Bomb".to_owned(),
        other => format!("{other:?}"),
    }
}
