//! Packs errands into requests: a request costs the same whether it asks for one page of projects or
//! for several.

use super::plan::{Part, Plan};
use super::schedule::{Errand, Round};

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

/// Packs errands, in their order, each into the first request that has room for it. Spare ones do
/// not make a request of their own; those that find no room are handed back.
pub fn pack(round: Round, plan: &Plan, room: Room) -> (Vec<Pack>, Vec<Errand>) {
    let mut packs: Vec<(Room, Pack)> = Vec::new();
    let mut left_over = Vec::new();
    let now = round.now.into_iter().map(|errand| (errand, false));
    let spare = round.spare.into_iter().map(|errand| (errand, true));
    for (errand, spare) in now.chain(spare) {
        let (score, weight) = (plan.score(&errand.part), plan.weight(&errand.part));
        let free = packs
            .iter_mut()
            .filter(|_| !errand.alone)
            .find(|(left, _)| left.score >= score && left.weight >= weight);
        match free {
            Some((left, pack)) => {
                left.score -= score;
                left.weight -= weight;
                pack.push(errand);
            }
            None if spare => left_over.push(errand),
            None => {
                let left = match errand.alone {
                    true => Room {
                        score: 0,
                        weight: 0,
                    },
                    false => Room {
                        score: room.score.saturating_sub(score),
                        weight: room.weight.saturating_sub(weight),
                    },
                };
                packs.push((left, vec![errand]));
            }
        }
    }
    let packs = packs.into_iter().map(|(_, pack)| pack).collect();
    (packs, left_over)
}

/// The parts of a pack.
pub fn parts(pack: &Pack) -> Vec<Part> {
    pack.iter().map(|errand| errand.part.clone()).collect()
}
