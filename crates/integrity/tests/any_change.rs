//! Whatever single object is changed, removed or put in another's place: something is found. What is
//! untouched has no findings. A validation that was interrupted ends with the same report.
#![allow(clippy::unwrap_used)]

mod world;

use std::io::Read;
use std::sync::Arc;

use cairn_integrity::{Kept, Progress, Source};
use cairn_tests::forge::{at, put_digest, read_digest};
use flate2::read::MultiGzDecoder;
use proptest::prelude::*;
use world::World;

#[derive(Clone, Copy, Debug)]
enum Change {
    Remove,
    Flip(prop::sample::Index),
    Cut(prop::sample::Index),
    Append,
    Replace(prop::sample::Index),
    Swap(prop::sample::Index),
    Unsign(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        Just(Change::Remove),
        index().prop_map(Change::Flip),
        index().prop_map(Change::Cut),
        Just(Change::Append),
        index().prop_map(Change::Replace),
        index().prop_map(Change::Swap),
        index().prop_map(Change::Unsign),
    ]
}

/// Does it; false when it would change nothing.
fn apply(world: &mut World, key: &str, change: Change) -> bool {
    let before = world.object(key).clone();
    match change {
        Change::Remove => {
            world.remove(key);
            return true;
        }
        Change::Flip(at) => {
            let mut bytes = before.bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            // Some bits mean nothing: the header's time, a code that no letter has. What is inside is
            // what is signed.
            if unpacked(&bytes) == unpacked(&before.bytes) {
                return false;
            }
            world.object(key).bytes = bytes.into();
        }
        Change::Cut(at) => {
            let length = at.index(before.bytes.len());
            world.object(key).bytes = before.bytes.slice(..length);
        }
        Change::Append => {
            let more = [&before.bytes[..], &cairn_tests::forge::gzip(b" ")[..]].concat();
            world.object(key).bytes = more.into();
        }
        Change::Replace(other) => {
            let other = other.get(&world.all).clone();
            let stored = world.object(&other).clone();
            *world.object(key) = stored;
        }
        Change::Swap(other) => {
            let other = other.get(&world.all).clone();
            let stored = world.object(&other).clone();
            *world.object(key) = stored;
            *world.object(&other) = before.clone();
        }
        Change::Unsign(at) => {
            let metadata = world.object(key).metadata.as_mut().unwrap();
            let names: Vec<String> = metadata.keys().cloned().collect();
            if names.is_empty() {
                return false;
            }
            let name = at.get(&names).clone();
            if at.index(2) == 0 {
                metadata.remove(&name);
            } else {
                metadata.insert(name, "other".into());
            }
        }
    }
    *world.object(key) != before
}

/// What is inside; `None` when it is no gzip.
fn unpacked(gzip: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(gzip).read_to_end(&mut bytes).ok().map(|_| bytes)
}

/// Whether something is found long after the last digest, or when the other chains may still go on
/// and this one should have.
fn is_wrong(world: &World) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    ["2026-03-20T00:00:00Z", "2026-03-09T18:00:00Z"].into_iter().any(|now| {
        let mut world = world.clone();
        world.scope.now = at(now);
        world.scope.to = world.scope.now;
        !runtime.block_on(world.problems()).is_empty()
    })
}

/// The newest digest of a chain whose hour was quiet leaves no trace once nothing else goes on; here
/// other chains do, or the hour has log files.
#[test]
fn each_object_that_is_removed_is_missed() {
    let world = World::new();
    assert!(!is_wrong(&world));
    for key in &world.all {
        let mut world = world.clone();
        world.remove(key);
        assert!(is_wrong(&world), "nobody misses {key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_single_change_is_found(at in any::<prop::sample::Index>(), change in change()) {
        let mut world = World::new();
        let key = at.get(&world.all).clone();
        prop_assume!(apply(&mut world, &key, change));
        prop_assert!(is_wrong(&world), "{change:?} of {key}");
    }
}

#[tokio::test]
async fn an_interrupted_validation_ends_with_the_same_report() {
    let mut world = World::new();
    let file = world.files[2].clone();
    world.object(&file).bytes = "no gzip".into();
    let whole = world.report().await;
    let progress = world.anew();
    world.validate_in(Source::memory(world.memory.clone()), Arc::clone(&progress)).await;
    // What is kept goes through a file, and log files are not read again: they are gone by now.
    let kept = serde_json::to_vec(&progress.kept()).unwrap();
    let kept: Kept = serde_json::from_slice(&kept).unwrap();
    let files = world.files.clone();
    for file in &files[..2] {
        world.remove(file);
    }
    let source = Source::memory(world.memory.clone());
    let (found, summary) = world.validate_in(source, Arc::new(Progress::new(kept))).await;
    assert_eq!(world::report(&found, &summary), whole);
}

/// The report of a second run over `world`, which goes on from where a first one over `before` ended.
async fn gone_on(before: &World, world: &World) -> String {
    let progress = before.anew();
    before.validate_in(Source::memory(before.memory.clone()), Arc::clone(&progress)).await;
    let source = Source::memory(world.memory.clone());
    let (found, summary) =
        world.validate_in(source, Arc::new(Progress::new(progress.kept()))).await;
    world::report(&found, &summary)
}

#[tokio::test]
async fn what_was_not_read_before_an_interruption_is_read_after_it() {
    let mut world = World::new();
    let file = world.files[0].clone();
    world.object(&file).bytes = "no gzip".into();
    let digest = world.digests[1].clone();
    // The digest that lists the file comes back; its signature, its bytes, or access to it do.
    let (mut gone, mut unsigned, mut broken) = (world.clone(), world.clone(), world.clone());
    gone.remove(&digest);
    unsigned.object(&digest).metadata = Some(cairn_integrity::Metadata::new());
    broken.object(&digest).bytes = "no gzip".into();
    let mut denied = world.clone();
    denied.memory.denied.insert((world::BUCKET.into(), digest.clone()));
    let mut unreadable = world.clone();
    unreadable.memory.denied.insert((world::BUCKET.into(), file));
    for before in [gone, unsigned, broken, denied, unreadable] {
        assert_eq!(gone_on(&before, &world).await, world.report().await);
    }
}

#[tokio::test]
async fn a_digest_that_says_something_else_after_an_interruption_is_compared_anew() {
    let world = World::new();
    let mut before = world.clone();
    let mut digest = read_digest(&before.memory, world::BUCKET, &world.digests[4]);
    digest.log_files.remove(0);
    let put_at = before.object(&world.digests[4]).modified.unwrap();
    put_digest(&mut before.memory, &digest, world::key(), put_at);
    let mut after = world.clone();
    after.object(&world.files[4]).bytes = "no gzip".into();
    assert_eq!(gone_on(&before, &after).await, after.report().await);
}
