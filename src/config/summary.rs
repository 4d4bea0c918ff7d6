//! What is configured, for one line of the log: no secret is in it.

use super::{Config, Otlp, Protocol, Scope, Token};

impl Config {
    /// What matters at a glance, as `key=value` pairs. It holds no secret.
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let export = &self.export;
        let mut summary = vec![
            ("gitlab", self.gitlab.url.to_string()),
            ("token", self.token_source()),
            ("select", self.selected()),
            (
                "interval",
                humantime::format_duration(self.poll.interval).to_string(),
            ),
            ("listen", self.listen.to_string()),
            (
                "prometheus",
                if export.prometheus { "on" } else { "off" }.to_owned(),
            ),
            (
                "otlp",
                export.otlp.as_ref().map_or("off".to_owned(), describe),
            ),
        ];
        if let Some(file) = &self.file {
            summary.insert(0, ("config", file.display().to_string()));
        }
        if self.webhook.enabled {
            let own = self.webhook.listen.as_ref();
            summary.push((
                "webhook",
                own.map_or("on".to_owned(), |own| format!("at {own}")),
            ));
        }
        if export.sdk_disabled {
            summary.push((
                "exporters",
                "off, because OTEL_SDK_DISABLED is true".to_owned(),
            ));
        }
        summary
    }

    fn token_source(&self) -> String {
        match &self.gitlab.token {
            None => "none".to_owned(),
            Some(Token::Value(_)) => "from GITLAB_TOKEN".to_owned(),
            Some(Token::File(file)) => format!("from {}", file.display()),
        }
    }

    fn selected(&self) -> String {
        let select = &self.select;
        let named: Vec<_> = select
            .groups
            .iter()
            .chain(&select.projects)
            .map(String::as_str)
            .collect();
        match (named.is_empty(), select.scope) {
            (false, _) => named.join(","),
            (true, Scope::Membership) => "membership".to_owned(),
            (true, Scope::All) => "all".to_owned(),
        }
    }
}

fn describe(otlp: &Otlp) -> String {
    let protocol = match otlp.protocol {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http/protobuf",
    };
    format!("{protocol} to {}", otlp.shown_endpoint())
}
