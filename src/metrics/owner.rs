//! What is known of one owner: a project, or the GitLab itself. It is replaced whole and shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Ended, Identity, Reading, TableReading, UnixTime, stamp};

/// An owner and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// Who it is; the GitLab itself has none.
    pub identity: Arc<Identity>,
    /// When GitLab last listed it, in seconds since 1970.
    pub listed: u32,
    /// One for each column of the catalogue for this grain.
    pub values: Box<[Reading]>,
    /// One for each table of the catalogue for this grain.
    pub tables: Box<[TableReading]>,
    /// One for each metric that counts ended rows of this grain.
    pub ended: Box<[Ended]>,
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
            tables: Box::default(),
            ended: Box::default(),
            hidden: None,
        }
    }
}
