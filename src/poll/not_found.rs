//! What is said of a group or a project that the configuration names and GitLab does not find.

/// Of a group.
pub fn group(name: &str) -> String {
    format!(
        "the group {name:?} is not found, or not visible to the token. Check the path in select.groups (--group), \
         and that the token's user may see the group."
    )
}

/// Of a project.
pub fn project(name: &str) -> String {
    format!(
        "the project {name:?} is not found, or not visible to the token. Check the path or id in select.projects \
         (--project), and that the token's user may see the project."
    )
}
