//! The paths of REST.

use crate::poll::selection::Source;

/// The first page of a list; groups have no keyset.
pub fn first_page(source: &Source, order: &str, order_of_groups: &str) -> String {
    match source {
        Source::Group(key) => format!(
            "groups/{}/projects?include_subgroups=true&with_shared=false&{order_of_groups}&per_page=100",
            encoded(key)
        ),
        Source::Membership => {
            format!("projects?membership=true&statistics=true&{order}&per_page=100")
        }
        // Single projects are no list and are read by name.
        Source::All | Source::Projects(_) => {
            format!("projects?statistics=true&{order}&per_page=100")
        }
    }
}

/// A path or a branch as one segment of a URL. GitLab takes what follows a dot for a format.
pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
        .replace('.', "%2E")
}
