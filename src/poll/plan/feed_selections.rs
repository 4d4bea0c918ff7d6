//! What is asked of a list of things that end, as deep as it may be.

use super::Capabilities;
use crate::metrics::{PlacedFeed, Selection, UnixTime};

/// How much is asked of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedDepth {
    /// Whether anything changed since.
    Glance { since: UnixTime },
    /// What changed since, as much as one project is likely to have.
    Changed { since: UnixTime },
    /// What changed since, in large pages of one project, behind [`RequestPart::after`].
    Paged { since: UnixTime },
    /// The newest things, whenever they changed.
    Newest,
    /// The newest things of one ref of one project, named by [`RequestPart::after`].
    OfRef,
}

impl FeedDepth {
    /// Since when; none if whenever.
    pub fn since(self) -> Option<UnixTime> {
        match self {
            FeedDepth::Glance { since }
            | FeedDepth::Changed { since }
            | FeedDepth::Paged { since } => Some(since),
            FeedDepth::Newest | FeedDepth::OfRef => None,
        }
    }
}

/// What a feed is asked, as deep as it may be.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedSelections {
    glance: Selection,
    changed: Selection,
    paged: Selection,
    newest: Selection,
    of_ref: Selection,
}

impl FeedSelections {
    /// Nearly no project has more that changed within minutes, or more refs that are looked for.
    const FEW: usize = 20;

    pub(super) fn new(placed: &PlacedFeed, capabilities: &Capabilities) -> FeedSelections {
        let select = |connection: &str, first: usize, all: bool| {
            let mut selection = Selection::default();
            selection.add("id");
            let list = with_arguments(connection, &format!("first: {first}"));
            let columns = placed.labels.iter().chain(&placed.values);
            let told = columns
                .map(|column| column.graphql)
                .filter(|path| !path.is_empty());
            let members = placed
                .feed
                .asks
                .iter()
                .copied()
                .chain([placed.feed.key])
                .chain(told);
            let members: Vec<&str> = match all {
                true => members.collect(),
                false => vec![placed.feed.updated],
            };
            for member in members {
                let path = format!("{list}.nodes.{member}");
                if capabilities.has(&path) {
                    selection.add(&path);
                }
            }
            if all {
                selection.add(&format!("{list}.pageInfo.hasNextPage"));
                selection.add(&format!("{list}.pageInfo.endCursor"));
            }
            selection
        };
        let changed = placed.feed.changed;
        let paged = with_arguments(changed, "after: $after");
        let newest = placed.feed.newest;
        FeedSelections {
            glance: select(changed, 1, false),
            changed: select(changed, Self::FEW, true),
            paged: select(&paged, 100, true),
            newest: newest
                .map_or_else(Selection::default, |newest| select(newest, Self::FEW, true)),
            of_ref: newest.map_or_else(Selection::default, |newest| {
                // A branch and a tag may have one name.
                select(&with_arguments(newest, "ref: $after"), 5, true)
            }),
        }
    }

    pub(super) fn of(&self, depth: FeedDepth) -> &Selection {
        match depth {
            FeedDepth::Glance { .. } => &self.glance,
            FeedDepth::Changed { .. } => &self.changed,
            FeedDepth::Paged { .. } => &self.paged,
            FeedDepth::Newest => &self.newest,
            FeedDepth::OfRef => &self.of_ref,
        }
    }
}

/// A connection with more arguments.
fn with_arguments(connection: &str, more: &str) -> String {
    match connection.strip_suffix(')') {
        Some(some) => format!("{some}, {more})"),
        None => format!("{connection}({more})"),
    }
}
