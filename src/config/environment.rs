//! Settings from environment variables: GitLab's, OpenTelemetry's and our own.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};

use super::value::{
    parse_bool, parse_duration, parse_gitlab_url, parse_globs, parse_list, parse_number,
    parse_pairs, parse_word,
};
use super::{Config, Name, Scope, set};

type Apply = fn(&mut Config, &str) -> Result<(), String>;

/// Every variable that stands for one setting. Those of the OTLP exporter depend on each other and
/// are read together (see `otlp`).
const VARIABLES: &[(&str, Apply)] = &[
    ("GITLAB_URL", |config, text| {
        parse_gitlab_url(text).map(|url| config.gitlab.url = url)
    }),
    ("GITLAB_TOKEN_FILE", |config, text| {
        path(&mut config.gitlab.token_file, text)
    }),
    ("GITLAB_CA_FILE", |config, text| {
        path(&mut config.gitlab.ca_file, text)
    }),
    ("GITLAB_CLIENT_CERTIFICATE", |config, text| {
        path(&mut config.gitlab.client_certificate, text)
    }),
    ("GITLAB_CLIENT_KEY", |config, text| {
        path(&mut config.gitlab.client_key, text)
    }),
    ("GITLAB_BRIDGE_CONNECT_TIMEOUT", |config, text| {
        into(&mut config.gitlab.connect_timeout, parse_duration(text))
    }),
    ("GITLAB_BRIDGE_READ_TIMEOUT", |config, text| {
        into(&mut config.gitlab.read_timeout, parse_duration(text))
    }),
    ("GITLAB_BRIDGE_REQUEST_TIMEOUT", |config, text| {
        into(&mut config.gitlab.request_timeout, parse_duration(text))
    }),
    ("GITLAB_BRIDGE_REQUESTS_PER_SECOND", |config, text| {
        into(&mut config.gitlab.requests_per_second, parse_number(text))
    }),
    ("GITLAB_BRIDGE_CONCURRENCY", |config, text| {
        into(&mut config.gitlab.concurrency, parse_number(text))
    }),
    ("GITLAB_BRIDGE_ATTEMPTS", |config, text| {
        into(&mut config.gitlab.attempts, parse_number(text))
    }),
    ("GITLAB_BRIDGE_GROUPS", |config, text| {
        into(&mut config.select.groups, Ok(parse_list(text)))
    }),
    ("GITLAB_BRIDGE_PROJECTS", |config, text| {
        into(&mut config.select.projects, Ok(names(parse_list(text))))
    }),
    ("GITLAB_BRIDGE_SCOPE", |config, text| {
        into(&mut config.select.scope, parse_scope(text))
    }),
    ("GITLAB_BRIDGE_INCLUDE", |config, text| {
        into(&mut config.select.include, parse_globs(parse_list(text)))
    }),
    ("GITLAB_BRIDGE_EXCLUDE", |config, text| {
        into(&mut config.select.exclude, parse_globs(parse_list(text)))
    }),
    ("GITLAB_BRIDGE_ARCHIVED", |config, text| {
        into(&mut config.select.archived, parse_bool(text))
    }),
    ("GITLAB_BRIDGE_FORKS", |config, text| {
        into(&mut config.select.forks, parse_bool(text))
    }),
    ("GITLAB_BRIDGE_PERSONAL", |config, text| {
        into(&mut config.select.personal, parse_bool(text))
    }),
    ("GITLAB_BRIDGE_INACTIVE_FOR", |config, text| {
        into(
            &mut config.select.inactive_for,
            parse_duration(text).map(Some),
        )
    }),
    ("GITLAB_BRIDGE_POLL_INTERVAL", |config, text| {
        into(&mut config.poll.interval, parse_duration(text))
    }),
    ("GITLAB_BRIDGE_POLL_TIMEOUT", |config, text| {
        into(&mut config.poll.timeout, parse_duration(text))
    }),
    ("GITLAB_BRIDGE_METRICS_DISABLED", |config, text| {
        into(&mut config.metrics.disabled, parse_globs(parse_list(text)))
    }),
    ("GITLAB_BRIDGE_PROJECT_PATH_LABEL", |config, text| {
        into(&mut config.metrics.project_path_label, parse_bool(text))
    }),
    ("GITLAB_BRIDGE_LOG_LEVEL", |config, text| {
        into(&mut config.log.level, parse_word(text))
    }),
    ("GITLAB_BRIDGE_LOG_FORMAT", |config, text| {
        into(&mut config.log.format, parse_word(text))
    }),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", |config, text| {
        into(&mut config.prometheus.host, Ok(text.to_owned()))
    }),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", |config, text| {
        into(&mut config.prometheus.port, parse_number(text))
    }),
    ("OTEL_METRICS_EXPORTER", |config, text| {
        exporters(config, &parse_list(text))
    }),
    ("OTEL_RESOURCE_ATTRIBUTES", |config, text| {
        for (key, value) in parse_pairs(text)? {
            match key.as_str() {
                "service.name" => config.resource.service_name = value,
                _ => {
                    config.resource.attributes.insert(key, value);
                }
            }
        }
        Ok(())
    }),
    // After the attributes: OpenTelemetry says that it beats them.
    ("OTEL_SERVICE_NAME", |config, text| {
        into(&mut config.resource.service_name, Ok(text.to_owned()))
    }),
    ("OTEL_SDK_DISABLED", |config, text| {
        match parse_bool(text)? {
            true => exporters(config, &[]),
            false => Ok(()),
        }
    }),
];

/// Applies every variable that is set.
pub fn apply(config: &mut Config, environment: &BTreeMap<String, String>) -> Result<()> {
    for (name, apply) in VARIABLES {
        if let Some(text) = set(environment, name) {
            apply(config, text).map_err(|error| anyhow!("{name}: {error}"))?;
        }
    }
    config.otlp.apply(environment)?;
    if let Some(token) = set(environment, "GITLAB_TOKEN") {
        if set(environment, "GITLAB_TOKEN_FILE").is_some() {
            bail!("GITLAB_TOKEN and GITLAB_TOKEN_FILE are both set: keep one of them");
        }
        config.gitlab.token = Some(token.to_owned().into());
        config.gitlab.token_file = None;
    }
    for name in environment
        .keys()
        .filter(|name| name.starts_with("GITLAB_BRIDGE_"))
    {
        let known = || {
            VARIABLES
                .iter()
                .map(|(known, _)| *known)
                .chain(["GITLAB_BRIDGE_CONFIG"])
        };
        if !known().any(|known| known == name) {
            let ours = known().filter(|known| known.starts_with("GITLAB_BRIDGE_"));
            let nearest = ours
                .min_by_key(|known| distance(known, name))
                .unwrap_or_default();
            bail!("{name} is not a setting: did you mean {nearest}?");
        }
    }
    Ok(())
}

/// Turns on the exporters that are named, and the others off.
pub fn exporters(config: &mut Config, names: &[String]) -> Result<(), String> {
    let (mut prometheus, mut otlp) = (false, false);
    for name in names {
        match name.as_str() {
            "prometheus" => prometheus = true,
            "otlp" => otlp = true,
            "none" => {}
            other => {
                return Err(format!(
                    "{other:?} is not an exporter of this bridge: write prometheus, otlp, both with a comma, or none"
                ));
            }
        }
    }
    config.prometheus.enabled = prometheus;
    config.otlp.enabled = Some(otlp);
    Ok(())
}

pub fn names(texts: Vec<String>) -> Vec<Name> {
    texts.into_iter().map(Name::Path).collect()
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    match text {
        "membership" => Ok(Scope::Membership),
        "all" => Ok(Scope::All),
        _ => Err(format!("{text:?} is not one of membership, all")),
    }
}

fn path(setting: &mut Option<std::path::PathBuf>, text: &str) -> Result<(), String> {
    *setting = Some(text.into());
    Ok(())
}

fn into<T>(setting: &mut T, value: Result<T, String>) -> Result<(), String> {
    *setting = value?;
    Ok(())
}

/// How many letters two names differ by (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
