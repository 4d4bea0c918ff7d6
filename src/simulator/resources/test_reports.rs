//! The test reports of a pipeline, summed up.

use serde_json::{Value, json};

use super::ci::{job_gid, named};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::ci::job::Job;
use crate::simulator::world::ci::outcome::TestReport;
use crate::simulator::world::ci::pipeline::Pipeline;

pub(super) const ENDPOINTS: &[Endpoint] = &[(
    "/projects/:id/pipelines/:pipeline/test_report_summary",
    summary,
)];

/// The type `TestReportSummary`. Without a report its numbers are 0, not null.
pub(super) struct Summary<'w>(pub(super) &'w Pipeline);

impl<'w> Object<'w> for Summary<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "total" => FieldValue::object(Total(self.0.tests())),
            _ => {
                let suites = || self.0.reports().map(|(job, report)| Suite { job, report });
                let cursor = |suite: Suite<'_>| suite.job.id.to_string();
                FieldValue::object(Connection::of(field, suites(), cursor, || suites().count()))
            }
        })
    }
}

/// The type `TestReportTotal`.
struct Total(TestReport);

impl<'w> Object<'w> for Total {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "count" => self.0.count().into(),
            "success" => self.0.success.into(),
            "failed" => self.0.failed.into(),
            "skipped" => self.0.skipped.into(),
            "error" => self.0.error.into(),
            "time" => self.0.seconds.into(),
            _ => FieldValue::Null,
        })
    }
}

/// The type `TestSuiteSummary`: the report of one job.
#[derive(Clone, Copy)]
struct Suite<'w> {
    job: &'w Job,
    report: &'w TestReport,
}

impl<'w> Object<'w> for Suite<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" => self.job.name.as_str().into(),
            "totalCount" => self.report.count().into(),
            "successCount" => self.report.success.into(),
            "failedCount" => self.report.failed.into(),
            "skippedCount" => self.report.skipped.into(),
            "errorCount" => self.report.error.into(),
            "totalTime" => self.report.seconds.into(),
            "buildIds" => FieldValue::Texts(vec![job_gid(self.job)].into()),
            _ => FieldValue::Null,
        })
    }
}

fn summary(request: &RestRequest<'_>) -> Answered {
    let row = named(request)?.row;
    let total = row.tests();
    let suites = row.reports().map(|(job, report)| {
        json!({
            "name": job.name,
            "total_time": report.seconds,
            "total_count": report.count(),
            "success_count": report.success,
            "failed_count": report.failed,
            "skipped_count": report.skipped,
            "error_count": report.error,
            "build_ids": [job.id],
            "suite_error": null,
        })
    });
    let body = json!({
        "total": {
            "time": total.seconds,
            "count": total.count(),
            "success": total.success,
            "failed": total.failed,
            "skipped": total.skipped,
            "error": total.error,
            "suite_error": null,
        },
        "test_suites": suites.collect::<Value>(),
    });
    Ok(Answer::json(200, &body))
}
