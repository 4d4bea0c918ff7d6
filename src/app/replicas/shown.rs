//! What this replica shows of a GitLab.

use std::sync::{Arc, OnceLock};

use super::version::Version;
use crate::export::Texts;
use crate::metrics::{Catalogue, Snapshot};

/// Reads what is known of each owner out of a version; none if that can't be read.
pub type Reader = Arc<dyn Fn(&Version) -> Option<Arc<Snapshot>> + Send + Sync>;

/// What is shown of one GitLab: of one version, all of it.
#[derive(Clone, Default)]
pub struct Shown {
    /// With the owners, where this replica has read them itself; else what is said of them.
    pub snapshot: Arc<Snapshot>,
    pub texts: Texts,
    /// None before the first.
    pub version: Option<Arc<Version>>,
    /// What is known of each owner, where another replica has read it.
    owners: Option<Arc<Owners>>,
}

/// What is known of each owner: read when somebody asks for it, as scrapes need it not.
struct Owners {
    read: OnceLock<Option<Arc<Snapshot>>>,
    reader: Reader,
}

impl Shown {
    /// A version of this replica.
    pub fn of_ours(snapshot: Arc<Snapshot>, texts: Texts, version: Version) -> Shown {
        Shown {
            snapshot,
            texts,
            version: Some(Arc::new(version)),
            owners: None,
        }
    }

    /// A version of another replica.
    pub fn of_another(
        texts: Texts,
        version: Version,
        catalogue: &Catalogue,
        reader: &Reader,
    ) -> Shown {
        Shown {
            snapshot: version.snapshot(catalogue),
            texts,
            version: Some(Arc::new(version)),
            owners: Some(Arc::new(Owners {
                read: OnceLock::new(),
                reader: Arc::clone(reader),
            })),
        }
    }

    /// The same content as a version of another number.
    pub fn again(&self, version: Version) -> Shown {
        Shown {
            version: Some(Arc::new(version)),
            ..self.clone()
        }
    }

    /// What orders the versions; zeros before the first.
    pub fn order(&self) -> (u64, u64) {
        self.version
            .as_ref()
            .map_or((0, 0), |version| version.order())
    }

    /// The snapshot with its owners. It may have to be read first, which takes a while.
    pub fn with_owners(&self) -> Arc<Snapshot> {
        let (Some(version), Some(owners)) = (&self.version, &self.owners) else {
            return Arc::clone(&self.snapshot);
        };
        let read = owners.read.get_or_init(|| {
            let read = (owners.reader)(version)?;
            Some(Arc::new(Snapshot {
                projects: read.projects.clone(),
                departed: read.departed.clone(),
                instance: Arc::clone(&read.instance),
                groups: read.groups.clone(),
                runners: read.runners.clone(),
                ..Snapshot::clone(&self.snapshot)
            }))
        });
        read.clone().unwrap_or_else(|| Arc::clone(&self.snapshot))
    }
}
