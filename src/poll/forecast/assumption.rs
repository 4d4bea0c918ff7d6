//! What a forecast assumes of a GitLab.

use crate::poll::plan::Capabilities;
use crate::poll::selection::Source;

/// What is assumed of a GitLab.
#[derive(Clone, Debug)]
pub struct Assumption {
    /// The lists of projects; none is on two of them.
    pub lists: Vec<Population>,
    /// How many projects are active in an hour: the time of their activity moves.
    pub active: f64,
    /// How many projects run pipelines in an hour.
    pub pipelines: f64,
    /// What this GitLab can do.
    pub capabilities: Capabilities,
    /// Whether GraphQL can be used; REST is, at more requests, if not.
    pub graphql: bool,
}

/// The projects of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The list.
    pub source: Source,
    /// How many it has.
    pub projects: usize,
    /// How many of them are selected.
    pub selected: usize,
    /// Of how many of those GraphQL hides a value that REST may tell.
    pub hidden: usize,
    /// Of how many of those GraphQL does not tell whether a feature is switched off: GitLab before 17.
    pub unclear: usize,
}

impl Assumption {
    /// So many projects, a share of which is active in an hour, in a current GitLab that hides
    /// nothing. Those that are selected by name are counted among them; the others are spread evenly
    /// over the other lists. An active project runs a pipeline.
    pub fn of(sources: &[Source], projects: usize, active: impl Fn(usize) -> f64) -> Assumption {
        let named = |source: &Source| match source {
            Source::Projects(names) => Some(names.len()),
            _ => None,
        };
        let lists = sources.iter().filter(|source| named(source).is_none());
        let lists = lists.count().max(1);
        let others = projects.saturating_sub(sources.iter().filter_map(named).sum());
        let mut unnamed = 0;
        let lists = sources.iter().map(|source| {
            let projects = named(source).unwrap_or_else(|| {
                unnamed += 1;
                others / lists + usize::from(unnamed <= others % lists)
            });
            Population {
                source: source.clone(),
                projects,
                selected: projects,
                hidden: 0,
                unclear: 0,
            }
        });
        let lists: Vec<Population> = lists.collect();
        let active = active(lists.iter().map(|list| list.projects).sum());
        Assumption {
            lists,
            active,
            pipelines: active,
            capabilities: Capabilities::current(),
            graphql: true,
        }
    }

    /// How many projects there are.
    pub fn projects(&self) -> usize {
        self.lists.iter().map(|list| list.projects).sum()
    }
}
