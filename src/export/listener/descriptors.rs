//! How many connections there may be: so few that GitLab, OTLP and the state always get descriptors.

use rustix::process::{Resource, getrlimit};

/// More clients than anybody has who scrape at the same moment.
const ENOUGH: usize = 512;
/// What the process holds besides: standard streams, the runtime, listeners, the log; and what it opens
/// for a moment: the state, certificates, names to resolve, OTLP.
const OWN: usize = 24;

/// How many connections each of some listeners may have, when `reserved` further descriptors are kept
/// for requests of ours.
pub fn most_connections(reserved: usize, listeners: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    within(limit, reserved) / listeners.max(1)
}

fn within(limit: usize, reserved: usize) -> usize {
    let kept = OWN.saturating_add(reserved);
    // A limit that is too small for all is shared.
    limit.saturating_sub(kept).max(limit / 4).clamp(2, ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_back_below_every_limit() {
        for (limit, reserved, most) in [
            (64, 8, 32),
            (64, 256, 16),
            (1024, 8, 512),
            (512, 8, 480),
            (20_000, 256, 512),
            (usize::MAX, 8, 512),
            (4, 8, 2),
        ] {
            assert_eq!(within(limit, reserved), most, "{limit} {reserved}");
        }
    }
}
