//! What there is of a metric in one GitLab: of all it reads, or of one project or group.

use std::sync::Arc;

use super::answer::{OfGitLab, Question};
use super::asked::{About, Asked, thing, within};
use super::collected::Collected;
use super::finding::{owner, trimmed};
use super::not_read::not_polled;
use super::owner::{Around, collect};
use super::when;
use super::whole::{count, folded, note_folded, note_whole, sum};
use super::why::{self, Why};
use crate::metrics::placed::Places;
use crate::metrics::subject::INSTANCE;
use crate::metrics::subject::{Grain, Shows};
use crate::metrics::{Metric, Owner};

impl Asked<'_> {
    /// What there is of a metric here.
    pub fn explain(&self, metric: &Metric, question: &Question<'_>) -> OfGitLab {
        let snapshot = &*self.status.snapshot;
        let mut told = OfGitLab {
            instance: self.status.name.as_deref().map(str::to_owned),
            url: self.status.url.clone(),
            read: when::read(metric, self.settings),
            last_poll: snapshot.report.as_ref().map(|report| report.ended),
            ..OfGitLab::default()
        };
        let mut found = Collected::new(question.most);
        match self.about(question, &mut told) {
            Err(why) => found.lack(why, 1, None, None),
            Ok(_) if !self.all.enabled.shows(metric.name) => {
                found.lack(why::disabled(metric, self.all), 1, None, None);
            }
            Ok(about) => self.collect(metric, &about, &mut told, &mut found),
        }
        told.series = found.series;
        told.more_series = found.more;
        told.absent = found.absent;
        told
    }

    /// What is asked about, or why there is no such thing here.
    fn about(&self, question: &Question<'_>, told: &mut OfGitLab) -> Result<About<'_>, Why> {
        let snapshot = &self.status.snapshot;
        if let Some(asked) = question.project {
            let Some(project) = owner(&snapshot.projects, asked) else {
                return Err(self.no_project(asked));
            };
            told.project = Some(thing(&project.identity));
            return Ok(About::Project(project));
        }
        let Some(asked) = question.group else {
            return Ok(About::Everything);
        };
        let group = owner(&snapshot.groups, asked);
        if let Some(group) = group {
            told.group = Some(thing(&group.identity));
            return Ok(About::Group(&group.identity.path, Some(group)));
        }
        let path = trimmed(asked);
        let lies_in = |project: &&Arc<Owner>| within(&project.identity.path, path);
        match snapshot.projects.iter().find(lies_in) {
            // As the path of the project writes it.
            Some(project) => Ok(About::Group(&project.identity.path[..path.len()], None)),
            None => Err(self.no_group(asked)),
        }
    }

    fn collect(
        &self,
        metric: &Metric,
        about: &About<'_>,
        told: &mut OfGitLab,
        found: &mut Collected,
    ) {
        let snapshot = &*self.status.snapshot;
        let read = told.read.clone();
        let around = Around {
            choices: &self.settings.enabled.choices,
            now: self.status.now,
            read: &read,
            is_moment: when::is_moment(metric),
            instance: self
                .status
                .name
                .as_deref()
                .map(|name| (INSTANCE.name, name)),
        };
        let is_known = snapshot.report.is_some() || !snapshot.projects.is_empty();
        if !is_known {
            return found.lack(not_polled(), 1, None, None);
        }
        match (&metric.places, metric.shows) {
            (Places::Sum(places), _) => {
                sum(metric, snapshot, places, &around, found);
                note_whole(metric, about, told);
            }
            (_, Shows::Projects) => {
                count(snapshot, &around, found);
                note_whole(metric, about, told);
            }
            (Places::Ended { .. }, _)
                if metric.is_per_project() && !metric.is_per_project_by(around.choices) =>
            {
                folded(metric, snapshot, &around, found);
                note_folded(about, told);
            }
            _ => {
                for part in metric.parts() {
                    self.of_owners(part, about, &around, told, found);
                }
            }
        }
        if let Some(most) = snapshot.at_most.get(metric.name) {
            let dropped = snapshot
                .dropped
                .iter()
                .find(|(name, _)| *name == metric.name);
            let count = dropped.map_or(0, |(_, count)| *count);
            told.notes.push(format!(
                "Limits let no more than {most} of its series be shown."
            ));
            found.lack(why::hidden_by_limit(around.choices), count, None, None);
        }
    }

    /// What the owners of a part have that are asked about.
    fn of_owners(
        &self,
        part: &Metric,
        about: &About<'_>,
        around: &Around<'_>,
        told: &mut OfGitLab,
        found: &mut Collected,
    ) {
        let grain = part.subject.of;
        let owners = self.status.snapshot.owners(grain);
        let is_meant = |owner: &&Arc<Owner>| about.is_about(grain, owner);
        let mut any = false;
        for owner in owners.iter().filter(is_meant) {
            collect(part, owner, around, found);
            any = true;
        }
        let is_told_apart = matches!(grain, Grain::Group | Grain::Project);
        if !matches!(about, About::Everything) && !is_told_apart {
            let what = match grain {
                Grain::Instance => "the GitLab as a whole",
                _ => "runners",
            };
            told.notes
                .push(format!("It is about {what}, not about projects or groups."));
        }
        if any {
            return;
        }
        found.lack(self.no_owner(grain, about, part, around), 1, None, None);
    }
}
