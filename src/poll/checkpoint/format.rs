//! What the file looks like: gzip of lines of JSON, to be read with `zcat`. First what it is, then
//! where polling goes on, then a line for each project.
//!
//! The checksum of gzip covers all of it, so nothing is believed before the end has been read.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Polled;
use crate::gitlab::Spent;
use crate::metrics::{Identity, Owner, Reading, Reason, UnixTime};
use crate::poll::engine::{Course, Memory, Track};

const FORMAT: &str = "gitlab-metrics-bridge state";
/// Grows with every change of what is written.
const VERSION: u32 = 2;
/// No line is longer, whatever a damaged file unpacks to.
const LONGEST_LINE: u64 = 16 << 20;
/// No file unpacks to more: that would be millions of projects.
const LARGEST: u64 = 8 << 30;
/// Below this every whole number is exact.
const MOST: f64 = 9_007_199_254_740_992.0;
/// How much is compressed at a time.
const CHUNK: usize = 64 << 10;
/// What is written about the file itself.
pub struct Header<'a> {
    /// What is left of the budget, if the process ended cleanly.
    pub spent: Option<Spent>,
    /// What was polled.
    pub polled: &'a Polled,
}

/// What was read of a file that can be used.
pub struct Kept {
    /// What is left of the budget, if the process ended cleanly.
    pub spent: Option<Spent>,
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
        spent: Option<Spent>,
    },
}

impl Unusable {
    /// What to assume of the budget.
    pub fn spent(&self, now: SystemTime) -> Option<Spent> {
        match self {
            Unusable::OtherGitLab(_) => None,
            Unusable::OtherSelection { spent: Some(spent) } => Some(*spent),
            _ => Some(Spent::unknown(now)),
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
    spent: Option<Spent>,
    polled: Cow<'a, Polled>,
}

/// The line of a project.
#[derive(Serialize, Deserialize)]
struct ProjectLine<'a> {
    identity: Cow<'a, Identity>,
    listed: UnixTime,
    values: Vec<KeptReading>,
    track: Cow<'a, Option<Track>>,
}

/// A reading: `[value, at]`, `"off"` or why it is not known.
struct KeptReading(Reading);

/// Writes all of it.
///
/// # Errors
/// If the file can't be written.
pub fn write(file: impl Write, header: &Header<'_>, memory: &Memory) -> io::Result<()> {
    let packed = GzEncoder::new(file, Compression::fast());
    let mut lines = BufWriter::with_capacity(CHUNK, packed);
    line(
        &mut lines,
        &HeaderLine {
            format: FORMAT.into(),
            version: VERSION,
            written_at: memory.at,
            clean: header.spent.is_some(),
            projects: memory.projects.len(),
            spent: header.spent,
            polled: Cow::Borrowed(header.polled),
        },
    )?;
    line(&mut lines, &memory.course)?;
    for (project, track) in &memory.projects {
        let values = header.polled.places.iter();
        let values = values.map(|place| KeptReading(project.values[*place]));
        line(
            &mut lines,
            &ProjectLine {
                identity: Cow::Borrowed(&project.identity),
                listed: project.listed.into(),
                values: values.collect(),
                track: Cow::Borrowed(track),
            },
        )?;
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
    let unpacked = GzDecoder::new(BufReader::new(file)).take(LARGEST);
    let mut lines = Lines {
        reader: BufReader::with_capacity(CHUNK, unpacked),
        buffer: Vec::new(),
    };
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
    if header.polled.gitlab != polled.gitlab {
        let gitlab = header.polled.gitlab.clone();
        lines.finish()?;
        return Err(Unusable::OtherGitLab(gitlab));
    }
    let (at, spent, count) = (header.written_at, header.spent, header.projects);
    let places = places(&header.polled.columns, polled);
    if !header.polled.selects_like(polled) {
        lines.finish()?;
        return Err(Unusable::OtherSelection { spent });
    }
    let course: Course = parse(lines.next()?.unwrap_or_default())?;
    let mut projects = Vec::new();
    while let Some(line) = lines.next()? {
        projects.push(project(parse(line)?, &places, polled)?);
    }
    if projects.len() != count || course.lists.len() != polled.sources.len() {
        return Err(damaged("something is missing"));
    }
    Ok(Kept {
        spent,
        memory: Memory {
            at,
            course,
            projects,
        },
    })
}

/// Where the values of a file's columns are kept now; none for one that nobody asks for any more.
fn places(columns: &[String], polled: &Polled) -> Vec<Option<usize>> {
    let place = |column: &String| {
        let at = polled.columns.iter().position(|known| known == column)?;
        Some(polled.places[at])
    };
    columns.iter().map(place).collect()
}

/// A project with the values that the file has of it. What is new is still to be asked.
fn project(
    line: ProjectLine<'_>,
    places: &[Option<usize>],
    polled: &Polled,
) -> Result<(Arc<Owner>, Option<Track>), Unusable> {
    if line.values.len() != places.len() {
        return Err(damaged("a project lacks values"));
    }
    let mut values = vec![Reading::Unknown(Reason::NotAsked); polled.known.len()];
    for place in &polled.places {
        values[*place] = Reading::Unknown(Reason::Pending);
    }
    for (place, value) in places.iter().zip(line.values) {
        if let Some(place) = place {
            values[*place] = value.0;
        }
    }
    let project = Owner::new(line.identity.into_owned(), line.listed, values);
    Ok((Arc::new(project), line.track.into_owned()))
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Unusable> {
    serde_json::from_slice(line).map_err(damaged)
}

fn damaged(why: impl fmt::Display) -> Unusable {
    Unusable::Damaged(why.to_string())
}

struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line; none at an end that is the right one by length and checksum.
    fn next(&mut self) -> Result<Option<&[u8]>, Unusable> {
        self.buffer.clear();
        let mut line = (&mut self.reader).take(LONGEST_LINE);
        line.read_until(b'\n', &mut self.buffer).map_err(damaged)?;
        match self.buffer.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.buffer)),
            Some(_) => Err(damaged("a line does not end")),
        }
    }

    /// Reads the rest: whether it is whole.
    fn finish(&mut self) -> Result<(), Unusable> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

impl Serialize for KeptReading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // Whole numbers take less without a fraction, and nearly all of them are.
            Reading::Known { value, at }
                if value.fract() == 0.0 && (0.0..MOST).contains(&value) =>
            {
                (value as u64, at).serialize(serializer)
            }
            Reading::Known { value, at } => (value, at).serialize(serializer),
            Reading::Off => serializer.serialize_str("off"),
            Reading::Unknown(reason) => serializer.serialize_str(reason.name()),
        }
    }
}

impl<'de> Deserialize<'de> for KeptReading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeptReading, D::Error> {
        deserializer.deserialize_any(ReadingVisitor)
    }
}

struct ReadingVisitor;

impl<'de> Visitor<'de> for ReadingVisitor {
    type Value = KeptReading;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value with its time, or why it is not known")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<KeptReading, A::Error> {
        let lacks = |length| de::Error::invalid_length(length, &"two numbers");
        let value = parts.next_element::<f64>()?.ok_or_else(|| lacks(0))?;
        let at = parts.next_element::<u32>()?.ok_or_else(|| lacks(1))?;
        Ok(KeptReading(Reading::Known { value, at }))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<KeptReading, E> {
        Ok(KeptReading(match word {
            "off" => Reading::Off,
            word => {
                let known = Reason::from_name(word);
                Reading::Unknown(known.unwrap_or(Reason::Pending))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Access;

    fn polled() -> Polled {
        Polled {
            gitlab: "https://gitlab.example.com/".to_owned(),
            sources: Vec::new(),
            forks: true,
            columns: vec!["b.one".to_owned(), "b.two".to_owned()],
            places: vec![1, 2],
            known: vec!["a".to_owned(), "b.one".to_owned(), "b.two".to_owned()],
        }
    }

    fn memory(readings: &[[Reading; 2]]) -> Memory {
        let projects = (1..).zip(readings).map(|(id, [left, right])| {
            let values = vec![Reading::Unknown(Reason::NotAsked), *left, *right];
            let identity = Identity {
                id,
                path: format!("group/ä\n{id}").into(),
                archived: Some(false),
                last_activity: Some(u64::MAX),
                access: [Access::On, Access::Off, Access::Unclear],
                ..Identity::default()
            };
            let project = Owner::new(identity, 7, values);
            (Arc::new(project), Some(Track::default()))
        });
        Memory {
            at: 9,
            course: Course::default(),
            projects: projects.collect(),
        }
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

    fn written(memory: &Memory, spent: Option<Spent>) -> Vec<u8> {
        let (polled, mut file) = (polled(), Vec::new());
        let header = Header {
            spent,
            polled: &polled,
        };
        write(&mut file, &header, memory).unwrap();
        file
    }

    fn text(memory: &Memory) -> String {
        format!(
            "{:?} {}",
            memory.projects,
            serde_json::to_string(&memory.course).unwrap()
        )
    }

    #[test]
    fn what_is_written_is_read_again() {
        let spent = Spent::unknown(SystemTime::UNIX_EPOCH);
        let kept = read(&*written(&some(), Some(spent)), &polled()).unwrap();
        assert_eq!(text(&kept.memory), text(&some()));
        assert_eq!(kept.spent, Some(spent));
        assert_eq!(
            read(&*written(&some(), None), &polled()).unwrap().spent,
            None
        );
    }

    #[test]
    fn a_reason_of_another_version_is_still_to_be_asked() {
        let read: KeptReading = serde_json::from_str("\"tired\"").unwrap();
        assert_eq!(read.0, Reading::Unknown(Reason::Pending));
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        let now = Polled {
            columns: vec!["b.two".to_owned(), "c.new".to_owned()],
            places: vec![0, 2],
            known: vec!["b.two".to_owned(), "b.one".to_owned(), "c.new".to_owned()],
            ..polled()
        };
        let kept = read(&*written(&some(), None), &now).unwrap();
        let values = &kept.memory.projects[0].0.values;
        let expected = [
            Reading::Off,
            Reading::Unknown(Reason::NotAsked),
            Reading::Unknown(Reason::Pending),
        ];
        assert_eq!(**values, expected, "moved, not asked any more, and new");
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
        let bomb = vec![0; 2 * LONGEST_LINE as usize];
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

    #[test]
    fn what_is_foreign_is_told_apart() {
        let spent = Spent::unknown(SystemTime::UNIX_EPOCH);
        let file = written(&some(), Some(spent));
        let other = Polled {
            gitlab: "https://other.example.com/".to_owned(),
            ..polled()
        };
        let unusable = read(&*file, &other).err().unwrap();
        assert!(matches!(&unusable, Unusable::OtherGitLab(url) if url.contains("gitlab.example")));
        assert_eq!(unusable.spent(SystemTime::now()), None);
        let other = Polled {
            sources: vec![crate::poll::Source::All],
            ..polled()
        };
        let unusable = read(&*file, &other).err().unwrap();
        assert_eq!(unusable.spent(SystemTime::now()), Some(spent));
    }

    /// What a large state costs: `cargo test --release --lib -- --ignored costs --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_hundred_thousand_projects_cost() {
        let places: Vec<usize> = (0..19).collect();
        let polled = Polled {
            columns: places.iter().map(usize::to_string).collect(),
            known: places.iter().map(usize::to_string).collect(),
            places,
            ..polled()
        };
        let mut large = memory(&vec![[Reading::Off; 2]; 100_000]);
        for (id, (project, _)) in (1..).zip(&mut large.projects) {
            let project = Arc::make_mut(project);
            let value = |place: u64| ((id * 7919 + place * 31) % 4_001) as f64;
            let told = |place| Reading::known(value(place), 1_790_000_000 + id % 300);
            project.values = (0..19).map(told).collect();
        }
        let (began, mut file) = (std::time::Instant::now(), Vec::new());
        let header = Header {
            spent: None,
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
