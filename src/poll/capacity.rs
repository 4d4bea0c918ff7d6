//! How much is asked for in one request: as much as GitLab answers in good time.

use std::time::Duration;

/// An adaptive size, in projects of which everything is asked; lighter questions weigh less.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    size: usize,
    good: u32,
    /// Whether the last request was too much.
    struck: bool,
}

impl Capacity {
    /// The projects of one list that GitLab shows at once.
    pub const PAGE: usize = 100;
    /// Several lists may travel in one request; more than this in one would take GitLab too long.
    const MAX: usize = 5 * Self::PAGE;
    /// An answer that takes longer is on its way to GitLab's limit of 30 s.
    pub const SLOW: Duration = Duration::from_secs(10);
    /// Requests of so many projects are not made smaller for a partial answer.
    const PARTIAL: usize = 10;
    /// Good answers in a row before more is tried.
    const PATIENCE: u32 = 3;

    /// Starts with a whole page: most GitLabs answer it at once, and the others shrink it fast.
    pub fn new() -> Capacity {
        Capacity {
            size: Self::PAGE,
            good: 0,
            struck: false,
        }
    }

    /// What a request may weigh.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many projects a part of a request may ask for.
    pub fn page(&self) -> usize {
        self.size.min(Self::PAGE)
    }

    /// Notes that a request of that weight was answered. Only what fills it shows that more may do.
    pub fn answered(&mut self, weight: usize, took: Duration) {
        self.struck = false;
        if took > Self::SLOW {
            return self.shrink(weight);
        }
        if weight * 2 < self.size {
            return;
        }
        self.good += 1;
        if self.good >= Self::PATIENCE {
            self.good = 0;
            self.size = (self.size * 3).div_ceil(2).min(Self::MAX);
        }
    }

    /// Notes that GitLab ran out of time for a part of an answer. That may be one field that is slow
    /// for every project, so requests do not become tiny for it: its values are asked for over REST.
    pub fn partial(&mut self, weight: usize) {
        self.good = 0;
        if weight > Self::PARTIAL {
            self.shrink(weight);
        }
    }

    /// Notes that a request of that weight was too much. Once may be the doing of a single project
    /// among those asked for, which is found by halves; twice in a row is GitLab's.
    pub fn failed(&mut self, weight: usize) {
        if std::mem::replace(&mut self.struck, true) {
            self.shrink(weight);
        }
    }

    /// A request that was far from full does not show that a full one is too much.
    fn shrink(&mut self, weight: usize) {
        self.good = 0;
        if weight * 2 < self.size {
            return;
        }
        self.size = self.size.min((weight / 2).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_secs(1);

    #[test]
    fn a_request_halves_when_two_in_a_row_fail_and_grows_after_three_good_ones() {
        let mut capacity = Capacity::new();
        capacity.failed(100);
        assert_eq!(capacity.size(), 100, "one project may be to blame");
        capacity.failed(100);
        capacity.failed(50);
        assert_eq!(capacity.size(), 25);
        for _ in 0..2 {
            capacity.answered(25, FAST);
        }
        assert_eq!(capacity.size(), 25);
        capacity.answered(25, FAST);
        assert_eq!(capacity.size(), 38);
        capacity.answered(38, Duration::from_secs(11));
        assert_eq!(capacity.size(), 19);
    }

    #[test]
    fn a_good_answer_between_two_failures_clears_gitlab() {
        let mut capacity = Capacity::new();
        for _ in 0..5 {
            capacity.failed(100);
            capacity.answered(50, FAST);
        }
        assert!(capacity.size() >= 100);
    }

    #[test]
    fn a_small_answer_does_not_show_that_more_may_do() {
        let mut capacity = Capacity::new();
        for _ in 0..100 {
            capacity.answered(1, FAST);
        }
        assert_eq!(capacity.size(), 100);
    }

    #[test]
    fn a_request_has_at_least_one_project_and_at_most_five_pages() {
        let mut capacity = Capacity::new();
        for _ in 0..12 {
            capacity.failed(capacity.size());
        }
        assert_eq!((capacity.size(), capacity.page()), (1, 1));
        for _ in 0..100 {
            capacity.answered(capacity.size(), FAST);
        }
        assert_eq!((capacity.size(), capacity.page()), (500, 100));
    }
}
