//! Packs errands into requests: a request costs the same whether it asks for one page of projects or
//! for several.

use super::plan::{Part, Plan};
use super::schedule::Errand;

/// What one request may carry.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// GitLab's limit of complexity.
    pub score: usize,
    /// What GitLab answers in good time, in projects of which everything is asked.
    pub weight: usize,
}

/// Errands that travel in one request.
pub type Pack = Vec<Errand>;

/// Packs errands, in their order, each into the first request that has room for it.
pub fn pack(errands: Vec<Errand>, plan: &Plan, room: Room) -> Vec<Pack> {
    let mut packs: Vec<(Room, Pack)> = Vec::new();
    for errand in errands {
        let (score, weight) = (plan.score(&errand.part), plan.weight(&errand.part));
        let free = packs
            .iter_mut()
            .find(|(left, _)| left.score >= score && left.weight >= weight);
        match free {
            Some((left, pack)) => {
                left.score -= score;
                left.weight -= weight;
                pack.push(errand);
            }
            None => {
                let left = Room {
                    score: room.score.saturating_sub(score),
                    weight: room.weight.saturating_sub(weight),
                };
                packs.push((left, vec![errand]));
            }
        }
    }
    packs.into_iter().map(|(_, pack)| pack).collect()
}

/// The parts of a pack.
pub fn parts(pack: &Pack) -> Vec<Part> {
    pack.iter().map(|errand| errand.part.clone()).collect()
}
