//! Counts the jobs of pipelines when they begin, for the names of gitlab-ci-pipelines-exporter: of each ref
//! that is shown, by the name of the job.

use std::sync::Arc;

use super::super::Engine;
use super::Whose;
use crate::metrics::{Grain, Job, JobEnd, PlacedTable, RefOf, Row, TableReading, stamp};

/// So many counts of a project are kept beside those of the jobs that are shown.
const MOST_COUNTS: usize = 1_000;

impl Engine {
    /// Whether anything counts jobs when they begin.
    pub(super) fn counts_begun_jobs(&self) -> bool {
        let place = self.project_table("jobs").map(|(place, _)| place);
        place.is_some_and(|jobs| self.enabled.catalogue.counts_begun(Grain::Project, jobs))
            && self.enabled.shows_any_of("jobs")
    }

    /// Counts those jobs of a pipeline that have begun since it was read last.
    pub(super) fn count_begun_jobs(&mut self, of: Whose, jobs: &[Job], now: u64) {
        let Some(known) = self.details.get_mut(of) else {
            return;
        };
        let is_at_rest = !known.active;
        let Some(begun) = &mut known.begun else {
            return;
        };
        let beginnings: Vec<JobEnd> = jobs.iter().map(Job::beginning).collect();
        let new = begun.counted.take(&beginnings);
        if is_at_rest {
            begun.counted.rest(&beginnings);
        }
        let Some(of_ref) = RefOf::of_text(&begun.of).filter(|_| !new.is_empty()) else {
            return;
        };
        let (Some((place, table)), true) = (self.project_table("jobs"), self.shows(of.0, &of_ref))
        else {
            return;
        };
        let rows = jobs.iter().filter(|job| new.contains(&job.id));
        let rows: Vec<Row> = rows
            .map(|job| table.row_of_job(job, Some(&of_ref), true, now))
            .collect();
        self.count_begun_rows(of.0, (place, table), &rows);
    }

    fn count_begun_rows(
        &mut self,
        project: u64,
        (place, table): (usize, &PlacedTable),
        rows: &[Row],
    ) {
        let (catalogue, since) = (self.enabled.catalogue, stamp(self.details.since));
        let Some(owner) = self.projects.get_mut(&project) else {
            return;
        };
        let owner = Arc::make_mut(owner);
        owner.count_begun(catalogue, Grain::Project, place, rows.iter(), since);
        let shown = owner
            .tables
            .get(place)
            .and_then(TableReading::known)
            .cloned();
        let of = (Grain::Project, place);
        owner.forget_counts(catalogue, of, MOST_COUNTS, |texts| {
            let mut rows = shown
                .iter()
                .flat_map(|own| (0..own.rows()).map(|row| own.row(row)));
            let names = ["job", "kind", "ref", "stage"];
            rows.any(|row| {
                let mut own = names.iter().zip(texts);
                own.all(|(name, text)| *table.label_of(&row, name) == **text)
            })
        });
    }

    /// Whether a ref of a project is shown.
    fn shows(&self, project: u64, of: &RefOf) -> bool {
        let (Some((place, table)), Some(owner)) =
            (self.project_table("pipelines"), self.projects.get(&project))
        else {
            return false;
        };
        let rows = owner.tables.get(place).and_then(TableReading::known);
        let mut rows = rows
            .into_iter()
            .flat_map(|own| (0..own.rows()).map(|row| own.row(row)));
        rows.any(|row| RefOf::of(table, &row) == *of)
    }
}
