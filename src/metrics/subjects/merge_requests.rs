//! Merge requests by state, all of them together, and how the open ones get on.

use crate::metrics::subject::{
    Attribute, Cadence, ChangesWith, Column, Convention, Feature, Grain, Instrument, PROJECT_ID,
    Part, Rest, Rows, STATE, Shows, Subject, count, gauge, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "merge_requests",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[
        // Sorted, so that the oldest comes with the count.
        merge_requests(
            "opened",
            "mergeRequests(state: opened, sort: CREATED_ASC, first: 1).count",
            "merge_requests?scope=all&state=opened",
        ),
        merge_requests(
            "closed",
            "mergeRequests(state: closed, first: 1).count",
            "merge_requests?scope=all&state=closed",
        ),
        merge_requests(
            "merged",
            "mergeRequests(state: merged, first: 1).count",
            "merge_requests?scope=all&state=merged",
        ),
        merge_requests(
            "locked",
            "mergeRequests(state: locked, first: 1).count",
            "merge_requests?scope=all&state=locked",
        ),
        merge_requests(
            "draft",
            "mergeRequests(state: opened, draft: true, first: 1).count",
            "merge_requests?scope=all&state=opened&wip=yes",
        ),
        // GraphQL has it from GitLab 17 on.
        merge_requests(
            "without_reviewer",
            "mergeRequests(state: opened, reviewerWildcardId: NONE, first: 1).count",
            "merge_requests?scope=all&state=opened&reviewer_id=None",
        ),
        merge_requests(
            "1d",
            "mergeRequests(state: opened, createdBefore: $ago1d, first: 1).count",
            "merge_requests?scope=all&state=opened&created_before={ago1d}",
        ),
        merge_requests(
            "7d",
            "mergeRequests(state: opened, createdBefore: $ago7d, first: 1).count",
            "merge_requests?scope=all&state=opened&created_before={ago7d}",
        ),
        merge_requests(
            "30d",
            "mergeRequests(state: opened, createdBefore: $ago30d, first: 1).count",
            "merge_requests?scope=all&state=opened&created_before={ago30d}",
        ),
        time(
            "oldest_open",
            "mergeRequests(state: opened, sort: CREATED_ASC, first: 1).nodes.createdAt",
            Rest::First {
                path: "merge_requests?scope=all&state=opened&order_by=created_at&sort=asc&per_page=1",
                member: "created_at",
            },
        )
        .of(Feature::MergeRequests)
        .changes_with(ChangesWith::Activity),
    ],
    metrics: &[
        gauge(
            "gitlab_merge_requests_total",
            "{merge_request}",
            "Total number of merge requests",
            &[],
            Shows::Sum("gitlab_merge_requests"),
        )
        .within(CHANGES.name),
        gauge(
            "gitlab_merge_requests",
            "{merge_request}",
            "Merge requests of the project by state",
            &[PROJECT_ID, STATE],
            Shows::ByColumn {
                attribute: "state",
                columns: &["opened", "closed", "merged", "locked"],
            },
        )
        .as_convention(CHANGES),
        gauge(
            "gitlab_merge_requests_draft",
            "{merge_request}",
            "Open merge requests of the project that are drafts",
            &[PROJECT_ID],
            Shows::Value("draft"),
        )
        .within(CHANGES.name),
        gauge(
            "gitlab_merge_requests_without_reviewer",
            "{merge_request}",
            "Open merge requests of the project that nobody is asked to review",
            &[PROJECT_ID],
            Shows::Value("without_reviewer"),
        ),
        gauge(
            "gitlab_merge_requests_open_by_age",
            "{merge_request}",
            "Open merge requests of the project that were created longer ago than that, so each age counts the older ones too",
            &[OLDER_THAN, PROJECT_ID],
            Shows::ByColumn {
                attribute: "older_than",
                columns: &["1d", "7d", "30d"],
            },
        ),
        gauge(
            "gitlab_merge_request_oldest_open_timestamp_seconds",
            "s",
            "When the oldest open merge request of the project was created; absent without one",
            &[PROJECT_ID],
            Shows::Value("oldest_open"),
        ),
    ],
};

/// A draft is open to GitLab, and a work in progress to the convention, which does not know locked ones.
const CHANGES: &Convention = &Convention {
    name: "vcs.change.count",
    instrument: Instrument::UpDownCounter,
    unit: "{change}",
    help: "The number of changes (pull requests/merge requests/changelists) in a repository, categorized by their state (e.g. open or merged)",
    shows: Some(Shows::Parts {
        attribute: "vcs.change.state",
        parts: &[
            Part {
                less: Some("draft"),
                ..changes("open", "opened")
            },
            changes("wip", "draft"),
            changes("closed", "closed"),
            changes("merged", "merged"),
            changes("locked", "locked"),
        ],
    }),
    attributes: &[],
};

const fn changes(word: &'static str, plus: &'static str) -> Part {
    Part {
        word,
        of_rows: &[],
        plus,
        less: None,
    }
}

const OLDER_THAN: Attribute = Attribute {
    name: "older_than",
    meaning: "How long ago they were created, at least.",
    examples: &["1d", "7d", "30d"],
};

/// GitLab has no merge request counts by state, so each state is one count. `scope=all` says what a
/// script forgets: not only the token's own.
const fn merge_requests(state: &'static str, graphql: &'static str, rest: &'static str) -> Column {
    count(state, graphql, Rest::Count(rest))
        .of(Feature::MergeRequests)
        .changes_with(ChangesWith::Activity)
}
