//! Where a walk of a list ends: the one place that decides it, for GraphQL and REST alike.
//!
//! A walk ends where GitLab says that it ends. A page that brings nothing new, names itself or an
//! earlier one as the next, or does not say whether there is a next one is an error: taking it for
//! the end would make projects vanish, and following it would never end.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::gitlab::{NextPage, Paging};
use crate::prose::counted;

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Position {
    /// Behind a cursor of GraphQL.
    Cursor(String),
    /// At a path of REST.
    Path(String),
}

/// A page as far as it matters for the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The projects on it.
    pub ids: &'a [u64],
    /// How many more there are on it that GitLab does not show to the token.
    pub redacted: usize,
    /// What it says of the next page.
    pub next: Next,
    /// How many projects GitLab counts on the whole list, where it says so.
    pub total: Option<u64>,
}

/// What a page says of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is none.
    End,
    /// It is there.
    At(Position),
    /// Neither that there is one nor that there is none.
    Unsaid,
}

/// Why a walk can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the page does not say where the next one begins")]
    Unsaid,
    #[error("the page names itself or an earlier one as the next")]
    Circle,
    #[error("the page brings no project that was not on an earlier one, and names a next one")]
    NothingNew,
    #[error(
        "the list ended after {}, and GitLab counts {total}",
        counted(listed, "project")
    )]
    Short { listed: u64, total: u64 },
}

/// A walk through a list, page by page.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    ids: HashSet<u64>,
    /// Hashes of the positions it was at.
    positions: HashSet<u64>,
    redacted: usize,
    /// Whether it goes on where an earlier process ended: then it has not seen everything.
    resumed: bool,
}

impl Walk {
    /// A walk that goes on in the middle.
    pub fn resumed() -> Walk {
        Walk {
            resumed: true,
            ..Walk::default()
        }
    }

    /// Takes a page that was asked for at a position, the first one at none. Returns where the list
    /// goes on; none at its end. A page that is an error leaves the walk where it was.
    ///
    /// # Errors
    /// Why it can't go on.
    pub fn take(
        &mut self,
        asked: Option<&Position>,
        page: &Page<'_>,
    ) -> Result<Option<Position>, WalkError> {
        let new = |id: &&u64| !self.ids.contains(*id);
        let brings_new = page.ids.iter().any(|id| new(&id));
        let next = match &page.next {
            Next::Unsaid => return Err(WalkError::Unsaid),
            Next::End => None,
            Next::At(next) if Some(next) == asked || self.positions.contains(&hash(next)) => {
                return Err(WalkError::Circle);
            }
            Next::At(_) if !brings_new => return Err(WalkError::NothingNew),
            Next::At(next) => Some(next.clone()),
        };
        if next.is_none() && !self.resumed {
            let fresh = page.ids.iter().filter(new).collect::<HashSet<_>>().len();
            let listed = (self.ids.len() + fresh + self.redacted + page.redacted) as u64;
            if let Some(total) = page.total.filter(|total| listed < *total) {
                return Err(WalkError::Short { listed, total });
            }
        }
        self.ids.extend(page.ids);
        self.positions.extend(asked.map(hash));
        self.redacted += page.redacted;
        Ok(next)
    }

    /// How many projects on its pages GitLab did not show.
    pub fn redacted(&self) -> usize {
        self.redacted
    }

    /// How many different projects it has passed.
    pub fn passed(&self) -> usize {
        self.ids.len()
    }
}

/// What a page of a list over REST says of the next one: it has so many entries, and the last of them
/// this id.
///
/// Proxies remove headers. A full page of which no header says that the list ends is followed by what
/// comes behind its last entry, or by the page with the next number: as GitLab's own links would.
pub fn next_in_rest(paging: &Paging, entries: usize, last: Option<u64>) -> Next {
    let path = match &paging.next {
        NextPage::At(path) => Some(path.clone()),
        NextPage::End => return Next::End,
        NextPage::Untold if entries < paging.page_size() => return Next::End,
        NextPage::Untold => paging.following(last),
    };
    path.map_or(Next::Unsaid, |path| Next::At(Position::Path(path)))
}

fn hash(position: &Position) -> u64 {
    let mut hasher = DefaultHasher::new();
    position.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(text: &str) -> Position {
        Position::Cursor(text.to_owned())
    }

    fn page(ids: &[u64], next: Next) -> Page<'_> {
        Page {
            ids,
            redacted: 0,
            next,
            total: None,
        }
    }

    fn at(text: &str) -> Next {
        Next::At(cursor(text))
    }

    #[test]
    fn it_ends_where_gitlab_says_so() {
        let mut walk = Walk::default();
        let next = walk.take(None, &page(&[1, 2], at("a"))).unwrap();
        assert_eq!(next, Some(cursor("a")));
        // A project may have moved to the next page meanwhile.
        let end = walk.take(next.as_ref(), &page(&[2], Next::End)).unwrap();
        assert_eq!((end, walk.passed()), (None, 2));
    }

    #[test]
    fn an_unchanged_cursor_is_an_error_and_the_page_may_be_asked_again() {
        let mut walk = Walk::default();
        walk.take(None, &page(&[1], at("a"))).unwrap();
        let again = walk.take(Some(&cursor("a")), &page(&[2], at("a")));
        assert_eq!(again, Err(WalkError::Circle));
        let again = walk.take(Some(&cursor("a")), &page(&[2], at("b")));
        assert_eq!(again, Ok(Some(cursor("b"))));
    }

    #[test]
    fn a_circle_of_any_length_is_an_error_at_the_first_page_that_brings_nothing_new() {
        for length in 1..20 {
            let mut walk = Walk::default();
            let mut position = None;
            let mut pages = 0;
            // Positions that are never the same, as from a server that makes up cursors.
            let failed = loop {
                let next = at(&pages.to_string());
                match walk.take(position.as_ref(), &page(&[pages % length], next)) {
                    Ok(next) => position = next,
                    Err(why) => break why,
                }
                pages += 1;
            };
            assert_eq!((failed, pages), (WalkError::NothingNew, length));
        }
    }

    #[test]
    fn a_page_that_names_an_earlier_one_is_an_error() {
        let mut walk = Walk::default();
        walk.take(None, &page(&[1], at("a"))).unwrap();
        walk.take(Some(&cursor("a")), &page(&[2], at("b"))).unwrap();
        let back = walk.take(Some(&cursor("b")), &page(&[3], at("a")));
        assert_eq!(back, Err(WalkError::Circle));
    }

    #[test]
    fn a_list_shorter_than_gitlab_counts_is_an_error() {
        let counted = |total| Page {
            total: Some(total),
            redacted: 1,
            ..page(&[1, 2], Next::End)
        };
        let mut walk = Walk::default();
        let short = WalkError::Short {
            listed: 3,
            total: 4,
        };
        assert_eq!(walk.take(None, &counted(4)), Err(short));
        assert_eq!(walk.take(None, &counted(3)), Ok(None));
        assert_eq!(Walk::resumed().take(None, &counted(300)), Ok(None));
    }

    #[test]
    fn what_does_not_say_whether_it_ends_is_an_error() {
        let mut walk = Walk::default();
        let unsaid = walk.take(None, &page(&[1], Next::Unsaid));
        assert_eq!(unsaid, Err(WalkError::Unsaid));
    }

    fn untold(path: &str) -> Paging {
        Paging {
            path: path.to_owned(),
            ..Paging::default()
        }
    }

    #[test]
    fn a_full_page_without_a_link_is_followed_by_what_comes_behind_it() {
        for (asked, next) in [
            (
                "projects?pagination=keyset&id_after=5&per_page=100",
                "projects?pagination=keyset&per_page=100&id_after=700",
            ),
            (
                "groups/7/projects?page=2&per_page=100",
                "groups/7/projects?per_page=100&page=3",
            ),
        ] {
            let paging = untold(asked);
            let at = Next::At(Position::Path(next.to_owned()));
            assert_eq!(next_in_rest(&paging, 100, Some(700)), at);
            for short in [0, 99] {
                assert_eq!(next_in_rest(&paging, short, Some(700)), Next::End);
            }
        }
    }

    #[test]
    fn a_full_page_ends_the_list_where_gitlab_says_so_and_a_short_one_does_not_where_it_does_not() {
        let end = Paging {
            next: NextPage::End,
            ..untold("projects?per_page=100")
        };
        assert_eq!(next_in_rest(&end, 100, Some(7)), Next::End);
        let linked = Paging {
            next: NextPage::At("projects?page=7".to_owned()),
            ..untold("projects?per_page=100")
        };
        let at = Next::At(Position::Path("projects?page=7".to_owned()));
        assert_eq!(next_in_rest(&linked, 1, Some(7)), at);
    }
}
