//! The details of pipelines over REST: where GraphQL can't be asked, and for the words why jobs failed
//! that GraphQL does not tell.

use serde_json::Value;

use super::super::errors::{is_forbidden, not_understood, unread};
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Kind, Request};
use super::super::{Engine, Next, Sent};
use super::reading::Reading;
use super::{DetailsWork, RestDetails, RestPage, Whose};
use crate::gitlab::Error;
use crate::metrics::{Job, TestReport};
use crate::poll::details_plan::Wanted;

/// How many jobs a page has.
const PAGE: usize = 100;

impl RestPage {
    /// The subject that it is about.
    pub(in crate::poll::engine) fn subject(self) -> &'static str {
        match self.what {
            RestDetails::Jobs | RestDetails::Failed => "jobs",
            RestDetails::Report => "test_reports",
        }
    }

    fn first(of: Whose, what: RestDetails) -> RestPage {
        RestPage { of, what, page: 1 }
    }

    fn path(self) -> String {
        let RestPage { of, what, page } = self;
        let (project, pipeline) = of;
        let below = match what {
            RestDetails::Jobs => format!("jobs?include_retried=true&per_page={PAGE}&page={page}"),
            RestDetails::Failed => {
                format!("jobs?include_retried=true&scope[]=failed&per_page={PAGE}&page={page}")
            }
            RestDetails::Report => "test_report_summary".to_owned(),
        };
        format!("projects/{project}/pipelines/{pipeline}/{below}")
    }
}

impl DetailsWork {
    /// Begins to read a pipeline over REST.
    pub(super) fn begin_over_rest(&mut self, of: Whose, wanted: Wanted) {
        self.readings.insert(of, Reading::default());
        let what = if wanted.jobs {
            RestDetails::Jobs
        } else {
            RestDetails::Report
        };
        self.rest.push_back(RestPage::first(of, what));
    }

    /// Asks for the words that GraphQL did not tell, and keeps what it told until then.
    pub(super) fn ask_reasons(&mut self, of: Whose, reading: Reading) {
        self.readings.insert(of, reading);
        self.rest
            .push_back(RestPage::first(of, RestDetails::Failed));
    }
}

impl Engine {
    pub(super) fn ask_details_over_rest(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        while self.free() > 0
            && let Some(page) = poll.details.rest.pop_front()
        {
            let request = Request::Body(page.path());
            self.send(
                poll,
                now,
                next,
                request,
                Kind::Details,
                Sent::DetailsPage(page),
            );
        }
    }

    /// Takes in a page over REST.
    pub(in crate::poll::engine) fn details_page_answered(
        &mut self,
        poll: &mut Poll,
        page: RestPage,
        answer: Result<Value, Error>,
        now: Moment,
    ) {
        let told = answer.and_then(|body| match page.what {
            RestDetails::Report => Ok((Vec::new(), 0, TestReport::from_rest(&body))),
            RestDetails::Jobs | RestDetails::Failed => {
                let rows = body
                    .as_array()
                    .ok_or_else(|| not_understood(&"jobs that are no list"))?;
                let jobs = rows
                    .iter()
                    .map(Job::from_rest)
                    .collect::<Result<Vec<_>, _>>();
                let jobs = jobs.map_err(unread)?;
                let status = rows
                    .first()
                    .and_then(|row| row["pipeline"]["status"].as_str());
                if let (Some(status), Some(reading)) =
                    (status, poll.details.readings.get_mut(&page.of))
                {
                    reading.status = Some(status.to_ascii_lowercase());
                }
                Ok((jobs, rows.len(), None))
            }
        });
        match told {
            Ok((jobs, rows, report)) => self.take_details_page(poll, page, jobs, rows, report),
            Err(error) if self.waits(poll, &error, now) => poll.details.rest.push_front(page),
            Err(error) => self.details_page_failed(poll, page, &error),
        }
    }

    fn take_details_page(
        &mut self,
        poll: &mut Poll,
        page: RestPage,
        mut jobs: Vec<Job>,
        rows: usize,
        report: Option<TestReport>,
    ) {
        let wanted = self.wanted_details();
        let Some(reading) = poll.details.readings.get_mut(&page.of) else {
            return;
        };
        match page.what {
            RestDetails::Report => reading.report = report,
            RestDetails::Jobs => reading.add(std::mem::take(&mut jobs)),
            RestDetails::Failed => reading.take_reasons(&jobs, rows < PAGE),
        }
        if rows >= PAGE && page.what != RestDetails::Report {
            let page = RestPage {
                page: page.page + 1,
                ..page
            };
            return poll.details.rest.push_back(page);
        }
        if page.what == RestDetails::Jobs {
            Job::mark_retried(&mut reading.jobs);
            if wanted.tests {
                return poll
                    .details
                    .rest
                    .push_back(RestPage::first(page.of, RestDetails::Report));
            }
        }
        if let Some(reading) = poll.details.readings.remove(&page.of) {
            self.take_details(poll, page.of, reading);
        }
    }

    /// What a page did not bring is asked by the next poll; what GitLab forbids is not held back for.
    fn details_page_failed(&mut self, poll: &mut Poll, page: RestPage, error: &Error) {
        let is_fact = is_forbidden(error);
        match (page.what, is_fact) {
            (RestDetails::Failed, true) => {
                if let Some(mut reading) = poll.details.readings.remove(&page.of) {
                    reading.take_reasons(&[], true);
                    self.take_details(poll, page.of, reading);
                }
            }
            (RestDetails::Report, true) => {
                if let Some(reading) = poll.details.readings.remove(&page.of) {
                    self.take_details(poll, page.of, reading);
                }
            }
            (RestDetails::Jobs, true) => {
                poll.details.readings.remove(&page.of);
                self.no_details(page.of);
            }
            (_, false) => {
                poll.details.readings.remove(&page.of);
                self.details_failed(poll, error);
            }
        }
    }
}
