//! The algorithm against a GitLab made of numbers, which keeps a ledger of every end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value as Json, json};

use super::*;
use crate::metrics::{Api, Catalogue, Grain, Owner, PlacedFeed, Refs, TableReading, UnixTime};

const START: UnixTime = 1_790_000_000;

fn placed(name: &str) -> &'static PlacedFeed {
    let feeds = Catalogue::standard().feeds(Grain::Project).iter();
    let mut named = feeds.filter(|placed| placed.feed.name == name);
    named.next().expect("the catalogue has it")
}

fn time(at: UnixTime) -> String {
    jiff::Timestamp::from_second(at as i64).unwrap().to_string()
}

/// A pipeline of the model.
#[derive(Clone, Debug)]
struct Pipeline {
    id: u64,
    status: &'static str,
    created: UnixTime,
    updated: UnixTime,
    finished: Option<UnixTime>,
}

impl Pipeline {
    fn told(&self, api: Api) -> Json {
        match api {
            Api::Graphql => json!({
                "id": format!("gid://gitlab/Ci::Pipeline/{}", self.id),
                "status": self.status.to_uppercase(), "ref": "main", "refPath": "refs/heads/main",
                "createdAt": time(self.created), "updatedAt": time(self.updated),
                "finishedAt": self.finished.map(time), "duration": 7,
            }),
            Api::Rest => json!({
                "id": self.id, "status": self.status, "ref": "main", "tag": false,
                "created_at": time(self.created), "updated_at": time(self.updated),
                "finished_at": self.finished.map(time), "duration": 7,
            }),
        }
    }
}

/// A project's pipelines, what GitLab's clock shows, and what ended.
struct Model {
    now: UnixTime,
    pipelines: Vec<Pipeline>,
    /// By status, what ended since `since`.
    ledger: BTreeMap<&'static str, u64>,
    random: Rng,
    since: UnixTime,
    /// How far the clock that rows are written by is off.
    skew: i64,
    /// Whether nothing begins between pages.
    rests: bool,
    /// What changed before is counted in every state that may be gone on from.
    settled: UnixTime,
}

impl Model {
    fn with_a_past(seed: u64, skew: i64) -> Model {
        let mut model = Model {
            now: START,
            pipelines: Vec::new(),
            ledger: BTreeMap::new(),
            random: Rng::with_seed(seed ^ 0xf00),
            since: START + 600,
            skew,
            rests: false,
            settled: 0,
        };
        for _ in 0..20 {
            model.now += 20;
            model.happen();
        }
        model
    }

    fn written(&self) -> UnixTime {
        self.now.saturating_add_signed(self.skew)
    }

    fn begin(&mut self) {
        let id = self.pipelines.last().map_or(1, |last| last.id + 1);
        let at = self.written();
        self.pipelines.push(Pipeline {
            id,
            status: "pending",
            created: at,
            updated: at,
            finished: None,
        });
    }

    /// Something happens to one of the pipelines. One that ended is retried at the earliest once its end
    /// is counted: two ends between two polls are one.
    fn happen(&mut self) {
        let at = self.written();
        if self.pipelines.is_empty() || self.random.u8(..4) == 0 && self.pipelines.len() < 100 {
            return self.begin();
        }
        let index = self.random.usize(..self.pipelines.len());
        let (now, settled) = (self.now, self.settled);
        let chosen = self.random.u8(..);
        let pipeline = &mut self.pipelines[index];
        let is_old = pipeline.updated < settled;
        let (next, ends) = match (pipeline.status, chosen % 8) {
            ("pending", 0) => ("skipped", true),
            ("pending", 1) => ("manual", false),
            ("pending", _) => ("running", false),
            ("running", 0..=4) => ("success", true),
            ("running", 5 | 6) => ("failed", true),
            ("running", _) => ("canceled", true),
            ("manual", _) => ("running", false),
            // It is retried.
            ("success" | "failed" | "canceled", 0) if is_old => ("running", false),
            // Its name is edited.
            (status, 1) if is_old => (status, false),
            _ => return,
        };
        (pipeline.status, pipeline.updated) = (next, at);
        if ends {
            if next != "skipped" {
                pipeline.finished = Some(at);
            }
            if now >= self.since {
                *self.ledger.entry(next).or_default() += 1;
            }
        }
    }

    /// The pages of a walk, the newest first. New pipelines may come in between.
    fn page(&self, since: UnixTime, before: u64, first: usize) -> (Vec<Pipeline>, bool) {
        let all = self.pipelines.iter().rev();
        let mut found = all.filter(|one| one.updated >= since && one.id < before);
        let page: Vec<Pipeline> = found.by_ref().take(first).cloned().collect();
        (page, found.next().is_some())
    }
}

/// What a bridge knows of the project.
#[derive(Clone)]
struct Known {
    owner: Owner,
    progress: Progress,
}

impl Known {
    fn new(since: UnixTime) -> Known {
        Known {
            owner: Owner::default(),
            progress: Progress::beginning(since),
        }
    }

    fn take(&mut self, page: &[Pipeline], reach: Reach, api: Api, now: UnixTime) {
        let feed = placed("pipelines");
        let told: Json = page.iter().map(|one| one.told(api)).collect();
        let records = Record::read_all(&told, feed, api, now).unwrap();
        let refs = Refs::default();
        let choice = RefChoice {
            default_branch: Some("main"),
            refs: &refs,
            at_most: 50,
            now,
        };
        let catalogue = Catalogue::standard();
        let (owner, progress) = (&mut self.owner, &mut self.progress);
        owner.take_feed(progress, &records, reach, feed, catalogue, choice);
    }

    /// A walk that may break off. The answers are told by a clock that is not that of the rows.
    fn walk(&mut self, model: &mut Model, faults: f64, api: Api) {
        let since = self.progress.asks_since();
        let (began, mut before) = (model.now, u64::MAX);
        loop {
            let (page, more) = model.page(since, before, 3);
            if model.random.f64() < faults {
                return;
            }
            before = page.last().map_or(0, |last| last.id);
            self.take(&page, Reach::Changed, api, model.now);
            if !more {
                return self.progress.complete(began);
            }
            model.now += 1;
            if !model.rests && model.pipelines.len() < 100 && model.random.u8(..3) == 0 {
                model.begin();
            }
        }
    }

    fn counted(&self) -> BTreeMap<&str, u64> {
        let mut places = Catalogue::standard().ended(Grain::Project).iter();
        let place = places.position(|own| own.name == "pipelines.gitlab_pipeline_runs_total");
        let runs = self.owner.ended.get(place.unwrap()).into_iter();
        let series = runs.flat_map(|runs| &runs.series);
        series.map(|one| (&*one.attributes[0], one.count)).collect()
    }

    /// As it is kept over a restart.
    fn kept(&self) -> Known {
        let text = serde_json::to_string(&self.progress).unwrap();
        Known {
            owner: self.owner.clone(),
            progress: serde_json::from_str(&text).unwrap(),
        }
    }
}

#[test]
fn every_end_is_counted_once_whatever_fails_and_whenever_it_begins_anew() {
    for seed in 0..60 {
        let mut random = Rng::with_seed(seed);
        let skew = random.i64(-120..=120);
        let mut model = Model::with_a_past(seed, skew);
        // Nothing ends at the moment when counting begins, which clocks that differ can't tell.
        model.now = START + 600 + 300;
        model.since = model.now - 150;
        let mut known = Known::new(model.since);
        let (page, _) = model.page(0, u64::MAX, 100);
        known.take(&page, Reach::From(0), Api::Graphql, model.now);
        let mut saved = known.kept();
        known.walk(&mut model, 0.0, Api::Graphql);
        for _ in 0..random.usize(50..200) {
            model.now += random.u64(5..40);
            model.happen();
            let faults = if random.bool() { 0.3 } else { 0.0 };
            let counted = saved.progress.watermark.saturating_sub(2 * OVERLAP);
            model.settled = counted.into();
            match random.u8(..10) {
                0..=3 => known.walk(&mut model, faults, Api::Graphql),
                4 => known.walk(&mut model, faults, Api::Rest),
                5 => saved = known.kept(),
                6 => known = saved.kept(),
                7 => {
                    let (page, more) = model.page(0, u64::MAX, 20);
                    let lowest = page.last().map_or(0, |last| if more { last.id } else { 0 });
                    known.take(&page, Reach::From(lowest), Api::Graphql, model.now);
                }
                _ => {}
            }
        }
        model.rests = true;
        for _ in 0..3 {
            model.now += 60;
            known.walk(&mut model, 0.0, Api::Graphql);
        }
        assert_eq!(known.counted(), model.ledger, "seed {seed}, skew {skew}");
        let live = |status| {
            let all = model.pipelines.iter();
            all.filter(|one| one.status == status).count() as u32
        };
        let table = known.owner.tables[placed("pipelines").table]
            .known()
            .cloned();
        let told = table.map(|table| table.live.to_vec()).unwrap_or_default();
        let active = [live("pending"), live("running")];
        let told = [told.first(), told.get(1)].map(|count| count.copied().unwrap_or_default());
        assert_eq!(told, active, "seed {seed}");
    }
}

#[test]
fn what_ended_before_counting_began_is_not_counted_and_what_is_late_is_read_once_more() {
    let mut known = Known::new(START);
    let ended = |id, at| Pipeline {
        id,
        status: "success",
        created: at - 100,
        updated: at,
        finished: Some(at),
    };
    known.take(&[ended(1, START - 10)], Reach::Changed, Api::Graphql, START);
    known.progress.complete(START + 60);
    known.take(
        &[ended(2, START + 30)],
        Reach::Changed,
        Api::Graphql,
        START + 900,
    );
    known.progress.complete(START + 900);
    assert_eq!(known.counted(), BTreeMap::from([("success", 1)]));
    assert!(known.progress.is_warm());
    let asks = known.progress.asks_since();
    assert_eq!(asks, START + 30, "though the overlap is over");
    known.take(
        &[ended(2, START + 30)],
        Reach::Changed,
        Api::Graphql,
        START + 960,
    );
    known.progress.complete(START + 960);
    assert!(!known.progress.is_warm());
    assert_eq!(known.counted(), BTreeMap::from([("success", 1)]));
}

#[test]
fn progress_is_small_where_nothing_has_run_lately() {
    assert_eq!(size_of::<Progress>(), 16);
    let mut progress = Progress::beginning(START);
    progress.complete(START + 60);
    let kept = serde_json::to_string(&progress).unwrap();
    assert_eq!(
        kept,
        format!(r#"{{"since":{START},"watermark":{}}}"#, START + 60)
    );
}

/// The refs that a table shows, with the id of the newest pipeline.
fn refs_after(steps: &[(&[Json], Reach)], refs: &Refs, at_most: usize) -> Vec<(String, u64)> {
    limited(steps, refs, at_most).0
}

/// The refs that a table shows, and how many have given way to a limit.
fn limited(steps: &[(&[Json], Reach)], refs: &Refs, at_most: usize) -> (Vec<(String, u64)>, usize) {
    let feed = placed("pipelines");
    let mut owner = Owner::default();
    let mut progress = Progress::beginning(START);
    for (told, reach) in steps {
        let told = Json::from(told.to_vec());
        let records = Record::read_all(&told, feed, Api::Graphql, START).unwrap();
        let choice = RefChoice {
            default_branch: Some("main"),
            refs,
            at_most,
            now: START,
        };
        let catalogue = Catalogue::standard();
        owner.take_feed(&mut progress, &records, *reach, feed, catalogue, choice);
    }
    let TableReading::Known(table) = &owner.tables[feed.table] else {
        return (Vec::new(), 0);
    };
    let name = |row: usize| format!("{} {}", table.labels_of(row)[1], table.labels_of(row)[0]);
    let shown = (0..table.rows()).map(|row| (name(row), table.keys[row]));
    (shown.collect(), table.given_way.len())
}

fn told(id: u64, name: &str, path: &str, source: &str) -> Json {
    json!({"id": format!("gid://gitlab/Ci::Pipeline/{id}"), "status": "SUCCESS", "ref": name,
        "refPath": path, "source": source, "createdAt": time(START - 1_000 + id),
        "finishedAt": time(START - 500), "updatedAt": time(START - 500)})
}

fn on(id: u64, name: &str) -> Json {
    told(id, name, &format!("refs/heads/{name}"), "push")
}

fn shown(refs: &[(&str, u64)]) -> Vec<(String, u64)> {
    refs.iter()
        .map(|(name, id)| ((*name).to_owned(), *id))
        .collect()
}

#[test]
fn a_branch_a_tag_and_a_merge_request_are_different_refs() {
    let all = || vec!["*".to_owned()];
    let refs = Refs {
        branches: all(),
        tags: all(),
        merge_requests: all(),
        ..Refs::default()
    };
    let page = [
        told(
            9,
            "refs/merge-requests/42/merge",
            "refs/heads/dev",
            "merge_request_event",
        ),
        told(
            8,
            "refs/merge-requests/42/head",
            "refs/heads/dev",
            "merge_request_event",
        ),
        told(7, "v1", "refs/tags/v1", "push"),
        told(6, "v1", "refs/heads/v1", "push"),
        told(5, "main", "refs/heads/main", "webide"),
        told(4, "main", "refs/heads/main", "parent_pipeline"),
        on(3, "main"),
        on(2, "main"),
    ];
    let step: (&[Json], Reach) = (&page, Reach::Changed);
    let expected = [
        ("branch main", 3),
        ("branch v1", 6),
        ("tag v1", 7),
        ("merge_request 42", 9),
    ];
    assert_eq!(refs_after(&[step], &refs, 50), shown(&expected));
    let only_default = refs_after(&[step], &Refs::default(), 50);
    assert_eq!(only_default, shown(&[("branch main", 3)]));
}

#[test]
fn a_deleted_pipeline_gives_way_to_the_one_before_and_a_deleted_ref_goes() {
    let refs = Refs {
        branches: vec!["*".to_owned()],
        ..Refs::default()
    };
    let before = [on(9, "main"), on(8, "dev"), on(7, "old")];
    let after = [on(9, "main"), on(6, "dev")];
    for (lowest, expected) in [
        (0, vec![("branch dev", 6), ("branch main", 9)]),
        (8, vec![("branch old", 7), ("branch main", 9)]),
    ] {
        let after: &[Json] = if lowest == 8 { &after[..1] } else { &after };
        let steps: [(&[Json], Reach); 2] =
            [(&before, Reach::Changed), (after, Reach::From(lowest))];
        assert_eq!(refs_after(&steps, &refs, 50), shown(&expected));
    }
}

#[test]
fn too_many_refs_and_refs_that_are_too_old_are_left_out_and_the_default_branch_never() {
    let page = [
        on(400, "d"),
        on(300, "c"),
        on(200, "b"),
        on(100, "a"),
        on(1, "main"),
    ];
    let step: (&[Json], Reach) = (&page, Reach::Changed);
    let refs = Refs {
        branches: vec!["*".to_owned()],
        ..Refs::default()
    };
    let few = refs_after(&[step], &refs, 3);
    let expected = shown(&[("branch main", 1), ("branch c", 300), ("branch d", 400)]);
    assert_eq!(few, expected);
    let recent = Refs {
        most_recent: Some(1),
        ..refs.clone()
    };
    let one = refs_after(&[step], &recent, 50);
    assert_eq!(one, shown(&[("branch main", 1), ("branch d", 400)]));
    let young = Refs {
        max_age: Some(Duration::from_secs(750)),
        ..refs
    };
    let young = refs_after(&[step], &young, 50);
    assert_eq!(
        young,
        shown(&[("branch main", 1), ("branch c", 300), ("branch d", 400)])
    );
}

/// However they are told: every ref that a limit keeps out is counted once.
#[test]
fn the_refs_that_give_way_are_counted_until_they_are_shown_or_gone() {
    let refs = Refs {
        branches: vec!["*".to_owned()],
        ..Refs::default()
    };
    let first = [on(4, "d"), on(3, "c"), on(2, "b"), on(1, "a")];
    let (new, again, gone) = ([on(5, "e")], [on(6, "a")], [on(6, "a"), on(5, "e")]);
    let none: &[Json] = &[];
    let steps: [(&[Json], Reach); 6] = [
        (&first, Reach::Changed),
        (&new, Reach::Changed),
        (none, Reach::Changed),
        (&again, Reach::Changed),
        // All there is from this one on; what is older is not told of.
        (&gone, Reach::From(5)),
        (&gone, Reach::From(0)),
    ];
    for (told, given_way, shown) in [
        (1, 2, ["d", "c"]),
        (2, 3, ["e", "d"]),
        (3, 3, ["e", "d"]),
        (4, 3, ["a", "e"]),
        (5, 3, ["a", "e"]),
        (6, 0, ["a", "e"]),
    ] {
        let (refs, given) = limited(&steps[..told], &refs, 2);
        let names: Vec<_> = refs
            .iter()
            .rev()
            .map(|(name, _)| &name["branch ".len()..])
            .collect();
        assert_eq!((names, given), (shown.to_vec(), given_way), "after {told}");
    }
    let wide = Refs {
        max_age: Some(Duration::from_secs(750)),
        ..refs.clone()
    };
    let old = [on(400, "d"), on(300, "c"), on(200, "b"), on(100, "a")];
    assert_eq!(
        limited(&[(&old, Reach::Changed)], &wide, 1).1,
        1,
        "too old is not too many"
    );
}

#[test]
fn the_last_success_of_a_ref_outlives_newer_runs() {
    let mut known = Known::new(START);
    let run = |id, status, finished| Pipeline {
        id,
        status,
        created: START,
        updated: START,
        finished,
    };
    let feed = placed("pipelines");
    let place = feed
        .values
        .iter()
        .position(|column| column.name == "last_success");
    let last_success = |known: &Known| {
        let table = known.owner.tables[feed.table].known().cloned().unwrap();
        (
            table.keys.to_vec(),
            table.values_of(0)[place.unwrap()].value(),
        )
    };
    for (page, expected) in [
        (run(5, "success", Some(START + 9)), (vec![5], Some(9.0))),
        (run(6, "running", None), (vec![6], Some(9.0))),
        (run(6, "failed", Some(START + 20)), (vec![6], Some(9.0))),
        // An older one that was retried is not the newest success.
        (run(4, "success", Some(START + 30)), (vec![6], Some(9.0))),
        // It is retried, and succeeds once more.
        (run(5, "running", Some(START + 9)), (vec![6], Some(9.0))),
        (run(5, "success", Some(START + 40)), (vec![6], Some(40.0))),
        (run(6, "success", Some(START + 50)), (vec![6], Some(50.0))),
    ] {
        known.take(&[page], Reach::Changed, Api::Graphql, START + 60);
        let (keys, at) = last_success(&known);
        let at = at.map(|at| at - START as f64);
        assert_eq!((keys, at), expected);
    }
}

#[test]
fn statuses_are_shown_as_they_come_and_a_retried_run_hides_its_old_end() {
    let feed = placed("pipelines");
    let read = |thing: Json| Record::read(&thing, feed, Api::Graphql, START).unwrap();
    let odd = read(json!({"id": "gid://gitlab/Ci::Pipeline/1", "status": "LEVITATING"}));
    assert_eq!(
        odd.label(feed, "status").map(Arc::as_ref),
        Some("levitating")
    );
    let retried = read(
        json!({"id": "gid://gitlab/Ci::Pipeline/1", "status": "RUNNING",
        "createdAt": time(START), "startedAt": time(START), "finishedAt": time(START + 5),
        "duration": 5, "coverage": 93.5, "totalJobs": 3}),
    );
    assert_eq!(retried.value(feed, "finished"), None);
    assert_eq!(retried.value(feed, "duration"), None);
    assert_eq!(retried.value(feed, "queued_duration"), Some(0.0));
    assert_eq!(retried.value(feed, "coverage"), Some(0.935));
    assert_eq!(retried.value(feed, "jobs"), Some(3.0));
    assert!(Record::read_all(&json!({}), feed, Api::Graphql, START).is_err());
    assert!(Record::read_all(&json!([{}]), feed, Api::Graphql, START).is_err());
}

#[test]
fn who_may_not_see_pipelines_is_shown_none_and_not_zero() {
    use crate::metrics::{Access, Feature, Reason};
    let feed = placed("pipelines");
    let empty = |access: Access| {
        let mut owner = Owner::default();
        let identity = Arc::make_mut(&mut owner.identity);
        identity.access = [access; Feature::ALL.len()];
        let mut known = Known {
            owner,
            progress: Progress::beginning(START),
        };
        known.take(&[], Reach::From(0), Api::Graphql, START);
        known.owner.tables[feed.table].clone()
    };
    assert!(empty(Access::On).known().is_some());
    assert!(matches!(
        empty(Access::Denied),
        TableReading::Unknown(Reason::Hidden)
    ));
}
