//! Shards of made-up texts: that they are all of it, each series once, and that little is split again.

use std::collections::{BTreeMap, BTreeSet};

use super::super::gzip::Codec;
use super::*;
use crate::metrics::{Catalogue, Choices};

/// Named texts, as they are rendered.
type Source = BTreeMap<&'static str, String>;

fn shards() -> Shards {
    let enabled = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
    Shards::build(&Resource::builder_empty().build(), &enabled).unwrap()
}

fn kept(text: &str) -> Arc<MetricText> {
    let mut kept = MetricText::default();
    assert!(kept.replace(Vec::new(), text.into(), &mut Codec::new()));
    kept.join();
    Arc::new(kept)
}

fn kept_all(source: &Source) -> Vec<Arc<MetricText>> {
    source.values().map(|text| kept(text)).collect()
}

fn shard(number: u8, of: u8) -> Shard {
    let shard = Shard::read(Some(&format!("shard={number}/{of}")));
    shard.unwrap().unwrap()
}

fn gauge(name: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.collect();
    format!("# HELP {name} Help.\n# TYPE {name} gauge\n{lines}")
}

/// Metrics of projects, of some of them, of groups and of the whole, and histograms.
fn source(projects: u64) -> Source {
    let ids = 1_000..1_000 + projects;
    let info = ids
        .clone()
        .map(|id| format!("gitlab_project_info{{project_id=\"{id}\"}} 1\n"));
    let jobs = ids.clone().flat_map(|id| {
        let line = move |job| format!("gitlab_jobs{{job=\"{job}\",project_id=\"{id}\"}} {id}\n");
        (0..3).map(line)
    });
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort();
    let groups = (10..30).map(|id| format!("gitlab_group_info{{group_id=\"{id}\"}} 1\n"));
    let histograms = ids.map(|id| {
        let labels = format!("project_id=\"{id}\"");
        format!(
            "gitlab_run_seconds_bucket{{{labels},le=\"60\"}} 1\ngitlab_run_seconds_bucket{{{labels},le=\"+Inf\"}} 2\n\
             gitlab_run_seconds_sum{{{labels}}} 90\ngitlab_run_seconds_count{{{labels}}} 2\n"
        )
    });
    let histograms: String = histograms.collect();
    let count = format!("gitlab_project_count {projects}\n");
    [
        ("info", gauge("gitlab_project_info", info)),
        ("jobs", gauge("gitlab_jobs", jobs.into_iter())),
        ("groups", gauge("gitlab_group_info", groups)),
        ("count", gauge("gitlab_project_count", [count].into_iter())),
        ("nothing", String::new()),
        (
            "runs",
            format!(
                "# HELP gitlab_run_seconds H\n# TYPE gitlab_run_seconds histogram\n{histograms}"
            ),
        ),
    ]
    .into()
}

fn read(texts: &[Arc<MetricText>]) -> String {
    let (mut read, mut whole, mut codec) = (Vec::new(), Vec::new(), Codec::new());
    for text in texts {
        for piece in text.pieces() {
            assert!(codec.decompress(piece, &mut read));
        }
        assert!(codec.decompress(text.whole(), &mut whole));
    }
    assert!(read == whole);
    String::from_utf8(read).unwrap()
}

fn is_header(line: &&str) -> bool {
    line.starts_with('#')
}

#[test]
fn all_shards_together_are_all_series_once_each_with_every_header() {
    let source = source(2_000);
    let (texts, shards, now) = (kept_all(&source), shards(), Instant::now());
    let whole = read(&texts);
    let headers: Vec<_> = whole.lines().filter(is_header).collect();
    for of in [1, 2, 5, 16, 64] {
        let split = shards.of(&texts, of, now).unwrap();
        let (mut lines, mut projects) = (BTreeSet::new(), 0);
        for number in 1..=of {
            let text = read(&split.texts(shard(number, of)));
            assert_eq!(text.lines().filter(is_header).collect::<Vec<_>>(), headers);
            for line in text.lines().filter(|line| !is_header(line)) {
                assert!(lines.insert(line.to_owned()), "twice: {line}");
            }
            projects += split
                .projects(shard(number, of))
                .map(|(_, own)| own)
                .sum::<u64>();
        }
        let all = whole
            .lines()
            .filter(|line| !is_header(line))
            .map(str::to_owned);
        assert!(lines == all.collect(), "of {of}");
        assert_eq!(projects, 2_000);
    }
}

#[test]
fn all_that_is_about_a_project_and_all_lines_of_a_histogram_are_in_one_shard_in_their_order() {
    let texts = kept_all(&source(2_000));
    let split = shards().of(&texts, 3, Instant::now()).unwrap();
    let mut shard_of: BTreeMap<String, u8> = BTreeMap::new();
    for number in 1..=3 {
        let text = read(&split.texts(shard(number, 3)));
        for line in text.lines().filter(|line| line.contains("project_id=")) {
            let id = line
                .split("project_id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next();
            let known = shard_of.entry(id.unwrap().to_owned()).or_insert(number);
            assert_eq!(*known, number, "{line}");
        }
        let runs: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("gitlab_run_"))
            .collect();
        for histogram in runs.chunks(4) {
            let is = |place: usize, name: &str| histogram[place].starts_with(name);
            assert!(is(0, "gitlab_run_seconds_bucket") && is(1, "gitlab_run_seconds_bucket"));
            assert!(is(2, "gitlab_run_seconds_sum") && is(3, "gitlab_run_seconds_count"));
        }
        let infos = text
            .lines()
            .filter(|line| line.starts_with("gitlab_project_info{"));
        assert!(infos.is_sorted());
    }
    assert_eq!(shard_of.len(), 2_000);
}

/// The fragments of a shard's text that are the same bytes in memory, or of the same content, as before.
fn changed_fragments(before: &[Arc<MetricText>], after: &[Arc<MetricText>]) -> usize {
    let known: BTreeSet<_> = before
        .iter()
        .flat_map(|text| text.pieces())
        .map(|piece| &piece.compressed[..])
        .collect();
    let pieces = after.iter().flat_map(|text| text.pieces());
    pieces
        .filter(|piece| !known.contains(&piece.compressed[..]))
        .count()
}

#[test]
fn of_new_texts_only_what_changed_is_split_and_the_shards_are_those_of_texts_split_at_once() {
    let (mut random, shards) = (fastrand::Rng::with_seed(12), shards());
    let mut texts = kept_all(&source(3_000));
    let mut codec = Codec::new();
    for round in 0..12 {
        let now = Instant::now();
        let before = shards.of(&texts, 4, now).unwrap();
        // One project changes; in some rounds all texts are other values with the same content.
        let id = random.u64(1_000..4_000);
        let line = |value: u64| {
            let line = format!("gitlab_project_info{{project_id=\"{id}\"}} {value}\n");
            gauge("gitlab_project_info", [line].into_iter())
        };
        let place = texts
            .iter()
            .position(|text| text.is_named(PROJECTS))
            .unwrap();
        let text = Arc::make_mut(&mut texts[place]);
        let old = [1, 2].into_iter().any(|old| {
            let mut tried = text.clone();
            let done = tried.replace(line(old).into(), line(3 - old).into(), &mut codec);
            if done {
                *text = tried;
            }
            done
        });
        assert!(old);
        text.join();
        if round % 3 == 0 {
            texts = texts
                .iter()
                .map(|text| Arc::new(MetricText::clone(text)))
                .collect();
        }
        let after = shards.of(&texts, 4, now).unwrap();
        let at_once = self::shards().of(&texts, 4, now).unwrap();
        let mut changed = 0;
        for number in 1..=4 {
            let [before, after, at_once] =
                [&before, &after, &at_once].map(|split| split.texts(shard(number, 4)));
            assert!(read(&after) == read(&at_once), "round {round}");
            changed += changed_fragments(&before, &after);
        }
        // One fragment changed, in which there is a part of each shard; it may have been cut in two.
        assert!(
            (1..=3).contains(&changed),
            "{changed} parts in round {round}"
        );
    }
}

#[test]
fn the_same_texts_are_not_split_again_and_readers_share_the_bytes() {
    let (texts, shards, now) = (kept_all(&source(500)), shards(), Instant::now());
    let [first, second] = [(); 2].map(|()| shards.of(&texts, 4, now).unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    let [one, other] = [&first, &second].map(|split| split.texts(shard(2, 4)));
    let start = |texts: &[Arc<MetricText>]| texts[0].whole().compressed.as_ptr();
    assert_eq!(start(&one), start(&other));
}

#[test]
fn what_is_kept_is_for_few_numbers_of_shards_and_forgotten_when_nobody_asks() {
    let (texts, shards, start) = (kept_all(&source(50)), shards(), Instant::now());
    let numbers = |shards: &Shards| (1..=64).filter(|of| shards.has(*of)).collect::<Vec<_>>();
    for of in [3, 4, 3, 5] {
        shards.of(&texts, of, start).unwrap();
    }
    assert_eq!(numbers(&shards), [3, 5]);
    let limited = self::shards().within(&MemoryLimit::new(1 << 30, || None));
    for of in [3, 4] {
        limited.of(&texts, of, start).unwrap();
    }
    assert_eq!(numbers(&limited), [4]);

    shards.of(&texts, 5, start + UNASKED / 2).unwrap();
    shards.forget(start + UNASKED);
    assert_eq!(numbers(&shards), [5]);
    shards.forget(start + UNASKED * 2);
    assert!(numbers(&shards).is_empty());
}

#[test]
fn texts_that_are_gone_are_not_kept_for_their_shards() {
    let (texts, shards) = (kept_all(&source(50)), shards());
    shards.of(&texts, 4, Instant::now()).unwrap();
    let gone: Vec<_> = texts.iter().map(Arc::downgrade).collect();
    drop(texts);
    assert!(gone.iter().all(|text| text.upgrade().is_none()));
}

#[test]
fn without_the_metric_that_has_each_project_once_they_are_counted_by_all_others() {
    let mut source = source(2_000);
    // A project that only one metric has, and another GitLab.
    let lines = [
        "gitlab_commits{project_id=\"7\"} 1\n",
        "gitlab_commits{project_id=\"8\"} 1\n",
    ];
    let other = "gitlab_commits{gitlab_instance=\"com\",project_id=\"7\"} 1\n";
    let lines = lines.into_iter().chain([other]).map(str::to_owned);
    source.insert("commits", gauge("gitlab_commits", lines));
    source.remove("info");
    // By the names of another exporter the same projects are shown by their paths.
    let path = "gitlab_ci_pipeline_id{project=\"group/a\"} 1\n".to_owned();
    source.insert("others", gauge("gitlab_ci_pipeline_id", [path].into_iter()));
    let (texts, shards) = (kept_all(&source), shards());
    let split = shards.of(&texts, 4, Instant::now()).unwrap();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for number in 1..=4 {
        let of_both = split.projects(shard(number, 4)).count();
        assert_eq!(
            of_both, 2,
            "a GitLab without projects in a shard has 0 in it"
        );
        for (instance, projects) in split.projects(shard(number, 4)) {
            *counts
                .entry(String::from_utf8_lossy(instance).into_owned())
                .or_default() += projects;
        }
    }
    assert_eq!(
        counts,
        [(String::new(), 2_002), ("com".to_owned(), 1)].into()
    );
    let told = String::from_utf8(shards.told(&split, shard(2, 4))).unwrap();
    let series = "gitlab_bridge_shard_projects{gitlab_instance=\"com\",shard=\"2\",shards=\"4\"} ";
    assert!(told.contains(series), "{told}");
    assert!(!told.contains("target_info"), "{told}");
}

#[test]
fn where_projects_are_shown_by_their_paths_alone_they_are_counted_by_these() {
    let line = |id| format!("gitlab_ci_pipeline_id{{project=\"group/{id}\"}} 1\n");
    let texts = [kept(&gauge("gitlab_ci_pipeline_id", (100..200).map(line)))];
    let split = shards().of(&texts, 3, Instant::now()).unwrap();
    let counts = (1..=3).flat_map(|number| split.projects(shard(number, 3)));
    assert_eq!(counts.map(|(_, projects)| projects).sum::<u64>(), 100);
}

#[test]
fn where_no_project_is_known_none_are_counted_and_not_zero() {
    let texts = vec![kept(
        "# HELP gitlab_up Help.\n# TYPE gitlab_up gauge\ngitlab_up 1\n",
    )];
    let shards = shards();
    let split = shards.of(&texts, 2, Instant::now()).unwrap();
    assert_eq!(shards.told(&split, shard(1, 2)), Vec::<u8>::new());
}
