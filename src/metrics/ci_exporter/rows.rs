//! All rows of that exporter's names.

use super::row::CiExporterRow;
use super::{environments, jobs, pipelines};

/// All of them, in the order they are shown.
pub(super) fn rows() -> impl Iterator<Item = &'static CiExporterRow> {
    let all = [pipelines::ROWS, jobs::ROWS, environments::ROWS];
    all.into_iter().flatten()
}
