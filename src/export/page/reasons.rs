//! What helps where something is absent or failed, in a sentence each.

use crate::metrics::Reason;

/// What helps against a reason, by its name.
pub fn advice(reason: &str) -> Option<&'static str> {
    Some(match Reason::from_name(reason)? {
        Reason::NotAsked => "Name it in metrics.enabled to have it read.",
        Reason::Hidden | Reason::Forbidden => {
            "Give the token's user a role that sees it, such as Reporter, or disable the metric."
        }
        Reason::Unsupported => "Disable the metric, or use a GitLab that has it.",
        Reason::Unlicensed => "Disable the metric, or use a licence that includes it.",
        Reason::Invalid => {
            "An administrator can let GitLab count the statistics of the project again."
        }
        Reason::Pending => "Wait for it.",
        Reason::Unauthorized => "Make a token with the scope read_api; the command check tries it.",
        Reason::RateLimited => {
            "Lower gitlab.requests_per_second or raise poll.interval; it is tried again."
        }
        Reason::Budget => {
            "Raise poll.budget if GitLab allows more, or poll.interval; it is tried again."
        }
        Reason::ServerError | Reason::Timeout | Reason::Network | Reason::Graphql => {
            "It is tried again; if it stays so, look at GitLab and at the way to it."
        }
        Reason::NotGitlab | Reason::NotJson | Reason::Redirected | Reason::NotUnderstood => {
            "Let the bridge through to GitLab's API; the command check says more."
        }
        Reason::NotFound | Reason::Refused | Reason::Other => {
            "It is tried again; the log of failed requests says why."
        }
    })
}

/// What helps where exports fail.
pub fn of_export(exporter: &str) -> &'static str {
    match exporter {
        "otlp" => {
            "Look at otlp.endpoint, otlp.headers and the receiver; the command check tries it. The next export carries everything again."
        }
        _ => "Please report this, with the log: the last good text is still served.",
    }
}
