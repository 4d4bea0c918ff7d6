//! How an input becomes another one.

use proptest::collection::vec;
use proptest::prelude::{Just, any};
use proptest::prop_oneof;
use proptest::strategy::{BoxedStrategy, Strategy};

/// Numbers at which readers change their minds.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "127",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "0.1",
    "-0",
];

/// One change. Places are taken modulo the length, so that all fit any input.
#[derive(Clone, Debug)]
pub enum Change {
    Flip(u32, u8),
    Insert(u32, Vec<u8>),
    Remove(u32, u32),
    Repeat(u32, u32, u8),
    Word(u32, u32),
    Number(u32, u32),
    /// A part of another input.
    Graft(u32, u32, u32, u32),
    Cut(u32),
    Everything(Vec<u8>),
}

/// What to change, and how.
pub fn changes() -> impl Strategy<Value = (u32, Vec<Change>)> {
    (any::<u32>(), vec(change(), 0..8))
}

fn change() -> BoxedStrategy<Change> {
    let at = any::<u32>;
    let length = || prop_oneof![4 => 0..8_u32, 1 => 0..2_000_u32];
    let bytes = || {
        prop_oneof![
            vec(any::<u8>(), 1..6),
            "\\PC{1,4}".prop_map(String::into_bytes)
        ]
    };
    prop_oneof![
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        3 => (at(), bytes()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        3 => (at(), length()).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (at(), length(), any::<u8>()).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        6 => (at(), any::<u32>()).prop_map(|(at, word)| Change::Word(at, word)),
        3 => (at(), any::<u32>()).prop_map(|(at, number)| Change::Number(at, number)),
        3 => (at(), at(), at(), length()).prop_map(|(at, other, from, length)| Change::Graft(at, other, from, length)),
        1 => at().prop_map(Change::Cut),
        1 => vec(any::<u8>(), 0..300).prop_map(Change::Everything),
        1 => Just(Change::Cut(0)),
    ]
    .boxed()
}

impl Change {
    pub fn make(&self, input: &mut Vec<u8>, others: &[Vec<u8>], words: &[Vec<u8>]) {
        let place = |at: &u32, input: &[u8]| *at as usize % (input.len() + 1);
        let range = |at: &u32, length: &u32, input: &[u8]| {
            let from = place(at, input);
            from..input.len().min(from + *length as usize)
        };
        let put = |at: usize, bytes: &[u8], input: &mut Vec<u8>| {
            drop(input.splice(at..at, bytes.iter().copied()))
        };
        match self {
            Change::Flip(at, bit) => {
                let at = place(at, input);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Change::Insert(at, bytes) => put(place(at, input), bytes, input),
            Change::Remove(at, length) => drop(input.drain(range(at, length, input))),
            Change::Repeat(at, length, times) => {
                let range = range(at, length, input);
                let part = input[range.clone()].repeat(usize::from(*times));
                put(range.end, &part, input);
            }
            Change::Word(_, _) if words.is_empty() => {}
            Change::Word(at, word) => {
                let word = &words[*word as usize % words.len()];
                put(place(at, input), word, input);
            }
            Change::Number(at, number) => {
                let at = place(at, input);
                let is_digit = |at: &usize| input[*at].is_ascii_digit();
                let from = (at..input.len()).find(is_digit).unwrap_or(at);
                let to = (from..input.len()).find(|at| !is_digit(at));
                let to = to.unwrap_or(input.len());
                let number = NUMBERS[*number as usize % NUMBERS.len()];
                input.splice(from..to, number.bytes());
            }
            Change::Graft(at, other, from, length) => {
                let other = &others[*other as usize % others.len()];
                let part = other[range(from, length, other)].to_vec();
                put(place(at, input), &part, input);
            }
            Change::Cut(at) => input.truncate(place(at, input)),
            Change::Everything(bytes) => input.clone_from(bytes),
        }
    }
}
