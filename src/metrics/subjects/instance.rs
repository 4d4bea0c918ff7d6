//! The GitLab itself: its version, what it holds, its licence, and the token that the bridge has.

use crate::metrics::subject::{
    Attribute, Cadence, Column, Grain, Rest, Rows, Shows, Subject, count, gauge, label, time,
};

pub(super) static INFO: Subject = Subject {
    name: "instance",
    of: Grain::Instance,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        label("version", "metadata.version", of_metadata("version")),
        label(
            "enterprise",
            "metadata.enterprise",
            of_metadata("enterprise"),
        ),
    ],
    metrics: &[gauge(
        "gitlab_instance_info",
        "",
        "What this GitLab is; always 1",
        &[ENTERPRISE, VERSION],
        Shows::Info,
    )],
};

/// GitLab counts them once a night, and tells administrators alone.
pub(super) static OBJECTS: Subject = Subject {
    name: "instance",
    of: Grain::Instance,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        counted(
            "users",
            "usageTrendsMeasurements(identifier: USERS, first: 1).nodes.count",
        ),
        counted(
            "projects",
            "usageTrendsMeasurements(identifier: PROJECTS, first: 1).nodes.count",
        ),
        counted(
            "groups",
            "usageTrendsMeasurements(identifier: GROUPS, first: 1).nodes.count",
        ),
        counted(
            "issues",
            "usageTrendsMeasurements(identifier: ISSUES, first: 1).nodes.count",
        ),
        counted(
            "merge_requests",
            "usageTrendsMeasurements(identifier: MERGE_REQUESTS, first: 1).nodes.count",
        ),
        counted(
            "pipelines",
            "usageTrendsMeasurements(identifier: PIPELINES, first: 1).nodes.count",
        ),
    ],
    metrics: &[gauge(
        "gitlab_instance_objects",
        "{object}",
        "What this GitLab holds, as of its last nightly count; told to administrators",
        &[KIND],
        Shows::ByColumn {
            attribute: "kind",
            columns: KINDS,
        },
    )
    .opt_in()],
};

pub(super) static LICENSE: Subject = Subject {
    name: "instance",
    of: Grain::Instance,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        count(
            "licensed",
            "currentLicense.usersInLicenseCount",
            of_license("user_limit"),
        ),
        count(
            "active",
            "currentLicense.billableUsersCount",
            of_license("active_users"),
        ),
        time(
            "expiry",
            "currentLicense.expiresAt",
            of_license("expires_at"),
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_license_seats",
            "{seat}",
            "Seats of the licence, and those that are taken; told to administrators",
            &[SEATS],
            Shows::ByColumn {
                attribute: "state",
                columns: &["licensed", "active"],
            },
        )
        .opt_in(),
        gauge(
            "gitlab_license_expiry_timestamp_seconds",
            "s",
            "When the licence ends, at midnight UTC; told to administrators",
            &[],
            Shows::Value("expiry"),
        )
        .opt_in(),
    ],
};

pub(super) static TOKEN: Subject = Subject {
    name: "bridge",
    of: Grain::Instance,
    cadence: Cadence::DAILY,
    rows: Rows::One,
    columns: &[time(
        "expiry",
        "",
        Rest::Member {
            path: "personal_access_tokens/self",
            member: "expires_at",
            since: (15, 5),
        },
    )],
    metrics: &[gauge(
        "gitlab_bridge_token_expiry_timestamp_seconds",
        "s",
        "When the bridge's own token ends, at midnight UTC; absent for one that does not end",
        &[],
        Shows::Value("expiry"),
    )],
};

const KINDS: &[&str] = &[
    "users",
    "projects",
    "groups",
    "issues",
    "merge_requests",
    "pipelines",
];

const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What is counted.",
    examples: KINDS,
};

const SEATS: Attribute = Attribute {
    name: "state",
    meaning: "Seats that were bought, or users that take one.",
    examples: &["licensed", "active"],
};

const VERSION: Attribute = Attribute {
    name: "version",
    meaning: "The version.",
    examples: &["18.8.1-ee"],
};

const ENTERPRISE: Attribute = Attribute {
    name: "enterprise",
    meaning: "Whether it is the Enterprise Edition.",
    examples: &["true", "false"],
};

const fn of_metadata(member: &'static str) -> Rest {
    Rest::Member {
        path: "metadata",
        member,
        since: (15, 2),
    }
}

const fn of_license(member: &'static str) -> Rest {
    Rest::Member {
        path: "license",
        member,
        since: (10, 0),
    }
}

const fn counted(kind: &'static str, graphql: &'static str) -> Column {
    // REST tells approximate numbers.
    count(kind, graphql, Rest::Nowhere)
}
