//! Which projects and metrics are chosen.

use std::time::Duration;

use super::*;
use crate::poll::Scope;

#[test]
fn what_the_token_is_a_member_of_is_read_when_nothing_is_said() {
    let select = nothing().instance().poll.selection;
    assert_eq!(select.scope, Scope::Membership);
    assert!(select.filter.archived && select.filter.forks && select.filter.personal);
}

#[test]
fn groups_and_projects_are_listed_in_each_source_in_its_own_way() {
    let yaml =
        file("select:\n  groups: [platform, tools/ci]\n  projects: [278964, a/b]\n").instance();
    let variables = variable("GITLAB_BRIDGE_GROUPS", "platform, tools/ci")
        .variable("GITLAB_BRIDGE_PROJECTS", "278964,a/b")
        .instance();
    let flags = flag("group", "platform")
        .flag("group", "tools/ci")
        .flag("project", "278964")
        .flag("project", "a/b")
        .instance();
    for instance in [yaml, variables, flags] {
        assert_eq!(instance.poll.selection.groups, ["platform", "tools/ci"]);
        assert_eq!(instance.poll.selection.projects, ["278964", "a/b"]);
    }
}

#[test]
fn a_comma_within_braces_belongs_to_the_pattern() {
    let instance = variable("GITLAB_BRIDGE_EXCLUDE", "{a,b}/**,c/*").instance();
    assert_eq!(
        instance.poll.selection.filter.exclude.texts(),
        ["{a,b}/**", "c/*"]
    );
}

#[test]
fn everything_is_one_flag() {
    assert_eq!(flag("all", "").instance().poll.selection.scope, Scope::All);
}

#[test]
fn idle_projects_may_be_left_out() {
    let select = file("select: {inactive_for: 180days, archived: false}\n")
        .instance()
        .poll
        .selection;
    assert_eq!(
        select.filter.inactive_for,
        Some(Duration::from_secs(180 * 24 * 3600))
    );
    assert!(!select.filter.archived);
}

#[test]
fn metrics_are_switched_off_by_name_or_pattern() {
    let config = file("metrics: {disabled: [gitlab_issues, \"gitlab_project_*\"]}\n").config();
    assert_eq!(
        config.metrics.disabled,
        ["gitlab_issues", "gitlab_project_*"]
    );
}

#[test]
fn a_group_may_be_named_by_its_id() {
    let groups = |written: Written| written.instance().poll.selection.groups;
    assert_eq!(groups(file("select: {groups: [10, a/b]}\n")), ["10", "a/b"]);
    assert_eq!(
        groups(variable("GITLAB_BRIDGE_GROUPS", "10,a/b")),
        ["10", "a/b"]
    );
}

#[test]
fn projects_that_are_marked_for_deletion_may_be_left_out() {
    let counted = |written: Written| {
        let selection = written.instance().poll.selection;
        selection.filter.pending_deletion
    };
    assert!(counted(nothing()));
    assert!(!counted(file("select: {pending_deletion: false}\n")));
    assert!(!counted(variable(
        "GITLAB_BRIDGE_PENDING_DELETION",
        "false"
    )));
}
