//! What is known of a feed of one owner, and what becomes of it as pages of the feed come in: each end
//! is counted exactly once, whatever fails, repeats, or begins anew.
//!
//! The clock is GitLab's own, told by its answers. A walk asks for what changed since the watermark, and
//! [`OVERLAP`] before it; the watermark moves only when a walk has come to its end. So a failure repeats
//! the window, and the keys of what was counted in it make the repeat harmless. What ended before the
//! window is refused: it was counted, or ended before counting began.

mod latest;
mod progress;
mod record;
mod take;
#[cfg(test)]
mod tests;

pub use latest::{Reach, RefChoice};
pub use progress::{Live, OVERLAP, Progress};
pub use record::Record;
