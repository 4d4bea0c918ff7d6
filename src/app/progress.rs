//! A progress bar on a terminal while the first poll runs.

use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::export::Views;
use crate::poll::Progress;
use crate::prose::counted;
use crate::stdio;

/// The one bar of the process, hidden until it is shown: log lines make way for it.
static BAR: LazyLock<ProgressBar> = LazyLock::new(ProgressBar::hidden);

/// Standard error for the log: a line hides the bar while it is written.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        BAR.suspend(|| stdio::Stderr.write(line))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A line on the terminal that says what is waited for, as long as it lives.
pub struct WaitingLine(());

impl WaitingLine {
    /// Shows it. Without a terminal there is none.
    pub fn show(what: &str) -> WaitingLine {
        if stdio::stderr_is_terminal() {
            BAR.reset();
            // A template that is a constant; indicatif's default will do otherwise.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} waiting for {msg} ({elapsed})")
            {
                BAR.set_style(style);
            }
            BAR.set_message(what.to_owned());
            BAR.set_draw_target(ProgressDrawTarget::stderr());
            BAR.enable_steady_tick(Duration::from_millis(100));
        }
        WaitingLine(())
    }
}

impl Drop for WaitingLine {
    fn drop(&mut self) {
        BAR.disable_steady_tick();
        BAR.finish_and_clear();
        BAR.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Writes something elsewhere on the terminal; the bar makes way for it.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    BAR.suspend(write)
}

/// Shows how far the first polls are, until all have ended. Without a terminal it shows nothing.
pub async fn show(progress: Vec<Arc<Progress>>, mut views: Views, stop: CancellationToken) {
    if !stdio::stderr_is_terminal() {
        return;
    }
    let bar = &*BAR;
    bar.set_draw_target(ProgressDrawTarget::stderr());
    // The template is a constant that indicatif accepts; its default will do otherwise.
    if let Ok(style) = ProgressStyle::with_template("{spinner} first poll: {msg} read in {elapsed}")
    {
        bar.set_style(style);
    }
    let mut tick = interval(Duration::from_millis(100));
    let ended = async {
        views
            .wait_for(|view| view.known() == progress.len())
            .await
            .is_ok()
    };
    let mut ended = std::pin::pin!(ended);
    loop {
        tokio::select! {
            _ = &mut ended => break,
            () = stop.cancelled() => break,
            _ = tick.tick() => {
                let read = progress.iter().map(|progress| progress.projects() as u64);
                bar.set_message(counted(read.sum::<u64>(), "project"));
                bar.tick();
            }
        }
    }
    bar.finish_and_clear();
}
