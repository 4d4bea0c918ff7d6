//! Paths of endpoints as GitLab's documentation writes them: `/projects/:id`.

/// What the path has where the template has names, decoded; `None` when it is another endpoint's.
pub(crate) fn named_in(template: &str, path: &str) -> Option<Vec<String>> {
    let mut segments = path.trim_end_matches('/').split('/');
    let mut named = Vec::new();
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with(':') {
            named.push(decode(segment));
        } else if wanted != decode(segment) {
            return None;
        }
    }
    segments.next().is_none().then_some(named)
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
