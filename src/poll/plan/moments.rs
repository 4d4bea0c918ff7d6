//! Moments in what GitLab is asked: those before now have names.

use std::collections::BTreeMap;

use crate::metrics::UnixTime;

/// The placeholders for times before now, without the mark they begin with (`$` in a selection, `{` in
/// a path), and how many seconds before: `ago7d` stands for seven days.
pub(super) fn ages(text: &str, mark: &str) -> BTreeMap<String, UnixTime> {
    let ages = text
        .match_indices("ago")
        .filter(|(at, _)| text[..*at].ends_with(mark))
        .filter_map(|(at, _)| {
            let name = text[at..].split(|letter: char| !letter.is_ascii_alphanumeric());
            let name = name.into_iter().next()?;
            let (count, unit) =
                name["ago".len()..].split_at_checked(name.len() - "ago".len() - 1)?;
            let unit = match unit {
                "d" => 86_400,
                "h" => 3_600,
                _ => 60,
            };
            Some((name.to_owned(), count.parse::<UnixTime>().ok()? * unit))
        });
    ages.collect()
}

/// A path of REST in which moments are named, such as `{ago1d}`, as it is sent `now`.
pub fn dated(path: &str, now: UnixTime) -> String {
    let mut path = path.to_owned();
    for (name, before) in ages(&path, "{") {
        let at = timestamp(now.saturating_sub(before));
        path = path.replace(&format!("{{{name}}}"), &at);
    }
    path
}

/// A moment as GitLab reads it.
pub fn timestamp(at: UnixTime) -> String {
    let timestamp = i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    timestamp.unwrap_or(jiff::Timestamp::MAX).to_string()
}
