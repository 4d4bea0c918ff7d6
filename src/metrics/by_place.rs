//! What an owner has, by place in the catalogue: shared by all that hold the same, and without what is
//! blank at the end. So what nobody enabled costs nothing, and a copy of an owner costs next to nothing.

use std::ops::{Deref, DerefMut, Index, IndexMut};
use std::sync::{Arc, LazyLock};

use super::{Ended, Reading, Reason, TableReading};

/// Values by place. Beyond the end every place is blank; a place that is written to is made.
#[derive(Debug)]
pub struct ByPlace<T>(Arc<[T]>);

/// What may be blank: what is so is not kept at the end.
pub trait Blank: Clone + 'static {
    fn blank() -> &'static Self;
    fn is_blank(&self) -> bool;
}

impl Blank for Reading {
    fn blank() -> &'static Reading {
        &Reading::Unknown(Reason::NotAsked)
    }

    fn is_blank(&self) -> bool {
        matches!(self, Reading::Unknown(Reason::NotAsked))
    }
}

impl Blank for TableReading {
    fn blank() -> &'static TableReading {
        static BLANK: TableReading = TableReading::Unknown(Reason::NotAsked);
        &BLANK
    }

    fn is_blank(&self) -> bool {
        matches!(self, TableReading::Unknown(Reason::NotAsked))
    }
}

impl Blank for Ended {
    fn blank() -> &'static Ended {
        static BLANK: LazyLock<Ended> = LazyLock::new(Ended::default);
        &BLANK
    }

    fn is_blank(&self) -> bool {
        self.since == 0 && self.series.is_empty()
    }
}

impl<T: Blank> ByPlace<T> {
    /// Makes places up to so many.
    pub fn grow(&mut self, places: usize) {
        if self.0.len() < places {
            let blank = std::iter::repeat_n(T::blank(), places - self.0.len());
            self.0 = self.0.iter().chain(blank).cloned().collect();
        }
    }
}

impl<T> Clone for ByPlace<T> {
    fn clone(&self) -> ByPlace<T> {
        ByPlace(Arc::clone(&self.0))
    }
}

impl<T: Blank> Default for ByPlace<T> {
    fn default() -> ByPlace<T> {
        ByPlace(Arc::default())
    }
}

impl<T: Blank> From<Vec<T>> for ByPlace<T> {
    fn from(mut all: Vec<T>) -> ByPlace<T> {
        let kept = all.iter().rposition(|one| !one.is_blank());
        all.truncate(kept.map_or(0, |last| last + 1));
        match all.is_empty() {
            true => ByPlace::default(),
            false => ByPlace(all.into()),
        }
    }
}

impl<T: Blank> From<Box<[T]>> for ByPlace<T> {
    fn from(all: Box<[T]>) -> ByPlace<T> {
        all.into_vec().into()
    }
}

impl<T: Blank> FromIterator<T> for ByPlace<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> ByPlace<T> {
        all.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T: Blank + PartialEq> PartialEq for ByPlace<T> {
    fn eq(&self, other: &ByPlace<T>) -> bool {
        self.0 == other.0
    }
}

impl<T> Deref for ByPlace<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// What others share is copied first.
impl<T: Blank> DerefMut for ByPlace<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: Blank> Index<usize> for ByPlace<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        self.0.get(place).unwrap_or(T::blank())
    }
}

impl<T: Blank> IndexMut<usize> for ByPlace<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        self.grow(place + 1);
        &mut Arc::make_mut(&mut self.0)[place]
    }
}

impl<'a, T> IntoIterator for &'a ByPlace<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> std::slice::Iter<'a, T> {
        self.0.iter()
    }
}

impl<'a, T: Blank> IntoIterator for &'a mut ByPlace<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> std::slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Reading = Reading::Known { value: 7.0, at: 1 };

    #[test]
    fn what_is_blank_at_the_end_is_not_kept_and_is_blank_all_the_same() {
        let blank = *Reading::blank();
        let mut values = ByPlace::from(vec![blank, KNOWN, blank, blank]);
        assert_eq!((values.len(), values[3], values[1]), (2, blank, KNOWN));
        values[4] = KNOWN;
        assert_eq!((values.len(), values[3], values[4]), (5, blank, KNOWN));
    }

    #[test]
    fn a_copy_shares_until_one_of_them_is_changed() {
        let mut first = ByPlace::from(vec![KNOWN]);
        let second = first.clone();
        assert!(std::ptr::eq(&*first, &*second));
        first[0] = Reading::Off;
        assert_eq!((first[0], second[0]), (Reading::Off, KNOWN));
    }
}
