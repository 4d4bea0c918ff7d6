//! OpenMetrics 1.0 made of the text format of Prometheus. Only headers and the bounds of buckets are
//! written differently there; names and values are the same in both.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

/// What ends every text.
pub const END: &[u8] = b"# EOF\n";
/// Units that a name may end with. Others are not told: their names say nothing of them.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Writes a text in OpenMetrics, without its end.
pub fn written(text: &[u8], to: &mut Vec<u8>) {
    let mut help: &[u8] = &[];
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"# HELP ") {
            help = line;
        } else if line.starts_with(b"# TYPE ") {
            write_headers(help, line, to);
            help = &[];
        } else {
            write_sample(line, to);
        }
    }
}

/// Writes the headers of a metric. A counter is told without the `_total` that its samples have.
fn write_headers(help: &[u8], kind: &[u8], to: &mut Vec<u8>) {
    let kind = String::from_utf8_lossy(kind);
    let mut words = kind.split_ascii_whitespace().skip(2);
    let (name, kind) = (words.next().unwrap_or_default(), words.next());
    let (family, kind) = match (kind, name.strip_suffix("_total")) {
        (Some("counter"), Some(family)) => (family, "counter"),
        // Its samples would have to end with `_total`.
        (Some("counter"), None) => (name, "unknown"),
        (kind, _) => (name, kind.unwrap_or("unknown")),
    };
    let help = String::from_utf8_lossy(help);
    if let Some(help) = help
        .strip_prefix("# HELP ")
        .and_then(|help| help.strip_prefix(name))
    {
        let help = help.trim_end_matches('\n').replace('"', "\\\"");
        to.extend_from_slice(format!("# HELP {family}{help}\n").as_bytes());
    }
    to.extend_from_slice(format!("# TYPE {family} {kind}\n").as_bytes());
    let ends_with = |unit: &&&str| {
        family
            .strip_suffix(**unit)
            .is_some_and(|rest| rest.ends_with('_'))
    };
    if let Some(unit) = UNITS.iter().find(ends_with) {
        to.extend_from_slice(format!("# UNIT {family} {unit}\n").as_bytes());
    }
}

/// Writes the line of a sample. The bound of a bucket is written as Go writes a float.
fn write_sample(line: &[u8], to: &mut Vec<u8>) {
    let Some(bound) = bound(line) else {
        return to.extend_from_slice(line);
    };
    let written = std::str::from_utf8(&line[bound.clone()]).ok();
    let Some(value) = written.and_then(|text| text.parse::<f64>().ok()) else {
        return to.extend_from_slice(line);
    };
    to.extend_from_slice(&line[..bound.start]);
    to.extend_from_slice(canonical(value).as_bytes());
    to.extend_from_slice(&line[bound.end..]);
}

/// Where the bound is, if the line is that of a bucket. Within a value no quote stands without a
/// backslash, so nothing else looks like its label.
fn bound(line: &[u8]) -> Option<std::ops::Range<usize>> {
    const LABEL: &[u8] = b"le=\"";
    let brace = line.iter().position(|byte| *byte == b'{')?;
    if !line[..brace].ends_with(b"_bucket") {
        return None;
    }
    let labels = &line[brace..];
    let mut starts = labels.windows(LABEL.len() + 1);
    let start = starts.position(|window| b"{,".contains(&window[0]) && &window[1..] == LABEL)?;
    let start = brace + start + 1 + LABEL.len();
    let length = line[start..].iter().position(|byte| *byte == b'"')?;
    Some(start..start + length)
}

/// A float as OpenMetrics wants it where it is a label: as Go's `%g` writes it, and never like an
/// integer.
fn canonical(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = value.to_string();
    match plain.contains('.') {
        true => plain,
        false => plain + ".0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openmetrics(text: &str) -> String {
        let mut to = Vec::new();
        written(text.as_bytes(), &mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn only_headers_and_bounds_are_written_differently() {
        let text = r#"# HELP runs_total Runs of "all" kinds.\nMore.
# TYPE runs_total counter
runs_total{ref="le=\"5\"",status="a,le=\"7\""} 3
# HELP gitlab_commits_total Commits.
# TYPE gitlab_commits_total gauge
gitlab_commits_total{project_id="1"} 11
# HELP odd A counter of an odd name.
# TYPE odd counter
odd 1
# HELP run_duration_seconds Durations.
# TYPE run_duration_seconds histogram
run_duration_seconds_bucket{name="a,le=\"1\"",le="60"} 1
run_duration_seconds_bucket{name="a,le=\"1\"",le="+Inf"} 2
run_duration_seconds_sum{name="a"} 60
run_duration_seconds_count{name="a"} 2
"#;
        let expected = r#"# HELP runs Runs of \"all\" kinds.\nMore.
# TYPE runs counter
runs_total{ref="le=\"5\"",status="a,le=\"7\""} 3
# HELP gitlab_commits_total Commits.
# TYPE gitlab_commits_total gauge
gitlab_commits_total{project_id="1"} 11
# HELP odd A counter of an odd name.
# TYPE odd unknown
odd 1
# HELP run_duration_seconds Durations.
# TYPE run_duration_seconds histogram
# UNIT run_duration_seconds seconds
run_duration_seconds_bucket{name="a,le=\"1\"",le="60.0"} 1
run_duration_seconds_bucket{name="a,le=\"1\"",le="+Inf"} 2
run_duration_seconds_sum{name="a"} 60
run_duration_seconds_count{name="a"} 2
"#;
        assert_eq!(openmetrics(text), expected);
    }

    #[test]
    fn bounds_are_written_as_go_writes_them() {
        for (value, written) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.5, "0.5"),
            (86_400.0, "86400.0"),
            (999_999.0, "999999.0"),
            (1_000_000.0, "1e+06"),
            (2_592_000.0, "2.592e+06"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-3.0, "-3.0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(canonical(value), written);
        }
    }
}
