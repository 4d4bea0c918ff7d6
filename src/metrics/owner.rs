//! What is known of one owner: a project, or the GitLab itself. It is replaced whole and shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ByPlace, Ended, Identity, Reading, TableReading, UnixTime, stamp};

/// An owner and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// Who it is; the GitLab itself has none.
    pub identity: Arc<Identity>,
    /// When GitLab last listed it, in seconds since 1970.
    pub listed: u32,
    /// By the places of the catalogue's columns for this grain.
    pub values: ByPlace<Reading>,
    /// By the places of the catalogue's tables for this grain.
    pub tables: ByPlace<TableReading>,
    /// By the places of the metrics that count ended rows of this grain.
    pub ended: ByPlace<Ended>,
    /// The metrics whose series give way to others, because there are more than a limit allows.
    pub hidden: Option<Arc<BTreeSet<&'static str>>>,
}

impl Owner {
    /// An owner without tables.
    pub fn new(identity: Identity, listed: UnixTime, values: Vec<Reading>) -> Owner {
        Owner {
            identity: Arc::new(identity),
            listed: stamp(listed),
            values: values.into(),
            tables: ByPlace::default(),
            ended: ByPlace::default(),
            hidden: None,
        }
    }
}
