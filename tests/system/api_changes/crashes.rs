//! A daemon is killed while clients change a trail. Whatever the moment, each part of the trail is as
//! one of the changes made it: the last that was acknowledged, or the one that was under way. And each
//! acknowledged change is in the log files, once.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};

use aws_sdk_cloudtrail::Client;
use tokio::task::JoinSet;

use super::registers::{Outcome, Register, TRAIL, client};
use super::told::Told;
use crate::dice::Dice;
use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;
use crate::support::wait::promptly;

const ROUNDS: usize = 20;

/// What is known of a part.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The last number that was acknowledged, or seen.
    last: u64,
    /// One that was sent and never answered.
    under_way: Option<u64>,
}

/// What the writers of a round share.
#[derive(Default)]
struct Shared {
    known: [Mutex<Known>; 3],
    /// The requests that were acknowledged.
    acknowledged: Mutex<Vec<String>>,
}

#[tokio::test]
async fn a_change_that_is_killed_leaves_the_old_or_the_new_trail() {
    let Some(localstack) = LocalStack::find().await else { return };
    let variable = std::env::var("CAIRN_TEST_SEED").ok();
    let seed = variable
        .map_or_else(|| RandomState::new().build_hasher().finish(), |seed| seed.parse().unwrap());
    let _ =
        writeln!(std::io::stderr(), "changes are killed {ROUNDS} times, CAIRN_TEST_SEED={seed}");
    let dice = Dice::new(seed);
    let (bucket, witness) =
        (localstack.bucket("crashes").await, localstack.bucket("crashes-witness").await);
    let site = Site::new("");
    let mut daemon = site.start().await;
    let first = client(&daemon.url("")).await;
    for (name, bucket) in [(TRAIL, &bucket), ("witness", &witness)] {
        first.create_trail().name(name).s3_bucket_name(bucket).send().await.unwrap();
        first.start_logging().name(name).send().await.unwrap();
    }
    let shared = Arc::new(Shared::default());
    for _ in 0..ROUNDS {
        let client = client(&daemon.url("")).await;
        let mut writers = JoinSet::new();
        for register in Register::ALL {
            writers.spawn(write_until_the_end(register, client.clone(), Arc::clone(&shared)));
        }
        a_moment(&site, &shared, &dice).await;
        daemon.kill();
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        daemon = site.start().await;
        check(&daemon.url(""), &shared).await;
    }
    daemon.finish().await;
    let told = Told::read(&localstack, &witness).await;
    let acknowledged = shared.acknowledged.lock().unwrap();
    assert!(acknowledged.len() > ROUNDS, "{} changes", acknowledged.len());
    for request in acknowledged.iter() {
        told.of(request);
    }
    assert!(told.requests().values().all(|times| *times == 1));
    let changes = acknowledged.len();
    let _ = writeln!(std::io::stderr(), "{changes} changes were acknowledged, and are all told of");
}

/// Waits until some changes are acknowledged, while others are under way; in half of all cases until
/// the definitions have just been stored besides, which is the middle of a change.
async fn a_moment(site: &Site, shared: &Shared, dice: &Dice) {
    let acknowledged = || shared.acknowledged.lock().unwrap().len();
    let enough = acknowledged() + usize::try_from(dice.below(12)).unwrap();
    promptly("some changes are acknowledged", async || (acknowledged() >= enough).then_some(()))
        .await;
    if dice.one_in(2) {
        return;
    }
    let stored = || std::fs::metadata(site.data().join("trails.json")).unwrap().ino();
    let before = stored();
    promptly("definitions are stored", async || (stored() != before).then_some(())).await;
}

/// Writes one number after the other until the daemon is gone.
async fn write_until_the_end(register: Register, client: Client, shared: Arc<Shared>) {
    let known = &shared.known[register as usize];
    let mut number = known.lock().unwrap().last;
    loop {
        number += 1;
        match register.write(&client, number).await {
            Outcome::Acknowledged(request) => {
                shared.acknowledged.lock().unwrap().push(request);
                known.lock().unwrap().last = number;
            }
            Outcome::Refused(why) => {
                assert!(why.contains("ConflictException"), "{register:?}: {why}");
            }
            Outcome::Unanswered => {
                known.lock().unwrap().under_way = Some(number);
                return;
            }
        }
    }
}

/// Each part is as it was acknowledged, or as the change under way would have it.
async fn check(url: &str, shared: &Shared) {
    let client = client(url).await;
    for register in Register::ALL {
        let found = register.read(&client).await;
        let mut known = shared.known[register as usize].lock().unwrap();
        assert!(
            found == known.last || Some(found) == known.under_way,
            "{register:?} is {found}, which is neither: {known:?}"
        );
        // A number that was under way and did not come may be used again.
        *known = Known { last: found, under_way: None };
    }
}
