//! Why there is nothing of a metric: the project, group or list that was asked about is not read.

use super::asked::{About, Asked};
use super::finding::{either, meant, meant_groups, short, trimmed};
use super::owner::Around;
use super::why::{self, Why};
use crate::metrics::subject::Grain;
use crate::metrics::{Metric, Reason, Snapshot};

impl Asked<'_> {
    /// There is nothing that could have the metric.
    pub(super) fn no_owner(
        &self,
        grain: Grain,
        about: &About<'_>,
        part: &Metric,
        around: &Around<'_>,
    ) -> Why {
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

    /// Why a project is not read, in a sentence with advice.
    pub fn why_not(&self, project: &str) -> String {
        let Why { why, advice, .. } = self.no_project(project);
        let advice = advice.map(|advice| format!(" ({advice})"));
        why + &advice.unwrap_or_default()
    }

    /// Why a project is not read.
    pub(super) fn no_project(&self, asked: &str) -> Why {
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
    pub(super) fn no_group(&self, asked: &str) -> Why {
        let snapshot = &*self.status.snapshot;
        if snapshot.projects.is_empty() && snapshot.report.is_none() {
            return not_polled();
        }
        let meant = meant_groups(snapshot, asked);
        let mut why = format!("no project is read that lies in a group {}", short(asked));
        if !meant.is_empty() {
            why += &format!("; did you mean {}?", either(&meant));
        }
        Why::new("not_selected", why).advise(self.how_to_select())
    }
}

pub(super) fn not_polled() -> Why {
    let why = Why::new(
        "not_polled",
        "the first poll of this GitLab has not ended yet",
    );
    why.advise("wait for it; gitlab_bridge_up and /-/ready tell how it goes")
}

pub(super) fn not_listed(snapshot: &Snapshot) -> Why {
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
