//! The biggest projects, and those that changed last: found in one pass, and kept as long as the view is.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, Weak};

use crate::lock::lock;
use crate::metrics::{Catalogue, Grain, Owner, Reading, Snapshot, View};

/// So many projects of each kind.
const MOST: usize = 10;

/// The projects of one GitLab that stand out, the foremost first: what each is, and the number.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// By all their storage, in bytes.
    pub storage: Vec<Ranked>,
    pub commits: Vec<Ranked>,
    /// By when they were last active, in seconds since 1970 by GitLab's clock.
    pub active: Vec<Ranked>,
}

/// A project that stands out.
#[derive(Clone, Debug)]
pub struct Ranked {
    pub id: u64,
    pub path: Box<str>,
    pub number: f64,
}

/// The rankings of the view that was shown last.
#[derive(Default)]
pub struct Rankings(Mutex<Option<OfView>>);

/// The view is not kept alive for them.
type OfView = (Weak<View>, Arc<Vec<Ranking>>);

impl Rankings {
    /// Those of each GitLab of a view, in its order.
    pub fn of(&self, view: &Arc<View>) -> Arc<Vec<Ranking>> {
        let mut kept = lock(&self.0);
        if let Some((own, rankings)) = &*kept
            && std::ptr::eq(own.as_ptr(), Arc::as_ptr(view))
        {
            return Arc::clone(rankings);
        }
        let gitlabs = view.gitlabs.iter();
        let rankings = gitlabs.map(|gitlab| Ranking::of(&gitlab.snapshot));
        let rankings = Arc::new(rankings.collect());
        *kept = Some((Arc::downgrade(view), Arc::clone(&rankings)));
        rankings
    }
}

impl Ranking {
    fn of(snapshot: &Snapshot) -> Ranking {
        let (storage, commits) = (columns("storage"), columns("commits"));
        let by = |number: &dyn Fn(&Owner) -> Option<f64>| {
            let mut foremost = Foremost::default();
            for project in &snapshot.projects {
                if let Some(number) = number(project) {
                    foremost.offer(number, project);
                }
            }
            foremost.ranked()
        };
        Ranking {
            storage: by(&|project| sum(project, &storage)),
            commits: by(&|project| sum(project, &commits)),
            active: by(&|project| project.identity.last_activity.map(|at| at as f64)),
        }
    }
}

/// The places of the columns of a subject of projects.
fn columns(subject: &str) -> Vec<usize> {
    let columns = Catalogue::standard().columns(Grain::Project).iter();
    let own = columns.enumerate();
    let own = own.filter(|(_, placed)| placed.subject.name == subject);
    own.map(|(place, _)| place).collect()
}

/// What is known of these values; none if nothing is.
fn sum(project: &Owner, places: &[usize]) -> Option<f64> {
    let values = places.iter().filter_map(|place| project.values.get(*place));
    values
        .filter_map(Reading::value)
        .reduce(|one, other| one + other)
}

/// The foremost projects so far, the last of them last.
#[derive(Default)]
struct Foremost<'a>(Vec<(f64, &'a Owner)>);

impl<'a> Foremost<'a> {
    fn offer(&mut self, number: f64, project: &'a Owner) {
        let is_behind = |own: &(f64, &Owner)| order(own, &(number, project)) == Ordering::Less;
        let place = self.0.partition_point(is_behind);
        if place < MOST {
            self.0.insert(place, (number, project));
            self.0.truncate(MOST);
        }
    }

    fn ranked(self) -> Vec<Ranked> {
        let ranked = self.0.into_iter().map(|(number, project)| Ranked {
            id: project.identity.id,
            path: project.identity.path.clone(),
            number,
        });
        ranked.collect()
    }
}

/// The larger number first; of the same numbers the lower id.
fn order(one: &(f64, &Owner), other: &(f64, &Owner)) -> Ordering {
    let by_number = other.0.total_cmp(&one.0);
    by_number.then_with(|| one.1.identity.id.cmp(&other.1.identity.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{GitLabView, Identity, Reason};

    /// Projects whose storage and commits are these, and which were active then.
    fn view(projects: &[(Option<f64>, u64)]) -> Arc<View> {
        let columns = Catalogue::standard().columns(Grain::Project).len();
        let projects = projects.iter().zip(1..).map(|((value, active), id)| {
            let identity = Identity {
                id,
                path: format!("group/{id}").into(),
                last_activity: Some(*active),
                ..Identity::default()
            };
            let reading = match value {
                Some(value) => Reading::known(*value, 1),
                None => Reading::Unknown(Reason::Hidden),
            };
            Arc::new(Owner::new(identity, 1, vec![reading; columns]))
        });
        let snapshot = Arc::new(Snapshot {
            projects: projects.collect(),
            ..Snapshot::default()
        });
        Arc::new(View {
            gitlabs: vec![GitLabView {
                name: None,
                snapshot,
            }],
        })
    }

    fn ids(ranked: &[Ranked]) -> Vec<u64> {
        ranked.iter().map(|own| own.id).collect()
    }

    #[test]
    fn the_foremost_ten_are_found_and_what_is_unknown_is_not_zero() {
        let projects: Vec<_> = (0..25)
            .map(|own| (Some(f64::from(own % 20)), 100 - own as u64))
            .collect();
        let rankings = Rankings::default().of(&view(&projects));
        assert_eq!(
            ids(&rankings[0].commits),
            [20, 19, 18, 17, 16, 15, 14, 13, 12, 11]
        );
        assert_eq!(ids(&rankings[0].active), (1..=10).collect::<Vec<_>>());
        assert_eq!(rankings[0].storage[0].number, 19.0 * 9.0);
        let rankings = Rankings::default().of(&view(&[(None, 5), (Some(0.0), 9)]));
        assert_eq!(ids(&rankings[0].commits), [2]);
    }

    #[test]
    fn a_view_is_looked_through_once_and_not_kept_alive() {
        let (rankings, one) = (Rankings::default(), view(&[(Some(1.0), 1)]));
        let first = rankings.of(&one);
        assert!(Arc::ptr_eq(&first, &rankings.of(&one)));
        assert_eq!(Arc::strong_count(&one), 1);
        assert!(!Arc::ptr_eq(&first, &rankings.of(&view(&[]))));
    }
}
