//! What the help says of each command beyond its flags: examples, and what to know.

/// Of the program.
pub fn program() -> String {
    let demo = match cfg!(feature = "simulator") {
        true => "\n  gitlab-metrics-bridge demo",
        false => "",
    };
    format!("{EXAMPLES}{demo}{NOTES}")
}

const EXAMPLES: &str = "\
Examples:
  GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN_FILE=token gitlab-metrics-bridge once
  gitlab-metrics-bridge --config bridge.yaml
  gitlab-metrics-bridge --group platform --otlp-endpoint http://localhost:4317";

const NOTES: &str = "

The token comes from GITLAB_TOKEN, GITLAB_TOKEN_FILE or gitlab.token_file, never from a flag.
A later source wins: configuration file, environment, flags.
Colours are for terminals; NO_COLOR or TERM=dumb leaves them out, CLICOLOR_FORCE=1 has them anyway.
Exit codes of all commands: 0 all is well; 1 something went wrong; 2 a flag, a setting or a file it names can't be used.";

pub const RUN: &str = "\
Examples:
  gitlab-metrics-bridge run --config bridge.yaml
  GITLAB_TOKEN_FILE=token gitlab-metrics-bridge run --group platform --listen 0.0.0.0:9464
  generate-config | GITLAB_TOKEN_FILE=token gitlab-metrics-bridge run --config -

SIGHUP reads the configuration again; SIGTERM and Ctrl-C end the bridge once what is under way has ended.";

pub const ONCE: &str = "\
Examples:
  GITLAB_TOKEN_FILE=token gitlab-metrics-bridge once --group platform > metrics.prom
  gitlab-metrics-bridge once --config bridge.yaml --exporter otlp --otlp-endpoint http://localhost:4318

Exit codes: 0 everything was read; 1 something could not be read or pushed, and the rest is printed; 2 wrong settings.";

pub const CHECK: &str = "\
Examples:
  gitlab-metrics-bridge check --config bridge.yaml
  GITLAB_TOKEN_FILE=token gitlab-metrics-bridge check --group platform --format json

Exit codes: 0 no problem was found, notes there may be; 1 there is a problem; 2 a setting is at fault.";

pub const PLAN: &str = "\
Examples:
  gitlab-metrics-bridge plan --config bridge.yaml
  gitlab-metrics-bridge plan --projects 20000 --active 5% --interval 2m";

pub const HEALTH: &str = "\
Examples:
  gitlab-metrics-bridge health --config bridge.yaml
  gitlab-metrics-bridge health --url https://bridge.example.com:9464/-/ready";

#[cfg(feature = "simulator")]
pub const DEMO: &str = "\
Examples:
  gitlab-metrics-bridge demo
  gitlab-metrics-bridge demo --projects 20000 --listen 127.0.0.1:0 --change-every 1s

Settings about a real GitLab are refused as flags and in a file, and not used as variables.";

pub const METRICS: &str = "\
Examples:
  gitlab-metrics-bridge metrics
  gitlab-metrics-bridge metrics --format json";

pub const SCHEMA: &str = "\
Example:
  gitlab-metrics-bridge schema > config.schema.json

A first line in the configuration has an editor use it:
  # yaml-language-server: $schema=config.schema.json";

pub const SBOM: &str = "\
Example:
  gitlab-metrics-bridge sbom > bridge.cdx.json";

pub const VERSION: &str = "\
Example:
  gitlab-metrics-bridge version";

pub const COMPLETIONS: &str = "\
Install them:
  bash  gitlab-metrics-bridge completions bash > ~/.local/share/bash-completion/completions/gitlab-metrics-bridge
  zsh   gitlab-metrics-bridge completions zsh > ~/.zfunc/_gitlab-metrics-bridge
        with fpath+=~/.zfunc before compinit in ~/.zshrc
  fish  gitlab-metrics-bridge completions fish > ~/.config/fish/completions/gitlab-metrics-bridge.fish";

pub const MAN: &str = "\
Examples:
  gitlab-metrics-bridge man | man -l -
  gitlab-metrics-bridge man --output ~/.local/share/man/man1";
