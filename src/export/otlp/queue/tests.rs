//! The queue on disk: order, bounds, damage and restarts.

use super::*;
use crate::tests::fuzz::Target;

fn config(size: u64) -> QueueConfig {
    QueueConfig {
        size,
        age: Duration::from_secs(100),
        ..QueueConfig::default()
    }
}

fn open(folder: &Path, size: u64) -> (Queue, Arc<Health>) {
    let health = Arc::new(Health::new("otlp"));
    let queue = Queue::open(
        folder.to_owned(),
        &config(size),
        "here",
        Arc::clone(&health),
    );
    (queue.unwrap(), health)
}

fn drain(queue: &Queue, now: UnixTime) -> Vec<String> {
    let mut all = Vec::new();
    while let Some((number, message)) = queue.first(now) {
        all.push(String::from_utf8(message.to_vec()).unwrap());
        queue.delivered(number);
    }
    all
}

fn given_up(health: &Health) -> Vec<(&'static str, u64)> {
    let queue = health.export().queue.unwrap();
    queue.given_up.into_iter().collect()
}

#[test]
fn messages_come_out_in_order_over_restarts_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..20 {
        let (queue, _) = open(folder.path(), 1 << 20);
        for one in 0..7 {
            let text = format!("{round} {one}");
            assert!(queue.add(text.as_bytes(), 10));
            expected.push(text);
        }
        if round % 3 == 0 {
            let (number, first) = queue.first(10).unwrap();
            assert_eq!(first, expected.remove(0));
            queue.delivered(number);
        }
    }
    let (queue, _) = open(folder.path(), 1 << 20);
    assert_eq!(drain(&queue, 10), expected);
    drop(queue);
    assert_eq!(open(folder.path(), 1 << 20).0.len(), 0);
}

#[test]
fn the_oldest_give_way_to_size_and_age_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let one = record::written(b"000", 0).unwrap().len() as u64;
    let (queue, health) = open(folder.path(), 3 * one);
    for number in 0..5 {
        queue.add(format!("{number:03}").as_bytes(), 10 + number);
    }
    assert_eq!(given_up(&health), [("over_size", 2)]);
    assert_eq!(health.export().queue.unwrap().bytes, 3 * one);
    assert_eq!(drain(&queue, 113), ["003", "004"]);
    assert_eq!(given_up(&health), [("over_size", 2), ("too_old", 1)]);
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "the lock");
}

#[test]
fn damaged_files_and_strangers_are_given_up_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), 1 << 20);
    let texts = ["a", "b", "c", "d"];
    texts
        .iter()
        .for_each(|text| assert!(queue.add(text.as_bytes(), 10)));
    let files: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(number, _)| folder.path().join(format!("{number:016x}-10.otlp")))
        .collect();
    drop(queue);
    let torn = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &torn[..torn.len() / 2]).unwrap();
    fs::write(&files[2], []).unwrap();
    fs::write(folder.path().join("0000000000000009-10.new"), "half").unwrap();
    fs::write(folder.path().join("notes.txt"), "not ours").unwrap();
    fs::write(folder.path().join("zz-10.otlp"), "not ours").unwrap();
    let (queue, health) = open(folder.path(), 1 << 20);
    assert_eq!(queue.len(), 4);
    assert_eq!(drain(&queue, 10), ["a", "d"]);
    assert_eq!(given_up(&health), [("damaged", 2)]);
    assert!(folder.path().join("notes.txt").exists());
    assert!(!folder.path().join("0000000000000009-10.new").exists());
}

#[test]
fn what_waits_for_another_receiver_is_not_sent_to_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let health = || Arc::new(Health::new("otlp"));
    let there = Queue::open(
        folder.path().to_owned(),
        &config(1 << 20),
        "there",
        health(),
    );
    there.unwrap().add(b"theirs", 10);
    let (queue, health) = open(folder.path(), 1 << 20);
    queue.add(b"ours", 10);
    assert_eq!(drain(&queue, 10), ["ours"]);
    assert_eq!(given_up(&health), [("other_endpoint", 1)]);
}

#[test]
fn a_folder_that_is_gone_leaves_memory_and_a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("queue");
    let (queue, _) = open(&place, 1 << 20);
    let health = Arc::new(Health::new("otlp"));
    assert!(Queue::open(place.clone(), &config(1 << 20), "here", health).is_err());
    assert!(queue.add(b"on disk", 10));
    fs::rename(&place, folder.path().join("elsewhere")).unwrap();
    assert!(queue.add(b"in memory", 10));
    fs::rename(folder.path().join("elsewhere"), &place).unwrap();
    assert!(queue.add(b"on disk again", 10));
    assert_eq!(drain(&queue, 10), ["on disk", "in memory", "on disk again"]);
}

/// Whatever was written last when the process was killed: the others are there, in order.
#[test]
fn a_kill_at_any_byte_leaves_all_whole_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path(), 1 << 20);
    let texts: Vec<String> = (0..9).map(|number| format!("message {number}")).collect();
    texts
        .iter()
        .for_each(|text| assert!(queue.add(text.as_bytes(), 10)));
    drop(queue);
    let last = folder.path().join(format!("{:016x}-10.otlp", 8));
    let whole = fs::read(&last).unwrap();
    for length in 0..=whole.len() {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let last = copy.path().join(format!("{:016x}-10.otlp", 8));
        match length == whole.len() {
            true => fs::write(&last, &whole).unwrap(),
            false => {
                fs::remove_file(&last).unwrap();
                fs::write(last.with_extension(UNFINISHED), &whole[..length]).unwrap();
            }
        }
        let (queue, _) = open(copy.path(), 1 << 20);
        let left = 8 + usize::from(length == whole.len());
        assert_eq!(drain(&queue, 10), texts[..left]);
    }
}

/// Whatever lies in the folder: what is no message of ours is given up, and new messages come and go.
#[test]
fn any_folder() {
    let record = record::written(b"kept", record::endpoint("here")).unwrap();
    let name = format!("0000000000000003-10.{ENDING}");
    Target::new("queue-folder")
        .seeds([[name.as_bytes(), b"\n", &record].concat()])
        .words([
            ENDING,
            UNFINISHED,
            ".",
            "-",
            "fffffffffffffffe",
            "18446744073709551615",
            "lock",
            "\n\n",
        ])
        .run(|input| {
            let folder = tempfile::tempdir().unwrap();
            let (name, content) =
                input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
            let name = String::from_utf8_lossy(name).replace(['/', '\0'], "");
            let _ = fs::write(folder.path().join(format!("_{name}")), content);
            let _ = fs::write(folder.path().join(&name), content);
            let health = Arc::new(Health::new("otlp"));
            let opened = Queue::open(folder.path().to_owned(), &config(1 << 20), "here", health);
            let Ok(queue) = opened else {
                return "refused".to_owned();
            };
            let waited = queue.len();
            assert!(queue.add(b"new", 10));
            let read = drain(&queue, 10);
            assert_eq!(read.last().map(String::as_str), Some("new"));
            format!(
                "{} {}",
                "waited ".repeat(waited),
                "read ".repeat(read.len())
            )
        });
}
