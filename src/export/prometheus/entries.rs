//! The lines of one metric's text, sorted as rust-prometheus sorts the series of a family: by their
//! label values. So lines that are rendered later can be put where they belong.

use std::cmp::Ordering;
use std::ops::Range;

/// The text of some series of one metric, in order.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    text: Vec<u8>,
    /// Where each entry ends. An entry is the line of a series, or all lines of a histogram's series.
    ends: Vec<usize>,
    of_histograms: bool,
}

impl Entries {
    /// Takes the headers off a rendered text, and returns them beside its entries.
    pub fn with_headers(mut text: Vec<u8>) -> (Vec<u8>, Entries) {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let length = lines
            .take_while(|line| line.starts_with(b"#"))
            .map(<[u8]>::len)
            .sum();
        let rest = text.split_off(length);
        let of_histograms = text.ends_with(b" histogram\n");
        (text, Entries::of(rest, of_histograms))
    }

    /// The entries of a text without headers.
    pub fn of(text: Vec<u8>, of_histograms: bool) -> Entries {
        let mut ends = Vec::new();
        let mut end = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            if !of_histograms || is_last_of_histogram(line) {
                ends.push(end);
            }
        }
        Entries {
            text,
            ends,
            of_histograms,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of their text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// One of them.
    pub fn get(&self, index: usize) -> &[u8] {
        &self.text[self.start(index)..self.ends[index]]
    }

    /// The text of some of them.
    pub fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.text[self.start(range.start)..self.start(range.end)]
    }

    /// Where an entry is, or else where it belongs.
    pub fn find(&self, entry: &[u8]) -> Result<usize, usize> {
        let place = self.count_while(0..self.len(), |known| compare(known, entry).is_lt());
        match place < self.len() && compare(self.get(place), entry).is_eq() {
            true => Ok(place),
            false => Err(place),
        }
    }

    /// The end of the entries at the beginning of the range for which `holds`.
    pub fn count_while(&self, range: Range<usize>, holds: impl Fn(&[u8]) -> bool) -> usize {
        let (mut from, mut to) = (range.start, range.end);
        while from < to {
            let middle = from + (to - from) / 2;
            match holds(self.get(middle)) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        from
    }

    /// These entries without `removed` and with `added`; both are in order. None if one that is to be
    /// removed is not there as it is given.
    pub fn changed(&self, removed: &[&[u8]], added: &[&[u8]]) -> Option<Entries> {
        let mut cuts = Vec::with_capacity(removed.len());
        for entry in removed {
            let place = self.find(entry).ok()?;
            if self.get(place) != *entry {
                return None;
            }
            cuts.push(place);
        }
        let growth: usize = added.iter().map(|entry| entry.len()).sum();
        let mut text = Vec::with_capacity(self.text.len() + growth);
        let (mut at, mut next, mut cuts) = (0, 0, cuts.into_iter().peekable());
        let mut keep = |text: &mut Vec<u8>, range: Range<usize>| {
            let mut from = range.start;
            while let Some(cut) = cuts.next_if(|cut| *cut < range.end) {
                text.extend_from_slice(self.slice(from..cut));
                from = cut + 1;
            }
            text.extend_from_slice(self.slice(from..range.end));
        };
        while next < added.len() {
            let place = self.find(added[next]).unwrap_or_else(|place| place);
            keep(&mut text, at..place);
            at = place;
            // All that belong before the same entry, which may be the one that is replaced.
            let run = match place < self.len() {
                true => {
                    let before = self.get(place);
                    added[next..].partition_point(|entry| compare(entry, before).is_le())
                }
                false => added.len() - next,
            };
            for entry in &added[next..next + run] {
                text.extend_from_slice(entry);
            }
            next += run;
        }
        keep(&mut text, at..self.len());
        Some(Entries::of(text, self.of_histograms))
    }

    fn start(&self, index: usize) -> usize {
        match index {
            0 => 0,
            index => self.ends[index - 1],
        }
    }
}

/// What is in only one of two texts, in order: entries of the first, and entries of the second.
pub fn differences<'a>(before: &'a Entries, after: &'a Entries) -> (Vec<&'a [u8]>, Vec<&'a [u8]>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (0, 0);
    while left < before.len() || right < after.len() {
        let order = match (left < before.len(), right < after.len()) {
            (true, true) => compare(before.get(left), after.get(right)),
            (true, false) => Ordering::Less,
            (false, _) => Ordering::Greater,
        };
        if order.is_eq() && before.get(left) == after.get(right) {
            (left, right) = (left + 1, right + 1);
            continue;
        }
        if order.is_le() {
            removed.push(before.get(left));
            left += 1;
        }
        if order.is_ge() {
            added.push(after.get(right));
            right += 1;
        }
    }
    (removed, added)
}

/// The order of two entries of a metric: fewer labels first, then by the values of the labels.
pub fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let count = |entry| Values::of(entry).count();
    let by_values = || {
        Values::of(left)
            .map(unescaped)
            .cmp(Values::of(right).map(unescaped))
    };
    count(left).cmp(&count(right)).then_with(by_values)
}

/// The value of an entry's label, still escaped.
pub fn label<'a>(entry: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut labels = labels(entry);
    let found = labels.find(|(own, _)| *own == name.as_bytes());
    found.map(|(_, value)| value)
}

/// The names of an entry's labels, and their values, still escaped.
pub fn labels(entry: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut values = Values::of(entry);
    std::iter::from_fn(move || {
        let labels = values.0;
        let value = values.next()?;
        let name = labels.iter().position(|byte| *byte == b'=')?;
        Some((&labels[..name], value))
    })
}

/// How many entries a rendered text has.
pub fn count(text: &[u8]) -> usize {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut of_histograms = false;
    while let Some(header) = lines.next_if(|line| line.starts_with(b"#")) {
        of_histograms = header.ends_with(b" histogram\n");
    }
    lines
        .filter(|line| !of_histograms || is_last_of_histogram(line))
        .count()
}

/// A histogram's lines are its buckets, the sum and the count.
fn is_last_of_histogram(line: &[u8]) -> bool {
    let name = line.split(|byte| matches!(byte, b'{' | b' ')).next();
    name.is_some_and(|name| name.ends_with(b"_count"))
}

/// The values of an entry's labels, still escaped.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn of(entry: &'a [u8]) -> Values<'a> {
        let name = entry.iter().position(|byte| matches!(byte, b'{' | b' '));
        match name {
            Some(end) if entry[end] == b'{' => Values(&entry[end + 1..]),
            _ => Values(b""),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if matches!(self.0.first(), None | Some(b'}')) {
            return None;
        }
        let start = self.0.iter().position(|byte| *byte == b'"')? + 1;
        let rest = &self.0[start..];
        let mut end = 0;
        while *rest.get(end)? != b'"' {
            end += if rest[end] == b'\\' { 2 } else { 1 };
        }
        let after = &rest[end + 1..];
        self.0 = after.strip_prefix(b",").unwrap_or(after);
        Some(&rest[..end])
    }
}

/// A value as it was before the text format escaped it.
fn unescaped(value: &[u8]) -> Unescaped<'_> {
    Unescaped(value)
}

#[derive(Clone, Copy)]
struct Unescaped<'a>(&'a [u8]);

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let (byte, rest) = match (first, rest.split_first()) {
            (b'\\', Some((b'n', rest))) => (b'\n', rest),
            (b'\\', Some((escaped, rest))) => (*escaped, rest),
            _ => (*first, rest),
        };
        self.0 = rest;
        Some(byte)
    }
}

impl Ord for Unescaped<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.0.contains(&b'\\') || other.0.contains(&b'\\') {
            true => Iterator::cmp(*self, *other),
            false => self.0.cmp(other.0),
        }
    }
}

impl PartialOrd for Unescaped<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Unescaped<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Unescaped<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lines: &[&str]) -> Entries {
        Entries::of(lines.concat().into_bytes(), false)
    }

    #[test]
    fn lines_are_ordered_by_the_values_of_their_labels() {
        let ordered = [
            "m 1\n",
            "m{a=\"\"} 1\n",
            "m{a=\"x\"} 1\n",
            // A line break, an exclamation mark, a quote: all below a letter, as they were before escaping.
            "m{a=\"x\\n\"} 1\n",
            "m{a=\"x!\"} 1\n",
            "m{a=\"x\\\"\"} 1\n",
            "m{a=\"xa\"} 1\n",
            "m{a=\"x\\\\\"} 1\n",
            "m{a=\"x\",b=\"1\"} 1\n",
            "m{a=\"x\",b=\"10\"} 1\n",
            "m{a=\"x\",b=\"9\"} 1\n",
        ];
        let mut sorted = ordered;
        sorted.sort_by(|left, right| compare(left.as_bytes(), right.as_bytes()));
        let backslash_first = |line: &&str| line.contains("xa") || line.contains("\\\\\"");
        let tail: Vec<_> = sorted.iter().filter(|line| backslash_first(line)).collect();
        assert_eq!(tail.len(), 2);
        assert!(
            tail[0].contains("\\\\\""),
            "a backslash comes before a letter"
        );
        let rest = |lines: &[&'static str]| -> Vec<&'static str> {
            lines
                .iter()
                .copied()
                .filter(|line| !backslash_first(line))
                .collect()
        };
        assert_eq!(rest(&sorted), rest(&ordered));
    }

    #[test]
    fn entries_are_removed_replaced_and_added_where_they_belong() {
        let known = entries(&["m{a=\"1\"} 1\n", "m{a=\"3\"} 3\n", "m{a=\"5\"} 5\n"]);
        let changed = known.changed(
            &[b"m{a=\"3\"} 3\n", b"m{a=\"5\"} 5\n"],
            &[
                b"m{a=\"0\"} 0\n",
                b"m{a=\"3\"} 33\n",
                b"m{a=\"4\"} 4\n",
                b"m{a=\"6\"} 6\n",
            ],
        );
        let text = String::from_utf8(changed.unwrap().text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "m{a=\"0\"} 0",
                "m{a=\"1\"} 1",
                "m{a=\"3\"} 33",
                "m{a=\"4\"} 4",
                "m{a=\"6\"} 6"
            ]
        );
        assert!(
            known.changed(&[b"m{a=\"3\"} 4\n"], &[]).is_none(),
            "another value"
        );
        assert!(
            known.changed(&[b"m{a=\"4\"} 4\n"], &[]).is_none(),
            "not there"
        );
    }

    #[test]
    fn only_differences_are_told() {
        let before = entries(&["m{a=\"1\"} 1\n", "m{a=\"2\"} 2\n", "m{a=\"3\"} 3\n"]);
        let after = entries(&["m{a=\"2\"} 2\n", "m{a=\"3\"} 4\n", "m{a=\"9\"} 9\n"]);
        let (removed, added) = differences(&before, &after);
        assert_eq!(removed, [b"m{a=\"1\"} 1\n", b"m{a=\"3\"} 3\n"]);
        assert_eq!(added, [b"m{a=\"3\"} 4\n", b"m{a=\"9\"} 9\n"]);
    }

    #[test]
    fn a_label_is_found_by_its_whole_name() {
        let entry = br#"m{a="project_id=\"7\"",my_project_id="8",project_id="9",z=""} 1"#;
        assert_eq!(label(entry, "project_id"), Some(&b"9"[..]));
        assert_eq!(label(entry, "z"), Some(&b""[..]));
        assert_eq!(label(entry, "id"), None);
        assert_eq!(label(b"m 1", "project_id"), None);
    }

    #[test]
    fn the_lines_of_a_histogram_stay_together() {
        let text = "# HELP h Help\n# TYPE h histogram\n\
                    h_bucket{a=\"1\",le=\"1\"} 0\nh_bucket{a=\"1\",le=\"+Inf\"} 1\n\
                    h_sum{a=\"1\"} 2\nh_count{a=\"1\"} 1\n\
                    h_bucket{a=\"2\",le=\"1\"} 0\nh_bucket{a=\"2\",le=\"+Inf\"} 0\n\
                    h_sum{a=\"2\"} 0\nh_count{a=\"2\"} 0\n";
        let (headers, entries) = Entries::with_headers(text.as_bytes().to_vec());
        assert_eq!(headers, b"# HELP h Help\n# TYPE h histogram\n");
        assert_eq!((entries.len(), count(text.as_bytes())), (2, 2));
        let second = entries.get(1).to_vec();
        assert_eq!(entries.find(&second), Ok(1));
        let changed = entries.changed(&[&second], &[]).unwrap();
        assert_eq!(changed.text(), entries.get(0));
    }
}
