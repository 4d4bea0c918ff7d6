//! A limit of the size of files (`ulimit -f`): writing beyond it is to fail like a full disk does.

use tokio::signal::unix::{SignalKind, signal};

/// SIGXFSZ, by which the system ends a process that writes more than it may.
const FILE_TOO_LARGE: i32 = 25;

/// Takes the signal, for as long as the process lives: what is written fails instead.
pub fn survive() {
    // Where it can't be taken, all else goes on as it would.
    let _ = signal(SignalKind::from_raw(FILE_TOO_LARGE));
}
