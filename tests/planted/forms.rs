//! A secret in all the spellings in which it may show.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Secrets with their spellings.
pub struct Planted(Vec<(String, Vec<String>)>);

impl Planted {
    pub fn new(secrets: &[&str]) -> Planted {
        let spelt = |secret: &&str| ((*secret).to_owned(), spellings(secret));
        Planted(secrets.iter().map(spelt).collect())
    }

    /// Fails if one of them is there in any spelling.
    #[track_caller]
    pub fn assert_absent(&self, what: &str, bytes: &[u8]) {
        if let Some((secret, spelling)) = self.found(bytes) {
            let text = String::from_utf8_lossy(bytes);
            let at = text.find(spelling).unwrap_or_default();
            let around: String = text[..at].chars().rev().take(300).collect();
            let around: String = around.chars().rev().collect();
            let after: String = text[at..].chars().take(200).collect();
            panic!("{what} tells {secret} as {spelling}: …{around}>>>{after}…");
        }
    }

    fn found(&self, bytes: &[u8]) -> Option<(&str, &str)> {
        let holds = |spelling: &String| {
            let spelling = spelling.as_bytes();
            bytes
                .windows(spelling.len())
                .any(|window| window == spelling)
        };
        self.0.iter().find_map(|(secret, spellings)| {
            let spelling = spellings.iter().find(|spelling| holds(spelling))?;
            Some((secret.as_str(), spelling.as_str()))
        })
    }
}

/// As it is, in URLs, in JSON and in a log, in hexadecimal, and in base64 wherever it begins there.
fn spellings(secret: &str) -> Vec<String> {
    let percent = |keep: fn(u8) -> bool, upper: bool| -> String {
        let spelt = secret.bytes().map(|byte| match (keep(byte), upper) {
            (true, _) => char::from(byte).to_string(),
            (false, true) => format!("%{byte:02X}"),
            (false, false) => format!("%{byte:02x}"),
        });
        spelt.collect()
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let json = serde_json::to_string(secret).unwrap();
    let json = json.trim_matches('"').to_owned();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        secret.to_owned(),
        percent(plain, true),
        percent(plain, false),
        json.replace('\\', "\\\\"),
        json,
        secret.escape_debug().to_string(),
        secret.escape_default().to_string(),
        secret.replace('&', "&amp;").replace('"', "&quot;"),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        hex.to_uppercase(),
        hex,
    ];
    for (engine, before) in [&STANDARD, &URL_SAFE]
        .into_iter()
        .flat_map(|engine| [(engine, 0), (engine, 1), (engine, 2)])
    {
        let bytes = [&vec![b':'; before], secret.as_bytes()].concat();
        let spelt = engine.encode(&bytes);
        // The first and last letters depend on what stands beside it.
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        all.push(spelt[first..last].to_owned());
    }
    all
}

/// Each spelling of a secret is found where it stands among other things.
#[track_caller]
pub fn assert_found(secret: &str) {
    let planted = Planted::new(&[secret]);
    assert!(planted.found(b"nothing of it").is_none());
    for said in [
        format!("a {secret} b"),
        format!("{:?}", [secret]),
        serde_json::json!({"a": format!("b {secret}")}).to_string(),
        STANDARD.encode(format!("user:{secret}:b")),
        STANDARD.encode(format!("u:{secret}")),
        URL_SAFE.encode(format!("us:{secret}, and more")),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ] {
        assert!(planted.found(said.as_bytes()).is_some(), "{said}");
    }
}
