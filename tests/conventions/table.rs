//! The semantic conventions of version 1.45 for version control and CI/CD, written down by hand: what a metric
//! is, which attributes it must have, and which words these may be.

/// A metric of the conventions.
pub struct Defined {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: &'static str,
    /// The attributes that each point must have.
    pub required: &'static [&'static str],
    /// Attributes that a point must have where another one has a word.
    pub required_where: &'static [(&'static str, &'static str, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    Counter,
    UpDownCounter,
    Histogram,
}

/// The words of an attribute with a closed set of them.
pub struct Words {
    pub attribute: &'static str,
    pub words: &'static [&'static str],
    /// Words of GitLab that the convention has none for. Each is told in docs/names.md.
    pub ours: &'static [&'static str],
}

const fn defined(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    required: &'static [&'static str],
) -> Defined {
    Defined {
        name,
        kind,
        unit,
        required,
        required_where: &[],
    }
}

const URL: &str = "vcs.repository.url.full";
const HEAD: &str = "vcs.ref.head.name";

pub const METRICS: &[Defined] = &[
    defined(
        "vcs.change.count",
        Kind::UpDownCounter,
        "{change}",
        &["vcs.change.state", URL],
    ),
    defined(
        "vcs.change.duration",
        Kind::Gauge,
        "s",
        &[URL, HEAD, "vcs.change.state"],
    ),
    defined(
        "vcs.change.time_to_approval",
        Kind::Gauge,
        "s",
        &[URL, HEAD],
    ),
    defined("vcs.change.time_to_merge", Kind::Gauge, "s", &[URL, HEAD]),
    defined(
        "vcs.repository.count",
        Kind::UpDownCounter,
        "{repository}",
        &[],
    ),
    defined(
        "vcs.ref.count",
        Kind::UpDownCounter,
        "{ref}",
        &[URL, "vcs.ref.type"],
    ),
    defined(
        "vcs.ref.lines_delta",
        Kind::Gauge,
        "{line}",
        &[URL, HEAD, "vcs.line_change.type"],
    ),
    defined(
        "vcs.ref.revisions_delta",
        Kind::Gauge,
        "{revision}",
        &[URL, HEAD, "vcs.revision_delta.direction"],
    ),
    defined(
        "vcs.ref.time",
        Kind::Gauge,
        "s",
        &[URL, HEAD, "vcs.ref.head.type"],
    ),
    defined(
        "vcs.contributor.count",
        Kind::Gauge,
        "{contributor}",
        &[URL],
    ),
    Defined {
        required_where: &[
            ("cicd.pipeline.result", "failure", "error.type"),
            ("cicd.pipeline.result", "error", "error.type"),
            (
                "cicd.pipeline.run.state",
                "executing",
                "cicd.pipeline.result",
            ),
        ],
        ..defined(
            "cicd.pipeline.run.duration",
            Kind::Histogram,
            "s",
            &["cicd.pipeline.name", "cicd.pipeline.run.state"],
        )
    },
    defined(
        "cicd.pipeline.run.active",
        Kind::UpDownCounter,
        "{run}",
        &["cicd.pipeline.name", "cicd.pipeline.run.state"],
    ),
    defined(
        "cicd.pipeline.run.errors",
        Kind::Counter,
        "{error}",
        &["cicd.pipeline.name", "error.type"],
    ),
    defined(
        "cicd.worker.count",
        Kind::UpDownCounter,
        "{worker}",
        &["cicd.worker.state"],
    ),
    defined(
        "cicd.system.errors",
        Kind::Counter,
        "{error}",
        &["cicd.system.component", "error.type"],
    ),
];

const fn words(attribute: &'static str, words: &'static [&'static str]) -> Words {
    Words {
        attribute,
        words,
        ours: &[],
    }
}

const RESULTS: &[&str] = &[
    "success",
    "failure",
    "error",
    "timeout",
    "cancellation",
    "skip",
];

pub const WORDS: &[Words] = &[
    Words {
        ours: &["locked"],
        ..words("vcs.change.state", &["open", "wip", "closed", "merged"])
    },
    Words {
        ours: &["paused"],
        ..words("cicd.worker.state", &["available", "busy", "offline"])
    },
    words(
        "vcs.provider.name",
        &["github", "gitlab", "gitea", "bitbucket"],
    ),
    words("vcs.ref.type", &["branch", "tag"]),
    words("vcs.ref.head.type", &["branch", "tag"]),
    words("vcs.ref.base.type", &["branch", "tag"]),
    words("vcs.line_change.type", &["added", "removed"]),
    words("vcs.revision_delta.direction", &["ahead", "behind"]),
    words(
        "cicd.pipeline.run.state",
        &["pending", "executing", "finalizing"],
    ),
    words("cicd.pipeline.result", RESULTS),
    words("cicd.pipeline.task.run.result", RESULTS),
    words("cicd.pipeline.task.type", &["build", "test", "deploy"]),
    words("cicd.pipeline.action.name", &["BUILD", "RUN", "SYNC"]),
];

/// All attributes of the two namespaces.
pub const ATTRIBUTES: &[&str] = &[
    "vcs.change.id",
    "vcs.change.state",
    "vcs.change.title",
    "vcs.line_change.type",
    "vcs.owner.name",
    "vcs.provider.name",
    "vcs.ref.base.name",
    "vcs.ref.base.revision",
    "vcs.ref.base.type",
    "vcs.ref.head.name",
    "vcs.ref.head.revision",
    "vcs.ref.head.type",
    "vcs.ref.type",
    "vcs.repository.name",
    "vcs.repository.url.full",
    "vcs.revision_delta.direction",
    "cicd.pipeline.action.name",
    "cicd.pipeline.name",
    "cicd.pipeline.result",
    "cicd.pipeline.run.id",
    "cicd.pipeline.run.state",
    "cicd.pipeline.run.url.full",
    "cicd.pipeline.task.name",
    "cicd.pipeline.task.run.id",
    "cicd.pipeline.task.run.result",
    "cicd.pipeline.task.run.url.full",
    "cicd.pipeline.task.type",
    "cicd.system.component",
    "cicd.worker.id",
    "cicd.worker.name",
    "cicd.worker.state",
    "cicd.worker.url.full",
];
