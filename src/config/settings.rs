//! The list of all settings: a setting is one row. Where it can be written, what it means and which
//! field it fills stand side by side; flags, checks, reference, example and schema are derived.

use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretString;

use super::setting::{Flag, Setting, Takes, row};
use super::value::address::{GitLabUrl, HOST, HostAndPort, host};
use super::value::budget::Requests;
use super::value::cluster::{EngineUrl, NAME, SERVER, WORD, Word, name, server, word};
use super::value::exporting::{Attributes, Endpoint, Exporter};
use super::value::measured::{Bounds, Cadences, Labels, MetricNames, Names};
use super::value::memory::Memory;
use super::value::number::{Limit, Number, Time, TimeOrNone};
use super::value::queue::Queue;
use super::value::secret::{Another, Headers, Password, Token, TokenFile, TokenVariable};
use super::value::text::{
    File, GROUP, Level, Line, List, MayBeNew::No, MayBeNew::Stream, MayBeNew::Yes, NOT_EMPTY,
    PROJECT, PathPatterns, group, not_empty, project,
};
use super::value::word::{Choice, Switch};
use crate::cluster::Secret;
use crate::gitlab::CredentialSource;
use crate::webhook::SecretSource;

/// The sections of the file, in its order, with what they are about.
pub const SECTIONS: [(&str, &str); 12] = [
    ("gitlab", "The GitLab to ask, and how."),
    (
        "select",
        "Which projects are read. Both lists together; with neither, see scope.",
    ),
    ("poll", "When projects are read."),
    ("state", "What is kept over a restart."),
    (
        "cluster",
        "A Redis or Valkey that makes several replicas one bridge. Without it each is a bridge of its own.",
    ),
    (
        "webhook",
        "Webhooks of GitLab, which tell what to read sooner. It calls /webhook.",
    ),
    ("metrics", "Which metrics are shown, and how."),
    (
        "prometheus",
        "The endpoint to scrape. Health, the status page and its API are served there too.",
    ),
    ("otlp", "Where metrics are pushed."),
    ("limits", "What the bridge may take of the machine."),
    ("resource", "Who we are in OpenTelemetry."),
    ("log", "What is logged, on stderr."),
];

/// The names of the sections.
pub fn sections() -> impl Iterator<Item = &'static str> + Clone {
    SECTIONS.iter().map(|(name, _)| *name)
}

/// Where the file lists several GitLabs, by name.
pub const INSTANCES: &str = "instances";

/// The names of the sections that each of several GitLabs may have for itself.
pub fn instance_sections() -> impl Iterator<Item = &'static str> + Clone {
    sections().filter(|name| ["gitlab", "select", "poll", "state"].contains(name))
}

const MOMENT: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Nothing useful takes longer.
const TIMEOUT: RangeInclusive<Duration> = MOMENT..=HOUR;
/// Short enough for a test, long enough not to be a busy loop.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
/// How often a subject may be asked: as often as polls may be, and at least once a month.
const EVERY: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(31 * 24 * 60 * 60);
/// Ten years, more or less.
const YEARS: Duration = Duration::from_secs(3660 * 24 * 60 * 60);
/// Long enough for three renewals on a slow network, short enough that another one takes over.
const LEASE: RangeInclusive<Duration> = SECOND..=Duration::from_secs(5 * 60);
const IDLE: RangeInclusive<Duration> = SECOND..=YEARS;

/// Where to listen.
const LISTEN: Flag = Flag {
    name: "listen",
    takes: Takes::HostAndPort("HOST:PORT"),
    help: "Where /metrics and health are served",
};
const EXPORTER: Flag = Flag {
    name: "exporter",
    takes: Takes::Values("EXPORTER"),
    help: "An exporter to use, instead of the configured ones; may be repeated",
};

/// Headers that the client of GitLab sets, or that would break its requests.
#[rustfmt::skip]
const OF_THE_CLIENT: &[&str] = &[
    "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host",
    "job-token", "private-token", "transfer-encoding", "user-agent",
];

const HEADERS_FOR_GITLAB: Headers<CredentialSource> = Headers {
    field: |b| &mut b.instance.gitlab.headers,
    reserved: OF_THE_CLIENT,
    from_text: |name, value| CredentialSource::Value(format!("{name} of gitlab.headers"), value),
    from_file: Some(CredentialSource::File),
};

const HEADERS_FOR_COLLECTOR: Headers<SecretString> = Headers {
    field: |b| &mut b.otlp.config.headers,
    reserved: &[],
    from_text: |_, value| value,
    from_file: None,
};

/// Where everything else is read from.
#[rustfmt::skip]
pub static CONFIG_FILE: Setting = row("configuration file", &File(|b| &mut b.config.file, Stream),
    "The YAML file to read, or - for standard input, which a reload can't read again. Without it, the environment \
     and flags suffice. In its values, ${NAME} stands for a variable, ${NAME:-default} has a default, and $$ is a dollar.")
    .standard(&["GITLAB_BRIDGE_CONFIG"])
    .restart()
    .flag("config", Takes::Value("FILE"), "The configuration file, YAML; - reads standard input");

/// Everything that can be said, in a file or not.
pub fn everything() -> impl Iterator<Item = &'static Setting> + Clone {
    std::iter::once(&CONFIG_FILE).chain(SETTINGS)
}

/// All settings, in the order of the file.
#[rustfmt::skip] // A row reads as a row.
pub static SETTINGS: &[Setting] = &[
    row("gitlab.url", &GitLabUrl(|b| &mut b.instance.gitlab.url),
        "Address of GitLab, with the sub-path it may be installed under.")
        .standard(&["GITLAB_URL"])
        .flag("gitlab-url", Takes::Value("URL"), "Address of GitLab"),
    row("gitlab.token", &Token(|b| &mut b.instance.gitlab.token, CredentialSource::Value, "GITLAB_TOKEN", Another::Variable),
        "An access token with the scope read_api. Only the environment can hold it.")
        .standard(&["GITLAB_TOKEN"])
        .restart(),
    row("gitlab.token_file", &TokenFile(|b| &mut b.instance.gitlab.token, CredentialSource::File),
        "A file that holds the access token. It may be replaced while the bridge runs.")
        .standard(&["GITLAB_TOKEN_FILE"])
        .example("/run/secrets/gitlab-token"),
    row("gitlab.token_variable", &TokenVariable(|b| &mut b.instance.gitlab.token, CredentialSource::Value),
        "The variable that holds the access token, where it is not GITLAB_TOKEN.")
        .standard(&["GITLAB_TOKEN_VARIABLE"])
        .example("COMPANY_GITLAB_TOKEN"),
    row("gitlab.headers", &HEADERS_FOR_GITLAB,
        "Further headers of every request, for a front of GitLab that wants its own: ${NAME} for what a variable \
         holds, {file: path} for what a file holds, which may be replaced while the bridge runs. They are never \
         shown.")
        .example("{x-front-key: \"${FRONT_KEY}\"}"),
    row("gitlab.ca_file", &File(|b| &mut b.instance.gitlab.ca_file, No),
        "Certificates (PEM) to trust besides the system's.")
        .standard(&["GITLAB_CA_FILE"])
        .example("/etc/ssl/company.pem"),
    row("gitlab.client_certificate", &File(|b| &mut b.instance.gitlab.client_certificate, No),
        "Our certificate (PEM), where GitLab's front asks for one.")
        .standard(&["GITLAB_CLIENT_CERTIFICATE"])
        .example("/etc/bridge/client.pem"),
    row("gitlab.client_key", &File(|b| &mut b.instance.gitlab.client_key, No),
        "The key (PEM) of our certificate.")
        .standard(&["GITLAB_CLIENT_KEY"])
        .example("/etc/bridge/client-key.pem"),
    row("gitlab.connect_timeout", &Time(|b| &mut b.instance.gitlab.connect_timeout, TIMEOUT),
        "How long a connection may take."),
    row("gitlab.read_timeout", &Time(|b| &mut b.instance.gitlab.read_timeout, TIMEOUT),
        "How long GitLab may be silent."),
    row("gitlab.request_timeout", &Time(|b| &mut b.instance.gitlab.request_timeout, TIMEOUT),
        "How long one request may take."),
    row("gitlab.requests_per_second",
        &Number(|b| &mut b.instance.gitlab.requests_per_second, 0.01..=1000.0),
        "The most requests in a second, after a short burst. What GitLab allows is obeyed anyway."),
    row("gitlab.concurrency", &Number(|b| &mut b.instance.gitlab.concurrency, 1.0..=256.0),
        "The most requests at a time."),
    row("gitlab.attempts", &Number(|b| &mut b.instance.gitlab.attempts, 1.0..=100.0),
        "How often a request is tried before its values count as unknown."),
    row("select.groups", &List(|b| &mut b.instance.poll.selection.groups, group, GROUP),
        "Groups by full path or id; their subgroups are included.")
        .flag("group", Takes::Values("PATH"), "A group to read, with its subgroups; may be repeated")
        .example("[platform, tools/ci, 9970]"),
    row("select.projects", &List(|b| &mut b.instance.poll.selection.projects, project, PROJECT),
        "Single projects by id or full path.")
        .flag("project", Takes::Values("PROJECT"), "A project to read, by id or path; may be repeated")
        .example("[278964, tools/website]"),
    row("select.scope", &Choice(|b| &mut b.instance.poll.selection.scope),
        "What is read when neither groups nor projects are named: membership is what the token's user is a \
         member of, all is what the token may see.")
        .flag("all", Takes::Nothing("all"), "Read all projects that the token may see"),
    row("select.include", &PathPatterns(|b| &mut b.instance.poll.selection.filter.include),
        "If there are any, only projects whose full path matches one of these patterns are read. A * stays \
         within one level of the path, ** crosses levels.")
        .flag("include", Takes::Values("PATTERN"), "Read only projects whose path matches; may be repeated")
        .example("[\"platform/**\"]"),
    row("select.exclude", &PathPatterns(|b| &mut b.instance.poll.selection.filter.exclude),
        "Projects whose full path matches one of these patterns are left out.")
        .flag("exclude", Takes::Values("PATTERN"), "Leave out projects whose path matches; may be repeated")
        .example("[\"**/sandbox/**\", \"*/playground\"]"),
    row("select.archived", &Switch(|b| &mut b.instance.poll.selection.filter.archived),
        "Whether archived projects are read."),
    row("select.forks", &Switch(|b| &mut b.instance.poll.selection.filter.forks),
        "Whether forks are read."),
    row("select.personal", &Switch(|b| &mut b.instance.poll.selection.filter.personal),
        "Whether projects in users' own namespaces are read."),
    row("select.pending_deletion", &Switch(|b| &mut b.instance.poll.selection.filter.pending_deletion),
        "Whether projects are read that are marked for deletion: GitLab keeps them for some days, in which \
         they can be restored, and counts them in its lists. Without them they are in no metric."),
    row("select.inactive_for", &Time(|b| &mut b.instance.poll.selection.filter.inactive_for, IDLE),
        "Leave out projects without any activity for longer than this.")
        .example("180days"),
    row("poll.interval", &Time(|b| &mut b.instance.poll.rhythm.interval, INTERVAL),
        "From the start of one poll to the start of the next.")
        .flag("interval", Takes::Value("DURATION"), "From one poll to the next, such as 30s or 5m"),
    row("poll.timeout", &Time(|b| &mut b.instance.poll.timeout, SECOND..=DAY),
        "How long one poll may take, not counting what it waits for the budget. What it could not read \
         keeps its last value."),
    row("poll.ci_interval", &Time(|b| &mut b.instance.poll.rhythm.glance, INTERVAL),
        "Within which time every project is asked whether pipelines ran since, and whether it is still \
         there, under its name: GitLab does not count that as activity."),
    row("poll.sweep", &Time(|b| &mut b.instance.poll.rhythm.sweep, INTERVAL),
        "Within which time every value of every project is read again, whether or not anything happened."),
    row("poll.cadence", &Cadences(|b| &mut b.instance.poll.cadence, EVERY),
        "How often subjects are read that have a pace of their own, by name; otel/metrics.md has the names and \
         what holds without a word. The variable holds name=duration,name=duration.")
        .example("{groups: 6h}"),
    row("poll.budget", &Requests(|b| &mut b.instance.gitlab.budget),
        "The most requests to GitLab in any hour and in any minute, restarts included where there is a \
         state.path. Where it does not carry the interval, everything gets older evenly. auto suits the \
         GitLab: 4500/h and 90/m for gitlab.com, within the limits announced for its free plan, else \
         18000/h and 600/m; none has no limit but gitlab.requests_per_second and what GitLab itself says.")
        .flag("budget", Takes::Value("BUDGET"), "The most requests, such as 4500/h,90/m")
        .example("[4500/h, 90/m]"),
    row("state.path", &File(|b| &mut b.instance.poll.state, Yes),
        "The file that keeps over a restart what is known, where polling goes on, and what was spent of \
         the budget. Without it a restart begins with nothing.")
        .flag("state", Takes::Value("FILE"), "The file that keeps what is known over a restart")
        .example("/var/lib/gitlab-metrics-bridge/state"),
    row("cluster.url", &EngineUrl,
        "The Redis (6.2 or newer) or Valkey (7.2 or newer) that the replicas share: redis://host:port/database, or \
         rediss:// for TLS. All replicas with the same engine and cluster.name are one bridge: one of them polls \
         a GitLab, and each serves the same metrics.")
        .restart()
        .example("rediss://redis.example.com:6379/0"),
    row("cluster.name", &Word(|b| &mut b.cluster.name, name, NAME),
        "The name of the group of replicas. Those with the same name are one bridge, and this name is the \
         service.instance.id of the metrics about GitLab. Without it, the host of the first GitLab.")
        .restart()
        .example("gitlab-metrics"),
    row("cluster.replica", &Word(|b| &mut b.cluster.replica, name, NAME),
        "The name of this replica, which no other in the group may have. Without it, its service.instance.id.")
        .restart()
        .example("bridge-0"),
    row("cluster.lease", &Time(|b| &mut b.cluster.config.lease, LEASE),
        "After how long without a word of the replica that polls another one takes over. It stops by itself \
         before that.")
        .restart(),
    row("cluster.user", &Word(|b| &mut b.cluster.config.user, word, WORD),
        "The user of the engine. Without it, the default user.")
        .restart()
        .example("gitlab-metrics-bridge"),
    row("cluster.password", &Password(|b| &mut b.cluster.config.password),
        "The password for the engine. Only the environment can hold it.")
        .restart(),
    row("cluster.password_file", &TokenFile(|b| &mut b.cluster.config.password, Secret::File),
        "A file that holds the password. It is read for each new connection, so it may be replaced while the \
         bridge runs.")
        .restart()
        .example("/run/secrets/redis-password"),
    row("cluster.ca_file", &File(|b| &mut b.cluster.config.ca_file, No),
        "Certificates (PEM) to trust instead of the system's, for rediss://.")
        .restart()
        .example("/etc/ssl/company.pem"),
    row("cluster.cert_file", &File(|b| &mut b.cluster.config.cert_file, No),
        "Our certificate (PEM), where the engine asks for one.")
        .restart()
        .example("/etc/bridge/client.pem"),
    row("cluster.key_file", &File(|b| &mut b.cluster.config.key_file, No),
        "The key (PEM) of our certificate.")
        .restart()
        .example("/etc/bridge/client-key.pem"),
    row("cluster.sentinel.master", &Word(|b| &mut b.cluster.master, word, WORD),
        "What the Sentinels call the servers, where Sentinels watch over the engine. The host and port of \
         cluster.url are then not used, but its scheme and database are, also to reach the Sentinels.")
        .restart()
        .example("mymaster"),
    row("cluster.sentinel.addresses", &List(|b| &mut b.cluster.sentinel.addresses, server, SERVER),
        "The Sentinels, as host:port. They are asked in this order which server takes writes.")
        .restart()
        .example("[\"sentinel-0:26379\", \"sentinel-1:26379\"]"),
    row("cluster.sentinel.password", &Password(|b| &mut b.cluster.sentinel.password),
        "The password of the Sentinels themselves. Only the environment can hold it.")
        .restart(),
    row("cluster.sentinel.password_file", &TokenFile(|b| &mut b.cluster.sentinel.password, Secret::File),
        "A file that holds the password of the Sentinels themselves.")
        .restart()
        .example("/run/secrets/sentinel-password"),
    row("webhook.enabled", &Switch(|b| &mut b.config.webhook.enabled),
        "Whether webhooks are taken. They must carry one of the secrets below."),
    row("webhook.listen", &HostAndPort(|b| &mut b.config.webhook_listen),
        "An address of their own, as host:port. Without it, webhooks are taken where /metrics is served.")
        .example("0.0.0.0:9465"),
    row("webhook.token",
        &Token(|b| &mut b.config.webhook.token, SecretSource::Variable, "GITLAB_BRIDGE_WEBHOOK_TOKEN", Another::Nothing),
        "The secret token of the webhooks. Only the environment can hold it.")
        .restart(),
    row("webhook.token_file", &TokenFile(|b| &mut b.config.webhook.token, SecretSource::File),
        "A file that holds the secret token, or several, one a line: each is right, so that one can be \
         replaced by another. It is read at the start and at each reload.")
        .example("/run/secrets/webhook-token"),
    row("webhook.signing_token",
        &Token(|b| &mut b.config.webhook.signing_token, SecretSource::Variable, "GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN", Another::Nothing),
        "The signing token of the webhooks, from GitLab 19.0 on; it begins with whsec_. Only the \
         environment can hold it.")
        .restart(),
    row("webhook.signing_token_file",
        &TokenFile(|b| &mut b.config.webhook.signing_token, SecretSource::File),
        "A file that holds the signing token, or several, one a line. It is read at the start and at each reload.")
        .example("/run/secrets/webhook-signing-token"),
    row("metrics.enabled", &MetricNames(|b| &mut b.config.metrics.enabled),
        "Metrics that are shown although they are opt-in: names, patterns with *, or the name of a subject \
         for all its metrics but those with very many series, which want their own name or a pattern.")
        .example("[\"gitlab_project_*\"]"),
    row("metrics.disabled", &MetricNames(|b| &mut b.config.metrics.disabled),
        "Metrics that are neither asked for nor shown, even if they are enabled: names, patterns with *, or \
         names of subjects.")
        .example("[\"gitlab_issues*\", storage]"),
    row("metrics.refs.branches", &Names(|b| &mut b.config.metrics.choices.refs.branches, 100),
        "Branches whose newest pipeline is shown besides that of the default branch: names, or patterns in \
         which * stands for any text.")
        .example("[\"release/*\"]"),
    row("metrics.refs.tags", &Names(|b| &mut b.config.metrics.choices.refs.tags, 100),
        "Tags whose newest pipeline is shown, like the branches.")
        .example("[\"v*\"]"),
    row("metrics.refs.merge_requests", &Names(|b| &mut b.config.metrics.choices.refs.merge_requests, 100),
        "Merge requests whose newest pipeline is shown, by their number in the project, or * for all.")
        .example("[\"*\"]"),
    row("metrics.refs.most_recent", &Limit(|b| &mut b.config.metrics.choices.refs.most_recent, 1..=1000),
        "Of the refs of each kind in a project only so many, those with the newest pipelines; the default \
         branch is always among them.")
        .example("10"),
    row("metrics.refs.max_age", &Time(|b| &mut b.config.metrics.choices.refs.max_age, SECOND..=YEARS),
        "Leave out refs, but for the default branch, whose newest pipeline is older than this.")
        .example("30days"),
    row("metrics.environments", &Names(|b| &mut b.config.metrics.choices.environments, 20),
        "The environments that are shown, by name, where metrics of environments are enabled."),
    row("metrics.issue_labels", &Names(|b| &mut b.config.metrics.choices.issue_labels, 50),
        "The labels whose issues are counted, where gitlab_issues_by_label is enabled.")
        .example("[bug, \"priority::1\"]"),
    row("metrics.child_pipelines", &Switch(|b| &mut b.config.metrics.choices.child_pipelines),
        "Whether the runs of child pipelines are counted too, and those of their jobs."),
    row("metrics.job_names", &Switch(|b| &mut b.config.metrics.choices.job_names),
        "Whether the histograms of jobs carry the name of the job."),
    row("metrics.limits.refs_per_project",
        &Number(|b| &mut b.config.metrics.choices.limits.refs_per_project, 1.0..=10_000.0),
        "The most refs of a project that are shown; the oldest give way. gitlab_bridge_dropped_series counts \
         what a limit keeps out."),
    row("metrics.limits.environments_per_project",
        &Number(|b| &mut b.config.metrics.choices.limits.environments_per_project, 1.0..=10_000.0),
        "The most environments of a project that are shown."),
    row("metrics.limits.jobs_per_project",
        &Number(|b| &mut b.config.metrics.choices.limits.jobs_per_project, 1.0..=10_000.0),
        "The most jobs of a project that are shown by name."),
    row("metrics.limits.series_per_metric",
        &Limit(|b| &mut b.config.metrics.choices.limits.series_per_metric, 1..=10_000_000),
        "The most series of each metric of a GitLab; the projects with the lowest ids give way.")
        .example("50000"),
    row("metrics.limits.series",
        &Limit(|b| &mut b.config.metrics.choices.limits.series, 1..=100_000_000),
        "The most series about a GitLab; the last metrics of the reference give way first.")
        .example("1000000"),
    row("metrics.sparse_states", &Switch(|b| &mut b.config.metrics.choices.sparse_states),
        "Whether a state is shown by the series of the current one alone, which is 1; false shows the others \
         as 0."),
    row("metrics.project_labels", &Labels(|b| &mut b.config.metrics.choices.project_labels),
        "What every series of a project carries besides its id: path, namespace, topics (sorted, joined by \
         commas). A project that moves or is given other topics then begins new series. With topics they are \
         in gitlab_project_info too.")
        .example("[path]"),
    row("metrics.histograms_by", &Choice(|b| &mut b.config.metrics.choices.histograms_by),
        "What histograms tell apart besides their own attributes: none, namespace (the group or user a \
         project lies in) or project."),
    row("metrics.histogram_bounds", &Bounds(|b| &mut b.config.metrics.choices.bounds),
        "The upper bounds of the buckets of histograms, by name: seconds, or durations such as 5m. A histogram \
         with other bounds than before begins anew. The variable holds name=10s 1m 1h,name=...")
        .example("{gitlab_pipeline_run_duration_seconds: [1m, 5m, 30m, 2h]}"),
    row("metrics.project_path_label", &Switch(|b| &mut b.project_path_label),
        "The old name of metrics.project_labels: [path]."),
    row("prometheus.enabled", &Exporter("prometheus", |b| &mut b.prometheus),
        "Whether /metrics is served. The variable and the flag list all exporters to use; without them it \
         is.")
        .standard(&["OTEL_METRICS_EXPORTER"])
        .shared(EXPORTER)
        .example("true"),
    row("console exporter", &Exporter("console", |b| &mut b.console),
        "Whether the metrics are printed on stdout at each otlp.interval, for a look at them.")
        .standard(&["OTEL_METRICS_EXPORTER"])
        .shared(EXPORTER)
        .restart(),
    row("prometheus.host", &Line(|b| &mut b.config.export.listen.host, host, HOST),
        "The name or address to listen on; 0.0.0.0 is every one.")
        .standard(&["OTEL_EXPORTER_PROMETHEUS_HOST"])
        .shared(LISTEN),
    row("prometheus.port", &Number(|b| &mut b.config.export.listen.port, 0.0..=65535.0),
        "The port to listen on; 0 takes a free one.")
        .standard(&["OTEL_EXPORTER_PROMETHEUS_PORT"])
        .shared(LISTEN)
        .also("port", Takes::Value("PORT"), "The port to serve on, whatever the host"),
    row("prometheus.names", &Choice(|b| &mut b.config.metrics.choices.scrape_names),
        "Whose names a scrape finds. With gitlab-ci-pipelines-exporter, pipelines, jobs and environments are read and \
         shown under that exporter's names, in place of ours that say the same; docs/names.md has the list."),
    row("prometheus.web_config_file", &File(|b| &mut b.config.export.web_config, No),
        "A web configuration of Prometheus: TLS, client certificates, passwords (bcrypt), headers and a limit of \
         requests for the endpoint. It is read again when it changes. Paths in it are relative to it.")
        .flag("web.config.file", Takes::Value("FILE"), "A web configuration of Prometheus, for TLS and passwords")
        .example("/etc/bridge/web.yaml"),
    row("prometheus.open_health", &Switch(|b| &mut b.config.export.open_health),
        "Whether /-/healthy answers without the password that a web configuration asks for."),
    row("prometheus.enable_lifecycle", &Switch(|b| &mut b.config.export.lifecycle),
        "Whether POST /-/reload reads the configuration again, and PUT /-/log-level changes what is logged. Whoever \
         reaches the endpoint may do so: secure it. SIGHUP reloads without this switch.")
        .flag("web.enable-lifecycle", Takes::Nothing("true"), "Allow POST /-/reload and PUT /-/log-level"),
    row("otlp.enabled", &Exporter("otlp", |b| &mut b.otlp.enabled),
        "Whether metrics are pushed over OTLP. Without a word about it, they are if an endpoint is given.")
        .standard(&["OTEL_METRICS_EXPORTER"])
        .shared(EXPORTER)
        .example("true"),
    row("otlp.protocol", &Choice(|b| &mut b.otlp.protocol),
        "http/protobuf or grpc. Without it, the endpoint's port decides: 4317 is grpc, all else \
         http/protobuf.")
        .standard(&["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"])
        .flag("otlp-protocol", Takes::Value("PROTOCOL"), "The protocol of OTLP")
        .example("grpc"),
    row("otlp.endpoint", &Endpoint(|b| &mut b.otlp.endpoint),
        "The collector. Over HTTP, /v1/metrics is added if it is not there yet, except to the variable for \
         metrics. Without it, port 4318 (4317 for grpc) of localhost.")
        .standard(&["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"])
        .flag("otlp-endpoint", Takes::Value("URL"), "The collector to push to over OTLP")
        .example("https://collector.example.com:4318"),
    row("otlp.insecure", &Switch(|b| &mut b.otlp.insecure),
        "Whether a gRPC endpoint without http:// or https:// is asked without TLS.")
        .standard(&["OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_INSECURE"]),
    row("otlp.headers", &HEADERS_FOR_COLLECTOR,
        "Headers of every request. Keep secrets in variables, as ${NAME}. \
         The variables hold key=value,key=value with %xx for what can't be written.")
        .standard(&["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"])
        .example("{authorization: \"Bearer ${COLLECTOR_TOKEN}\"}"),
    row("otlp.compression", &Choice(|b| &mut b.otlp.config.compression),
        "none, gzip or zstd; not every collector understands zstd.")
        .standard(&["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION"]),
    row("otlp.timeout", &TimeOrNone(|b| &mut b.otlp.config.timeout, TIMEOUT),
        "How long one request may take; 0 sets no limit. The variables are in milliseconds.")
        .standard(&["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"]),
    row("otlp.ca_file", &File(|b| &mut b.otlp.config.ca_file, No),
        "Certificates (PEM) to trust besides the system's.")
        .standard(&["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE"])
        .example("/etc/ssl/company.pem"),
    row("otlp.client_certificate", &File(|b| &mut b.otlp.config.client_certificate, No),
        "Our certificate (PEM), where the collector asks for one.")
        .standard(&["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE"])
        .example("/etc/bridge/client.pem"),
    row("otlp.client_key", &File(|b| &mut b.otlp.config.client_key, No),
        "The key (PEM) of our certificate.")
        .standard(&["OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"])
        .example("/etc/bridge/client-key.pem"),
    row("otlp.interval", &Time(|b| &mut b.otlp.config.interval, INTERVAL),
        "How often metrics are pushed. The variable is in milliseconds.")
        .standard(&["OTEL_METRIC_EXPORT_INTERVAL"]),
    row("otlp.export_timeout", &TimeOrNone(|b| &mut b.otlp.config.export_timeout, TIMEOUT),
        "How long all requests of one export may take together; 0 sets no limit. The variable is in milliseconds.")
        .standard(&["OTEL_METRIC_EXPORT_TIMEOUT"])
        .example("30s"),
    row("otlp.queue", &Queue(|b| &mut b.otlp.config.queue),
        "Exports wait on disk while the receiver is away, and are delivered in order when it is back, beside the \
         live ones. off keeps nothing; else path (a folder; without it, next to state.path, and nothing is kept \
         if that is not set either), size on disk and age at the most. The variable is on, off, or \
         path=FOLDER,size=SIZE,age=AGE.")
        .example("{path: /var/lib/gitlab-metrics-bridge/otlp-queue, size: 1GiB, age: 3days}")
        .restart(),
    row("otlp.temporality", &Choice(|b| &mut b.otlp.config.temporality),
        "The temporality of the bridge's own counters: cumulative, delta or low_memory. What GitLab counts \
         are gauges, which have none.")
        .standard(&["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"]),
    row("otlp.names", &Choice(|b| &mut b.otlp.config.names),
        "By which names metrics go over OTLP: gitlab, our own, or semconv, those of OpenTelemetry's semantic conventions \
         (1.45): vcs.* and cicd.*, and gitlab.* for what these do not have. With semconv, \
         cicd.pipeline.run.duration has a series for each project, and otlp.job_attribute says nothing.")
        .example("semconv"),
    row("otlp.job_attribute", &Choice(|b| &mut b.otlp.config.job_attribute),
        "What the attribute job, the name of a CI job, is called over OTLP: job or exported_job, without a word job. \
         Where it all ends in a Prometheus or its like, also behind a collector, say exported_job, which a scrape \
         makes of it too: the label job is the service there, and jobs would be refused or merged.")
        .example("exported_job"),
    row("limits.memory", &Memory(|b| &mut b.config.limits.memory),
        "How much memory the bridge may take: a size such as 512MiB, or a share such as 80% of what its cgroup \
         allows (without one, of the machine's). auto is 90% where a cgroup has a limit, else none. Before \
         it would take more, further projects are left out, which is told; then scrapes in forms that are \
         not kept and webhooks are answered 503; no value becomes a wrong one.")
        .example("80%")
        .restart(),
    row("resource.attributes", &Attributes(|b| &mut b.config.export),
        "Resource attributes. service.instance.id is host:port unless it is given here. The variable holds \
         key=value,key=value with %xx for what can't be written.")
        .standard(&["OTEL_RESOURCE_ATTRIBUTES"])
        .example("{deployment.environment.name: production}"),
    row("resource.service_name", &Line(|b| &mut b.config.export.service_name, not_empty, NOT_EMPTY),
        "The resource attribute service.name.")
        .standard(&["OTEL_SERVICE_NAME"]),
    row("log.level", &Level(|b| &mut b.config.log.level),
        "error, warn, info, debug, trace or off; target=level, separated by commas, for a part.")
        .standard(&["OTEL_LOG_LEVEL", "GITLAB_BRIDGE_LOG_LEVEL"])
        .flag("log-level", Takes::Value("LEVEL"), "How much is logged: error, warn, info, debug, trace or off"),
    row("log.format", &Choice(|b| &mut b.config.log.format),
        "text (key=value) or json.")
        .flag("log-format", Takes::Value("FORMAT"), "How a line of the log looks"),
    row("all exporters off", &Switch(|b| &mut b.config.export.sdk_disabled),
        "If true, nothing is exported, whatever else is said; OpenTelemetry's switch for everything.")
        .standard(&["OTEL_SDK_DISABLED"])
        .restart(),
];
