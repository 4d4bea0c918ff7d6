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
    /// How many groups the projects lie in, and how many runners the token may see.
    pub groups: usize,
    pub runners: usize,
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
        let all: usize = lists.iter().map(|list| list.projects).sum();
        let active = active(all);
        Assumption {
            groups: Self::beside(all),
            runners: Self::beside(all),
            lists,
            active,
            pipelines: active,
            capabilities: Capabilities::current(),
            graphql: true,
        }
    }

    /// How many groups, and how many runners, are assumed beside so many projects.
    pub fn beside(projects: usize) -> usize {
        const PROJECTS_OF_EACH: usize = 10;
        projects.div_ceil(PROJECTS_OF_EACH)
    }

    /// The same with no more projects than `most`, and how many times as many there are.
    pub(super) fn sample(&self, most: usize) -> (Assumption, f64) {
        let all = self.projects();
        if all <= most {
            return (self.clone(), 1.0);
        }
        let times = all as f64 / most as f64;
        let fewer = |count: usize| (count as f64 / times).ceil() as usize;
        let lists = self.lists.iter().map(|list| Population {
            source: match &list.source {
                Source::Projects(names) => {
                    let names = names.iter().take(fewer(list.projects));
                    Source::Projects(names.cloned().collect())
                }
                source => source.clone(),
            },
            projects: fewer(list.projects),
            selected: fewer(list.selected),
            hidden: fewer(list.hidden),
            unclear: fewer(list.unclear),
        });
        let sample = Assumption {
            lists: lists.collect(),
            active: self.active / times,
            pipelines: self.pipelines / times,
            groups: fewer(self.groups),
            runners: fewer(self.runners),
            ..self.clone()
        };
        let times = all as f64 / sample.projects().max(1) as f64;
        (sample, times)
    }

    /// How many projects there are.
    pub fn projects(&self) -> usize {
        self.lists.iter().map(|list| list.projects).sum()
    }
}
