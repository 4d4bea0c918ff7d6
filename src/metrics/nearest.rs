//! The name that was probably meant by one that nobody knows.

use strsim::osa_distance;

/// GitLab's paths are no longer. A longer text is none that was mistyped, and would take long to compare.
const LONGEST: usize = 255;

/// The known name that differs in few letters, if there is one.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let letters = wrong.chars().count();
    if letters > LONGEST {
        return None;
    }
    let far = (letters / 3).max(1);
    known
        // Letters that are missing or too many differ in any case.
        .filter(|name| name.chars().count().abs_diff(letters) <= far)
        .map(|name| (osa_distance(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// The known path that is nearly this one, as a whole or else in its last part.
pub fn nearest_path<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let last = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let by_last = || {
        let own = wrong.rsplit('/').next().unwrap_or(wrong);
        let near = nearest(own, known.iter().map(|path| last(path)))?;
        known.iter().copied().find(|path| last(path) == near)
    };
    nearest(wrong, known.iter().copied()).or_else(by_last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_meant_as_a_whole_or_in_its_last_part() {
        let known = ["platform", "platform/website", "tools/ci"];
        for (wrong, meant) in [
            ("platfrom", Some("platform")),
            ("tools/websiet", Some("platform/website")),
            ("ci", Some("tools/ci")),
            ("nothing", None),
        ] {
            assert_eq!(nearest_path(wrong, &known), meant, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_meant_that_differs_in_few_letters() {
        let known = ["commits", "issues", "größe"];
        for (wrong, meant) in [
            ("comits", Some("commits")),
            ("Isseus", Some("issues")),
            ("große", Some("größe")),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known.into_iter()), meant, "{wrong}");
        }
        let long = "commits".repeat(100);
        assert_eq!(nearest(&long, [&*long].into_iter()), None);
    }
}
