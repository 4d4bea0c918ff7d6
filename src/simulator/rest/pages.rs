//! REST's pages by number: rows, totals where GitLab has them, and links.

use serde_json::Value;
use url::Url;

use super::request::{Answered, RestRequest};
use crate::simulator::answer::Answer;
use crate::simulator::limits::MAX_COUNTED_ROWS;

/// A page of a list, and what its headers tell of the list.
pub(crate) struct OffsetPage<T> {
    pub(crate) rows: Vec<T>,
    number: u64,
    size: u64,
    /// How many rows there are, as far as they were counted.
    counted: u64,
    /// Whether GitLab counts such a list at all.
    countable: bool,
}

impl RestRequest<'_> {
    /// The page that is asked for, of rows that GitLab counts up to its limit.
    pub(crate) fn by_offset<T>(
        &self,
        mut rows: impl Iterator<Item = T>,
    ) -> Result<OffsetPage<T>, Answer> {
        let (number, size) = (self.page()?, self.page_size()?);
        let skipped = rows.by_ref().take(((number - 1) * size) as usize).count() as u64;
        let page: Vec<T> = rows.by_ref().take(size as usize).collect();
        let seen = skipped + page.len() as u64;
        // Above the limit no total is told, and one row more tells that there is a next page.
        let more = (MAX_COUNTED_ROWS + 1).saturating_sub(seen).max(1);
        Ok(OffsetPage {
            rows: page,
            number,
            size,
            counted: seen + rows.take(more as usize).count() as u64,
            countable: true,
        })
    }

    /// A page of rows of which the model knows only how many there are.
    pub(crate) fn counted_rows(&self, total: u64, row: impl Fn(u64) -> Value) -> Answered {
        let page = self.rows_of(total, true)?;
        let rows: Value = page.rows.iter().map(|index| row(*index)).collect();
        Ok(page.answer(self, Answer::json(200, &rows)))
    }

    /// Like `counted_rows`, for a list of which GitLab never says how long it is.
    pub(crate) fn uncounted_rows(&self, total: u64, row: impl Fn(u64) -> Value) -> Answered {
        let page = self.rows_of(total, false)?;
        let rows: Value = page.rows.iter().map(|index| row(*index)).collect();
        Ok(page.answer(self, Answer::json(200, &rows)))
    }

    fn rows_of(&self, total: u64, countable: bool) -> Result<OffsetPage<u64>, Answer> {
        let (number, size) = (self.page()?, self.page_size()?);
        let start = ((number - 1) * size).min(total);
        Ok(OffsetPage {
            rows: (start..(start + size).min(total)).collect(),
            number,
            size,
            counted: total,
            countable,
        })
    }

    /// This address with some parameters replaced.
    pub(crate) fn link(&self, replaced: &[(&str, &str)]) -> Url {
        let mut link = self.url.clone();
        let kept: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(name, _)| replaced.iter().all(|(replaced, _)| replaced != name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        link.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .extend_pairs(replaced);
        link
    }
}

impl<T> OffsetPage<T> {
    /// The same page of a list of which GitLab never says how long it is.
    pub(crate) fn uncounted(mut self) -> Self {
        self.countable = false;
        self
    }

    /// The answer with the headers of this page.
    pub(crate) fn answer(&self, request: &RestRequest<'_>, mut answer: Answer) -> Answer {
        let pages = self.counted.div_ceil(self.size).max(1);
        let next = (self.number < pages).then(|| self.number + 1);
        let previous = (self.number > 1).then(|| self.number - 1);
        let told = self.countable && self.counted <= MAX_COUNTED_ROWS;
        let links = [
            ("prev", previous),
            ("next", next),
            ("first", Some(1)),
            ("last", told.then_some(pages)),
        ];
        let links = links.iter().filter_map(|(relation, number)| {
            let (number, size) = ((*number)?.to_string(), self.size.to_string());
            let link = request.link(&[("page", &number), ("per_page", &size)]);
            Some(format!("<{link}>; rel=\"{relation}\""))
        });
        answer.set_header("Link", links.collect::<Vec<_>>().join(", "));
        if told {
            answer.set_header("x-total", self.counted.to_string());
            answer.set_header("x-total-pages", pages.to_string());
        }
        answer.set_header("x-next-page", or_empty(next));
        answer.set_header("x-page", self.number.to_string());
        answer.set_header("x-per-page", self.size.to_string());
        answer.set_header("x-prev-page", or_empty(previous));
        answer
    }
}

fn or_empty(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
