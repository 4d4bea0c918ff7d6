//! Texts taken apart, quoted without leaking, and the name that was probably meant.

use strsim::osa_distance;

pub use crate::metrics::nearest;

/// The text in quotes, short, and hidden if it looks like a GitLab token that slipped in here.
pub fn quote(text: &str) -> String {
    /// Longer texts are cut: an error is one line.
    const LONGEST: usize = 80;
    if looks_like_a_token(text) {
        return "(a token, not shown)".to_owned();
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// GitLab's tokens begin with `glpat-`, `gldt-`, `glrt-` and the like; letters and digits follow that no
/// person would choose.
pub fn looks_like_a_token(text: &str) -> bool {
    /// Longer than the kind of a token, shorter than most of its letters.
    const RANDOM: usize = 16;
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let words = text.split(|letter| !letters(letter));
    words
        .filter_map(|word| word.strip_prefix("gl")?.split_once('-'))
        .any(|(kind, random)| {
            (1..=6).contains(&kind.len())
                && kind.bytes().all(|letter| letter.is_ascii_lowercase())
                && random.len() >= RANDOM
                && random
                    .bytes()
                    .any(|letter| letter.is_ascii_digit() || letter.is_ascii_uppercase())
        })
}

/// Says that a name is unknown: with the one that was probably meant, else with all there are.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
    };
    format!("{what} {}: {hint}", quote(name))
}

/// Splits at commas, but not within the braces of a pattern.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let separates = move |letter: char| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    };
    let items = text.split(separates).map(str::trim);
    items.filter(|item| !item.is_empty())
}

/// The host and the port around the last colon. An IPv6 address stands in brackets. Without a host, as in
/// `:9464`, every address is meant.
pub fn host_and_port(text: &str) -> Option<(&str, &str)> {
    const EVERY: &str = "0.0.0.0";
    let (host, port) = text.rsplit_once(':')?;
    if host.is_empty() {
        return Some((EVERY, port));
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some((bare.unwrap_or(host), port))
}

/// Whether one letter is missing, too many or another one, or two are in the wrong order.
pub fn is_one_letter_off(wrong: &str, known: &str) -> bool {
    osa_distance(wrong, known) == 1
}
