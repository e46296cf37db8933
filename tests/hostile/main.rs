//! What a hostile or broken client gets: over a hundred malformed requests, byte for byte over TCP,
//! to the real daemon in front of a bucket in memory, with the answer of each in `answers.txt`.
//!
//! After each request the daemon takes a good event; at the end each good event, and each good part
//! of a bad request that was said to be recorded, is in the bucket once, byte for byte, and nothing
//! else is. Broken signatures have a daemon that wants some, and their answers in `signatures.txt`:
//! nothing of them is recorded. `UPDATE_EXPECT=1` writes `answers.txt` anew: look at every change.
#![allow(clippy::unwrap_used)] // a test that panics has failed

mod bulk;
mod case;
mod daemon;
mod gzip;
mod http;
mod json;
mod put_audit_events;
mod signatures;
mod wire;

use std::collections::BTreeSet;

use expect_test::expect_file;

use case::Case;
use daemon::World;

/// The table: each request under its heading.
fn cases() -> Vec<Case> {
    [json::cases(), bulk::cases(), gzip::cases(), put_audit_events::cases(), http::cases()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_malformed_request_gets_its_answer_and_spoils_nothing() {
    let world = World::start().await;
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "each case has a name of its own");
    assert!(cases.len() >= 60);
    let mut table = String::new();
    let (mut expected, mut wrong) = (Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let before = world.recorded();
        let answer = wire::exchange(world.address(), case).await;
        let recorded = world.recorded() - before;
        table.push_str(&format!("{}{answer}   recorded {recorded}\n\n", case.heading()));
        if recorded != case.kept.len() as u64 {
            wrong.push(format!("{}: recorded {recorded}, not {}", case.name, case.kept.len()));
        }
        expected.extend(case.kept.iter().cloned());
        expected.push(world.take_a_good_event(number).await);
    }
    expect_file!["answers.txt"].assert_eq(&table);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(!table.contains("-> 500"), "nothing that a client sends is the daemon's fault");
    world.check(expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_signature_gets_its_answer_and_records_nothing() {
    let (world, key) = World::start_signed().await;
    let mut table = String::new();
    for case in signatures::cases(&key) {
        let answer = wire::exchange(world.address(), &case).await;
        assert!(!answer.contains("-> 200") && !answer.contains("-> 5"), "{}: {answer}", case.name);
        table.push_str(&format!("{}{answer}\n", case.heading()));
    }
    expect_file!["signatures.txt"].assert_eq(&table);
    assert_eq!(world.recorded(), 0);
}
