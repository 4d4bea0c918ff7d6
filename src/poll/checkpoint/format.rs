//! What the file looks like: gzip of lines of JSON, to be read with `zcat`. First what it is, then
//! where polling goes on, then a line for each project.
//!
//! The checksum of gzip covers all of it, so nothing is believed before the end has been read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::owners::{Names, OwnerLine, Places};
use super::polled::Polled;
use crate::gitlab::RemainingBudget;
use crate::metrics::{Grain, Owner, UnixTime};
use crate::poll::engine::{Course, KeptFeeds, Memory, Track};
use crate::poll::selection::Source;

const FORMAT: &str = "gitlab-metrics-bridge state";
/// Grows with every change of what is written.
const VERSION: u32 = 2;
/// What stands before the projects is not longer, whatever a damaged file unpacks to: names, and the
/// ids of projects that are to be asked out of turn.
const LONGEST_HEAD: u64 = 64 << 20;
/// No line is longer.
const LONGEST_LINE: u64 = 16 << 20;
/// On average no project takes more; one without tables takes less than one thousand bytes.
const LARGEST_PROJECT: u64 = 64 << 10;
/// Beyond the first ones a project takes at least so many bytes of the file; a real one takes over a
/// hundred. What packs better was made to fill the memory.
const SMALLEST_PACKED: u64 = 16;
const FIRST_ONES: u64 = 10_000;
/// Beyond the first bytes nothing packs better than so many into one; a real state packs eight, and one
/// of projects that are all alike and idle nineteen.
const BEST_PACKED: u64 = 32;
const FIRST_BYTES: u64 = 64 << 20;
/// How much is compressed at a time.
const CHUNK: usize = 64 << 10;

/// What is written about the file itself.
pub struct Header<'a> {
    /// What is left of the budget, if the process ended cleanly.
    pub remaining_budget: Option<RemainingBudget>,
    /// What was polled.
    pub polled: &'a Polled,
}

/// What was read of a file that can be used.
pub struct Kept {
    /// What is left of the budget, if the process ended cleanly.
    pub remaining_budget: Option<RemainingBudget>,
    /// What was known.
    pub memory: Memory,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It can't be read at all.
    #[error("it can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is damaged, or no such file.
    #[error("it is damaged, or not a state of this program: {0}")]
    Damaged(String),
    /// Another version of the bridge wrote it.
    #[error("it is of version {0}, and this bridge reads version {VERSION}")]
    Version(u32),
    /// It is about another GitLab.
    #[error("it is about {0}")]
    OtherGitLab(String),
    /// It is about other projects of the same GitLab.
    #[error("other projects were selected when it was written")]
    OtherSelection {
        /// What is left of the budget, if the process ended cleanly.
        remaining_budget: Option<RemainingBudget>,
    },
}

impl Unusable {
    /// What to assume of the budget.
    pub fn remaining_budget(&self, now: SystemTime) -> Option<RemainingBudget> {
        match self {
            Unusable::OtherGitLab(_) => None,
            Unusable::OtherSelection {
                remaining_budget: Some(remaining_budget),
            } => Some(*remaining_budget),
            _ => Some(RemainingBudget::unknown(now)),
        }
    }
}

/// The first line, as far as every version has it.
#[derive(Serialize, Deserialize)]
struct Name<'a> {
    format: Cow<'a, str>,
    version: u32,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct HeaderLine<'a> {
    format: Cow<'a, str>,
    version: u32,
    written_at: UnixTime,
    clean: bool,
    projects: usize,
    #[serde(rename = "spent")]
    remaining_budget: Option<RemainingBudget>,
    gitlab: Cow<'a, str>,
    sources: Cow<'a, [Source]>,
    forks: bool,
    /// What is kept of a project, and of the GitLab itself.
    of_project: Names,
    of_instance: Names,
    /// How many groups and runners there are, and what is kept of each.
    #[serde(default)]
    groups: usize,
    #[serde(default)]
    runners: usize,
    #[serde(default)]
    of_group: Names,
    #[serde(default)]
    of_runner: Names,
}

/// The line of a project: what is known of it, and when it was asked what.
type ProjectLine<'a> = (OwnerLine<'a>, Cow<'a, Option<Track>>);

/// Writes all of it.
///
/// # Errors
/// If the file can't be written.
pub fn write(file: impl Write, header: &Header<'_>, memory: &Memory) -> io::Result<()> {
    let packed = GzEncoder::new(file, Compression::fast());
    let mut lines = BufWriter::with_capacity(CHUNK, packed);
    let polled = header.polled;
    let names = |grain| Names::of(polled.enabled.catalogue, grain);
    let head = HeaderLine {
        format: FORMAT.into(),
        version: VERSION,
        written_at: memory.at,
        clean: header.remaining_budget.is_some(),
        projects: memory.projects.len(),
        remaining_budget: header.remaining_budget,
        gitlab: polled.gitlab.as_str().into(),
        sources: polled.sources.as_slice().into(),
        forks: polled.forks,
        of_project: names(Grain::Project),
        of_instance: names(Grain::Instance),
        groups: memory.groups.len(),
        runners: memory.runners.len(),
        of_group: names(Grain::Group),
        of_runner: names(Grain::Runner),
    };
    line(&mut lines, &head)?;
    line(&mut lines, &memory.course)?;
    line(&mut lines, &OwnerLine::of(&memory.instance))?;
    for owner in memory.groups.iter().chain(&memory.runners) {
        line(&mut lines, &OwnerLine::of(owner))?;
    }
    for (project, track) in &memory.projects {
        let feeds = memory.feeds.get(&project.identity.id).map(Cow::Borrowed);
        let mut owner = OwnerLine::of(project);
        owner.feeds = feeds;
        let project: ProjectLine<'_> = (owner, Cow::Borrowed(track));
        line(&mut lines, &project)?;
    }
    let packed = lines.into_inner().map_err(io::IntoInnerError::into_error)?;
    packed.finish()?.flush()
}

fn line(lines: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.write_all(b"\n")
}

/// Reads a file to its end.
///
/// # Errors
/// Why it can't be used.
pub fn read(file: impl Read, polled: &Polled) -> Result<Kept, Unusable> {
    let mut lines = Lines::new(file);
    let first = lines.next()?.unwrap_or_default();
    let name: Name<'_> = parse(first)?;
    if name.format != FORMAT {
        return Err(damaged("it says it is something else"));
    }
    if name.version != VERSION {
        let version = name.version;
        lines.finish()?;
        return Err(Unusable::Version(version));
    }
    let header: HeaderLine<'_> = parse(first)?;
    let (at, remaining_budget, count) =
        (header.written_at, header.remaining_budget, header.projects);
    let gitlab = header.gitlab.into_owned();
    let like_now = (&*header.sources, header.forks) == (&*polled.sources, polled.forks);
    let enabled = &polled.enabled;
    let of_instance = header.of_instance.places(enabled, Grain::Instance);
    let of_project = header.of_project.places(enabled, Grain::Project);
    let groups = (header.groups, header.of_group.places(enabled, Grain::Group));
    let runners = (
        header.runners,
        header.of_runner.places(enabled, Grain::Runner),
    );
    lines.expect(count.saturating_add(groups.0).saturating_add(runners.0));
    if gitlab != polled.gitlab {
        lines.finish()?;
        return Err(Unusable::OtherGitLab(gitlab));
    }
    if !like_now {
        lines.finish()?;
        return Err(Unusable::OtherSelection { remaining_budget });
    }
    let course: Course = parse(lines.next()?.unwrap_or_default())?;
    let instance: OwnerLine<'_> = parse(lines.next()?.unwrap_or_default())?;
    let instance = Arc::new(owner(instance, &of_instance)?);
    let groups = owners(&mut lines, &groups)?;
    let runners = owners(&mut lines, &runners)?;
    let room = |projects: usize| polled.memory.has_room(projects);
    let all = projects(&mut lines, &of_project, room)?;
    if all.projects.len() + all.left_out.len() != count
        || course.lists.len() != polled.sources.len()
    {
        return Err(damaged("something is missing"));
    }
    let memory = Memory {
        at,
        course,
        instance,
        groups,
        runners,
        feeds: BTreeMap::new(),
        projects: Vec::new(),
    };
    Ok(Kept {
        remaining_budget,
        memory: all.into_memory(memory),
    })
}

impl Projects {
    /// What was known, with these projects.
    fn into_memory(self, mut memory: Memory) -> Memory {
        for (id, taken) in self.left_out {
            memory.course.left_out.add(id, taken);
        }
        Memory {
            feeds: self.feeds,
            projects: self.projects,
            ..memory
        }
    }
}

/// The projects with what is known of when they were asked, and how far their feeds have been read.
#[derive(Default)]
struct Projects {
    projects: Vec<(Arc<Owner>, Option<Track>)>,
    feeds: BTreeMap<u64, KeptFeeds>,
    /// Those that there is no memory for, and whether they are selected.
    left_out: Vec<(u64, bool)>,
}

/// The projects, up to the end of the file.
fn projects<R: Read>(
    lines: &mut Lines<R>,
    places: &Places,
    has_room: impl Fn(usize) -> bool,
) -> Result<Projects, Unusable> {
    /// Among so many the memory that is left is looked at.
    const SOME: usize = 100;
    let mut all = Projects::default();
    let (mut last, mut is_full) = (None, false);
    while let Some(line) = lines.next()? {
        let (mut line, track): ProjectLine<'_> = parse(line)?;
        let own = line.feeds.take();
        let project = owner(line, places)?;
        let id = project.identity.id;
        if last.replace(id) >= Some(id) {
            return Err(damaged("the projects are not in order"));
        }
        let count = all.projects.len();
        is_full |= count.is_multiple_of(SOME) && !has_room(count);
        if is_full {
            let taken = track.as_ref().as_ref().is_some_and(|track| track.taken);
            all.left_out.push((id, taken));
            continue;
        }
        if let Some(own) = own {
            all.feeds.insert(id, own.into_owned());
        }
        all.projects.push((Arc::new(project), track.into_owned()));
    }
    Ok(all)
}

/// So many owners that are no projects, in their order.
fn owners<R: Read>(
    lines: &mut Lines<R>,
    (count, places): &(usize, Places),
) -> Result<Vec<Arc<Owner>>, Unusable> {
    let mut owners = Vec::new();
    for _ in 0..*count {
        let line: OwnerLine<'_> = parse(lines.next()?.unwrap_or_default())?;
        owners.push(Arc::new(owner(line, places)?));
    }
    Ok(owners)
}

fn owner(line: OwnerLine<'_>, places: &Places) -> Result<Owner, Unusable> {
    let owner = line.owner(places);
    owner.ok_or_else(|| damaged("a line does not fit the names in the head"))
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Unusable> {
    serde_json::from_slice(line).map_err(damaged)
}

fn damaged(why: impl fmt::Display) -> Unusable {
    Unusable::Damaged(why.to_string())
}

/// The lines of a file. What unpacks to more than its head announces is not read any further.
struct Lines<R: Read> {
    reader: BufReader<GzDecoder<BufReader<Counted<R>>>>,
    buffer: Vec<u8>,
    /// How many bytes may still come.
    left: u64,
    /// How many lines may still come, once the head has said so.
    lines: Option<usize>,
    /// How many have come.
    read: u64,
    /// How many bytes have come.
    unpacked: u64,
}

/// A reader that knows how much it has read.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: Read> Lines<R> {
    fn new(file: R) -> Lines<R> {
        let counted = Counted {
            reader: file,
            bytes: 0,
        };
        let unpacked = GzDecoder::new(BufReader::new(counted));
        Lines {
            reader: BufReader::with_capacity(CHUNK, unpacked),
            buffer: Vec::new(),
            left: LONGEST_HEAD,
            lines: None,
            read: 0,
            unpacked: 0,
        }
    }

    /// Notes what the head announces: two lines about the GitLab, and one for each project.
    fn expect(&mut self, projects: usize) {
        let count = u64::try_from(projects).unwrap_or(u64::MAX);
        self.left = LONGEST_HEAD.saturating_add(count.saturating_mul(LARGEST_PROJECT));
        self.lines = Some(projects.saturating_add(2));
    }

    /// The next line; none at an end that is the right one by length and checksum.
    fn next(&mut self) -> Result<Option<&[u8]>, Unusable> {
        self.buffer.clear();
        let longest = match self.lines {
            None => LONGEST_HEAD,
            Some(_) => LONGEST_LINE,
        };
        let mut line = (&mut self.reader).take(longest.min(self.left));
        let read = line.read_until(b'\n', &mut self.buffer).map_err(damaged)?;
        self.left -= read as u64;
        self.unpacked += read as u64;
        match self.buffer.last() {
            None if self.left == 0 => return Err(damaged("it is larger than it says")),
            None => return Ok(None),
            Some(b'\n') => {}
            Some(_) => return Err(damaged("a line does not end")),
        }
        self.read += 1;
        let packed = self.reader.get_ref().get_ref().get_ref().bytes;
        if self.read > FIRST_ONES + packed / SMALLEST_PACKED
            || self.unpacked > FIRST_BYTES + packed * BEST_PACKED
        {
            return Err(damaged("it packs better than any state does"));
        }
        if let Some(lines) = &mut self.lines {
            let left = lines.checked_sub(1);
            *lines = left.ok_or_else(|| damaged("it has more lines than it says"))?;
        }
        Ok(Some(&self.buffer))
    }

    /// Reads the rest: whether it is whole.
    fn finish(&mut self) -> Result<(), Unusable> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_limit::MemoryLimit;
    use crate::metrics::subject::{Cadence, Many, Rows, Shows, counter, label, time};
    use crate::metrics::{
        Access, Attribute, Catalogue, Choices, EnabledMetrics, Ended, EndedSeries, GivenWay,
        Identity, PROJECT_ID, Progress, Reading, Reason, Rest, Subject, Table, TableReading,
    };
    use crate::tests::fuzz::Target;

    fn polled() -> Polled {
        Polled {
            gitlab: "https://gitlab.example.com/".to_owned(),
            sources: Vec::new(),
            forks: true,
            enabled: EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default()),
            memory: MemoryLimit::default(),
        }
    }

    #[test]
    fn a_state_is_read_as_far_as_there_is_memory_and_the_rest_is_left_out() {
        let readings = [[Reading::Off; 2]; 250];
        let file = written(&memory(&readings), None);
        // Room for less than two hundred projects that are not shown yet.
        let limit = MemoryLimit::new(4 << 20, || Some(500_000));
        let within = Polled {
            memory: limit,
            ..polled()
        };
        let kept = read(&*file, &within).unwrap().memory;
        assert_eq!(kept.projects.len(), 200);
        let left_out: Vec<_> = kept.course.left_out.ids().collect();
        assert_eq!(left_out, (201..=250).collect::<Vec<_>>());
        let all = read(&*file, &polled()).unwrap().memory;
        assert_eq!(
            (all.projects.len(), all.course.left_out.ids().count()),
            (250, 0)
        );
    }

    fn memory(readings: &[[Reading; 2]]) -> Memory {
        let columns = Catalogue::standard().project_columns().len();
        let projects = (1..).zip(readings).map(|(id, [left, right])| {
            let mut values = vec![Reading::Off; columns];
            (values[3], values[5]) = (*left, *right);
            let identity = Identity {
                id,
                path: format!("group/ä\n{id}").into(),
                archived: Some(false),
                last_activity: Some(u64::MAX),
                access: [Access::On, Access::Off, Access::Unclear, Access::Denied],
                ..Identity::default()
            };
            let mut project = Owner::new(identity, 7, values);
            let tables = Catalogue::standard().tables(Grain::Project).len();
            project.tables = vec![TableReading::Unknown(Reason::Pending); tables].into();
            (Arc::new(project), Some(Track::default()))
        });
        Memory {
            at: 9,
            course: Course::default(),
            instance: Arc::default(),
            groups: Vec::new(),
            runners: Vec::new(),
            feeds: BTreeMap::from([(2, progress())]),
            projects: projects.collect(),
        }
    }

    fn progress() -> KeptFeeds {
        let progress = Progress::beginning(u64::from(u32::MAX));
        let mut kept = KeptFeeds::default();
        kept.insert(&"pipelines.pipelines".into(), progress);
        kept
    }

    fn ended_places() -> usize {
        Catalogue::standard().ended(Grain::Project).len()
    }

    fn some() -> Memory {
        memory(&[
            [
                Reading::Known {
                    value: 0.1 + 0.2,
                    at: u32::MAX,
                },
                Reading::Off,
            ],
            [
                Reading::Known { value: 7e15, at: 2 },
                Reading::Unknown(Reason::Timeout),
            ],
        ])
    }

    fn written(memory: &Memory, remaining_budget: Option<RemainingBudget>) -> Vec<u8> {
        let (polled, mut file) = (polled(), Vec::new());
        let header = Header {
            remaining_budget,
            polled: &polled,
        };
        write(&mut file, &header, memory).unwrap();
        file
    }

    fn text(memory: &Memory) -> String {
        format!(
            "{:?} {:?} {}",
            memory.projects,
            memory.feeds,
            serde_json::to_string(&memory.course).unwrap()
        )
    }

    #[test]
    fn what_is_written_is_read_again() {
        let remaining_budget = RemainingBudget::unknown(SystemTime::UNIX_EPOCH);
        let kept = read(&*written(&some(), Some(remaining_budget)), &polled()).unwrap();
        assert_eq!(text(&kept.memory), text(&some()));
        assert_eq!(kept.remaining_budget, Some(remaining_budget));
        assert_eq!(
            read(&*written(&some(), None), &polled())
                .unwrap()
                .remaining_budget,
            None
        );
    }

    /// Whatever the lines say, or the file is: it is refused, or taken and written again as it was taken.
    #[test]
    fn any_state() {
        let mut lines = String::new();
        let file = written(&some(), None);
        GzDecoder::new(&*file).read_to_string(&mut lines).unwrap();
        Target::new("state")
            .seeds([lines.into_bytes(), file])
            .words([
                "\n",
                "null",
                "[",
                "]",
                "{",
                "}",
                ",",
                "\"",
                "\"projects\":",
                "\"groups\":",
                "\"version\":2",
            ])
            .memory(1_000, 64 << 20)
            .run(|input| {
                let packed = |input: &[u8]| {
                    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                    packed.write_all(input).unwrap();
                    packed.finish().unwrap()
                };
                let file = match input.starts_with(&[0x1f, 0x8b]) {
                    true => input.to_vec(),
                    false => packed(input),
                };
                match read(&*file, &polled()) {
                    Ok(kept) => {
                        let again = read(&*written(&kept.memory, kept.remaining_budget), &polled());
                        assert_eq!(text(&again.unwrap().memory), text(&kept.memory));
                        String::new()
                    }
                    Err(unusable) => {
                        let told = unusable.to_string();
                        assert!(told.len() < 2_000, "{} bytes", told.len());
                        told
                    }
                }
            });
    }

    #[test]
    fn a_flipped_bit_never_changes_what_is_read() {
        let file = written(&some(), None);
        for index in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[index] ^= 1 << bit;
                match read(&*file, &polled()) {
                    Ok(kept) => assert_eq!(text(&kept.memory), text(&some()), "{index}"),
                    Err(unusable) => {
                        assert!(matches!(unusable, Unusable::Damaged(_)), "{unusable}")
                    }
                }
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_short_is_damaged() {
        let file = written(&some(), None);
        for length in 0..file.len() {
            let read = read(&file[..length], &polled());
            assert!(matches!(read, Err(Unusable::Damaged(_))), "{length}");
        }
    }

    #[test]
    fn what_is_no_state_is_damaged() {
        let packed = |text: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text).unwrap();
            packed.finish().unwrap()
        };
        let other = br#"{"format":"something else","version":1}"#;
        // Unpacks to more than any line has.
        let bomb = vec![b' '; 2 * LONGEST_HEAD as usize];
        for file in [
            b"not packed".to_vec(),
            packed(b""),
            packed(b"\n"),
            packed(b"null\n"),
            packed(&[other, &b"\n"[..]].concat()),
            packed(&bomb),
        ] {
            let read = read(&*file, &polled());
            assert!(matches!(read, Err(Unusable::Damaged(_))));
        }
    }

    /// The lines of a file, packed again after an edit.
    fn edited(edit: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
        let mut text = String::new();
        let file = written(&some(), None);
        GzDecoder::new(&*file).read_to_string(&mut text).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        edit(&mut lines);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        lines
            .iter()
            .for_each(|line| packed.write_all(line.as_bytes()).unwrap());
        packed.finish().unwrap()
    }

    #[test]
    fn a_file_is_read_no_further_than_its_head_announces() {
        assert!(read(&*edited(|_| {}), &polled()).is_ok());
        let bytes = |edit: fn(&mut Vec<String>)| {
            let file = edited(edit);
            let mut lines = Lines::new(&*file);
            lines.next().unwrap();
            lines.expect(2);
            let (mut unpacked, mut error) = (0, None);
            while error.is_none() {
                match lines.next() {
                    Ok(Some(line)) => unpacked += line.len(),
                    Ok(None) => break,
                    Err(wrong) => error = Some(wrong.to_string()),
                }
            }
            assert!(read(&*file, &polled()).is_err());
            (unpacked, error.unwrap_or_default())
        };
        let (unpacked, error) = bytes(|lines| {
            let last = lines[4].clone();
            lines.extend(vec![last; 100_000]);
        });
        assert!(
            error.contains("more lines than it says") && unpacked < 10_000,
            "{error}"
        );
        let (unpacked, error) = bytes(|lines| {
            let padding = " ".repeat(LONGEST_LINE as usize + 1);
            lines[4].insert_str(0, &padding);
        });
        assert!(
            error.contains("does not end") && unpacked < 10_000,
            "{error}"
        );
    }

    static RUNS: Subject = Subject {
        name: "runs",
        of: Grain::Project,
        cadence: Cadence::WithOwner,
        rows: Rows::Many(Many {
            list: "pipelines",
            rest: "pipelines",
            key: "id",
            latest_per: &[],
            at_most: 5,
        }),
        columns: &[
            label("ref", "ref", Rest::Body("ref")),
            time("finished", "finishedAt", Rest::Body("finished_at")),
        ],
        metrics: &[counter(
            "gitlab_runs_total",
            "{run}",
            "Runs that have ended",
            &[PROJECT_ID, REF],
            Shows::Ended {
                value: None,
                at: Some("finished"),
                bounds: &[],
            },
        )],
    };
    const REF: Attribute = Attribute {
        name: "ref",
        meaning: "The branch.",
        examples: &["main"],
    };

    #[test]
    fn tables_and_what_has_ended_are_read_again_and_are_foreign_to_who_has_not_their_metric() {
        let catalogue = Catalogue::standard_with(&[&RUNS]).unwrap();
        let with = Polled {
            enabled: EnabledMetrics::new(catalogue, |_| true, Choices::default()),
            ..polled()
        };
        let given_way = GivenWay {
            of: "branch dev".into(),
            key: 1,
            known: 1,
        };
        let table = Table {
            at: 5,
            keys: [3, 8].into(),
            labels: ["main".into(), "ä".into()].into(),
            values: [Reading::known(2.0, 5), Reading::Unknown(Reason::Hidden)].into(),
            given_way: [given_way].into(),
            live: [0, 2].into(),
        };
        let ended = Ended {
            since: 1,
            series: [EndedSeries {
                attributes: ["main".into()].into(),
                count: 7,
                sum: 0.1 + 0.2,
                buckets: Box::default(),
            }]
            .into(),
        };
        let mut memory = some();
        let project = Arc::make_mut(&mut memory.projects[1].0);
        let own = TableReading::Known(Arc::new(table.clone()));
        project.tables = [&*project.tables, &[own]].concat().into();
        project.ended[ended_places()] = ended.clone();
        let mut file = Vec::new();
        let header = Header {
            remaining_budget: None,
            polled: &with,
        };
        write(&mut file, &header, &memory).unwrap();
        let kept = read(&*file, &with).unwrap().memory.projects;
        let last = |owner: &Owner| owner.tables.last().cloned().unwrap();
        assert_eq!(*last(&kept[1].0).known().unwrap(), Arc::new(table));
        assert_eq!(kept[1].0.ended.last(), Some(&ended));
        let pending = matches!(last(&kept[0].0), TableReading::Unknown(Reason::Pending));
        assert!(pending, "only what is new is asked");
        let kept = read(&*file, &polled()).unwrap().memory.projects;
        assert!(kept[1].0.tables.iter().all(|table| table.known().is_none()));
        assert!(kept[1].0.ended.is_empty());
        assert_eq!(kept[1].0.values, memory.projects[1].0.values);
    }

    #[test]
    fn groups_and_runners_are_read_again() {
        let of = |grain: Grain, id| {
            let identity = Identity {
                id,
                path: format!("group-{id}").into(),
                ..Identity::default()
            };
            let values = vec![Reading::known(3.0, 5); Catalogue::standard().columns(grain).len()];
            let mut owner = Owner::new(identity, 5, values);
            let tables = Catalogue::standard().tables(grain).len();
            owner.tables = vec![TableReading::Off; tables].into();
            Arc::new(owner)
        };
        let memory = Memory {
            groups: vec![of(Grain::Group, 4), of(Grain::Group, 9)],
            runners: vec![of(Grain::Runner, 2)],
            ..some()
        };
        let kept = read(&*written(&memory, None), &polled()).unwrap().memory;
        let ids = |owners: &[Arc<Owner>]| -> Vec<u64> {
            owners.iter().map(|owner| owner.identity.id).collect()
        };
        assert_eq!(
            (ids(&kept.groups), ids(&kept.runners)),
            (vec![4, 9], vec![2])
        );
        assert_eq!(kept.groups[1].values, memory.groups[1].values);
        assert_eq!(kept.projects.len(), memory.projects.len());
    }

    #[test]
    fn a_file_that_packs_too_well_is_damage() {
        let file = edited(|lines| {
            let last = lines[4].clone();
            lines.extend(vec![last; 200_000]);
        });
        let mut lines = Lines::new(&*file);
        lines.next().unwrap();
        lines.expect(200_002);
        let wrong = loop {
            match lines.next() {
                Ok(line) => assert!(line.is_some(), "it was read to its end"),
                Err(wrong) => break wrong.to_string(),
            }
        };
        assert!(wrong.contains("packs better"), "{wrong}");
        assert!(lines.read < 100_000, "{}", lines.read);
    }

    /// A state of 30 MB that says nothing wrong of itself and unpacks to 2 GB: the names are long.
    fn crafted() -> Vec<u8> {
        use flate2::{Compress, FlushCompress};
        const PROJECTS: usize = 32_000;
        let (mut text, mut lines) = (String::new(), Vec::new());
        let file = written(&some(), None);
        GzDecoder::new(&*file).read_to_string(&mut text).unwrap();
        lines.extend(text.lines());
        let head = lines[0].replace("\"projects\":2", &format!("\"projects\":{PROJECTS}"));
        assert_ne!(head, lines[0]);
        let (before, after) = lines[3].split_once("\"name\":\"").unwrap();
        let (id_before, id_after) = before.split_once("\"id\":1,").unwrap();
        let packed = |text: &str| {
            let mut packed = Vec::with_capacity(text.len() + 1_000);
            let mut deflate = Compress::new(Compression::fast(), false);
            let flush = FlushCompress::Full;
            deflate
                .compress_vec(text.as_bytes(), &mut packed, flush)
                .unwrap();
            packed
        };
        let name = packed(&format!("{}{after}\n", "a".repeat(63_000)));
        let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        file.extend(packed(&format!("{head}\n{}\n{}\n", lines[1], lines[2])));
        for id in 1..=PROJECTS {
            let before = format!("{id_before}\"id\":{id},{id_after}\"name\":\"");
            // A block that is not packed: its length, and that once more with each bit turned.
            let length = u16::try_from(before.len()).unwrap();
            file.push(0);
            file.extend(length.to_le_bytes());
            file.extend((!length).to_le_bytes());
            file.extend(before.as_bytes());
            file.extend(&name);
        }
        file
    }

    /// How much memory this process has taken at most, in bytes.
    fn most_memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() << 10
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_state_that_was_made_to_fill_the_memory_does_not() {
        const HERE: &str = "BRIDGE_TEST_CRAFTED_STATE";
        let name =
            "poll::checkpoint::format::tests::a_state_that_was_made_to_fill_the_memory_does_not";
        if std::env::var_os(HERE).is_none() {
            // In a process of its own: no other test takes memory there.
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let child = child
                .args([name, "--exact"])
                .env(HERE, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            assert!(
                child.status.success() && said.contains("1 passed"),
                "{said}"
            );
            return;
        }
        let file = crafted();
        assert!((8 << 20..40 << 20).contains(&file.len()), "{}", file.len());
        let before = most_memory();
        let wrong = read(&*file, &polled()).err().unwrap().to_string();
        assert!(wrong.contains("packs better"), "{wrong}");
        let taken = most_memory() - before;
        assert!(taken < 300 << 20, "{taken} bytes");
    }

    #[test]
    fn projects_that_come_twice_are_damage() {
        let twice = edited(|lines| lines[4] = lines[3].clone());
        assert!(matches!(
            read(&*twice, &polled()),
            Err(Unusable::Damaged(_))
        ));
    }

    #[test]
    fn what_is_foreign_is_told_apart() {
        let remaining_budget = RemainingBudget::unknown(SystemTime::UNIX_EPOCH);
        let file = written(&some(), Some(remaining_budget));
        let other = Polled {
            gitlab: "https://other.example.com/".to_owned(),
            ..polled()
        };
        let unusable = read(&*file, &other).err().unwrap();
        assert!(matches!(&unusable, Unusable::OtherGitLab(url) if url.contains("gitlab.example")));
        assert_eq!(unusable.remaining_budget(SystemTime::now()), None);
        let other = Polled {
            sources: vec![crate::poll::Source::All],
            ..polled()
        };
        let unusable = read(&*file, &other).err().unwrap();
        assert_eq!(
            unusable.remaining_budget(SystemTime::now()),
            Some(remaining_budget)
        );
    }

    /// What a large state costs: `cargo test --release --lib -- --ignored costs --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_hundred_thousand_projects_cost() {
        let polled = polled();
        let mut large = memory(&vec![[Reading::Off; 2]; 100_000]);
        for (id, (project, _)) in (1..).zip(&mut large.projects) {
            let project = Arc::make_mut(project);
            let value = |place: u64| ((id * 7919 + place * 31) % 4_001) as f64;
            let told = |place| Reading::known(value(place), 1_790_000_000 + id % 300);
            project.values = (0..19).map(told).collect();
        }
        let (began, mut file) = (std::time::Instant::now(), Vec::new());
        let header = Header {
            remaining_budget: None,
            polled: &polled,
        };
        write(&mut file, &header, &large).unwrap();
        let (wrote, began) = (began.elapsed(), std::time::Instant::now());
        let kept = read(&*file, &polled).unwrap();
        println!(
            "wrote {} bytes in {wrote:?}, read in {:?}",
            file.len(),
            began.elapsed()
        );
        assert_eq!(kept.memory.projects.len(), 100_000);
    }
}
