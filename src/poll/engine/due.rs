//! When whom a subject with a pace of its own is asked of next: each owner once in its time, spread
//! evenly over it.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use super::moment::Moment;

/// The owners of a subject by when each was asked last: 16 bytes for each of 100,000.
#[derive(Debug)]
pub struct Due {
    every: Duration,
    /// The longest ago first; those that were never asked stand at the front.
    asked: VecDeque<(Moment, u64)>,
    /// Those that it could not be had of, by when they are asked again.
    refused: BTreeSet<(Moment, u64)>,
    /// To be asked by the next poll, whenever their turn comes.
    wanted: BTreeSet<u64>,
    /// Those that it could not be had of out of turn, by when they are wanted again.
    again: BTreeMap<u64, Moment>,
    /// Forgotten ones that still stand in a queue.
    gone: HashSet<u64>,
}

/// How many owners a poll asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// They would be late if they waited for the next poll.
    pub must: usize,
    /// So many, if it costs no request of its own: then each poll asks about as many.
    pub may: usize,
    /// So many, if each costs a request of its own.
    pub alone: usize,
}

/// What becomes of an owner whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Ask,
    /// It can't be asked now, but after this.
    Later(Duration),
    /// Nobody wants to know.
    Pass,
}

/// An owner that was taken to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// When it was asked before; none for one that is asked out of turn.
    before: Option<Moment>,
    pub id: u64,
}

impl Taken {
    /// Whether it was taken from the queue, and not out of turn.
    pub fn is_of_queue(self) -> bool {
        self.before.is_some()
    }
}

impl Due {
    pub fn new(every: Duration) -> Due {
        Due {
            every,
            asked: VecDeque::new(),
            refused: BTreeSet::new(),
            wanted: BTreeSet::new(),
            again: BTreeMap::new(),
            gone: HashSet::new(),
        }
    }

    pub fn every(&self) -> Duration {
        self.every
    }

    /// Adds an owner that was never asked.
    pub fn add(&mut self, id: u64) {
        match self.gone.remove(&id) {
            true => self.want(id),
            false => self.asked.push_front((Moment::ZERO, id)),
        }
    }

    /// Asks an owner once more by the next poll.
    pub fn want(&mut self, id: u64) {
        self.wanted.insert(id);
    }

    /// Goes on with owners that were asked then.
    pub fn resume(&mut self, mut asked: Vec<(Moment, u64)>) {
        asked.sort_unstable();
        self.asked = asked.into();
    }

    /// Forgets an owner that is not taken now.
    pub fn forget(&mut self, id: u64) {
        self.wanted.remove(&id);
        self.again.remove(&id);
        self.gone.insert(id);
    }

    /// How many owners a poll asks that begins now, if the next one begins an interval later.
    pub fn share(&mut self, now: Moment, interval: Duration) -> Share {
        while let Some(&(at, id)) = self.refused.first().filter(|(at, _)| *at <= now) {
            self.refused.remove(&(at, id));
            self.asked.push_front((Moment::ZERO, id));
        }
        let again = self.again.iter().filter(|(_, at)| **at <= now);
        let again: Vec<u64> = again.map(|(id, _)| *id).collect();
        self.again.retain(|id, _| !again.contains(id));
        self.wanted.extend(again);
        let late = |(at, _): &(Moment, u64)| *at + self.every < now + interval;
        let must = self.asked.iter().take_while(|entry| late(entry)).count() + self.wanted.len();
        let part = interval.div_duration_f64(self.every.max(Duration::from_secs(1)));
        let even = self.asked.len() as f64 * part.min(1.0);
        Share {
            must,
            may: must.max(even.ceil() as usize),
            alone: must.max(even as usize),
        }
    }

    /// Takes the next owner that was not asked since the poll began, and whose turn it is. One that is
    /// passed over waits another time, and one that can't be asked now is not forgotten for so long.
    pub fn take(&mut self, began: Moment, mut turn: impl FnMut(u64) -> Turn) -> Option<Taken> {
        if let Some(id) = self.wanted.pop_first() {
            return Some(Taken { before: None, id });
        }
        while let Some(&(at, id)) = self.asked.front().filter(|(at, _)| *at < began) {
            self.asked.pop_front();
            if self.gone.remove(&id) {
                continue;
            }
            match turn(id) {
                Turn::Ask => {
                    let before = Some(at);
                    return Some(Taken { before, id });
                }
                Turn::Later(pause) => {
                    self.refused.insert((began + pause, id));
                }
                Turn::Pass => self.asked.push_back((began, id)),
            }
        }
        None
    }

    /// Takes an owner back that was not asked after all.
    pub fn put_back(&mut self, taken: Taken) {
        match taken.before {
            Some(at) => self.asked.push_front((at, taken.id)),
            None => self.want(taken.id),
        }
    }

    /// Notes that an owner was asked.
    pub fn asked(&mut self, taken: Taken, at: Moment) {
        self.again.remove(&taken.id);
        if taken.before.is_some() {
            self.asked.push_back((at, taken.id));
        }
    }

    /// Notes that nothing was to be had of an owner: it is asked again then.
    pub fn refuse(&mut self, taken: Taken, until: Moment) {
        self.again.remove(&taken.id);
        if taken.before.is_some() {
            self.refused.insert((until, taken.id));
        } else {
            self.again.insert(taken.id, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(seconds)
    }

    /// What a poll asks: all that it may.
    fn poll(due: &mut Due, now: Moment) -> Vec<u64> {
        let share = due.share(now, MINUTE);
        let taken = (0..share.may).map_while(|_| due.take(now, |_| Turn::Ask));
        let taken: Vec<Taken> = taken.collect();
        taken.iter().for_each(|taken| due.asked(*taken, now));
        taken.iter().map(|taken| taken.id).collect()
    }

    #[test]
    fn everyone_is_asked_once_in_its_time_and_as_many_by_each_poll() {
        let mut due = Due::new(HOUR);
        (0..600).for_each(|id| due.add(id));
        assert_eq!(
            poll(&mut due, at(10_000)).len(),
            600,
            "nobody was asked yet"
        );
        let mut last = vec![10_000; 600];
        for turn in 1..=180 {
            let now = 10_000 + turn * 60;
            let ids = poll(&mut due, at(now));
            assert!(ids.len() <= 20, "{turn}: {}", ids.len());
            for id in ids {
                assert!(now - last[id as usize] <= 3_600);
                last[id as usize] = now;
            }
        }
    }

    #[test]
    fn a_few_owners_that_cost_a_request_each_are_asked_no_more_often_than_they_are_due() {
        let mut due = Due::new(HOUR);
        (0..5).for_each(|id| due.add(id));
        let mut asked = 0;
        for turn in 0..=180 {
            let now = at(10_000 + turn * 60);
            for _ in 0..due.share(now, MINUTE).alone {
                let taken = due.take(now, |_| Turn::Ask).unwrap();
                due.asked(taken, now);
                asked += 1;
            }
        }
        assert!((20..=25).contains(&asked), "{asked} in three hours");
    }

    #[test]
    fn one_that_it_can_not_be_had_of_is_asked_when_its_pause_is_over() {
        let mut due = Due::new(MINUTE);
        due.add(7);
        let taken = due.take(at(100), |_| Turn::Ask).unwrap();
        due.refuse(taken, at(3_700));
        assert!(poll(&mut due, at(3_600)).is_empty());
        assert_eq!(poll(&mut due, at(3_700)), [7]);
    }

    #[test]
    fn one_that_it_can_not_be_had_of_out_of_turn_is_asked_when_its_pause_is_over() {
        let mut due = Due::new(24 * HOUR);
        due.add(7);
        assert_eq!(poll(&mut due, at(100)), [7]);
        due.want(7);
        let taken = due.take(at(160), |_| Turn::Ask).unwrap();
        due.refuse(taken, at(460));
        assert_eq!(due.share(at(400), MINUTE).must, 0);
        assert_eq!(due.share(at(460), MINUTE).must, 1);
        assert_eq!(poll(&mut due, at(460)), [7]);
        assert_eq!(due.share(at(820), MINUTE).must, 0, "it was had");
    }

    #[test]
    fn one_that_can_not_be_asked_now_is_asked_soon_and_not_when_its_time_comes_again() {
        let mut due = Due::new(24 * HOUR);
        due.add(7);
        let (later, now) = (|_| Turn::Later(5 * MINUTE), 1_000_000);
        assert_eq!(due.take(at(now), later), None);
        assert_eq!(due.share(at(now + 299), MINUTE).must, 0);
        assert_eq!(due.share(at(now + 300), MINUTE).must, 1);
        assert_eq!(poll(&mut due, at(now + 300)), [7]);
    }

    #[test]
    fn a_forgotten_one_is_not_asked_and_one_that_came_back_is_asked_once() {
        let mut due = Due::new(HOUR);
        (1..=2).for_each(|id| due.add(id));
        due.forget(1);
        due.forget(2);
        due.add(2);
        for now in [100, 160, 220, 3_700] {
            assert!(poll(&mut due, at(now)).iter().all(|id| *id == 2), "{now}");
        }
        assert_eq!(due.asked.len(), 1);
    }
}
