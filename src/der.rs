//! DER, as far as certificates need it: parts that say what they are and how long.

/// The parts that stand behind each other, each with its tag and its content; none if a length is wrong.
pub fn parts(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (tag, content, rest) = part(bytes)?;
        parts.push((tag, content));
        bytes = rest;
    }
    Some(parts)
}

/// The first part: its tag, its content and what follows it.
pub fn part(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let add = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
            (length.iter().fold(0, add), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
