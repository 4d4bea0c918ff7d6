//! Which jobs of a pipeline have been counted, so that each attempt is counted once whenever and
//! however often the pipeline is read.
//!
//! A job ends once: a retry is a new job with a later end. While a pipeline lives, the ids of its
//! jobs that have ended are kept. Once it rests, all of them have ended, and the time of the last
//! end is enough to tell a job of a later retry from them.

use serde::{Deserialize, Serialize};

use super::UnixTime;

/// Which jobs of a pipeline have been counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CountedJobs {
    /// Jobs that ended before this are not counted, those that are known to run excepted.
    from: UnixTime,
    /// Jobs that ended just then and are counted, or not to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    at_from: Vec<u64>,
    /// Jobs that have ended since the pipeline was last at rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<u64>,
    /// Jobs that had not ended when the pipeline was last read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    open: Vec<u64>,
}

/// A job in a reading of its pipeline, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobEnd {
    pub id: u64,
    /// When it ended, by GitLab's clock; none while it has not.
    pub at: Option<UnixTime>,
}

impl CountedJobs {
    /// Of a pipeline that is not known: what ended before `from` is counted already, or was before
    /// counting began.
    pub fn from(from: UnixTime) -> CountedJobs {
        CountedJobs {
            from,
            ..CountedJobs::default()
        }
    }

    /// Takes in a reading of the pipeline's jobs, or a page of one. Returns the jobs to be counted now.
    pub fn take(&mut self, jobs: &[JobEnd]) -> Vec<u64> {
        let mut counted = Vec::new();
        for &JobEnd { id, at } in jobs {
            let Some(at) = at else {
                if !self.open.contains(&id) {
                    self.open.push(id);
                }
                continue;
            };
            if self.ended.contains(&id) {
                continue;
            }
            // A job that was seen to run has ended since, whatever clock GitLab goes by.
            let ran = self.open.contains(&id);
            self.open.retain(|open| *open != id);
            let is_old = at < self.from || at == self.from && self.at_from.contains(&id);
            self.ended.push(id);
            if ran || !is_old {
                counted.push(id);
            }
        }
        counted
    }

    /// Notes that all of `jobs` have been taken in, and that none of them will end before the pipeline
    /// is begun again: the time of the last end is kept in place of the ids.
    pub fn rest(&mut self, jobs: &[JobEnd]) {
        let last = jobs.iter().filter_map(|job| job.at).max();
        let Some(last) = last.filter(|last| *last >= self.from) else {
            self.ended.clear();
            return;
        };
        let at_last = jobs.iter().filter(|job| job.at == Some(last));
        let at_last = at_last.map(|job| job.id);
        if last > self.from {
            self.at_from.clear();
        }
        self.at_from.extend(at_last);
        self.at_from.sort_unstable();
        self.at_from.dedup();
        self.from = last;
        self.ended.clear();
        self.open.clear();
    }

    /// How many ids it keeps.
    pub fn kept(&self) -> usize {
        self.at_from.len() + self.ended.len() + self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn ended(id: u64, at: UnixTime) -> JobEnd {
        let at = Some(at);
        JobEnd { id, at }
    }

    fn runs(id: u64) -> JobEnd {
        JobEnd { id, at: None }
    }

    #[test]
    fn a_retry_is_counted_and_nothing_is_counted_twice() {
        let mut counted = CountedJobs::from(100);
        let first = [ended(1, 99), ended(2, 120), runs(3)];
        assert_eq!(counted.take(&first), [2]);
        let done = [ended(1, 99), ended(2, 120), ended(3, 130)];
        assert_eq!(counted.take(&done), [3]);
        counted.rest(&done);
        assert_eq!(counted.kept(), 1);
        assert_eq!(counted.take(&done), [0; 0]);
        counted.rest(&done);
        let retried = [ended(1, 99), ended(2, 120), ended(3, 130), ended(4, 130)];
        assert_eq!(counted.take(&retried), [4], "in the same second");
    }

    #[test]
    fn a_job_that_was_seen_to_run_is_counted_whatever_the_clock_says() {
        let mut counted = CountedJobs::from(1000);
        assert_eq!(counted.take(&[runs(1)]), [0; 0]);
        assert_eq!(counted.take(&[ended(1, 880)]), [1]);
    }

    /// What happens to a pipeline, or that it is read.
    #[derive(Clone, Debug)]
    enum Step {
        Wait(u8),
        End(usize),
        Retry(usize),
        /// A reading, which loses all but so many pages of two jobs if it fails.
        Read {
            pages: Option<usize>,
        },
        /// What is kept goes through the state file.
        Restart,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u8..3).prop_map(Step::Wait),
            (0_usize..8).prop_map(Step::End),
            (0_usize..8).prop_map(Step::Retry),
            prop::option::of(0_usize..3).prop_map(|pages| Step::Read { pages }),
            Just(Step::Restart),
        ]
    }

    proptest! {
        /// The ledger: every job that ended at or after the beginning, once.
        #[test]
        fn counts_equal_the_ledger(steps in prop::collection::vec(step(), 0..60), jobs in 1_u64..6) {
            let began: UnixTime = 1_000;
            let mut now = began - 3;
            let mut pipeline: BTreeMap<u64, Option<UnixTime>> = (1..=jobs).map(|id| (id, None)).collect();
            let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
            let mut counted = CountedJobs::from(began);
            let all = |pipeline: &BTreeMap<u64, Option<UnixTime>>| -> Vec<JobEnd> {
                pipeline.iter().rev().map(|(id, at)| JobEnd { id: *id, at: *at }).collect()
            };
            let mut read = |counted: &mut CountedJobs, jobs: &[JobEnd], complete: bool| {
                for page in jobs.chunks(2) {
                    for id in counted.take(page) {
                        *counts.entry(id).or_default() += 1;
                    }
                }
                if complete && jobs.iter().all(|job| job.at.is_some()) {
                    counted.rest(jobs);
                }
            };
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += UnixTime::from(seconds),
                    Step::End(nth) => {
                        let open = pipeline.iter_mut().filter(|(_, at)| at.is_none()).nth(nth);
                        if let Some((_, at)) = open {
                            *at = Some(now);
                        }
                    }
                    Step::Retry(nth) => {
                        let has = pipeline.values().filter(|at| at.is_some()).count() > nth;
                        let next = pipeline.len() as u64 + 1;
                        if has {
                            pipeline.insert(next, None);
                        }
                    }
                    Step::Read { pages } => {
                        // Counting begins with the first reading, which is not before the beginning.
                        now = now.max(began);
                        let jobs = all(&pipeline);
                        let told = pages.map_or(jobs.len(), |pages| (2 * pages).min(jobs.len()));
                        read(&mut counted, &jobs[..told], told == jobs.len());
                    }
                    Step::Restart => {
                        let kept = serde_json::to_string(&counted).unwrap();
                        counted = serde_json::from_str(&kept).unwrap();
                    }
                }
            }
            now = now.max(began);
            pipeline.values_mut().for_each(|at| *at = at.or(Some(now)));
            read(&mut counted, &all(&pipeline), true);
            prop_assert!(counted.kept() <= pipeline.len());
            for (id, at) in pipeline {
                let seen = counts.remove(&id).unwrap_or_default();
                // One that ended before the beginning and was seen to run then has no reading here.
                let expected = u32::from(at >= Some(began));
                prop_assert_eq!(seen, expected, "job {} ended at {:?}", id, at);
            }
        }
    }
}
