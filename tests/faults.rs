//! Answers that end a list too early or never, that say something else than what was asked, or that
//! come from somebody else: what is known stays, and every poll ends.

mod simulation;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gitlab_metrics_bridge::metrics::Snapshot;
use gitlab_metrics_bridge::poll::{Poller, Source};
use gitlab_metrics_bridge::simulator::{Answer, Fault, FaultBuilder, GitLab, World};
use serde_json::{Value, json};
use simulation::asked::{Kind, asks};
use simulation::truth::untrue;
use simulation::{HOUR, MINUTE, Setup, idle, path};

/// A GitLab and a poller of it that asks everything in every poll.
struct Case {
    gitlab: Arc<GitLab>,
    poller: Poller,
}

impl Case {
    fn of(world: World, sources: &[Source]) -> Case {
        let gitlab = Arc::new(GitLab::in_process(world));
        let mut setup = Setup {
            sources: sources.to_vec(),
            budget: None,
            ..Setup::default()
        };
        setup.rhythm.sweep = setup.rhythm.interval;
        let poller = simulation::poller(&gitlab, setup);
        Case { gitlab, poller }
    }

    fn of_members(projects: u64) -> Case {
        Case::of(idle(projects), &[Source::Membership])
    }

    async fn poll(&mut self) -> Arc<Snapshot> {
        self.gitlab.take_requests();
        let snapshot = self.poller.poll().await;
        tokio::time::sleep(MINUTE).await;
        snapshot
    }

    /// Polls under a fault, and reads everything all the same.
    async fn reads_all_under(&mut self, fault: Fault) {
        self.gitlab.fault(fault);
        let snapshot = self.poll().await;
        assert_eq!(failure(&snapshot), None);
        assert_eq!(untrue(&self.gitlab, &snapshot), [""; 0]);
        assert_eq!(snapshot.project_count, Some(snapshot.projects.len() as u64));
    }
}

fn failure(snapshot: &Snapshot) -> Option<String> {
    snapshot.report.clone().unwrap().failure
}

/// What is shown and not true.
fn false_values(case: &Case, snapshot: &Snapshot) -> Vec<String> {
    let lines = untrue(&case.gitlab, snapshot).into_iter();
    lines
        .filter(|line| !line.ends_with("is not shown"))
        .collect()
}

fn graphql() -> FaultBuilder {
    Fault::on("/api/graphql")
}

fn blocked() -> Fault {
    graphql()
        .always()
        .body(403, "text/html", "<html>blocked</html>")
}

/// Pages of GraphQL behind the first.
fn second_page() -> FaultBuilder {
    graphql().when(|request| request.variables.to_string().contains("after"))
}

fn strip(answer: &mut Answer) {
    let headers = "Link X-Next-Page X-Prev-Page X-Page X-Per-Page X-Total X-Total-Pages";
    headers
        .split(' ')
        .for_each(|name| answer.remove_header(name));
}

#[tokio::test(start_paused = true)]
async fn a_list_is_whole_where_a_proxy_strips_what_tells_the_next_page() {
    for source in [Source::Membership, Source::Group("group-0".to_owned())] {
        let mut world = World::new();
        for id in 1..=250 {
            world
                .project_with_id(&format!("group-0/p{id}"), id)
                .commits(1);
        }
        let mut case = Case::of(world, &[source]);
        case.gitlab.fault(blocked());
        let stripped = Fault::on("/api/v4")
            .always()
            .tamper(|_, answer| strip(answer));
        case.reads_all_under(stripped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_rest_that_names_itself_or_the_one_before_is_no_end_and_no_circle() {
    for length in [1_u64, 2, 3] {
        let mut case = Case::of_members(350);
        case.gitlab.fault(blocked());
        let count = AtomicUsize::new(0);
        let lists =
            Fault::on("/api/v4/projects").when(|request| request.path.contains("/projects?"));
        let lists = lists.always();
        case.keeps_all_under_rest(lists.tamper(move |request, answer| {
            let turn = count.fetch_add(1, Ordering::Relaxed) as u64 % length;
            let (base, _) = request.path.split_once('?').unwrap();
            let link = format!("<{base}?turn={turn}&per_page=100>; rel=\"next\"");
            answer.set_header("Link", link);
        }))
        .await;
    }
}

impl Case {
    /// The first poll is over REST and not disturbed, the second is.
    async fn keeps_all_under_rest(&mut self, fault: Fault) {
        let before = self.poll().await;
        assert_eq!(failure(&before), None);
        self.gitlab.fault(fault);
        let after = self.poll().await;
        let pages = self.gitlab.requests();
        let pages = pages
            .iter()
            .filter(|request| request.path.contains("/projects?"));
        assert!(pages.count() < 30, "it goes round");
        assert!(failure(&after).is_some(), "it says that it is complete");
        assert_eq!(after.project_count, before.project_count);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_leads_nowhere_or_round_loses_nothing() {
    for cursor in ["same", "earlier"] {
        let mut case = Case::of_members(350);
        case.poll().await;
        let turn = second_page().always().tamper(move |request, answer| {
            let after = request.variables["after0"].clone();
            answer.edit_each("pageInfo", |page| {
                let next = match cursor {
                    "same" => after.clone(),
                    _ => json!("eyJpZCI6IjI1MSJ9"),
                };
                *page = json!({ "hasNextPage": true, "endCursor": next });
            });
        });
        case.gitlab.fault(turn);
        let snapshot = case.poll().await;
        let asked = case.gitlab.requests().len();
        assert!(asked < 200, "{cursor}: {asked} requests");
        // REST lists the projects, and GraphQL tells their values.
        assert_eq!(failure(&snapshot), None, "{cursor}");
        assert_eq!(untrue(&case.gitlab, &snapshot), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_page_that_graphql_refuses_is_listed_over_rest() {
    for refuse in [
        second_page().always().errors_only("Internal server error"),
        second_page()
            .always()
            .body(404, "application/json", r#"{"error":"404 Not Found"}"#),
    ] {
        let mut case = Case::of_members(350);
        case.reads_all_under(refuse).await;
        let asked = case.gitlab.requests();
        assert!(asked.len() < 60, "{} requests", asked.len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_project_is_not_gone() {
    for node in [
        json!({}),
        json!({"id": "no id"}),
        json!({"fullPath": "a/b"}),
        json!(7),
    ] {
        let mut case = Case::of_members(50);
        let tampered = graphql().always().tamper(move |_, answer| {
            answer.edit_each("nodes", |nodes| {
                if let Some(first) = nodes.as_array_mut().and_then(|nodes| nodes.first_mut()) {
                    *first = node.clone();
                }
            });
        });
        let before = case.poll().await;
        case.gitlab.fault(tampered);
        let after = case.poll().await;
        assert_eq!(after.projects.len(), before.projects.len());
        assert_eq!(untrue(&case.gitlab, &after), [""; 0]);
        assert!(case.gitlab.requests().len() < 1_000);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_list_or_no_project_over_rest_is_not_gone() {
    for body in [
        "{}",
        "null",
        "[1,2,3]",
        r#"{"message":"maintenance"}"#,
        "[{}]",
    ] {
        for source in [
            Source::Membership,
            Source::Projects(vec!["1".to_owned(), path(2)]),
        ] {
            let mut case = Case::of(idle(20), &[source]);
            case.gitlab.fault(blocked());
            let before = case.poll().await;
            assert_eq!(failure(&before), None);
            let body = body.to_owned();
            let odd = Fault::on("/api/v4/projects").always();
            case.gitlab.fault(odd.body(200, "application/json", &body));
            let after = case.poll().await;
            assert!(failure(&after).is_some(), "{body} is taken for an answer");
            assert_eq!(after.project_count, before.project_count, "{body}");
            assert_eq!(after.projects.len(), before.projects.len(), "{body}");
            assert_eq!(false_values(&case, &after), [""; 0], "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn totals_are_absent_while_gitlab_withholds_a_project_of_a_list() {
    let mut case = Case::of_members(50);
    let redacted = graphql().always().tamper(|_, answer| {
        answer.edit_each("nodes", |nodes| nodes[0] = Value::Null);
    });
    case.gitlab.fault(redacted);
    let snapshot = case.poll().await;
    assert_eq!(
        (snapshot.projects.len(), snapshot.project_count),
        (49, None)
    );
    case.gitlab.clear_faults();
    assert_eq!(case.poll().await.project_count, Some(50));
}

#[tokio::test(start_paused = true)]
async fn one_bad_part_of_a_request_does_not_starve_the_others() {
    let sources = [1, 2].map(|group| Source::Group(format!("group-{group}")));
    let mut case = Case::of(idle(140), &sources);
    case.poll().await;
    case.gitlab.edit(|world| {
        world.events(&path(2)).open_issue();
    });
    let bad = graphql().containing("group-1").always();
    case.gitlab.fault(bad.errors_only("Internal server error"));
    let snapshot = case.poll().await;
    assert_eq!(false_values(&case, &snapshot), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_page_of_a_proxy_at_the_probe_does_not_turn_to_rest() {
    for (status, kind) in [
        (404, "text/html"),
        (403, "text/html"),
        (404, "application/json"),
    ] {
        let mut case = Case::of_members(300);
        let odd = Fault::operation("Probe");
        case.reads_all_under(odd.body(status, kind, "{}")).await;
        let asked = case.gitlab.requests();
        assert!(
            !asked.iter().any(|request| asks(request, Kind::Rest)),
            "{status} {kind}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_over_rest_returns_to_graphql() {
    let mut case = Case::of_members(600);
    case.gitlab.edit(|world| {
        world.latency(std::time::Duration::from_secs(1), std::time::Duration::ZERO);
    });
    case.gitlab.fault(
        graphql()
            .times(2)
            .body(403, "text/html", "<html>blocked</html>"),
    );
    let snapshot = case.poll().await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(untrue(&case.gitlab, &snapshot), [""; 0]);
    let asked = case.gitlab.requests();
    let over_graphql = asked
        .iter()
        .filter(|request| asks(request, Kind::Sweep) || asks(request, Kind::Read));
    assert!(over_graphql.count() > 0, "it went on over REST");
    assert!(asked.len() < 2_000, "{}", asked.len());
}

fn two_groups() -> World {
    let mut world = World::new();
    for (id, path) in [(1, "one/a"), (2, "one/b"), (3, "two/c")] {
        world.project_with_id(path, id).commits(id);
    }
    world
}

fn groups(names: &[&str]) -> Vec<Source> {
    names
        .iter()
        .map(|name| Source::Group((*name).to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_renamed_is_followed() {
    for over_rest in [false, true] {
        let mut case = Case::of(two_groups(), &groups(&["one", "two"]));
        case.poll().await;
        if over_rest {
            case.gitlab.fault(blocked());
            tokio::time::sleep(2 * HOUR).await;
        }
        case.gitlab.edit(|world| world.rename_group("one", "uno"));
        let snapshot = case.poll().await;
        assert_eq!(failure(&snapshot), None);
        assert_eq!(snapshot.project_count, Some(3));
        assert_eq!(untrue(&case.gitlab, &snapshot), [""; 0]);
        let again = case.poll().await;
        assert_eq!((failure(&again), again.project_count), (None, Some(3)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_hidden_takes_its_projects_and_comes_back() {
    let mut case = Case::of(two_groups(), &groups(&["one", "two"]));
    case.poll().await;
    case.gitlab.edit(|world| world.hide_group("one"));
    for _ in 0..2 {
        let hidden = case.poll().await;
        assert_eq!((hidden.projects.len(), hidden.project_count), (1, None));
        let report = hidden.report.clone().unwrap();
        assert!(report.failure.unwrap().contains("one"));
        assert_eq!(report.absent, ["one"]);
    }
    case.gitlab.edit(|world| world.show_group("one"));
    let back = case.poll().await;
    assert_eq!((failure(&back), back.project_count), (None, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_selected_by_its_id_is_resolved_once() {
    let world = two_groups();
    let id = world.group_id("one").unwrap().to_string();
    let mut case = Case::of(world, &groups(&[&id]));
    let snapshot = case.poll().await;
    assert_eq!(
        (failure(&snapshot), snapshot.project_count),
        (None, Some(2))
    );
    assert_eq!(
        case.gitlab.requests().len(),
        4,
        "the probe, the group, its projects and their pipelines"
    );
    case.poll().await;
    assert_eq!(case.gitlab.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_named_project_that_fails_does_not_stop_the_others() {
    let names = vec!["1".to_owned(), path(2), "group-0/moved".to_owned()];
    let mut case = Case::of(idle(20), &[Source::Projects(names)]);
    let elsewhere = Fault::on("/api/v4/projects/group-0%2Fmoved").always();
    case.gitlab.fault(elsewhere.status(500));
    let snapshot = case.poll().await;
    assert_eq!(snapshot.projects.len(), 2);
    assert!(failure(&snapshot).unwrap().contains("group-0/moved"));
    assert_eq!(snapshot.project_count, None);
}

#[tokio::test(start_paused = true)]
async fn projects_marked_for_deletion_are_told_apart_over_both() {
    for over_rest in [false, true] {
        let mut world = idle(3);
        world.events(&path(2)).mark_for_deletion();
        let mut case = Case::of(world, &[Source::Membership]);
        if over_rest {
            case.gitlab.fault(blocked());
        }
        let snapshot = case.poll().await;
        let marked = snapshot
            .projects
            .iter()
            .map(|project| project.identity.pending_deletion);
        let expected = [Some(false), Some(true), Some(false)];
        assert_eq!(
            marked.collect::<Vec<_>>(),
            expected,
            "over REST: {over_rest}"
        );
    }
}
