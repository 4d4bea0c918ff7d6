//! Takes in the details of pipelines: counts the jobs that ended, and shows those of the newest
//! pipeline of each ref.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::Engine;
use super::super::errors::is_timeout;
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Details, PartDetails, PartError, PipelineDetails};
use super::reading::Reading;
use super::{QueuedPart, Whose, is_active};
use crate::gitlab::Error;
use crate::metrics::{
    Grain, Job, JobEnd, JobFailure, Limit, Owner, PlacedTable, Reason, RefOf, Row, TableReading,
    stamp,
};
use crate::poll::details_plan::DetailsPart;

impl Engine {
    /// Takes in what a request about details was answered.
    pub(in crate::poll::engine) fn details_answered(
        &mut self,
        poll: &mut Poll,
        parts: Vec<DetailsPart>,
        answer: Result<Details, Error>,
        now: Moment,
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.details_request_failed(poll, parts, error, now),
        };
        for (part, told) in parts.into_iter().zip(answer.parts) {
            match told {
                Ok(told) => self.take_part(poll, &part, told),
                Err(PartError::TooMuch) => self.ask_for_less(poll, part, None),
                Err(PartError::Null) => {}
                Err(PartError::Refused(error)) => self.ask_for_less(poll, part, Some(error)),
            }
        }
    }

    fn details_request_failed(
        &mut self,
        poll: &mut Poll,
        parts: Vec<DetailsPart>,
        error: Error,
        now: Moment,
    ) {
        let alone = parts.len() == 1;
        let queued = |part| QueuedPart {
            part,
            rows: 0,
            alone: true,
        };
        if self.waits(poll, &error, now) || self.learns(&error) {
            return poll.details.parts.extend(parts.into_iter().map(queued));
        }
        let is_of_parts = match &error {
            Error::Timeout { .. } | Error::TooLarge { .. } | Error::Server { .. } => true,
            Error::Graphql { errors } => {
                alone || errors.iter().any(is_timeout) || !errors.is_empty()
            }
            _ => false,
        };
        if !is_of_parts {
            return self.details_failed(poll, &error);
        }
        if !alone {
            return poll.details.parts.extend(parts.into_iter().map(queued));
        }
        let server = matches!(error, Error::Server { .. });
        for part in parts {
            self.ask_for_less(poll, part, Some(Error::not_understood(error.to_string())));
        }
        if server {
            self.note_down(poll, "pipelines".to_owned(), &error);
        }
    }

    /// Asks for half of what a part asked for; one pipeline alone that fails is left to the next poll.
    fn ask_for_less(&mut self, poll: &mut Poll, part: DetailsPart, error: Option<Error>) {
        match part {
            DetailsPart::Changed {
                projects,
                since,
                first,
            } if projects.len() > 1 => {
                let (left, right) = projects.split_at(projects.len() / 2);
                for half in [left, right] {
                    let projects = half.to_vec();
                    poll.details.parts.push_back(QueuedPart {
                        part: DetailsPart::Changed {
                            projects,
                            since,
                            first,
                        },
                        rows: 0,
                        alone: true,
                    });
                }
            }
            DetailsPart::Changed { projects, .. } => {
                for project in projects {
                    for id in self.due_of(project) {
                        self.ask_alone_for((project, id), poll);
                    }
                }
            }
            DetailsPart::One {
                project, pipeline, ..
            } => {
                poll.details.readings.remove(&(project, pipeline.id));
                let error = error
                    .unwrap_or_else(|| Error::not_understood("GitLab ran out of time".to_owned()));
                self.details_failed(poll, &error);
            }
        }
    }

    fn ask_alone_for(&self, of: Whose, poll: &mut Poll) {
        if let Some(known) = self.details.get(of) {
            poll.details.ask_one(of, known, None);
            if let Some(queued) = poll.details.parts.back_mut() {
                queued.alone = true;
            }
        }
    }

    fn due_of(&self, project: u64) -> Vec<u64> {
        let pipelines = self.details.projects.get(&project);
        let due = pipelines
            .into_iter()
            .flatten()
            .filter(|(_, known)| known.due);
        due.map(|(id, _)| *id).collect()
    }

    fn take_part(&mut self, poll: &mut Poll, part: &DetailsPart, told: PartDetails) {
        let shown: Vec<Whose> = told
            .pipelines
            .iter()
            .map(|(project, details)| (*project, details.id))
            .collect();
        for (project, details) in told.pipelines {
            let of = (project, details.id);
            if self.details.get(of).is_some() {
                self.take_pipeline(poll, of, details);
            }
        }
        let missing = |of: &Whose| !shown.contains(of) && told.projects.contains(&of.0);
        match part {
            DetailsPart::One {
                project, pipeline, ..
            } => {
                let of = (*project, pipeline.id);
                if missing(&of) {
                    poll.details.readings.remove(&of);
                    self.details.note_unseen(of);
                }
            }
            DetailsPart::Changed {
                projects, since, ..
            } => {
                for &project in projects {
                    for id in self.due_of(project) {
                        let of = (project, id);
                        let known = self.details.get(of);
                        let is_listed = known.is_some_and(|known| known.changed >= *since);
                        // It may be beyond the end of the list, or gone: GitLab is asked for it alone.
                        let is_under_way = poll.details.readings.contains_key(&of);
                        if is_listed && missing(&of) && !is_under_way {
                            self.ask_alone_for(of, poll);
                        }
                    }
                }
            }
        }
    }

    /// Takes in a page of a pipeline's jobs, and its test report.
    fn take_pipeline(&mut self, poll: &mut Poll, of: Whose, details: PipelineDetails) {
        let mut reading = poll.details.readings.remove(&of).unwrap_or_default();
        reading.status = Some(details.status);
        reading.report = details.report.or(reading.report);
        if let Some(jobs) = details.jobs {
            reading.add(jobs);
        }
        if let (Some(next), Some(known)) = (details.next, self.details.get(of)) {
            poll.details.ask_one(of, known, Some(next));
            poll.details.readings.insert(of, reading);
            return;
        }
        self.take_details(poll, of, reading);
    }

    /// Takes in all that was asked of a pipeline.
    pub(super) fn take_details(&mut self, poll: &mut Poll, of: Whose, reading: Reading) {
        let Some(known) = self.details.get_mut(of) else {
            return;
        };
        if let Some(status) = &reading.status {
            known.active = is_active(status);
        }
        let ends: Vec<JobEnd> = reading.jobs.iter().map(Job::end).collect();
        let mut counted = known.counted.clone();
        let new = counted.take(&ends);
        let is_untold = |job: &&Job| job.failure == JobFailure::Untold;
        if reading
            .jobs
            .iter()
            .filter(is_untold)
            .any(|job| new.contains(&job.id))
        {
            return poll.details.ask_reasons(of, reading);
        }
        if !known.active {
            counted.rest(&ends);
        }
        known.counted = counted;
        (known.due, known.read, known.unseen) = (false, true, 0);
        let ended: Vec<&Job> = reading
            .jobs
            .iter()
            .filter(|job| new.contains(&job.id))
            .collect();
        self.count_jobs(of.0, &ended, poll.began.as_secs());
        self.count_begun_jobs(of, &reading.jobs, poll.began.as_secs());
        if reading.has_jobs {
            self.has_rows(of.0, "jobs");
        }
        if !self.details.get(of).is_some_and(|known| known.child) {
            self.show_details(of, &reading, poll.began.as_secs());
        }
    }

    fn count_jobs(&mut self, project: u64, ended: &[&Job], now: u64) {
        let (Some((place, table)), Some(owner)) =
            (self.project_table("jobs"), self.projects.get_mut(&project))
        else {
            return;
        };
        let named = self.enabled.choices.job_names;
        let count = ended.len();
        let row = |job: &&Job| table.row_of_job(job, None, named, now);
        let rows: Vec<Row> = ended.iter().map(row).collect();
        Arc::make_mut(owner).count_ended(
            self.enabled.catalogue,
            Grain::Project,
            place,
            rows.iter(),
            stamp(self.details.since),
        );
        self.note_counted("jobs", count);
    }

    /// Shows the jobs and the test report of a pipeline, if it is the newest of its ref.
    fn show_details(&mut self, of: Whose, reading: &Reading, now: u64) {
        let Some(owner) = self.projects.get(&of.0) else {
            return;
        };
        let Some(newest_of) = self.newest_of(owner, of.1) else {
            return;
        };
        let limit = Limit::of_rows(self.enabled.choices.limits.jobs_per_project as usize);
        let told = newest_of.text();
        let mut next = Owner::clone(owner);
        if let (Some((place, table)), true) = (self.project_table("jobs"), reading.has_jobs) {
            let latest = reading.jobs.iter().filter(|job| !job.retried);
            let rows = latest
                .map(|job| table.row_of_job(job, Some(&newest_of), true, now))
                .collect();
            let told_of = |row: &Row| RefOf::of(table, row).text();
            let rows = table.replaced(next.tables.get(place), &told, told_of, rows, limit, now);
            next.put_table(place, rows);
        }
        if let (Some((place, table)), Some(report)) =
            (self.project_table("test_reports"), &reading.report)
        {
            let rows = table.rows_of_report(of.1, &newest_of, report, now);
            let told_of = |row: &Row| RefOf::of(table, row).text();
            let limit = Limit::of_rows(table.many.map_or(1, |many| many.at_most.into()));
            let rows = table.replaced(next.tables.get(place), &told, told_of, rows, limit, now);
            next.put_table(place, rows);
        }
        self.projects.insert(of.0, Arc::new(next));
    }

    /// Forgets the jobs and reports of refs that are not shown any more.
    pub(in crate::poll::engine) fn forget_refs(&mut self, project: u64) {
        let (Some((shown, pipelines)), Some(owner)) =
            (self.project_table("pipelines"), self.projects.get(&project))
        else {
            return;
        };
        let Some(rows) = owner.tables.get(shown).and_then(TableReading::known) else {
            return;
        };
        let refs = (0..rows.rows()).map(|row| RefOf::of(pipelines, &rows.row(row)).text());
        let refs: HashSet<String> = refs.collect();
        for subject in ["jobs", "test_reports"] {
            let Some((place, table)) = self.project_table(subject) else {
                continue;
            };
            let Some(owner) = self.projects.get_mut(&project) else {
                return;
            };
            let last = owner.tables.get(place).and_then(TableReading::known);
            let kept = last.and_then(|last| {
                last.without(
                    |row| !refs.contains(&RefOf::of(table, row).text()),
                    |own| !refs.contains(&*own.of),
                )
            });
            if let Some(kept) = kept {
                Arc::make_mut(owner).tables[place] = TableReading::Known(Arc::new(kept));
            }
        }
    }

    /// Of which ref a pipeline is the newest, as the table of pipelines has it.
    fn newest_of(&self, owner: &Owner, pipeline: u64) -> Option<RefOf> {
        let (place, table) = self.project_table("pipelines")?;
        let rows = owner.tables.get(place)?.known()?;
        let row = rows.keys.binary_search(&pipeline).ok()?;
        Some(RefOf::of(table, &rows.row(row)))
    }

    /// The place of a subject's table among those of projects, and the table.
    pub(in crate::poll::engine) fn project_table(
        &self,
        subject: &str,
    ) -> Option<(usize, &'static PlacedTable)> {
        self.enabled.catalogue.table(Grain::Project, subject)
    }

    /// GitLab shows no details of a pipeline to the token.
    pub(super) fn no_details(&mut self, of: Whose) {
        if let Some(known) = self.details.get_mut(of) {
            (known.due, known.read) = (false, true);
        }
        self.no_rows(of.0, "jobs", Reason::Hidden);
    }

    /// Notes that the token may not see rows of a project that the poller reads by itself.
    pub(in crate::poll::engine) fn no_rows(&mut self, project: u64, subject: &str, reason: Reason) {
        self.put_rows(project, subject, TableReading::Unknown(reason));
    }

    /// Notes that rows of a project may be seen, though there are none yet.
    pub(in crate::poll::engine) fn has_rows(&mut self, project: u64, subject: &str) {
        self.put_rows(project, subject, TableReading::Known(Arc::default()));
    }

    /// Puts in place what is known of a subject where nothing is.
    fn put_rows(&mut self, project: u64, subject: &str, rows: TableReading) {
        let (Some((place, _)), Some(owner)) =
            (self.project_table(subject), self.projects.get_mut(&project))
        else {
            return;
        };
        if owner.tables[place].known().is_none() {
            Arc::make_mut(owner).put_table(place, rows);
        }
    }

    /// Notes that details could not be read: they stay due.
    pub(super) fn details_failed(&mut self, poll: &mut Poll, error: &Error) {
        self.note_down(poll, "pipelines".to_owned(), error);
        *poll.values.entry(("jobs", error.reason())).or_default() += 1;
    }
}
