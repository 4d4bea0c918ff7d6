//! How many projects are asked for at once: as many as GitLab answers in good time.

use std::time::Duration;

/// An adaptive page size, shared by all lists of a GitLab.
#[derive(Clone, Copy, Debug)]
pub struct PageSize {
    size: usize,
    good: u32,
}

impl PageSize {
    /// GitLab's own maximum.
    pub const MAX: usize = 100;
    /// An answer that takes longer is on its way to GitLab's limit of 30 s.
    const SLOW: Duration = Duration::from_secs(10);
    /// Pages of so many projects are not made smaller for a partial answer.
    const PARTIAL: usize = 10;
    /// Good pages in a row before a bigger one is tried.
    const PATIENCE: u32 = 3;

    /// Starts with the largest page: most GitLabs answer it at once, and the others shrink it fast.
    pub fn new() -> PageSize {
        PageSize {
            size: Self::MAX,
            good: 0,
        }
    }

    /// The size of the next page.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Notes that a page of `size` projects was answered.
    pub fn answered(&mut self, size: usize, took: Duration) {
        if took > Self::SLOW {
            return self.failed(size);
        }
        self.good += 1;
        if self.good >= Self::PATIENCE {
            self.good = 0;
            self.size = (self.size * 3).div_ceil(2).min(Self::MAX);
        }
    }

    /// Notes that GitLab ran out of time for a part of a page. That may be one field that is slow
    /// for every project, so pages do not become tiny for it: its values are asked for over REST.
    pub fn partial(&mut self, size: usize) {
        if size > Self::PARTIAL {
            self.failed(size);
        }
        self.good = 0;
    }

    /// Notes that a page of `size` projects was too much.
    pub fn failed(&mut self, size: usize) {
        self.good = 0;
        self.size = self.size.min((size / 2).max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_halves_when_it_fails_and_grows_after_three_good_ones() {
        let mut page = PageSize::new();
        page.failed(100);
        page.failed(50);
        assert_eq!(page.size(), 25);
        for _ in 0..2 {
            page.answered(25, Duration::from_secs(1));
        }
        assert_eq!(page.size(), 25);
        page.answered(25, Duration::from_secs(1));
        assert_eq!(page.size(), 38);
        page.answered(38, Duration::from_secs(11));
        assert_eq!(page.size(), 19);
    }

    #[test]
    fn a_page_has_at_least_one_project_and_at_most_what_gitlab_allows() {
        let mut page = PageSize::new();
        for _ in 0..10 {
            page.failed(page.size());
        }
        assert_eq!(page.size(), 1);
        for _ in 0..100 {
            page.answered(1, Duration::ZERO);
        }
        assert_eq!(page.size(), PageSize::MAX);
    }
}
