//! What is asked about: a GitLab, and in it everything, a project or a group.

use std::sync::Arc;

use super::answer::{NoAnswer, Thing};
use super::finding::short;
use super::settings::{GitLabSettings, Settings};
use crate::metrics::subject::Grain;
use crate::metrics::{BridgeStatus, GitLabStatus, Identity, Owner};

/// One GitLab, and how it is read.
pub(super) struct Asked<'a> {
    pub status: &'a GitLabStatus,
    pub settings: &'a GitLabSettings,
    pub all: &'a Settings,
}

/// The owners that an answer is about.
pub(super) enum About<'a> {
    Everything,
    Project(&'a Arc<Owner>),
    Group(&'a str, Option<&'a Arc<Owner>>),
}

impl About<'_> {
    /// Whether an owner is asked about. A project has its groups, and a group its projects and subgroups.
    pub fn is_about(&self, grain: Grain, owner: &Arc<Owner>) -> bool {
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
pub(super) fn within(path: &str, group: &str) -> bool {
    let rest = path.get(group.len()..);
    !group.is_empty()
        && rest.is_some_and(|rest| rest.starts_with('/'))
        && path[..group.len()].eq_ignore_ascii_case(group)
}

pub(super) fn thing(identity: &Identity) -> Thing {
    Thing {
        id: identity.id,
        path: identity.path.to_string(),
    }
}

/// The GitLabs that are asked about.
pub(super) fn asked<'a>(
    instance: Option<&str>,
    bridge: &'a BridgeStatus,
    settings: &'a Settings,
) -> Result<Vec<Asked<'a>>, NoAnswer> {
    let is_asked = |name: Option<&str>| instance.is_none_or(|asked| name == Some(asked));
    let of = |status: &'a GitLabStatus| {
        let name = status.name.as_deref();
        let mut own = settings.gitlabs.iter();
        Some(Asked {
            status,
            settings: own.find(|own| own.name.as_deref() == name)?,
            all: settings,
        })
    };
    let all = bridge.gitlabs.iter();
    let asked = all.filter(|status| is_asked(status.name.as_deref()));
    let asked: Vec<_> = asked.filter_map(of).collect();
    let Some(instance) = instance.filter(|_| asked.is_empty()) else {
        return Ok(asked);
    };
    let names = bridge.gitlabs.iter();
    let names: Vec<String> = names
        .filter_map(|own| Some(own.name.as_deref()?.to_owned()))
        .collect();
    let hint = match names.is_empty() {
        true => "there is one GitLab alone, without a name".to_owned(),
        false => format!("there are {}", names.join(", ")),
    };
    Err(NoAnswer {
        reason: "no_such_instance",
        error: format!("no GitLab is called {:?}: {hint}", short(instance)),
        did_you_mean: names,
    })
}
