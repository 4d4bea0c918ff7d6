//! What there is of a metric in one GitLab: of all it reads, or of one project or group.

use std::sync::Arc;

use super::answer::{OfGitLab, Question, Thing, Value};
use super::collected::Collected;
use super::finding::{either, meant, owner, short, trimmed};
use super::owner::{Around, collect, counted, noun};
use super::settings::{GitLabSettings, Settings};
use super::when;
use super::why::{self, Why};
use crate::metrics::placed::Places;
use crate::metrics::subject::{Grain, Shows};
use crate::metrics::view::INSTANCE;
use crate::metrics::{GitLabStatus, Identity, Metric, Owner, Reading, Reason, Snapshot, UnixTime};

/// One GitLab, and how it is read.
pub(super) struct Asked<'a> {
    pub status: &'a GitLabStatus,
    pub settings: &'a GitLabSettings,
    pub all: &'a Settings,
}

/// The owners that an answer is about.
enum About<'a> {
    Everything,
    Project(&'a Arc<Owner>),
    Group(&'a str, Option<&'a Arc<Owner>>),
}

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
                self.sum(metric, places, &around, found);
                note_whole(metric, about, told);
            }
            (_, Shows::Projects) => {
                self.count(&around, found);
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

    /// There is nothing that could have the metric.
    fn no_owner(&self, grain: Grain, about: &About<'_>, part: &Metric, around: &Around<'_>) -> Why {
        let report = self.status.snapshot.report.as_ref();
        let failure = report.and_then(|report| report.failure.as_deref());
        match (grain, about) {
            (Grain::Project, _) => match failure {
                Some(failure) => Why::new(
                    "pending",
                    format!("no project has been listed yet: {failure}"),
                ),
                None => {
                    let why = format!("no project is selected by {}", self.selected());
                    Why::new("none", why)
                        .advise("select others, or give the token's user a role in one")
                }
            },
            (Grain::Group, About::Project(project)) => Why::new(
                "none",
                format!(
                    "none of the groups that {} lies in is read",
                    project.identity.path
                ),
            ),
            (Grain::Group, About::Group(path, _)) => Why::new(
                "none",
                format!("the group {path} is not among those that are read"),
            ),
            _ if !self.was_asked(part) => why::unknown(Reason::Pending, part, around.read),
            _ => why::no_rows(part.subject, around.choices),
        }
    }

    fn was_asked(&self, part: &Metric) -> bool {
        let mut parts = self.status.snapshot.parts.iter();
        parts.any(|own| own.subject == part.subject.name && own.is_asked)
    }

    /// The sum over all projects, or why one is not known.
    fn sum(&self, metric: &Metric, places: &[usize], around: &Around<'_>, found: &mut Collected) {
        let snapshot = &*self.status.snapshot;
        if let Some(sum) = snapshot.sum(places) {
            let read = snapshot.projects.iter().flat_map(|project| {
                places
                    .iter()
                    .filter_map(|place| match project.values.get(*place) {
                        Some(Reading::Known { at, .. }) => Some(*at),
                        _ => None,
                    })
            });
            // It is as old as the oldest of its parts.
            return found.show(around.plain(&[], Value::Number(sum), read.min()));
        }
        if snapshot.project_count.is_none() {
            return found.lack(not_listed(snapshot), 1, None, None);
        }
        for project in &snapshot.projects {
            let lacks = places
                .iter()
                .find_map(|place| match project.values.get(*place) {
                    Some(Reading::Unknown(reason)) => Some(*reason),
                    None => Some(Reason::NotAsked),
                    _ => None,
                });
            if let Some(reason) = lacks {
                let of_one = why::unknown(reason, metric, around.read);
                let why = format!(
                    "a sum is told once every project is known, and of some not all is: {}",
                    of_one.why
                );
                found.lack(Why { why, ..of_one }, 1, None, Some(&project.identity));
            }
        }
    }

    fn count(&self, around: &Around<'_>, found: &mut Collected) {
        let snapshot = &*self.status.snapshot;
        let ended = snapshot
            .report
            .as_ref()
            .map(|report| crate::metrics::stamp(report.ended));
        match snapshot.project_count {
            Some(count) => found.show(around.plain(&[], Value::Number(count as f64), ended)),
            None => found.lack(not_listed(snapshot), 1, None, None),
        }
    }

    /// Why a project is not read, in a sentence with advice.
    pub fn why_not(&self, project: &str) -> String {
        let Why { why, advice, .. } = self.no_project(project);
        let advice = advice.map(|advice| format!(" ({advice})"));
        why + &advice.unwrap_or_default()
    }

    /// Why a project is not read.
    fn no_project(&self, asked: &str) -> Why {
        let snapshot = &*self.status.snapshot;
        let (path, name) = (trimmed(asked), short(asked));
        let report = snapshot.report.as_ref();
        if snapshot.projects.is_empty() && report.is_none() {
            return not_polled();
        }
        let absent = report.map(|report| &report.absent[..]).unwrap_or_default();
        if absent.iter().any(|gone| gone.eq_ignore_ascii_case(path)) {
            let why =
                format!("{name} was there and is not any more, or the token may not see it now");
            return Why::new("gone", why)
                .advise("take it out of the selection, or give the token's user a role there");
        }
        if let Some(setting) = (self.settings.left_out_by)(path) {
            let why = format!("{setting} leaves {name} out");
            return Why::new("not_selected", why).advise("change that setting");
        }
        let meant = meant(&snapshot.projects, asked);
        let mut why = format!(
            "{name} is not among the {} that are read",
            self.read_projects()
        );
        if !meant.is_empty() {
            why += &format!("; did you mean {}?", either(&meant));
        }
        Why::new("not_selected", why).advise(self.how_to_select())
    }

    fn read_projects(&self) -> String {
        match self.status.snapshot.projects.len() {
            1 => "1 project".to_owned(),
            count => format!("{count} projects"),
        }
    }

    /// What decides which projects are read.
    fn how_to_select(&self) -> String {
        let report = self.status.snapshot.report.as_ref();
        let mut parts = vec![format!("projects are selected by {}", self.selected())];
        let filtered_out = report.map_or(0, |report| report.filtered_out);
        if filtered_out > 0 {
            parts.push(format!(
                "{} leaves {filtered_out} of them out",
                self.settings.filters
            ));
        }
        if let Some(left_out) = report
            .and_then(|report| report.left_out)
            .filter(|count| *count > 0)
        {
            parts.push(format!(
                "limits.memory leaves no room for {left_out} of them"
            ));
        }
        if let Some(failure) = report.and_then(|report| report.failure.as_deref()) {
            parts.push(format!("the last poll was not complete: {failure}"));
        }
        parts.push("the token's user must be able to see it".to_owned());
        parts.join("; ")
    }

    fn selected(&self) -> &str {
        match self.settings.selected.as_str() {
            "" => "the configuration",
            selected => selected,
        }
    }

    /// Why nothing is known of a group.
    fn no_group(&self, asked: &str) -> Why {
        let snapshot = &*self.status.snapshot;
        if snapshot.projects.is_empty() && snapshot.report.is_none() {
            return not_polled();
        }
        let meant = meant(&snapshot.groups, asked);
        let mut why = format!("no project is read that lies in a group {}", short(asked));
        if !meant.is_empty() {
            why += &format!("; did you mean {}?", either(&meant));
        }
        Why::new("not_selected", why).advise(self.how_to_select())
    }
}

impl About<'_> {
    /// Whether an owner is asked about. A project has its groups, and a group its projects and subgroups.
    fn is_about(&self, grain: Grain, owner: &Arc<Owner>) -> bool {
        let path = &*owner.identity.path;
        match (self, grain) {
            (About::Everything, _) | (_, Grain::Instance | Grain::Runner) => true,
            (About::Project(project), Grain::Project) => Arc::ptr_eq(project, owner),
            (About::Project(project), Grain::Group) => within(&project.identity.path, path),
            (About::Group(_, Some(group)), Grain::Group) => Arc::ptr_eq(group, owner),
            (About::Group(group, _), Grain::Group) => path.eq_ignore_ascii_case(group),
            (About::Group(group, _), Grain::Project) => within(path, group),
        }
    }
}

/// Whether a path lies below that of a group.
fn within(path: &str, group: &str) -> bool {
    let rest = path.get(group.len()..);
    !group.is_empty()
        && rest.is_some_and(|rest| rest.starts_with('/'))
        && path[..group.len()].eq_ignore_ascii_case(group)
}

/// What has ended of all projects together.
fn folded(metric: &Metric, snapshot: &Snapshot, around: &Around<'_>, found: &mut Collected) {
    let all = 0..snapshot.projects.len();
    let before = found.series.len();
    metric.observe_ended(
        snapshot,
        all,
        around.choices,
        &mut |labels, series, since| {
            let shown = around.plain(labels, counted(series, metric), None);
            found.show(super::answer::Series {
                since: Some(UnixTime::from(since)).filter(|since| *since > 0),
                ..shown
            });
        },
    );
    if found.series.len() == before && found.more == 0 {
        found.lack(why::nothing_ended(metric.subject), 1, None, None);
    }
}

fn note_folded(about: &About<'_>, told: &mut OfGitLab) {
    if !matches!(about, About::Everything) {
        told.notes.push(
            "It is one for all projects, as metrics.histograms_by says; with project there it is told of each."
                .to_owned(),
        );
    }
}

fn note_whole(metric: &Metric, about: &About<'_>, told: &mut OfGitLab) {
    let of_each = match metric.shows {
        Shows::Sum(of_each) => of_each,
        _ => "gitlab_project_info",
    };
    if !matches!(about, About::Everything) {
        told.notes.push(format!(
            "It is about all {}s together; {of_each} is told of each.",
            noun(Grain::Project)
        ));
    }
}

fn not_polled() -> Why {
    let why = Why::new(
        "not_polled",
        "the first poll of this GitLab has not ended yet",
    );
    why.advise("wait for it; gitlab_bridge_up and /-/ready tell how it goes")
}

fn not_listed(snapshot: &Snapshot) -> Why {
    let report = snapshot.report.as_ref();
    let failure = report.and_then(|report| report.failure.as_deref());
    let failure = failure
        .map(|failure| format!(": {failure}"))
        .unwrap_or_default();
    Why::new(
        "pending",
        format!("not all lists of projects were read to their end yet{failure}"),
    )
}

pub(super) fn thing(identity: &Identity) -> Thing {
    Thing {
        id: identity.id,
        path: identity.path.to_string(),
    }
}
