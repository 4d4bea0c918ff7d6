//! REST's parameters and pages: sizes, totals where GitLab has them, and links.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::answer::Answer;
use super::listing::{Cursor, Filter, Order};
use super::project::{Project, Viewer};
use super::rest::{Answered, Request};

/// Above so many rows GitLab names no totals.
const MAX_COUNTED_ROWS: u64 = 10_000;
/// Beyond so many rows GitLab refuses to page through projects by offset.
const MAX_OFFSET: u64 = 50_000;
const DEFAULT_PAGE_SIZE: u64 = 20;
const MAX_PAGE_SIZE: u64 = 100;

impl Request<'_> {
    /// Keyset pages: a link to what follows, and no totals.
    pub(super) fn projects_by_key(&self, filter: &Filter) -> Answered {
        if self.order_by()? != "id" {
            let error = "Keyset pagination is not yet available for this type of request";
            return Err(Answer::json(405, &json!({ "error": error })));
        }
        let (ascending, size) = (self.ascending()?, self.page_size()?);
        let id_after = self.number("id_after")?;
        let id_before = self.number("id_before")?;
        let (order, start) = match ascending {
            true => (Order::IdAscending, id_after),
            false => (Order::IdDescending, id_before),
        };
        let after = start.map(|id| Cursor {
            id,
            last_activity_at: Timestamp::MIN,
        });
        let rows: Vec<&Project> = filter
            .list(self.world, Viewer::User, order, after)
            .filter(|project| id_after.is_none_or(|id| project.id > id))
            .filter(|project| id_before.is_none_or(|id| project.id < id))
            .take(size as usize)
            .collect();
        let mut answer = self.project_rows(&rows, true);
        // A full page links on, even when nothing follows it.
        if let Some(last) = rows.last()
            && rows.len() as u64 == size
        {
            let bound = if ascending { "id_after" } else { "id_before" };
            let next = self.link(&[(bound, &last.id.to_string())]);
            answer.set_header("Link", format!("<{next}>; rel=\"next\""));
        }
        Ok(answer)
    }

    pub(super) fn projects_by_offset(&self, filter: &Filter, with_statistics: bool) -> Answered {
        let (page, size) = (self.page()?, self.page_size()?);
        if (page - 1) * size > MAX_OFFSET {
            let error = format!(
                "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return \
                 objects of type Project. Remaining records can be retrieved using keyset pagination."
            );
            return Err(Answer::json(405, &json!({ "error": error })));
        }
        let (order_by, ascending) = (self.order_by()?, self.ascending()?);
        let order = match (order_by.as_str(), ascending) {
            ("last_activity_at", false) => Order::ActivityDescending,
            (_, true) => Order::IdAscending,
            (_, false) => Order::IdDescending,
        };
        let rows = filter.list(self.world, Viewer::User, order, None);
        let mut rows: Vec<&Project> = rows.collect();
        // The sort is stable, so that ids decide ties.
        match (order_by.as_str(), ascending) {
            ("id", _) | ("last_activity_at", false) => {}
            (order_by, true) => rows.sort_by(|one, other| compare(order_by, one, other)),
            (order_by, false) => rows.sort_by(|one, other| compare(order_by, other, one)),
        }
        let total = rows.len() as u64;
        let rows: Vec<&Project> = rows
            .into_iter()
            .skip(((page - 1) * size) as usize)
            .take(size as usize)
            .collect();
        let mut answer = self.project_rows(&rows, with_statistics);
        self.page_headers(&mut answer, page, size, total, true);
        Ok(answer)
    }

    /// A page of rows that GitLab counts, up to its limit.
    pub(super) fn counted_rows(&self, total: u64, row: impl Fn(u64) -> Value) -> Answered {
        let (page, size) = (self.page()?, self.page_size()?);
        let start = ((page - 1) * size).min(total);
        let rows: Value = (start..(start + size).min(total)).map(row).collect();
        let mut answer = Answer::json(200, &rows);
        self.page_headers(&mut answer, page, size, total, true);
        Ok(answer)
    }

    pub(super) fn page_headers(
        &self,
        answer: &mut Answer,
        page: u64,
        size: u64,
        total: u64,
        linked: bool,
    ) {
        let pages = total.div_ceil(size).max(1);
        let counted = total <= MAX_COUNTED_ROWS;
        let next = (page < pages).then(|| page + 1);
        if linked {
            let mut links = Vec::new();
            if page > 1 {
                links.push(self.page_link(page - 1, size, "prev"));
            }
            if let Some(next) = next {
                links.push(self.page_link(next, size, "next"));
            }
            links.push(self.page_link(1, size, "first"));
            if counted {
                links.push(self.page_link(pages, size, "last"));
            }
            answer.set_header("Link", links.join(", "));
        }
        if counted {
            answer.set_header("x-total", total.to_string());
            answer.set_header("x-total-pages", pages.to_string());
        }
        answer.set_header(
            "x-next-page",
            next.map(|next| next.to_string()).unwrap_or_default(),
        );
        answer.set_header("x-page", page.to_string());
        answer.set_header("x-per-page", size.to_string());
        answer.set_header("x-prev-page", previous(page));
    }

    pub(super) fn page_link(&self, page: u64, size: u64, relation: &str) -> String {
        let link = self.link(&[("page", &page.to_string()), ("per_page", &size.to_string())]);
        format!("<{link}>; rel=\"{relation}\"")
    }

    /// This address with some parameters replaced.
    pub(super) fn link(&self, replaced: &[(&str, &str)]) -> Url {
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

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<Option<bool>, Answer> {
        match self.parameter(name).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(_) => Err(Answer::json(
                400,
                &json!({ "error": format!("{name} is invalid") }),
            )),
        }
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, Answer> {
        let number = self.parameter(name).map(|text| text.parse());
        let invalid = |_| Answer::json(400, &json!({ "error": format!("{name} is invalid") }));
        number.transpose().map_err(invalid)
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Answer> {
        let time = self.parameter(name).map(|text| text.parse());
        let invalid = |_| Answer::json(400, &json!({ "error": format!("{name} is invalid") }));
        time.transpose().map_err(invalid)
    }

    pub(super) fn choice(&self, name: &'static str, known: &[&str]) -> Result<String, Answer> {
        let choice = self.parameter(name).unwrap_or_else(|| known[0].to_owned());
        if !known.contains(&choice.as_str()) {
            return Err(Answer::bad_parameter(name));
        }
        Ok(choice)
    }

    pub(super) fn order_by(&self) -> Result<String, Answer> {
        let orders = [
            "created_at",
            "id",
            "name",
            "path",
            "updated_at",
            "last_activity_at",
            "star_count",
        ];
        self.choice("order_by", &orders)
    }

    pub(super) fn ascending(&self) -> Result<bool, Answer> {
        Ok(self.choice("sort", &["desc", "asc"])? == "asc")
    }

    pub(super) fn page(&self) -> Result<u64, Answer> {
        Ok(self.number("page")?.unwrap_or(1).max(1))
    }

    pub(super) fn page_size(&self) -> Result<u64, Answer> {
        match self.number("per_page")?.unwrap_or(DEFAULT_PAGE_SIZE) {
            0 => Err(Answer::bad_parameter("per_page")),
            size => Ok(size.min(MAX_PAGE_SIZE)),
        }
    }
}

fn compare(order_by: &str, one: &Project, other: &Project) -> Ordering {
    match order_by {
        "created_at" => one.created_at.cmp(&other.created_at),
        "last_activity_at" => one.last_activity_at.cmp(&other.last_activity_at),
        "updated_at" => one.updated_at().cmp(&other.updated_at()),
        "name" => one.name.cmp(&other.name),
        "path" => one.path().cmp(other.path()),
        _ => one.stars.cmp(&other.stars),
    }
}

pub(super) fn previous(page: u64) -> String {
    match page {
        0 | 1 => String::new(),
        page => (page - 1).to_string(),
    }
}
