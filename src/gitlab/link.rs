//! Where a list goes on: the `Link` header of GitLab's REST answers.

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

/// The address of the next page, if the list goes on.
///
/// Where something on the way has removed `Link`, GitLab's `X-Next-Page` tells it too; a list
/// must not end early because a proxy tidies up headers.
pub(super) fn next(headers: &HeaderMap, asked: &Url) -> Option<Url> {
    match links(headers).find(|link| link.is("next")) {
        Some(next) => asked.join(next.target).ok(),
        None => next_by_number(headers, asked),
    }
}

/// Whether the headers are those of a list and name no next page: an empty `X-Next-Page`, or
/// links to other pages only.
pub(super) fn says_end(headers: &HeaderMap) -> bool {
    let number = headers.get("x-next-page");
    number.is_some_and(|value| value.as_bytes().trim_ascii().is_empty())
        || links(headers).any(|link| ["first", "prev", "last"].iter().any(|name| link.is(name)))
}

/// One link of the header: `<target>; parameters`.
struct Link<'a> {
    target: &'a str,
    parameters: &'a str,
}

impl Link<'_> {
    /// Whether the link has this relation.
    fn is(&self, relation: &str) -> bool {
        self.parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|other| other.eq_ignore_ascii_case(relation))
        })
    }
}

fn links(headers: &HeaderMap) -> impl Iterator<Item = Link<'_>> {
    let lines = headers.get_all(LINK).iter();
    lines
        .filter_map(|value| value.to_str().ok())
        .flat_map(links_of_line)
}

fn links_of_line(mut line: &str) -> impl Iterator<Item = Link<'_>> {
    // Split at the angle brackets, as targets themselves may hold commas and semicolons.
    std::iter::from_fn(move || {
        let (_, rest) = line.split_once('<')?;
        let (target, rest) = rest.split_once('>')?;
        let (parameters, rest) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        line = rest;
        Some(Link { target, parameters })
    })
}

fn next_by_number(headers: &HeaderMap, asked: &Url) -> Option<Url> {
    let page: u64 = headers
        .get("x-next-page")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(with_query(asked, &[("page", &page.to_string())]))
}

/// The address with these parameters in place of any of the same names; the rest stays as it is.
pub(super) fn with_query(url: &Url, parameters: &[(&str, &str)]) -> Url {
    let replaced = |name: &str| parameters.iter().any(|(other, _)| *other == name);
    let kept = url.query_pairs().filter(|(name, _)| !replaced(name));
    let kept: Vec<(String, String)> = kept
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    let mut url = url.clone();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(parameters);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn next_of(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(LINK, HeaderValue::from_str(line).unwrap());
        }
        let asked = "https://host/api/v4/projects?page=1".parse().unwrap();
        next(&headers, &asked).map(String::from)
    }

    #[test]
    fn the_next_link_is_found_among_several() {
        let line = r#"<https://host/api/v4/projects?page=1>; rel="first", <https://host/api/v4/projects?page=3>; rel="next""#;
        let expected = Some("https://host/api/v4/projects?page=3".to_owned());
        assert_eq!(next_of(&[line]), expected);
        let (first, second) = line.split_once(", ").unwrap();
        assert_eq!(next_of(&[first, second]), expected);
    }

    #[test]
    fn a_target_may_hold_commas_and_a_relation_need_no_quotes() {
        let line = "<https://host/api/v4/x?a=1,2;3>; title=\"a\"; Rel=next";
        assert_eq!(
            next_of(&[line]).as_deref(),
            Some("https://host/api/v4/x?a=1,2;3")
        );
    }

    #[test]
    fn a_list_without_a_next_link_ends() {
        assert_eq!(next_of(&[r#"<https://host/x>; rel="first""#]), None);
        assert_eq!(next_of(&["nonsense <", "<x>", ""]), None);
    }

    #[test]
    fn the_next_page_number_serves_where_the_link_was_removed() {
        let headers = HeaderMap::from_iter([(
            "x-next-page".parse().unwrap(),
            HeaderValue::from_static("3"),
        )]);
        let asked = "https://host/api/v4/projects?scope=a%20b&page=2"
            .parse()
            .unwrap();
        let next = next(&headers, &asked).unwrap();
        assert_eq!(next.query(), Some("scope=a+b&page=3"));
    }
}
