//! Texts of GitLab's as labels hold them.

/// Longer texts are cut: nobody reads them, and each scrape carries them.
const LONGEST_LABEL: usize = 200;

/// A text as a label holds it: not too long, and without control characters.
pub fn cut(text: &str) -> String {
    let fit = text.chars().take(LONGEST_LABEL);
    fit.map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
