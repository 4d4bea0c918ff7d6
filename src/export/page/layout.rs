//! What all pages have in common: head, landmarks, links and the policy that browsers hold them to.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::clock::Time;
use super::words::visible;

/// The style of all pages. It stands in each of them: so they are whole behind any prefix of a proxy.
const STYLE: &str = include_str!("style.css");

/// The icon, which no browser has to ask for twice.
pub const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" \
    height=\"32\" rx=\"6\" fill=\"#0550ae\"/><path d=\"M5 23 16 7l11 16M5 23h22M16 7v16\" fill=\"none\" \
    stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\"/></svg>\n";

/// What a browser may do with a page: show it with this style and icon, and send its form back. Nothing else.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    )
});

/// The way from a page to the one at `/`, which may lie behind a prefix: links are relative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(String);

impl Root {
    /// From the page at this path.
    pub fn from(path: &str) -> Root {
        let folders = path.matches('/').count().saturating_sub(1);
        Root("../".repeat(folders))
    }

    /// The address of another page, written as from `/`.
    pub fn to(&self, page: &str) -> String {
        match (self.0.as_str(), page) {
            ("", "") => "./".to_owned(),
            (root, page) => format!("{root}{page}"),
        }
    }
}

/// A whole page.
pub fn page(root: &Root, title: &str, version: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (visible(title)) " – gitlab-metrics-bridge" }
                link rel="icon" type="image/svg+xml" href=(root.to("icon.svg"));
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    p.brand { a href=(root.to("")) { "gitlab-metrics-bridge" } " " (version) }
                    (links(root))
                }
                main #content tabindex="-1" { (content) }
                footer {
                    p { "gitlab-metrics-bridge " (version) ". No page here asks GitLab anything. Reload it for newer numbers." }
                }
            }
        }
    }
}

fn links(root: &Root) -> Markup {
    const LINKS: [(&str, &str); 6] = [
        ("", "Status"),
        ("metrics", "Metrics"),
        ("-/healthy", "Health"),
        ("-/ready", "Readiness"),
        ("api/v1/status", "API"),
        ("docs/metrics", "Docs"),
    ];
    html! {
        nav aria-label="Pages" {
            ul {
                @for (page, name) in LINKS { li { a href=(root.to(page)) { (name) } } }
            }
        }
    }
}

/// A table that scrolls by itself where it is too wide.
pub fn table(id: &str, caption: &str, head: Markup, rows: Markup) -> Markup {
    html! {
        div.scroll role="region" aria-labelledby=(id) tabindex="0" {
            table {
                caption id=(id) { (caption) }
                thead { tr { (head) } }
                tbody { (rows) }
            }
        }
    }
}

/// A moment, for people and for programs.
pub fn time(at: Time) -> Markup {
    let text = at.text();
    html! { time datetime=(text) { (text.replace('T', " ").replace('Z', " UTC")) } }
}

/// A text of somebody else, which keeps its direction to itself.
pub fn foreign(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_root_from_any_depth() {
        for (path, metrics) in [
            ("/", "metrics"),
            ("/metric", "metrics"),
            ("/projects/5", "../metrics"),
            ("/projects/", "../metrics"),
            ("/a/b/c", "../../metrics"),
        ] {
            assert_eq!(Root::from(path).to("metrics"), metrics, "{path}");
        }
        assert_eq!(Root::from("/").to(""), "./");
        assert_eq!(Root::from("/projects/5").to(""), "../");
    }

    #[test]
    fn what_is_foreign_is_escaped_and_keeps_to_itself() {
        let shown = foreign("<script>alert(1)</script>\u{202e}").into_string();
        assert_eq!(
            shown,
            "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}</bdi>"
        );
    }

    #[test]
    fn the_style_is_the_one_that_the_policy_names() {
        assert!(POLICY.contains("style-src 'sha256-"));
        let shown = page(&Root::from("/"), "a", "1", html! {}).into_string();
        assert!(shown.contains(&format!("<style>{STYLE}</style>")));
        assert!(!STYLE.contains("</style"));
    }
}
