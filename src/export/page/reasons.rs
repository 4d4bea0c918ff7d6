//! Why something is absent or failed, and what helps, in a sentence each.

use crate::metrics::Reason;

/// Why a value is absent.
pub fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::NotAsked => "The configuration leaves it out.",
        Reason::Hidden => "GitLab hides it from the token's user, or does not keep it.",
        Reason::Unsupported => "This version or edition of GitLab does not have it.",
        Reason::Forbidden => "GitLab forbids the token to read it.",
        Reason::Unlicensed => "GitLab's licence does not include it.",
        Reason::Invalid => "GitLab tells what can't be, such as a negative size.",
        Reason::Pending => "It has not been read yet.",
        Reason::Unauthorized => "GitLab does not accept the token.",
        Reason::NotFound => "GitLab does not find it.",
        Reason::Refused => "GitLab refuses the request.",
        Reason::RateLimited => "GitLab's rate limit allowed no request for it yet.",
        Reason::Budget => "poll.budget allowed no request for it yet.",
        Reason::ServerError => "GitLab, or what stands before it, failed when it was asked.",
        Reason::Timeout => "GitLab took too long to answer.",
        Reason::Network => "GitLab could not be reached.",
        Reason::NotGitlab | Reason::NotJson | Reason::Redirected => {
            "A proxy or a login page answered in place of GitLab's API."
        }
        Reason::NotUnderstood => "The answer was not in the form of GitLab's API.",
        Reason::Graphql => "GraphQL gave no data for it.",
        Reason::Other => "It could not be read.",
    }
}

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
