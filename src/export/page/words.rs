//! Numbers, times and foreign texts as a person reads them.

use std::borrow::Cow;
use std::fmt::Write;

use crate::prose;

pub use crate::prose::grouped;

/// So many things: `1 project`, `20,000 projects`.
pub fn counted(number: u64, thing: &str) -> String {
    prose::counted(grouped(number), thing)
}

/// A share of something: whole where it is large.
pub fn rounded(number: f64) -> String {
    match number {
        number if number >= 10.0 || number.fract() == 0.0 => grouped(number.round() as u64),
        number => format!("{number:.1}"),
    }
}

/// A time in no more than two units.
pub fn span(seconds: f64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    if !(0.0..1e15).contains(&seconds) {
        return "0 s".to_owned();
    }
    if (0.0005..0.1).contains(&seconds) {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 10.0 && seconds.fract() != 0.0 {
        return format!("{seconds:.1} s");
    }
    let mut rest = seconds.round() as u64;
    let largest = UNITS.iter().position(|(_, size)| rest >= *size);
    let largest = largest.unwrap_or(UNITS.len() - 1);
    let mut parts = Vec::new();
    for (name, size) in UNITS.iter().skip(largest).take(2) {
        if rest >= *size || parts.is_empty() {
            parts.push(format!("{} {name}", rest / size));
        }
        rest %= size;
    }
    parts.join(" ")
}

/// A size in the largest unit of which there is one.
pub fn bytes(size: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut size, mut unit) = (size, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{size:.0} B"),
        unit => format!("{size:.1} {}", UNITS[unit]),
    }
}

/// A text of somebody else, in which nothing turns what stands around it, hides or breaks the line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match is_treacherous(letter) {
            true => {
                let _ = write!(shown, "\\u{{{:x}}}", letter as u32); // Writing into a String can't fail.
            }
            false => shown.push(letter),
        }
    }
    shown.into()
}

/// Control characters, those that change the direction of text, and those that can't be seen.
fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(counted(1, "project"), "1 project");
        assert_eq!(counted(0, "project"), "0 projects");
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.0421, "42 ms"),
            (0.25, "0.2 s"),
            (59.7, "1 min"),
            (61.0, "1 min 1 s"),
            (3_600.0, "1 h"),
            (86_399.0, "23 h 59 min"),
            (90_000.0, "1 d 1 h"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
        assert_eq!(
            [0.0, 1023.0, 1536.0].map(bytes),
            ["0 B", "1023 B", "1.5 KiB"]
        );
        assert_eq!(
            [0.0, 0.25, 3.0, 1_234.5].map(rounded),
            ["0", "0.2", "3", "1,235"]
        );
    }

    #[test]
    fn nothing_in_a_foreign_text_hides_or_turns_what_stands_around_it() {
        assert_eq!(visible("group/ä-日本"), "group/ä-日本");
        assert_eq!(
            visible("a\u{202e}b\u{0}c\n\u{200b}"),
            "a\\u{202e}b\\u{0}c\\u{a}\\u{200b}"
        );
    }
}
