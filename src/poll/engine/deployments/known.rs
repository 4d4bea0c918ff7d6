//! What is known of the deployments of projects, kept over a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::moment::Moment;
use crate::metrics::{CountedDeployments, UnixTime};

/// How often a project with deployments is asked for those that no pipeline made, and one that has
/// none yet.
const SWEEP: Duration = Duration::from_secs(4 * 60 * 60);
const SWEEP_OF_OTHERS: Duration = Duration::from_secs(24 * 60 * 60);
/// What is forbidden is tried again after this at the earliest.
const FORBIDDEN: Duration = Duration::from_secs(60 * 60);
/// So long the tier of an environment is believed.
const TIER: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of the deployments of all projects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeploymentsKnown {
    /// When counting began, by GitLab's clock; 0 before.
    pub(super) since: UnixTime,
    pub(super) projects: BTreeMap<u64, OfProject>,
}

/// What is known of the deployments of a project.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OfProject {
    pub counted: CountedDeployments,
    /// Whether it has shown any deployment.
    pub has_any: bool,
    /// Whether it is to be asked, by this poll and by the next.
    pub due: bool,
    #[serde(default)]
    pub settles: bool,
    /// When it was last asked.
    pub asked: Moment,
    /// The token may not see them: until then nothing is asked.
    #[serde(default)]
    pub forbidden_until: Moment,
    #[serde(default)]
    pub environments: BTreeMap<u64, Environment>,
    /// Successful deployments whose merge requests are still to be asked for.
    #[serde(default)]
    pub lead_times: Vec<Pending>,
}

/// An environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Environment {
    pub tier: Box<str>,
    pub at: Moment,
    /// Whether a deployment before those that are to be counted is known to have succeeded.
    #[serde(default)]
    pub was_deployed: bool,
}

/// A successful deployment whose merge requests are still to be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub deployment: u64,
    pub environment: u64,
    pub environment_name: Box<str>,
    pub finished: UnixTime,
    /// GitLab's worker links them a moment after the deployment: they are asked for by the next poll.
    #[serde(default)]
    pub is_new: bool,
    /// When those were merged that came so far.
    #[serde(default)]
    pub merged: Vec<UnixTime>,
}

impl DeploymentsKnown {
    /// Counting begins, of all projects that are not known yet.
    pub(super) fn begin(&mut self, since: UnixTime) {
        if self.since == 0 {
            self.since = since;
        }
    }

    /// What is known of a project: counting begins for a new one when it did for all.
    pub(super) fn of(&mut self, project: u64, asked: Moment) -> &mut OfProject {
        let since = self.since;
        self.projects.entry(project).or_insert_with(|| OfProject {
            counted: CountedDeployments::beginning(since),
            asked,
            ..OfProject::default()
        })
    }

    pub fn forget_project(&mut self, id: u64) {
        self.projects.remove(&id);
    }
}

impl OfProject {
    /// Whether it is to be asked now.
    pub fn is_due(&self, id: u64, now: Moment) -> bool {
        if now < self.forbidden_until {
            return false;
        }
        let every = if self.has_any { SWEEP } else { SWEEP_OF_OTHERS };
        // Not all of them at once after a start.
        let spread = f64::from(id.wrapping_mul(2_654_435_761) as u32) / f64::from(u32::MAX);
        let every = every.mul_f64(0.75 + 0.25 * spread);
        self.due || self.counted.has_open() || now.since(self.asked) >= every
    }

    pub fn forbid(&mut self, now: Moment) {
        (self.due, self.settles) = (false, false);
        self.forbidden_until = now + FORBIDDEN;
        self.asked = now;
    }

    /// The tier of an environment, if it was told lately.
    pub fn tier(&self, environment: u64, now: Moment) -> Option<&str> {
        let known = self.environments.get(&environment)?;
        (now.since(known.at) < TIER).then_some(&*known.tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_asked_when_it_moved_and_now_and_then() {
        let start = Moment::from_secs(1_000_000);
        let mut known = DeploymentsKnown::default();
        known.begin(1_000);
        let own = known.of(7, start);
        assert!(!own.is_due(7, start));
        own.due = true;
        assert!(own.is_due(7, start));
        own.due = false;
        assert!(own.is_due(7, start + SWEEP_OF_OTHERS));
        own.has_any = true;
        assert!(own.is_due(7, start + SWEEP) && !own.is_due(7, start + SWEEP / 2));
        own.due = true;
        own.forbid(start);
        own.due = true;
        assert!(!own.is_due(7, start + FORBIDDEN / 2) && own.is_due(7, start + FORBIDDEN));
    }
}
