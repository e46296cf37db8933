//! Two changes of one trail at once: of the same part, one of the two is what is left; of different
//! parts, neither is lost.

use super::registers::{Outcome, Register, TRAIL, client};
use crate::support::cairn::Site;
use crate::support::localstack::LocalStack;

const PAIRS: u64 = 10;

#[tokio::test]
async fn two_changes_at_once_end_in_one_of_the_two() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("pairs").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon.url("")).await;
    client.create_trail().name(TRAIL).s3_bucket_name(&bucket).send().await.unwrap();
    for register in Register::ALL {
        for pair in 0..PAIRS {
            let (one, other) = (2 * pair + 1, 2 * pair + 2);
            let (first, second) =
                tokio::join!(register.write(&client, one), register.write(&client, other));
            let found = register.read(&client).await;
            let made: Vec<u64> =
                [(one, first), (other, second)].into_iter().filter_map(is_made).collect();
            assert!(
                made.contains(&found),
                "{register:?} is {found}, and {made:?} were acknowledged"
            );
        }
    }
    daemon.stop().await;
}

#[tokio::test]
async fn changes_of_different_parts_at_once_lose_nothing() {
    let Some(localstack) = LocalStack::find().await else { return };
    let bucket = localstack.bucket("parts").await;
    let site = Site::new("");
    let daemon = site.start().await;
    let client = client(&daemon.url("")).await;
    client.create_trail().name(TRAIL).s3_bucket_name(&bucket).send().await.unwrap();
    let mut expected = [0; 3];
    for number in 1..=PAIRS {
        let [settings, selectors, tags] = Register::ALL.map(|one| one.write(&client, number));
        let (settings, selectors, tags) = tokio::join!(settings, selectors, tags);
        for (register, outcome) in Register::ALL.into_iter().zip([settings, selectors, tags]) {
            if let Some(made) = is_made((number, outcome)) {
                expected[register as usize] = made;
            }
            assert_eq!(register.read(&client).await, expected[register as usize], "{register:?}");
        }
    }
    assert!(expected.iter().all(|made| *made > 0), "{expected:?}");
    daemon.stop().await;
}

/// The number, if it was acknowledged. A change may be refused only for the other's sake.
fn is_made((number, outcome): (u64, Outcome)) -> Option<u64> {
    match outcome {
        Outcome::Acknowledged(_) => Some(number),
        Outcome::Refused(why) => {
            assert!(why.contains("ConflictException"), "{why}");
            None
        }
        Outcome::Unanswered => panic!("the daemon did not answer"),
    }
}
