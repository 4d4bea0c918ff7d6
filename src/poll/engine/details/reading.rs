//! What has come of the details of a pipeline that take several requests.

use std::collections::HashMap;
use std::sync::Arc;

use crate::metrics::{Job, JobFailure, TestReport};

/// What has come so far of a pipeline.
#[derive(Debug, Default)]
pub struct Reading {
    /// GitLab's word for its status; none where REST has not told.
    pub status: Option<String>,
    pub jobs: Vec<Job>,
    /// Whether its jobs may be seen and were asked.
    pub has_jobs: bool,
    pub report: Option<TestReport>,
}

impl Reading {
    /// Adds a page of jobs. A job that comes twice, since others came before it meanwhile, is one.
    pub fn add(&mut self, jobs: Vec<Job>) {
        self.has_jobs = true;
        for job in jobs {
            match self.jobs.iter_mut().find(|known| known.id == job.id) {
                Some(known) => *known = job,
                None => self.jobs.push(job),
            }
        }
    }

    /// Fills in the words that GraphQL did not tell, as a page of failed jobs has them. After the last
    /// page, a job that no page has listed has none.
    pub fn take_reasons(&mut self, failed: &[Job], is_last: bool) {
        let reasons: HashMap<u64, &str> = failed
            .iter()
            .map(|job| (job.id, job.failure_reason()))
            .collect();
        for job in &mut self.jobs {
            if job.failure != JobFailure::Untold {
                continue;
            }
            let told = reasons.get(&job.id).copied();
            let told = told.filter(|reason| !reason.is_empty());
            if let Some(reason) = told.or(is_last.then_some("other")) {
                job.failure = JobFailure::Reason(Arc::from(reason));
            }
        }
    }
}
