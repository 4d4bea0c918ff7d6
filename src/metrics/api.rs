//! Which of GitLab's two APIs tells something.

/// Which API a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Graphql,
    Rest,
}
