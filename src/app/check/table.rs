//! How findings look to a person: rows of area, result, what was found and what to do. The columns are fixed before
//! the first row is known, so that each is printed as soon as it is.

use crate::stdio::{self, Colour, Stream};

const AREA: usize = 15;
const RESULT: usize = 6;
/// Before what was found.
const HEAD: usize = AREA + RESULT;
/// In less there is no room for four columns side by side.
const FOUR_COLUMNS: usize = 100;
/// Less can't be read; it is better cut by the terminal.
const NARROWEST: usize = 40;
/// What to do, where it stands below what was found.
const ARROW: &str = "-> ";

/// How wide the table may be; not limited where nobody looks at a terminal, so that each finding is a line.
#[derive(Clone, Copy)]
pub struct Table {
    width: Option<usize>,
}

/// One row.
pub struct Row<'a> {
    pub area: &'a str,
    pub result: &'a str,
    pub colour: Colour,
    pub found: &'a str,
    pub to_do: Option<&'a str>,
}

impl Table {
    /// One for standard output.
    pub fn on_stdout() -> Table {
        Table {
            width: stdio::stdout_width(),
        }
    }

    /// The heads of the columns.
    pub fn head(self) -> String {
        let head = Row {
            area: "area",
            result: "level",
            colour: Colour::Dim,
            found: "what was found",
            to_do: self.columns().map(|_| "what to do"),
        };
        match self.columns() {
            Some(_) => self.row(&head),
            None => format!(
                "{:<AREA$}{:<RESULT$}what was found, {ARROW}what to do\n",
                "area", "level"
            ),
        }
    }

    /// A row, with the end of its last line.
    pub fn row(self, row: &Row<'_>) -> String {
        let mut lines = match (self.columns(), self.width) {
            (Some((found, to_do)), _) => side_by_side(row, found, to_do),
            (None, width) => below(row, width.map(|width| width.max(NARROWEST) - HEAD)),
        };
        let blank = " ".repeat(HEAD);
        let result = format!("{:<RESULT$}", row.result);
        let head = format!(
            "{:<AREA$}{}",
            row.area,
            Stream::Stdout.paint(row.colour, &result)
        );
        let mut text = String::new();
        for (at, line) in lines.drain(..).enumerate() {
            text += if at == 0 { &head } else { &blank };
            text += line.trim_end();
            text += "\n";
        }
        text
    }

    /// How wide the columns of what was found and what to do are, where they stand side by side.
    fn columns(self) -> Option<(usize, usize)> {
        let rest = self.width.filter(|width| *width >= FOUR_COLUMNS)? - HEAD - 2;
        let found = rest * 3 / 5;
        Some((found, rest - found))
    }
}

fn side_by_side(row: &Row<'_>, found: usize, to_do: usize) -> Vec<String> {
    let left = wrapped(row.found, found);
    let right = row
        .to_do
        .map(|text| wrapped(text, to_do))
        .unwrap_or_default();
    let rows = 0..left.len().max(right.len());
    let line = |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_default();
    rows.map(|at| {
        let (left, right) = (line(&left, at), line(&right, at));
        let gap = (found + 2).saturating_sub(left.chars().count());
        format!("{left}{}{right}", " ".repeat(gap))
    })
    .collect()
}

fn below(row: &Row<'_>, width: Option<usize>) -> Vec<String> {
    let width = width.unwrap_or(usize::MAX);
    let mut lines = wrapped(row.found, width);
    let to_do = row
        .to_do
        .map(|text| wrapped(text, width.saturating_sub(ARROW.len())));
    for (at, line) in to_do.into_iter().flatten().enumerate() {
        let before = if at == 0 {
            ARROW.to_owned()
        } else {
            " ".repeat(ARROW.len())
        };
        lines.push(before + &line);
    }
    lines
}

/// Lines of at most so many letters. A word that is longer is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let (mut lines, mut line, mut length) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        length += word.len();
        line.extend(word);
    }
    if length > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row<'static> = Row {
        area: "dns",
        result: "FAIL",
        colour: Colour::Red,
        found: "the host name gitlab.example.invalid does not resolve to an address of any kind at all",
        to_do: Some("Check the host name in GITLAB_URL and the name servers."),
    };

    #[test]
    fn without_a_terminal_what_was_found_is_one_line_and_what_to_do_another() {
        let shown = Table { width: None }.row(&ROW);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert_eq!(lines[0], format!("dns            FAIL  {}", ROW.found));
        assert_eq!(
            lines[1],
            format!("{}-> {}", " ".repeat(21), ROW.to_do.unwrap())
        );
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_no_word_is_lost() {
        let long = "x".repeat(300);
        for width in 60..200 {
            let table = Table { width: Some(width) };
            for found in [ROW.found, &long] {
                let shown = table.row(&Row { found, ..ROW });
                for line in shown.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line:?}");
                }
                let letters = |text: &str| {
                    let mut letters: Vec<char> =
                        text.chars().filter(|c| c.is_alphanumeric()).collect();
                    letters.sort_unstable();
                    letters
                };
                let whole = format!("dnsFAIL{found}{}", ROW.to_do.unwrap());
                assert_eq!(letters(&shown), letters(&whole), "{shown}");
            }
        }
        let shown = Table { width: Some(120) }.row(&ROW);
        let starts = shown.lines().filter_map(|line| line.find("Check"));
        assert_eq!(starts.collect::<Vec<_>>(), [21 + 58 + 2], "{shown}");
    }
}
