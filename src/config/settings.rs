//! The list of all settings: a setting is one row. Where it can be written, what it means and which
//! field it fills stand side by side; flags, checks, the reference and the example are derived.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::kind::Kind;
use super::parse;

/// A setting.
pub struct Setting {
    /// `section.key` in the file; a name without a dot can't be written there.
    pub key: &'static str,
    /// What it means, in sentences.
    pub meaning: &'static str,
    /// Its variables; a later one wins.
    pub variables: &'static [&'static str],
    /// Its flag.
    pub flag: Option<Flag>,
    /// A value to show where the default is to have none.
    pub example: &'static str,
    pub(super) kind: Kind,
}

/// A flag, which may fill several settings.
#[derive(Clone, Copy)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What it is for.
    pub help: &'static str,
    pub(super) takes: Takes,
}

/// What a flag takes, with the name of the value in the help.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Nothing; it stands for a value.
    Nothing(&'static str),
    /// One value.
    Value(&'static str),
    /// One value each time it is given.
    Values(&'static str),
    /// Two settings in one.
    HostAndPort(&'static str),
}

impl Setting {
    const fn new(key: &'static str, kind: Kind, meaning: &'static str) -> Setting {
        Setting {
            key,
            meaning,
            variables: &[],
            flag: None,
            example: "",
            kind,
        }
    }

    const fn variables(self, variables: &'static [&'static str]) -> Setting {
        Setting { variables, ..self }
    }

    const fn flag(self, flag: Flag) -> Setting {
        Setting {
            flag: Some(flag),
            ..self
        }
    }

    const fn example(self, example: &'static str) -> Setting {
        Setting { example, ..self }
    }

    /// The token that it is about, if it is: the key without what says how the token is given.
    pub(super) fn token(&self) -> Option<&'static str> {
        let ends = ["_file", "_variable"];
        let stem = ends.iter().find_map(|end| self.key.strip_suffix(end));
        self.kind.is_token().then(|| stem.unwrap_or(self.key))
    }

    /// Its key within a section, if it belongs to it.
    pub(super) fn in_section(&self, section: &str) -> Option<&'static str> {
        let (own, key) = self.key.split_once('.')?;
        (own == section).then_some(key)
    }
}

const fn flag(name: &'static str, takes: Takes, help: &'static str) -> Flag {
    Flag { name, help, takes }
}

/// The sections of the file, in its order, with what they are about.
pub const SECTIONS: [(&str, &str); 10] = [
    ("gitlab", "The GitLab to ask, and how."),
    (
        "select",
        "Which projects are read. Both lists together; with neither, see scope.",
    ),
    ("poll", "When projects are read."),
    ("state", "What is kept over a restart."),
    (
        "webhook",
        "Webhooks of GitLab, which tell what to read sooner. It calls /webhook.",
    ),
    ("metrics", "Which metrics are shown."),
    (
        "prometheus",
        "The endpoint to scrape. Health and the landing page are served there too.",
    ),
    ("otlp", "Where metrics are pushed."),
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
/// Ten years, more or less.
const IDLE: RangeInclusive<Duration> = SECOND..=Duration::from_secs(3660 * 24 * 60 * 60);

/// Where to listen.
pub(super) const LISTEN: Flag = flag(
    "listen",
    Takes::HostAndPort("HOST:PORT"),
    "Where /metrics and health are served",
);
const EXPORTER: Flag = flag(
    "exporter",
    Takes::Values("EXPORTER"),
    "An exporter to use, instead of the configured ones; may be repeated",
);

/// Where everything else is read from.
pub static CONFIG_FILE: Setting = Setting::new(
    "configuration file",
    Kind::File(|draft| &mut draft.config.file),
    "The YAML file to read. Without it, the environment and flags suffice.",
)
.variables(&["GITLAB_BRIDGE_CONFIG"])
.flag(flag(
    "config",
    Takes::Value("FILE"),
    "The configuration file, YAML",
));

/// Everything that can be said, in a file or not.
pub fn everything() -> impl Iterator<Item = &'static Setting> + Clone {
    std::iter::once(&CONFIG_FILE).chain(SETTINGS)
}

/// The setting of that key.
pub(super) fn named(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// All settings, in the order of the file.
pub static SETTINGS: &[Setting] = &[
    Setting::new(
        "gitlab.url",
        Kind::GitLab(|draft| &mut draft.instance.gitlab.url),
        "Address of GitLab, with the sub-path it may be installed under.",
    )
    .variables(&["GITLAB_URL"])
    .flag(flag("gitlab-url", Takes::Value("URL"), "Address of GitLab")),
    Setting::new(
        "gitlab.token",
        Kind::Token(|draft| &mut draft.instance.gitlab.token),
        "An access token with the scope read_api. Only the environment can hold it.",
    )
    .variables(&["GITLAB_TOKEN"]),
    Setting::new(
        "gitlab.token_file",
        Kind::TokenFile(|draft| &mut draft.instance.gitlab.token),
        "A file that holds the access token. It may be replaced while the bridge runs.",
    )
    .variables(&["GITLAB_TOKEN_FILE"])
    .example("/run/secrets/gitlab-token"),
    Setting::new(
        "gitlab.token_variable",
        Kind::TokenVariable(|draft| &mut draft.instance.gitlab.token),
        "The variable that holds the access token, where it is not GITLAB_TOKEN.",
    )
    .variables(&["GITLAB_TOKEN_VARIABLE"])
    .example("COMPANY_GITLAB_TOKEN"),
    Setting::new(
        "gitlab.ca_file",
        Kind::File(|draft| &mut draft.instance.gitlab.ca_file),
        "Certificates (PEM) to trust besides the system's.",
    )
    .variables(&["GITLAB_CA_FILE"])
    .example("/etc/ssl/company.pem"),
    Setting::new(
        "gitlab.client_certificate",
        Kind::File(|draft| &mut draft.instance.gitlab.client_certificate),
        "Our certificate (PEM), where GitLab's front asks for one.",
    )
    .variables(&["GITLAB_CLIENT_CERTIFICATE"])
    .example("/etc/bridge/client.pem"),
    Setting::new(
        "gitlab.client_key",
        Kind::File(|draft| &mut draft.instance.gitlab.client_key),
        "The key (PEM) of our certificate.",
    )
    .variables(&["GITLAB_CLIENT_KEY"])
    .example("/etc/bridge/client-key.pem"),
    Setting::new(
        "gitlab.connect_timeout",
        Kind::Duration(|draft| &mut draft.instance.gitlab.connect_timeout, TIMEOUT),
        "How long a connection may take.",
    )
    .variables(&["GITLAB_BRIDGE_CONNECT_TIMEOUT"]),
    Setting::new(
        "gitlab.read_timeout",
        Kind::Duration(|draft| &mut draft.instance.gitlab.read_timeout, TIMEOUT),
        "How long GitLab may be silent.",
    )
    .variables(&["GITLAB_BRIDGE_READ_TIMEOUT"]),
    Setting::new(
        "gitlab.request_timeout",
        Kind::Duration(|draft| &mut draft.instance.gitlab.request_timeout, TIMEOUT),
        "How long one request may take.",
    )
    .variables(&["GITLAB_BRIDGE_REQUEST_TIMEOUT"]),
    Setting::new(
        "gitlab.requests_per_second",
        Kind::Number(|draft| &mut draft.instance.gitlab.requests_per_second, 0.01..=1000.0),
        "The most requests in a second, after a short burst. What GitLab allows is obeyed anyway.",
    )
    .variables(&["GITLAB_BRIDGE_REQUESTS_PER_SECOND"]),
    Setting::new(
        "gitlab.concurrency",
        Kind::Number(|draft| &mut draft.instance.gitlab.concurrency, 1.0..=256.0),
        "The most requests at a time.",
    )
    .variables(&["GITLAB_BRIDGE_CONCURRENCY"]),
    Setting::new(
        "gitlab.attempts",
        Kind::Number(|draft| &mut draft.instance.gitlab.attempts, 1.0..=100.0),
        "How often a request is tried before its values count as unknown.",
    )
    .variables(&["GITLAB_BRIDGE_ATTEMPTS"]),
    Setting::new(
        "select.groups",
        Kind::List(|draft| &mut draft.instance.poll.selection.groups, parse::group),
        "Groups by full path; their subgroups are included.",
    )
    .variables(&["GITLAB_BRIDGE_GROUPS"])
    .flag(flag("group", Takes::Values("PATH"), "A group to read, with its subgroups; may be repeated"))
    .example("[platform, tools/ci]"),
    Setting::new(
        "select.projects",
        Kind::List(|draft| &mut draft.instance.poll.selection.projects, parse::project),
        "Single projects by id or full path.",
    )
    .variables(&["GITLAB_BRIDGE_PROJECTS"])
    .flag(flag("project", Takes::Values("PROJECT"), "A project to read, by id or path; may be repeated"))
    .example("[278964, tools/website]"),
    Setting::new(
        "select.scope",
        Kind::Choice(|draft| &mut draft.instance.poll.selection.scope),
        "What is read when neither groups nor projects are named: membership is what the token's \
         user is a member of, all is what the token may see.",
    )
    .variables(&["GITLAB_BRIDGE_SCOPE"])
    .flag(flag("all", Takes::Nothing("all"), "Read all projects that the token may see")),
    Setting::new(
        "select.include",
        Kind::Patterns(|draft| &mut draft.instance.poll.selection.filter.include),
        "If there are any, only projects whose full path matches one of these patterns are read. A * \
         stays within one level of the path, ** crosses levels.",
    )
    .variables(&["GITLAB_BRIDGE_INCLUDE"])
    .flag(flag("include", Takes::Values("PATTERN"), "Read only projects whose path matches; may be repeated"))
    .example("[\"platform/**\"]"),
    Setting::new(
        "select.exclude",
        Kind::Patterns(|draft| &mut draft.instance.poll.selection.filter.exclude),
        "Projects whose full path matches one of these patterns are left out.",
    )
    .variables(&["GITLAB_BRIDGE_EXCLUDE"])
    .flag(flag("exclude", Takes::Values("PATTERN"), "Leave out projects whose path matches; may be repeated"))
    .example("[\"**/sandbox/**\", \"*/playground\"]"),
    Setting::new(
        "select.archived",
        Kind::Switch(|draft| &mut draft.instance.poll.selection.filter.archived),
        "Whether archived projects are read.",
    )
    .variables(&["GITLAB_BRIDGE_ARCHIVED"]),
    Setting::new(
        "select.forks",
        Kind::Switch(|draft| &mut draft.instance.poll.selection.filter.forks),
        "Whether forks are read.",
    )
    .variables(&["GITLAB_BRIDGE_FORKS"]),
    Setting::new(
        "select.personal",
        Kind::Switch(|draft| &mut draft.instance.poll.selection.filter.personal),
        "Whether projects in users' own namespaces are read.",
    )
    .variables(&["GITLAB_BRIDGE_PERSONAL"]),
    Setting::new(
        "select.inactive_for",
        Kind::Limit(|draft| &mut draft.instance.poll.selection.filter.inactive_for, IDLE),
        "Leave out projects without any activity for longer than this.",
    )
    .variables(&["GITLAB_BRIDGE_INACTIVE_FOR"])
    .example("180days"),
    Setting::new(
        "poll.interval",
        Kind::Duration(|draft| &mut draft.instance.poll.rhythm.interval, INTERVAL),
        "From the start of one poll to the start of the next.",
    )
    .variables(&["GITLAB_BRIDGE_POLL_INTERVAL"])
    .flag(flag("interval", Takes::Value("DURATION"), "From one poll to the next, such as 30s or 5m")),
    Setting::new(
        "poll.timeout",
        Kind::Duration(|draft| &mut draft.instance.poll.timeout, SECOND..=DAY),
        "How long one poll may take, not counting what it waits for the budget. What it could not read \
         keeps its last value.",
    )
    .variables(&["GITLAB_BRIDGE_POLL_TIMEOUT"]),
    Setting::new(
        "poll.ci_interval",
        Kind::Duration(|draft| &mut draft.instance.poll.rhythm.glance, INTERVAL),
        "Within which time every project is asked whether pipelines ran since, and whether it is still \
         there, under its name: GitLab does not count that as activity.",
    )
    .variables(&["GITLAB_BRIDGE_POLL_CI_INTERVAL"]),
    Setting::new(
        "poll.sweep",
        Kind::Duration(|draft| &mut draft.instance.poll.rhythm.sweep, INTERVAL),
        "Within which time every value of every project is read again, whether or not anything \
         happened.",
    )
    .variables(&["GITLAB_BRIDGE_POLL_SWEEP"]),
    Setting::new(
        "poll.budget",
        Kind::Budget(|draft| &mut draft.instance.gitlab.budget),
        "The most requests to GitLab in any hour and in any minute, restarts included where there is a \
         state.path. Where it does not carry the interval, everything gets older evenly. auto suits the \
         GitLab: for gitlab.com it is 4500/h and 90/m, within the limits announced for its free plan; \
         none has no limit but gitlab.requests_per_second and what GitLab itself says.",
    )
    .variables(&["GITLAB_BRIDGE_POLL_BUDGET"])
    .flag(flag("budget", Takes::Value("BUDGET"), "The most requests, such as 4500/h,90/m"))
    .example("[4500/h, 90/m]"),
    Setting::new(
        "state.path",
        Kind::Path(|draft| &mut draft.instance.poll.state),
        "The file that keeps over a restart what is known, where polling goes on, and what was spent of \
         the budget. Without it a restart begins with nothing.",
    )
    .variables(&["GITLAB_BRIDGE_STATE_PATH"])
    .flag(flag("state", Takes::Value("FILE"), "The file that keeps what is known over a restart"))
    .example("/var/lib/gitlab-metrics-bridge/state"),
    Setting::new(
        "webhook.enabled",
        Kind::Switch(|draft| &mut draft.config.webhook.enabled),
        "Whether webhooks are taken. They must carry one of the secrets below.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK"]),
    Setting::new(
        "webhook.listen",
        Kind::Address(|draft| &mut draft.config.webhook_listen),
        "An address of their own, as host:port. Without it, webhooks are taken where /metrics is \
         served.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK_LISTEN"])
    .example("0.0.0.0:9465"),
    Setting::new(
        "webhook.token",
        Kind::WebhookToken(|draft| &mut draft.config.webhook.token),
        "The secret token of the webhooks. Only the environment can hold it.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK_TOKEN"]),
    Setting::new(
        "webhook.token_file",
        Kind::WebhookTokenFile(|draft| &mut draft.config.webhook.token),
        "A file that holds the secret token, or several, one a line: each is right, so that one can \
         be replaced by another. It is read at the start.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK_TOKEN_FILE"])
    .example("/run/secrets/webhook-token"),
    Setting::new(
        "webhook.signing_token",
        Kind::WebhookToken(|draft| &mut draft.config.webhook.signing_token),
        "The signing token of the webhooks, from GitLab 19.0 on; it begins with whsec_. Only the \
         environment can hold it.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN"]),
    Setting::new(
        "webhook.signing_token_file",
        Kind::WebhookTokenFile(|draft| &mut draft.config.webhook.signing_token),
        "A file that holds the signing token, or several, one a line. It is read at the start.",
    )
    .variables(&["GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN_FILE"])
    .example("/run/secrets/webhook-signing-token"),
    Setting::new(
        "metrics.disabled",
        Kind::Metrics(|draft| &mut draft.config.metrics.disabled),
        "Metrics that are neither asked for nor shown: names, or patterns with *.",
    )
    .variables(&["GITLAB_BRIDGE_METRICS_DISABLED"])
    .example("[\"gitlab_issues*\"]"),
    Setting::new(
        "metrics.project_path_label",
        Kind::Switch(|draft| &mut draft.config.metrics.project_path_label),
        "Whether every series of a project also carries its path. A project that moves then begins \
         new series.",
    )
    .variables(&["GITLAB_BRIDGE_METRICS_PROJECT_PATH_LABEL"]),
    Setting::new(
        "prometheus.enabled",
        Kind::Exporter("prometheus", |draft| &mut draft.prometheus),
        "Whether /metrics is served. The variable and the flag list all exporters to use; without \
         them it is.",
    )
    .variables(&["OTEL_METRICS_EXPORTER"])
    .flag(EXPORTER)
    .example("true"),
    Setting::new(
        "prometheus.host",
        Kind::Text(|draft| &mut draft.config.export.listen.host, parse::host),
        "The name or address to listen on; 0.0.0.0 is every one.",
    )
    .variables(&["OTEL_EXPORTER_PROMETHEUS_HOST"])
    .flag(LISTEN),
    Setting::new(
        "prometheus.port",
        Kind::Number(|draft| &mut draft.config.export.listen.port, 0.0..=65535.0),
        "The port to listen on; 0 takes a free one.",
    )
    .variables(&["OTEL_EXPORTER_PROMETHEUS_PORT"])
    .flag(LISTEN),
    Setting::new(
        "otlp.enabled",
        Kind::Exporter("otlp", |draft| &mut draft.otlp.enabled),
        "Whether metrics are pushed over OTLP. Without a word about it, they are if an endpoint is \
         given.",
    )
    .variables(&["OTEL_METRICS_EXPORTER"])
    .flag(EXPORTER)
    .example("true"),
    Setting::new(
        "otlp.protocol",
        Kind::Choice(|draft| &mut draft.otlp.protocol),
        "http/protobuf or grpc. Without it, the endpoint's port decides: 4317 is grpc, all else \
         http/protobuf.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"])
    .flag(flag("otlp-protocol", Takes::Value("PROTOCOL"), "The protocol of OTLP"))
    .example("grpc"),
    Setting::new(
        "otlp.endpoint",
        Kind::Endpoint(|draft| &mut draft.otlp.endpoint),
        "The collector. Over HTTP, /v1/metrics is added if it is not there yet, except to the \
         variable for metrics. Without it, port 4318 (4317 for grpc) of localhost.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"])
    .flag(flag("otlp-endpoint", Takes::Value("URL"), "The collector to push to over OTLP"))
    .example("https://collector.example.com:4318"),
    Setting::new(
        "otlp.insecure",
        Kind::Switch(|draft| &mut draft.otlp.insecure),
        "Whether a gRPC endpoint without http:// or https:// is asked without TLS.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_INSECURE"]),
    Setting::new(
        "otlp.headers",
        Kind::Headers(|draft| &mut draft.otlp.rest.headers),
        "Headers of every request. In a value, ${NAME} is replaced by that variable: keep secrets \
         there. The variables hold key=value,key=value with %xx for what can't be written.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"])
    .example("{authorization: \"Bearer ${COLLECTOR_TOKEN}\"}"),
    Setting::new(
        "otlp.compression",
        Kind::Choice(|draft| &mut draft.otlp.rest.compression),
        "none, gzip or zstd; not every collector understands zstd.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION"]),
    Setting::new(
        "otlp.timeout",
        Kind::Duration(|draft| &mut draft.otlp.rest.timeout, TIMEOUT),
        "How long one request may take. The variables are in milliseconds.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"]),
    Setting::new(
        "otlp.ca_file",
        Kind::File(|draft| &mut draft.otlp.rest.ca_file),
        "Certificates (PEM) to trust besides the system's.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE"])
    .example("/etc/ssl/company.pem"),
    Setting::new(
        "otlp.client_certificate",
        Kind::File(|draft| &mut draft.otlp.rest.client_certificate),
        "Our certificate (PEM), where the collector asks for one.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE"])
    .example("/etc/bridge/client.pem"),
    Setting::new(
        "otlp.client_key",
        Kind::File(|draft| &mut draft.otlp.rest.client_key),
        "The key (PEM) of our certificate.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"])
    .example("/etc/bridge/client-key.pem"),
    Setting::new(
        "otlp.interval",
        Kind::Duration(|draft| &mut draft.otlp.rest.interval, INTERVAL),
        "How often metrics are pushed. The variable is in milliseconds.",
    )
    .variables(&["OTEL_METRIC_EXPORT_INTERVAL"]),
    Setting::new(
        "otlp.temporality",
        Kind::Choice(|draft| &mut draft.otlp.rest.temporality),
        "The temporality of the bridge's own counters: cumulative, delta or low_memory. What GitLab \
         counts are gauges, which have none.",
    )
    .variables(&["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"]),
    Setting::new(
        "resource.attributes",
        Kind::Attributes(|draft| &mut draft.config.export),
        "Resource attributes. service.instance.id is host:port unless it is given here. The variable \
         holds key=value,key=value with %xx for what can't be written.",
    )
    .variables(&["OTEL_RESOURCE_ATTRIBUTES"])
    .example("{deployment.environment.name: production}"),
    Setting::new(
        "resource.service_name",
        Kind::Text(|draft| &mut draft.config.export.service_name, parse::not_empty),
        "The resource attribute service.name.",
    )
    .variables(&["OTEL_SERVICE_NAME"]),
    Setting::new(
        "log.level",
        Kind::Text(|draft| &mut draft.config.log.level, parse::log_level),
        "error, warn, info, debug, trace or off; target=level, separated by commas, for a part.",
    )
    .variables(&["GITLAB_BRIDGE_LOG_LEVEL"])
    .flag(flag("log-level", Takes::Value("LEVEL"), "How much is logged")),
    Setting::new(
        "log.format",
        Kind::Choice(|draft| &mut draft.config.log.format),
        "text (key=value) or json.",
    )
    .variables(&["GITLAB_BRIDGE_LOG_FORMAT"])
    .flag(flag("log-format", Takes::Value("FORMAT"), "How a line of the log looks")),
    Setting::new(
        "all exporters off",
        Kind::Switch(|draft| &mut draft.config.export.sdk_disabled),
        "If true, nothing is exported, whatever else is said; OpenTelemetry's switch for everything.",
    )
    .variables(&["OTEL_SDK_DISABLED"]),
];
