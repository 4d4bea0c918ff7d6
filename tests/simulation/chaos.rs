//! Hours in which a share of all requests fails in all the ways of GitLab, while things go on
//! happening.

use fastrand::Rng;
use gitlab_metrics_bridge::gitlab::Budget;
use gitlab_metrics_bridge::simulator::{Request, World, most_within};

use super::truth::untrue;
use super::{Bridge, HOUR, MINUTE, Setup, idle, path};

/// What came of it.
pub struct Outcome {
    /// Requests that were struck.
    pub struck: usize,
    /// All requests.
    pub requests: usize,
    /// The most in any hour and in any minute.
    pub most: (usize, usize),
    /// What was shown and not true when the sweep had passed after the end.
    pub untrue: Vec<String>,
}

/// A tenth of all requests fails, as the bar has it.
pub const SHARE: f64 = 0.1;
/// What is held meanwhile.
pub const BUDGET: Budget = Budget {
    per_hour: 1_500,
    per_minute: 40,
};

/// Lets so many hours pass in which `share` of all requests fail, and then as long as everything may
/// take to be seen.
pub async fn hours(projects: u64, hours: u32, share: f64, budget: Budget) -> Outcome {
    let setup = Setup {
        budget: Some(budget),
        ..Setup::default()
    };
    let mut bridge = Bridge::start(idle(projects), setup);
    bridge.gitlab.chaos(share, 7);
    let mut random = Rng::with_seed(5);
    let mut asked: Vec<Request> = Vec::new();
    for _ in 0..hours * 60 {
        bridge.pass(MINUTE).await;
        let id = random.u64(1..=projects);
        bridge.gitlab.edit(|world| happen(world, id, &mut random));
        asked.extend(bridge.asked());
    }
    bridge.gitlab.chaos(0.0, 0);
    // What failed is asked again at the latest after the longest pause there is, an hour.
    bridge.pass(2 * HOUR + 10 * MINUTE).await;
    asked.extend(bridge.asked());
    let snapshot = bridge.next(tokio::time::Instant::now() + HOUR).await;
    let snapshot = snapshot.unwrap_or_else(|| bridge.snapshot());
    Outcome {
        struck: asked.iter().filter(|request| request.struck).count(),
        requests: asked.len(),
        most: (most_within(HOUR, &asked), most_within(MINUTE, &asked)),
        untrue: untrue(&bridge.gitlab, &snapshot),
    }
}

fn happen(world: &mut World, id: u64, random: &mut Rng) {
    let path = path(id);
    if world.find_project(&path).is_none() {
        return;
    }
    match random.u8(0..8) {
        0..=2 => {
            world.events(&path).push(3);
        }
        3 => {
            world.events(&path).open_merge_request();
        }
        4 | 5 => {
            world.events(&path).open_issue();
        }
        6 => {
            world.events(&path).store_artifacts(1_000).star();
        }
        _ => world.remove_project(&path),
    }
}

impl Outcome {
    /// Whether the budget was held in every window.
    pub fn held(&self, budget: Budget) -> bool {
        self.most.0 <= budget.per_hour as usize && self.most.1 <= budget.per_minute as usize
    }
}
