//! The name that was probably meant by one that nobody knows.

use strsim::osa_distance;

/// The known name that differs in few letters, if there is one.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let far = (wrong.chars().count() / 3).max(1);
    known
        // Letters that are missing or too many differ in any case.
        .filter(|name| name.len().abs_diff(wrong.len()) <= far * LONGEST_LETTER)
        .map(|name| (osa_distance(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// The most bytes of a letter.
const LONGEST_LETTER: usize = 4;
