//! `${NAME}` and `${NAME:-default}` in the values of a configuration file: what they stand for. They are put in after
//! the file has been taken apart, so that what a variable holds stays within its value, whatever it is.

use zeroize::Zeroizing;

use super::environment::Environment;

/// Letters of `${...}` are hidden from YAML as those of a plane for private use: in a list or mapping in one line,
/// braces would end the value. Each stands for one letter, so that columns stay true.
const HIDDEN: u32 = 0xF_0000;
const ASCII: u32 = 0x80;

/// The text with its `${...}` hidden from YAML.
pub fn hidden(text: &str) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(from) = rest.find("${") {
        let (before, reference) = rest.split_at(from);
        whole.push_str(before);
        // Quotes and escapes within are YAML's business.
        let plain = |letter: char| letter.is_ascii() && !"\"'\\\n\r\t".contains(letter);
        let length = reference.find('}').map(|end| end + 1);
        match length.filter(|length| reference[..*length].chars().all(plain)) {
            Some(length) => {
                whole.extend(reference[..length].chars().filter_map(hide));
                rest = &reference[length..];
            }
            None => {
                whole.push_str("${");
                rest = &reference[2..];
            }
        }
    }
    whole.push_str(rest);
    whole
}

/// The text as it is written.
pub fn shown(text: &str) -> String {
    text.chars()
        .map(|letter| show(letter).unwrap_or(letter))
        .collect()
}

fn hide(letter: char) -> Option<char> {
    char::from_u32(HIDDEN + u32::from(letter))
}

fn show(letter: char) -> Option<char> {
    let ascii = u32::from(letter).checked_sub(HIDDEN)?;
    char::from_u32(ascii).filter(|_| ascii < ASCII)
}

/// The text with the values of the variables it names, and `$` for `$$`; none if it has neither.
///
/// # Errors
/// If a variable without a default is not set, or a `${` names none.
pub fn replaced(text: &str, environment: &Environment) -> Result<Option<String>, String> {
    if !text.contains("${") && !text.contains("$$") {
        return Ok(None);
    }
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            whole.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let Some((reference, after)) = after.split_once('}') else {
                return Err(
                    "a ${ is not closed: write ${NAME}, or $${ for a dollar and a brace".to_owned(),
                );
            };
            whole.push_str(value(reference, environment)?);
            rest = after;
        } else {
            whole.push('$');
            rest = after;
        }
    }
    whole.push_str(rest);
    Ok(Some(whole))
}

/// What `NAME` or `NAME:-default` stands for. An empty variable counts as unset, as everywhere.
fn value<'v>(reference: &'v str, environment: &'v Environment) -> Result<&'v str, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_name =
        name.chars().all(letters) && !name.starts_with(|first: char| first.is_ascii_digit());
    if name.is_empty() || !is_name {
        return Err(format!(
            "${{{reference}}} does not name a variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ for a dollar \
             and a brace"
        ));
    }
    let value = environment.get(name).or(default);
    value.ok_or_else(|| {
        format!(
            "the variable {name} is not set; ${{{name}}} needs it: set {name}, or write ${{{name}:-default}}"
        )
    })
}
