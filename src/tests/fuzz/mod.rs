//! Fuzz targets: what reads the words of others is given inputs that nobody thought of.
//!
//! A target is a test of a few lines: its name, what its inputs grow from, and what is checked of each.
//! Inputs are those of `tests/corpus/<name>` first, then changed ones, made and made smaller by proptest:
//! `cargo-fuzz` would see which branches an input takes, but needs a nightly compiler. In its place an
//! input that leads to an outcome which none led to before is changed further.
//!
//! A target runs for two seconds, always with the same inputs in the same order; `FUZZ_SECONDS` makes
//! that longer, with others each time. An input that fails is written into the corpus.

mod changes;

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rustix::time::{ClockId, clock_gettime};

use changes::{Change, changes};

/// How long a target runs unless `FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 2;
/// How long one input may keep a processor busy: much longer than any does, unless the time it takes
/// grows faster than it does.
const LONGEST: Duration = Duration::from_secs(3);
/// Inputs are cut to this length.
const LARGEST: usize = 64 << 10;
/// So many inputs grow further.
const GROWING: usize = 2_000;
/// How many inputs come between two looks at the clock.
const AT_ONCE: u32 = 64;

/// What came of an input: nothing, or words in which digits and quoted parts do not count.
pub type Outcome = String;

/// A target.
pub struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    /// How many bytes of memory each byte of an input may take at most, and any input.
    memory: (u64, u64),
}

impl Target {
    /// A target whose inputs grow from those of its corpus.
    pub fn new(name: &'static str) -> Target {
        Target {
            name,
            seeds: vec![Vec::new()],
            words: Vec::new(),
            memory: (64, 4 << 20),
        }
    }

    /// Inputs grow from these too.
    pub fn seeds<S: AsRef<[u8]>>(mut self, seeds: impl IntoIterator<Item = S>) -> Target {
        let seeds = seeds.into_iter().map(|seed| seed.as_ref().to_vec());
        self.seeds.extend(seeds);
        self
    }

    /// What means something to the reader is put into inputs.
    pub fn words<S: AsRef<[u8]>>(mut self, words: impl IntoIterator<Item = S>) -> Target {
        let words = words.into_iter().map(|word| word.as_ref().to_vec());
        self.words.extend(words);
        self
    }

    /// How many bytes of memory each byte of an input may take at most, and any input beside that.
    pub fn memory(mut self, for_each_byte: u64, beside: u64) -> Target {
        self.memory = (for_each_byte, beside);
        self
    }

    /// Checks one input after the other, until the time is over. A check panics where something is wrong.
    #[track_caller]
    pub fn run(self, check: impl Fn(&[u8]) -> Outcome) {
        check(b""); // What is built once is not memory of an input.
        let mut seen = HashSet::new();
        let mut growing = self.seeds.clone();
        for (path, input) in self.corpus() {
            let judged = self.judged(&input, &check);
            let outcome = judged.unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
            seen.insert(kind(&outcome));
            growing.push(input);
        }
        let until = Instant::now() + Duration::from_secs(seconds().unwrap_or(SECONDS));
        let mut rounds = 0;
        while Instant::now() < until {
            // What is new grows from the next round on: a failing input stays what it is while it is
            // made smaller.
            let new = RefCell::new((&mut seen, Vec::new()));
            let tried = self.runner(rounds).run(&changes(), |(from, changes)| {
                let input = self.input(from, &changes, &growing);
                let outcome = self.judged(&input, &check).map_err(TestCaseError::fail)?;
                let (seen, new) = &mut *new.borrow_mut();
                if seen.insert(kind(&outcome)) {
                    new.push(input);
                }
                Ok(())
            });
            if let Err(error) = tried {
                self.fail(error, &growing);
            }
            let (_, new) = new.into_inner();
            let room = GROWING.saturating_sub(growing.len());
            growing.extend(new.into_iter().take(room));
            rounds += 1;
        }
        let inputs = rounds * AT_ONCE;
        println!("{}: {inputs} inputs, {} outcomes", self.name, seen.len());
    }

    fn input(&self, from: u32, changes: &[Change], growing: &[Vec<u8>]) -> Vec<u8> {
        let mut input = growing[from as usize % growing.len()].clone();
        for change in changes {
            change.make(&mut input, growing, &self.words);
            input.truncate(LARGEST);
        }
        input
    }

    /// What came of an input, or how it went over a bound.
    fn judged(&self, input: &[u8], check: &impl Fn(&[u8]) -> Outcome) -> Result<Outcome, String> {
        let mut judged = None;
        let before = busy();
        // A panic must not leave what counts memory.
        let memory = measure(|| judged = Some(catch_unwind(AssertUnwindSafe(|| check(input)))));
        let took = busy().saturating_sub(before);
        let outcome = judged.unwrap().map_err(|panic| words(&*panic))?;
        let (for_each_byte, beside) = self.memory;
        let most = beside + for_each_byte * input.len() as u64;
        if memory.bytes_max > most {
            let taken = memory.bytes_max;
            return Err(format!(
                "it takes {taken} bytes of memory, more than {most}"
            ));
        }
        if took > LONGEST {
            return Err(format!("it takes {took:?}, longer than {LONGEST:?}"));
        }
        Ok(outcome)
    }

    fn runner(&self, round: u32) -> TestRunner {
        let config = Config {
            cases: AT_ONCE,
            failure_persistence: None,
            max_shrink_time: 20_000,
            ..Config::default()
        };
        match seconds() {
            Some(_) => TestRunner::new(config),
            None => {
                let mut seed = [0; 32];
                let own = round.to_le_bytes().into_iter().chain(self.name.bytes());
                seed.iter_mut().zip(own).for_each(|(byte, own)| *byte = own);
                TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
            }
        }
    }

    /// Keeps the smallest input that fails, and tells of it.
    #[track_caller]
    fn fail(&self, error: TestError<(u32, Vec<Change>)>, growing: &[Vec<u8>]) -> ! {
        let TestError::Fail(problem, (from, changes)) = error else {
            panic!("{}: {error}", self.name);
        };
        let input = self.input(from, &changes, growing);
        let path = self
            .folder()
            .join(format!("found-{:08x}", crc32fast::hash(&input)));
        let kept = fs::create_dir_all(self.folder()).and_then(|()| fs::write(&path, &input));
        let shown = input[..input.len().min(2_000)].escape_ascii();
        panic!("{} ({kept:?}): {problem}\n{shown}", path.display());
    }

    /// Each with its file, in the order of their names.
    fn corpus(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let mut files: Vec<_> = files.map(|file| file.path()).collect();
        files.sort();
        let read = |path: PathBuf| (fs::read(&path).unwrap(), path);
        files
            .into_iter()
            .map(read)
            .map(|(input, path)| (path, input))
            .collect()
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(self.name)
    }
}

/// The kind of an outcome: its beginning, without what differs from input to input.
fn kind(outcome: &str) -> String {
    let mut quoted = false;
    let mut kind = String::new();
    for letter in outcome.chars().take(200) {
        quoted ^= letter == '"';
        match letter {
            '0'..='9' if !kind.ends_with('#') => kind.push('#'),
            '0'..='9' => {}
            _ if quoted => {}
            _ => kind.push(letter),
        }
    }
    kind
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
    text.unwrap_or_else(|| "it panics".to_owned())
}

fn seconds() -> Option<u64> {
    let text = std::env::var("FUZZ_SECONDS").ok()?;
    Some(text.parse().expect("FUZZ_SECONDS is a number"))
}

/// How long this thread has kept a processor busy.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A failure is found, made small, and kept.
#[test]
fn what_fails_is_found_and_told_with_its_smallest_input() {
    let target = Target::new("selftest")
        .seeds(["abcdefgh"])
        .words(["needle"]);
    let failed = catch_unwind(|| {
        target.run(|input| {
            assert!(!input.windows(6).any(|word| word == b"needle"), "found");
            Outcome::new()
        });
    });
    let folder = Target::new("selftest").folder();
    let kept: Vec<_> = Target::new("selftest").corpus();
    fs::remove_dir_all(folder).unwrap();
    let told = failed.unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("found") && told.contains("needle"), "{told}");
    assert!(kept.len() == 1 && kept[0].1.len() < 20, "{kept:?}");
}

#[test]
fn what_takes_too_much_memory_or_time_fails() {
    let target = || Target::new("bounds").memory(10, 1_000);
    let grows = |input: &[u8]| {
        std::hint::black_box(vec![0_u8; input.len() * 100]);
        Outcome::new()
    };
    assert!(target().judged(&[0; 9], &grows).is_ok());
    let problem = target().judged(&[0; 100], &grows).unwrap_err();
    assert!(problem.contains("memory"), "{problem}");
    let busy_for_long = |_: &[u8]| {
        let before = busy();
        while busy() - before <= LONGEST {}
        Outcome::new()
    };
    let problem = target().judged(b"", &busy_for_long).unwrap_err();
    assert!(problem.contains("longer"), "{problem}");
}
