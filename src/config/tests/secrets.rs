//! Where the token comes from, and that nothing shows it.

use secrecy::ExposeSecret;

use super::*;
use crate::gitlab::CredentialSource;

/// The variable that the token is in, and the token.
fn from_variable(written: &Written) -> (String, String) {
    match written.instance().gitlab.token {
        Some(CredentialSource::Value(name, token)) => (name, token.expose_secret().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_environment_holds_the_token_or_names_its_file() {
    assert_eq!(
        from_variable(&variable("GITLAB_TOKEN", "abc\n")),
        ("GITLAB_TOKEN".to_owned(), "abc".to_owned())
    );

    let written = nothing().beside("token");
    let file = written.path("token");
    let instance = written
        .variable("GITLAB_TOKEN_FILE", &file.display().to_string())
        .instance();
    assert!(matches!(instance.gitlab.token, Some(CredentialSource::File(named)) if named == file));
}

#[test]
fn the_token_of_the_environment_wins_over_the_file_that_the_configuration_names() {
    let written = file("gitlab: {token_file: token}\n").beside("token");
    assert!(matches!(
        written.instance().gitlab.token,
        Some(CredentialSource::File(_))
    ));
    let written = written.variable("GITLAB_TOKEN", "abc");
    assert!(matches!(
        written.instance().gitlab.token,
        Some(CredentialSource::Value(..))
    ));
}

#[test]
fn no_secret_is_printed() {
    let config = variable("GITLAB_TOKEN", "s3cret")
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c")
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
        .config();
    let printed = format!("{config:?} {:?}", config.summary());
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn a_summary_tells_what_matters() {
    let written = variable("GITLAB_TOKEN", "abc")
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")
        .flag("group", "platform");
    let summary = written.config().summary();
    let told: Vec<_> = summary
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        told,
        [
            "gitlab=https://gitlab.com/",
            "token=from GITLAB_TOKEN",
            "select=platform",
            "interval=1m",
            "listen=127.0.0.1:9464",
            "prometheus=on",
            "otlp=grpc to http://c:4317/",
        ]
    );
}

#[test]
fn the_file_or_the_environment_names_the_variable_of_the_token() {
    let mine = ("MINE".to_owned(), "abc".to_owned());
    let named = file("gitlab: {token_variable: MINE}\n").variable("MINE", " abc ");
    assert_eq!(from_variable(&named), mine);
    let named = variable("GITLAB_TOKEN_VARIABLE", "MINE").variable("MINE", "abc");
    assert_eq!(from_variable(&named), mine);
}

#[test]
fn a_variable_that_holds_no_token_is_told_without_repeating_what_may_be_one() {
    let named = file("gitlab:\n  token_variable: s3cret\n");
    assert_eq!(
        named.error(),
        "bridge.yaml:2:19: gitlab.token_variable: no such variable is set: name one that holds an \
         access token"
    );
    let named = file("gitlab:\n  token_variable: COMPANY_TOKEN\n");
    assert_eq!(
        named.error(),
        "bridge.yaml:2:19: gitlab.token_variable: the variable COMPANY_TOKEN is not set: set it to an access token \
         with the scope read_api"
    );
    let named = file("gitlab: {token_variable: MINE}\n").variable("MINE", "s3cret s3cret");
    assert_eq!(
        named.error(),
        "MINE: it holds a character that no token has, such as a space or a line break"
    );
}

#[test]
fn two_tokens_in_one_source_are_one_too_many() {
    let written = variable("GITLAB_TOKEN", "abc");
    assert_eq!(
        written.variable("GITLAB_TOKEN_FILE", "token").error(),
        "GITLAB_TOKEN_FILE: GITLAB_TOKEN is set too: unset one of them"
    );
    let written = variable("GITLAB_TOKEN", "abc");
    assert_eq!(
        written.variable("GITLAB_TOKEN_VARIABLE", "MINE").error(),
        "GITLAB_TOKEN_VARIABLE: GITLAB_TOKEN is set too: unset one of them"
    );
    assert_eq!(
        file("gitlab:\n  token_variable: MINE\n  token_file: token\n")
            .beside("token")
            .error(),
        "bridge.yaml:2:19: gitlab.token_variable: bridge.yaml:3:15: gitlab.token_file is set too: \
         unset one of them"
    );
}

#[test]
fn a_token_in_the_file_is_refused_and_not_repeated() {
    let error = file("gitlab:\n  token: glpat-s3cret\n").error();
    assert_eq!(
        error,
        "bridge.yaml:2:10: gitlab.token: a token must not be written into a configuration file, which others may \
         read: set GITLAB_TOKEN, or name a file that holds it in gitlab.token_file, or name another variable in \
         gitlab.token_variable"
    );
}

#[test]
fn the_tokens_of_webhooks_are_kept_like_the_access_token() {
    for name in ["WEBHOOK_TOKEN", "WEBHOOK_SIGNING_TOKEN"] {
        let key = name.strip_prefix("WEBHOOK_").unwrap().to_lowercase();
        let name = format!("GITLAB_BRIDGE_{name}");
        let config = variable(&name, "s3cret").config();
        let printed = format!("{config:?} {:?}", config.summary());
        assert!(!printed.contains("s3cret"), "{printed}");

        let file_name = format!("{name}_FILE");
        assert_eq!(
            variable(&name, "s3cret")
                .variable(&file_name, "token")
                .error(),
            format!("{file_name}: {name} is set too: unset one of them")
        );
        let column = 4 + key.len() + 1;
        assert_eq!(
            file(&format!("webhook:\n  {key}: s3cret\n")).error(),
            format!(
                "bridge.yaml:2:{column}: webhook.{key}: a token must not be written into a configuration file, \
                 which others may read: set {name}, or name a file that holds it in webhook.{key}_file"
            )
        );
    }
}

#[test]
fn errors_about_what_may_be_secret_do_not_repeat_it() {
    for (name, value) in [
        ("GITLAB_TOKEN", "s3cret s3cret"),
        ("GITLAB_BRIDGE_WEBHOOK_TOKEN", "s3cret s3cret"),
        ("GITLAB_URL", "https://oauth2:s3cret@gitlab.com"),
        ("GITLAB_URL", "https://gitlab.com?private_token=s3cret"),
        ("GITLAB_URL", "https://oauth2:s3cret@gitlab.com:port"),
        ("GITLAB_URL", "oauth2:s3cret@gitlab.com"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:s3cret@c"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret%zz"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=s3cret%0As3cret",
        ),
    ] {
        let loaded = variable(name, value).load();
        let error = match &loaded {
            Ok(config) => config.warnings[0].to_string(),
            Err(error) => error.to_string(),
        };
        assert!(!error.contains("s3cret"), "{error}");
        assert!(error.starts_with(name), "{error}");
    }
}

/// The headers of the only GitLab.
fn headers(written: &Written) -> Vec<(String, String)> {
    let headers = written.instance().gitlab.headers.into_iter();
    let shown = |source| match source {
        CredentialSource::Value(_, value) => value.expose_secret().to_owned(),
        CredentialSource::File(path) => format!("what {} holds", path.display()),
    };
    headers.map(|(name, value)| (name, shown(value))).collect()
}

#[test]
fn a_header_for_a_front_is_in_a_variable_or_in_a_file() {
    let written =
        file("gitlab: {headers: {X-Front-Key: \"Key ${KEY}\", x-tenant: {file: tenant}}}\n")
            .variable("KEY", "s3cret");
    fs::write(written.path("tenant"), "\u{feff}s3cret too\r\n").unwrap();
    // The path and not its text: the client reads the file again when it is replaced.
    let tenant = format!("what {} holds", written.path("tenant").display());
    let expected = [("x-front-key", "Key s3cret"), ("x-tenant", &tenant)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers(&written), expected);
    let written = variable("GITLAB_BRIDGE_HEADERS", "X-Front-Key=Key%20s3cret");
    assert_eq!(headers(&written), expected[..1]);
    let config = written.config();
    let printed = format!("{config:?} {:?}", config.summary());
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn a_bad_header_for_a_front_is_told_without_its_value() {
    let headers = |headers: &str| file(&format!("gitlab:\n  headers:\n    {headers}\n"));
    for (text, problem) in [
        (
            "authorization: s3cret",
            "3:5: gitlab.headers: the bridge sends authorization itself: remove it",
        ),
        (
            "Private-Token: s3cret",
            "3:5: gitlab.headers: the bridge sends private-token itself: remove it",
        ),
        (
            "x-key: {text: s3cret}",
            "3:12: gitlab.headers: expected one value, or {file: path} for a file that holds it",
        ),
        (
            "x-key: {file: nowhere}",
            "3:19: gitlab.headers: \"nowhere\" can't be read (No such file or directory (os error 2)): name a \
             file that exists",
        ),
        (
            "x-key: {file: empty}",
            "3:19: gitlab.headers: \"empty\" is empty: write the value into it",
        ),
        (
            "x-key: {file: lines}",
            "3:19: gitlab.headers: the value of x-key holds a character that no header has, such as a line break",
        ),
        (
            "x-key: {file: wide}",
            "3:19: gitlab.headers: \"wide\" can't be read: it is in UTF-16: save it in UTF-8",
        ),
    ] {
        let written = headers(text).beside("empty");
        fs::write(written.path("lines"), "s3cret\ns3cret").unwrap();
        fs::write(written.path("wide"), b"\xff\xfes\0").unwrap();
        assert_eq!(written.error(), format!("bridge.yaml:{problem}"));
    }
}
