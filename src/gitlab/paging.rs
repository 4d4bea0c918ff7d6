//! Where a page of a REST list stands, as its headers tell it. Where a walk of a list ends is the
//! caller's to decide.

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::address;
use super::error::Error;
use super::link;

/// GitLab's page where none is asked for.
const DEFAULT_PAGE: usize = 20;

/// GitLab's largest page; it quietly cuts what asks for more.
pub(super) const LARGEST_PAGE: usize = 100;

/// What an answer tells about its place in a list, as far as its headers came through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// The path that answered, query included: after a redirect, the last one.
    pub path: String,
    pub next: NextPage,
    /// `X-Page`: which page this is, counted from one.
    pub number: Option<u64>,
    /// `X-Per-Page`: how many items a full page has.
    pub per_page: Option<usize>,
    /// `X-Total`: how long the whole list is. GitLab does not tell it of commits, jobs, keyset
    /// lists and lists of more than 10,000.
    pub total: Option<u64>,
}

/// Whether a list goes on, by GitLab's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NextPage {
    /// It goes on at this path.
    At(String),
    /// GitLab says that it ends here.
    End,
    /// No header says anything. GitLab's last keyset page looks like this, and so does every page
    /// behind a proxy that strips headers.
    #[default]
    Untold,
}

impl Paging {
    /// # Errors
    /// For a link that leads out of the API: passing over it would cut the list short.
    pub(super) fn read(headers: &HeaderMap, asked: &Url) -> Result<Paging, Error> {
        let path = address::rest_path(asked).unwrap_or_default();
        Ok(Paging {
            next: next_page(headers, asked)?,
            number: number(headers, "x-page"),
            per_page: number(headers, "x-per-page").and_then(|items| usize::try_from(items).ok()),
            total: number(headers, "x-total"),
            path,
        })
    }

    /// How many items a full page has: by GitLab's word, else by the path.
    #[must_use]
    pub fn page_size(&self) -> usize {
        let asked = || parameter(&self.path, "per_page")?.parse().ok();
        let size = self.per_page.or_else(asked).unwrap_or(DEFAULT_PAGE);
        size.clamp(1, LARGEST_PAGE)
    }

    /// The path after this page, made without GitLab's help: `id_after=<last id>` in a keyset list
    /// (`id_before` in a descending one), the next number in any other.
    ///
    /// None for a keyset list without a last id.
    #[must_use]
    pub fn following(&self, last_id: Option<u64>) -> Option<String> {
        if parameter(&self.path, "pagination").as_deref() == Some("keyset") {
            let id = last_id?.to_string();
            let after = match parameter(&self.path, "sort").as_deref() {
                Some("desc") => "id_before",
                _ => "id_after",
            };
            return Some(with_parameter(&self.path, after, &id));
        }
        let asked = || parameter(&self.path, "page")?.parse().ok();
        let number = self.number.or_else(asked).unwrap_or(1).checked_add(1)?;
        Some(with_parameter(&self.path, "page", &number.to_string()))
    }
}

fn next_page(headers: &HeaderMap, asked: &Url) -> Result<NextPage, Error> {
    Ok(match link::next(headers, asked) {
        Some(url) => match address::rest_path(&url) {
            Some(path) => NextPage::At(path),
            None => {
                let detail = "the link to the next page leads out of the API";
                return Err(Error::not_understood(detail));
            }
        },
        None if link::says_end(headers) => NextPage::End,
        None => NextPage::Untold,
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn parameter(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

/// The path with this parameter in place of one of the same name.
fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    // A cursor of GitLab's own would contradict the id.
    let kept = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(other, _)| other != name && other != "cursor");
    let query = pairs.extend_pairs(kept).append_pair(name, value).finish();
    format!("{path}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn paging(path: &str, headers: &[(&'static str, &'static str)]) -> Paging {
        let asked = format!("https://host/sub/api/v4/{path}").parse().unwrap();
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        Paging::read(&pairs.collect(), &asked).unwrap()
    }

    #[test]
    fn a_list_goes_on_ends_or_says_nothing() {
        let next_of = |headers: &[_]| paging("projects?page=2", headers).next;
        let link = [(
            "link",
            r#"<https://other/api/v4/projects?page=3>; rel="next""#,
        )];
        assert_eq!(next_of(&link), NextPage::At("projects?page=3".to_owned()));
        assert_eq!(
            next_of(&[("x-next-page", "3")]),
            NextPage::At("projects?page=3".to_owned())
        );
        assert_eq!(next_of(&[("x-next-page", "")]), NextPage::End);
        assert_eq!(
            next_of(&[("link", r#"<https://host/x>; rel="first""#)]),
            NextPage::End
        );
        assert_eq!(next_of(&[]), NextPage::Untold);
        assert_eq!(next_of(&[("link", "nonsense")]), NextPage::Untold);
    }

    #[test]
    fn a_keyset_list_is_followed_by_the_last_id() {
        let first = paging(
            "projects?pagination=keyset&order_by=id&sort=asc&per_page=100",
            &[],
        );
        let second = first.following(Some(77)).unwrap();
        assert_eq!(
            second,
            "projects?pagination=keyset&order_by=id&sort=asc&per_page=100&id_after=77"
        );
        assert!(
            paging(&second, &[])
                .following(Some(99))
                .unwrap()
                .ends_with("&id_after=99")
        );
        assert_eq!(first.following(None), None);
        let backwards = paging("projects?pagination=keyset&sort=desc&cursor=x", &[]);
        assert_eq!(
            backwards.following(Some(7)).unwrap(),
            "projects?pagination=keyset&sort=desc&id_before=7"
        );
    }

    #[test]
    fn an_offset_list_is_followed_by_the_next_number() {
        let list = "groups/a%2Fb/projects?per_page=100";
        let following = |path, headers: &[_]| paging(path, headers).following(Some(77));
        assert_eq!(
            following(list, &[]).unwrap(),
            "groups/a%2Fb/projects?per_page=100&page=2"
        );
        assert_eq!(
            following("projects?page=4&sort=asc", &[]).unwrap(),
            "projects?sort=asc&page=5"
        );
        assert_eq!(
            following("projects", &[("x-page", "8")]).unwrap(),
            "projects?page=9"
        );
    }

    #[test]
    fn gitlab_says_how_long_a_page_and_the_list_are() {
        let told = paging(
            "x?per_page=500",
            &[("x-per-page", "50"), ("x-total", "1234"), ("x-page", "2")],
        );
        assert_eq!(
            (told.page_size(), told.total, told.number),
            (50, Some(1234), Some(2))
        );
        assert_eq!(paging("x?per_page=500", &[]).page_size(), 100);
        assert_eq!(paging("x", &[]).page_size(), 20);
        let garbage = [("x-per-page", "0"), ("x-total", "many"), ("x-page", "-1")];
        let garbage = paging("x", &garbage);
        assert_eq!(
            (garbage.page_size(), garbage.total, garbage.number),
            (1, None, None)
        );
    }
}
