//! A request below `/api/v4`, and its parameters as GitLab reads them.

use jiff::Timestamp;
use serde_json::json;
use url::Url;

use crate::simulator::answer::Answer;
use crate::simulator::limits::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use crate::simulator::world::World;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::token::AccessToken;

/// A `GET` of something below `/api/v4`.
pub(crate) struct RestRequest<'r> {
    pub(crate) world: &'r World,
    pub(crate) token: &'r AccessToken,
    pub(crate) viewer: Viewer,
    /// The whole address, from which links to other pages are made.
    pub(crate) url: &'r Url,
    /// What the path has for the names of its endpoint, in their order.
    pub(crate) named: Vec<String>,
}

/// An answer, or the refusal that takes its place.
pub(crate) type Answered = Result<Answer, Answer>;

/// A path as in GitLab's documentation, such as `/projects/:id`, and what answers it.
pub(crate) type Endpoint = (&'static str, fn(&RestRequest<'_>) -> Answered);

impl RestRequest<'_> {
    /// What the path has for a name of its endpoint.
    pub(crate) fn named(&self, index: usize) -> &str {
        self.named.get(index).map_or("", String::as_str)
    }

    /// Where this GitLab is, without a slash at the end.
    pub(crate) fn instance(&self) -> String {
        let origin = self.url.origin().ascii_serialization();
        format!("{origin}{}", self.world.base)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, Answer> {
        match self.parameter(name).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(_) => Err(invalid(name)),
        }
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Answer> {
        let number = self.parameter(name).map(|text| text.parse());
        number.transpose().map_err(|_| invalid(name))
    }

    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Answer> {
        let time = self.parameter(name).map(|text| text.parse());
        time.transpose().map_err(|_| invalid(name))
    }

    /// One of the known words; the first where none is given.
    pub(crate) fn choice(&self, name: &'static str, known: &[&str]) -> Result<String, Answer> {
        let choice = self.parameter(name).unwrap_or_else(|| known[0].to_owned());
        if !known.contains(&choice.as_str()) {
            return Err(Answer::bad_parameter(name));
        }
        Ok(choice)
    }

    pub(crate) fn ascending(&self) -> Result<bool, Answer> {
        Ok(self.choice("sort", &["desc", "asc"])? == "asc")
    }

    pub(crate) fn page(&self) -> Result<u64, Answer> {
        Ok(self.number("page")?.unwrap_or(1).max(1))
    }

    pub(crate) fn page_size(&self) -> Result<u64, Answer> {
        match self.number("per_page")?.unwrap_or(DEFAULT_PAGE_SIZE) {
            0 => Err(Answer::bad_parameter("per_page")),
            size => Ok(size.min(MAX_PAGE_SIZE)),
        }
    }
}

fn invalid(name: &str) -> Answer {
    Answer::json(400, &json!({ "error": format!("{name} is invalid") }))
}
