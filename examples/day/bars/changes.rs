//! What happens in a simulated GitLab: drawn by a seed, one thing at a time.

use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::simulator::{PipelineStatus, World};

use super::ledger::{Class, Fact, Key};
use crate::simulation::truth::slot;

/// Something that is going to happen.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// How long after the start.
    pub at: Duration,
    /// To whom.
    pub project: u64,
    /// By what.
    pub class: Class,
    /// What decides the details.
    pub chance: u64,
}

/// What a change makes true, by what is shown of it.
pub type Made = Vec<(Key, Fact)>;

/// How many projects change in a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How long a cycle is.
    pub cycle: Duration,
    /// So many are active in it, no two the same.
    pub active: usize,
    /// Of so many something changes that is no activity.
    pub quiet: usize,
}

impl Rate {
    /// Draws all changes of a time, the earliest first.
    pub fn draw(self, projects: u64, time: Duration, random: &mut Rng) -> Vec<Change> {
        let cycles = time.as_secs() / self.cycle.as_secs();
        let mut changes = Vec::new();
        for cycle in 0..cycles {
            let start = self.cycle * cycle as u32;
            let drawn = random.choose_multiple(1..=projects, self.active + self.quiet);
            for (index, project) in drawn.into_iter().enumerate() {
                let class = match index < self.active {
                    true => Class::ACTIVE[random.usize(..Class::ACTIVE.len())],
                    false => Class::quiet(random.u8(..100)),
                };
                let at = start + self.cycle.mul_f64(random.f64());
                let chance = random.u64(..);
                changes.push(Change {
                    at,
                    project,
                    class,
                    chance,
                });
            }
        }
        changes.sort_by_key(|change| change.at);
        changes
    }
}

impl Change {
    /// Lets it happen. Nothing is made where the project is gone, or has nothing to change.
    pub fn happen(self, world: &mut World) -> Made {
        let id = self.project;
        let Some(before) = world.projects().find(|project| project.id == id) else {
            return Vec::new();
        };
        let path = before.full_path.clone();
        let (open, archived) = (before.merge_requests.opened, before.archived);
        match self.class {
            Class::Commits => {
                world.events(&path).push(1 + self.chance % 4);
            }
            Class::MergeRequests if open > 0 && self.chance.is_multiple_of(2) => {
                world.events(&path).merge_merge_request();
            }
            Class::MergeRequests => {
                world.events(&path).open_merge_request();
            }
            Class::Issues => {
                world.events(&path).open_issue();
            }
            Class::Releases => {
                world.events(&path).release();
            }
            Class::Pipelines => {
                let mut events = world.events(&path);
                events.create_pipeline(PipelineStatus::Success);
                events.store_artifacts(1 + self.chance % 1_000_000);
            }
            Class::Stars => {
                world.events(&path).star();
            }
            Class::Renamed => {
                let (head, _) = path.rsplit_once("-r").unwrap_or((&path, ""));
                let renamed = format!("{head}-r{}", self.chance);
                world.rename_project(&path, &renamed);
                return vec![(Key::Path(id), Fact::Text(renamed))];
            }
            Class::Archived => {
                let mut events = world.events(&path);
                match archived {
                    true => events.unarchive(),
                    false => events.archive(),
                };
                return vec![(Key::Archived(id), Fact::Flag(!archived))];
            }
            Class::Deleted => {
                world.remove_project(&path);
                return vec![(Key::There(id), Fact::Flag(false))];
            }
            Class::Created => {
                let path = format!("{path}-n{}", self.chance);
                let created = world.project(&path).id;
                return vec![(Key::There(created), Fact::Flag(true))];
            }
        }
        self.counted(world, &path)
    }

    /// What the counts of the project are after the change.
    fn counted(self, world: &World, path: &str) -> Made {
        let id = self.project;
        let number = |slot: usize, value: u64| (Key::Value(id, slot), Fact::Number(value));
        let after = world.find_project(path).expect("it is still there");
        let merge_requests = &after.merge_requests;
        match self.class {
            Class::Commits => vec![number(slot("statistics.commitCount"), after.commits)],
            Class::MergeRequests => vec![
                number(slot("mergeRequests(state: opened"), merge_requests.opened),
                number(slot("mergeRequests(state: merged"), merge_requests.merged),
                number(slot("statistics.commitCount"), after.commits),
            ],
            Class::Issues => vec![number(
                slot("issueStatusCounts.opened"),
                after.issues_opened,
            )],
            Class::Releases => vec![number(slot("releases"), after.releases)],
            Class::Pipelines => {
                let artifacts = after.sizes.build_artifacts;
                vec![number(slot("statistics.buildArtifactsSize"), artifacts)]
            }
            _ => vec![number(slot("starCount"), after.stars)],
        }
    }
}
