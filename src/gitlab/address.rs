//! Addresses: where GitLab's two APIs are, and which other addresses are still that GitLab.

use reqwest::Url;

use super::build_error::BuildError;

const REST: &str = "api/v4/";
const GRAPHQL: &str = "api/graphql";

/// The addresses of one GitLab, also of one installed under a sub-path.
pub(super) struct Address {
    base: Url,
    graphql: Url,
    rest: Url,
}

impl Address {
    /// Accepts the address with or without a trailing slash, and forgives one that already names
    /// an API, as GitLab's own `CI_API_V4_URL` does.
    pub(super) fn new(url: &Url) -> Result<Address, BuildError> {
        let mut base = without_credentials(url);
        let wrong = || BuildError::Url(base.to_string());
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let path = gitlab_path(base.path()).unwrap_or(base.path());
        let path = format!("{}/", path.trim_end_matches('/'));
        base.set_path(&path);
        Ok(Address {
            graphql: base
                .join(GRAPHQL)
                .map_err(|_| BuildError::Url(path.clone()))?,
            rest: base.join(REST).map_err(|_| BuildError::Url(path))?,
            base,
        })
    }

    /// Whether this is the address of this GitLab, with or without a trailing slash.
    pub(super) fn is(&self, url: &Url) -> bool {
        let text = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        text(&self.base) == text(url)
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn graphql(&self) -> &Url {
        &self.graphql
    }

    /// The address of a REST path with its query.
    pub(super) fn rest(&self, path: &str) -> Url {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let mut url = self.rest.clone();
        // GitLab takes what follows a dot for a format, and forgets it when it redirects to where
        // a project has moved.
        let path = path.trim_start_matches('/').replace('.', "%2E");
        // Appended, never joined: a path that looks like an address cannot leave this GitLab.
        url.set_path(&format!("{}{path}", self.rest.path()));
        url.set_query(query);
        url
    }

    /// Where a redirect of this GitLab leads: an API path of any host is one of ours, below our
    /// own address. None for what leads elsewhere.
    ///
    /// A GitLab behind a proxy that ends TLS redirects to the address it believes to have. The
    /// token goes to our own address only, whatever the redirect says.
    pub(super) fn on_this_gitlab(&self, to: &Url) -> Option<Url> {
        match rest_path(to) {
            Some(path) => Some(self.rest(&path)),
            None => (self.base.origin() == to.origin()).then(|| to.clone()),
        }
    }
}

/// The path and query below the REST API of whatever address GitLab gives itself.
///
/// GitLab writes its links with the address it believes to have, which behind a proxy is not
/// always the one that was asked; only what follows the API's path is of use.
pub(super) fn rest_path(url: &Url) -> Option<String> {
    let (_, path) = url.path().split_once("/api/v4/")?;
    Some(match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

/// The address a GitLab has, if this is the address of one of its APIs.
pub(super) fn gitlab_of(url: &Url) -> Option<Url> {
    let mut base = without_credentials(url);
    base.set_path(gitlab_path(url.path())?);
    Some(base)
}

fn gitlab_path(path: &str) -> Option<&str> {
    let end = path.find("/api/v4").or_else(|| path.find("/api/graphql"))?;
    Some(&path[..end])
}

/// The address without user, password, query and fragment: fit to be shown.
pub(super) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for addresses that cannot hold credentials at all.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::new(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_sub_path_install_is_asked_below_its_sub_path() {
        for text in ["https://host/gitlab", "https://host/gitlab/"] {
            let address = address(text);
            assert_eq!(
                address.graphql().as_str(),
                "https://host/gitlab/api/graphql"
            );
            assert_eq!(
                address.rest("projects?per_page=1").as_str(),
                "https://host/gitlab/api/v4/projects?per_page=1"
            );
        }
    }

    #[test]
    fn an_address_that_names_an_api_means_the_gitlab_it_belongs_to() {
        for text in [
            "https://host/api/v4",
            "https://host/api/graphql",
            "https://host",
        ] {
            assert_eq!(address(text).base().as_str(), "https://host/");
        }
    }

    #[test]
    fn credentials_in_the_address_are_dropped() {
        let address = address("https://user:secret@host/?private_token=secret#secret");
        assert_eq!(address.base().as_str(), "https://host/");
    }

    #[test]
    fn an_address_that_is_not_of_the_web_is_refused() {
        let error = Address::new(&"ftp://host".parse().unwrap()).err().unwrap();
        assert!(error.to_string().starts_with("ftp://host"));
    }

    #[test]
    fn an_encoded_project_path_stays_encoded() {
        let url = address("https://host").rest("projects/a%2Fb/issues");
        assert_eq!(url.path(), "/api/v4/projects/a%2Fb/issues");
    }

    #[test]
    fn a_path_cannot_lead_to_another_host() {
        for path in [
            "//evil.example/x",
            "https://evil.example/x",
            "@evil.example",
        ] {
            assert_eq!(address("https://host").rest(path).host_str(), Some("host"));
        }
    }
}
