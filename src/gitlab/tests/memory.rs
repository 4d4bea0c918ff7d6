//! What a hostile answer takes. Memory belongs to a process, so the test runs itself again alone.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::environment::{run_inside, told};
use super::*;
use crate::gitlab::Error;

const MIB: usize = 1024 * 1024;

/// A line of the kernel's account of this process, in bytes.
fn account(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

fn packed(item: &[u8], bytes: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"[").unwrap();
    for _ in 0..bytes / item.len() {
        gzip.write_all(item).unwrap();
    }
    gzip.write_all(b"0]").unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_takes_little_and_gives_it_back() {
    if let Some(url) = told() {
        let client = client(config(&url));
        client.get("small", soon()).await.unwrap();
        let before = account("VmRSS");
        for path in ["huge", "deep", "many", "huge"] {
            let error = client.get(path, soon()).await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{path}: {error}");
        }
        for path in ["huge", "many", "heavy"] {
            let all = [(); 4].map(|()| client.get(path, soon()));
            for result in futures::future::join_all(all).await {
                assert!(result.is_err(), "{path}");
            }
        }
        let (peak, after) = (account("VmHWM"), account("VmRSS"));
        assert!(peak - before < 100 * MIB, "{before} {peak}");
        assert!(after.saturating_sub(before) < 20 * MIB, "{before} {after}");
        return;
    }
    let huge = packed(br#"{"":0},"#, 64 * MIB);
    let deep = packed(b"[[[[[[]]]]]],", 5 * MIB);
    let many = packed(br#"{"":0},"#, 5 * MIB);
    // As heavy as a document may be, and all of it the words of an error.
    let mut heavy = br#"{"message":["#.to_vec();
    heavy.extend(br#"{"":0},"#.repeat(90_000));
    heavy.extend(b"0]}");
    let server = Server::start(move |seen, _| {
        let body = match seen.target.as_str() {
            "/api/v4/huge" => huge.clone(),
            "/api/v4/deep" => deep.clone(),
            "/api/v4/many" => many.clone(),
            "/api/v4/heavy" => return answer(200, &[], heavy.clone()),
            _ => packed(b"1,", 10),
        };
        answer(200, &[("content-encoding", "gzip")], body)
    })
    .await;
    let test = "a_small_body_that_unpacks_to_a_huge_one_takes_little_and_gives_it_back";
    run_inside("memory", test, &server.url, &crate::ALLOCATOR).await;
}
