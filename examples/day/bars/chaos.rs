//! Hours in which a tenth of all requests fail in all the ways of GitLab: nothing may get lost, and
//! the budget is held.

use super::Bar;
use crate::row;
use crate::simulation::chaos::{BUDGET, SHARE, hours};

/// Lets things go wrong, and then holds everything that is shown beside what is true.
pub async fn run(quick: bool) -> Bar {
    let (projects, time) = if quick { (500, 2) } else { (2_000, 12) };
    let outcome = hours(projects, time, SHARE, BUDGET).await;
    let mut bar = Bar::new(format!(
        "{projects} projects, for {time} hours of which a tenth of all requests fails"
    ));
    bar.table([
        row!["what", "measured", "bound"],
        row!["requests", outcome.requests, ""],
        row!["of them struck", outcome.struck, ""],
        row!["the most in any hour", outcome.most.0, BUDGET.per_hour],
        row!["the most in any minute", outcome.most.1, BUDGET.per_minute],
        row![
            "values that are not true at the end",
            outcome.untrue.len(),
            0
        ],
    ]);
    bar.hold(outcome.struck > 0, "nothing failed");
    bar.hold(outcome.held(BUDGET), "the budget was not held");
    let untrue = outcome.untrue.first();
    bar.hold(
        untrue.is_none(),
        format!("untrue, among others: {untrue:?}"),
    );
    bar
}
