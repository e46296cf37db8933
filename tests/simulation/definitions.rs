//! Trails drawn at random: buckets, prefixes, topics, keys, Regions, selectors, an organization.

use std::collections::BTreeMap;

use model::Category;
use trails::{AdvancedEventSelector, Definitions, Organization, Trail, TrailDefinition};

use crate::dice::Dice;

pub const BUCKETS: [&str; 3] = ["logs", "elsewhere", "third"];
pub const TOPICS: [&str; 2] =
    ["arn:aws:sns:eu-west-1:111111111111:one", "arn:aws:sns:eu-west-1:111111111111:two"];
const TRAILS: [&str; 4] = [
    "arn:aws:cloudtrail:eu-west-1:111111111111:trail/one",
    "arn:aws:cloudtrail:us-east-1:111111111111:trail/two",
    "arn:aws:cloudtrail:eu-west-1:222222222222:trail/one",
    "arn:aws:cloudtrail:eu-west-1:333333333333:trail/org",
];

/// Everything anew, or one trail in one respect.
pub fn change(before: &Definitions, dice: &Dice) -> Definitions {
    if before.trails.is_empty() || dice.one_in(3) {
        return draw(dice);
    }
    // What the registry adds by itself is not what is defined.
    let mut after = Definitions { logging: BTreeMap::new(), ..before.clone() };
    let number = usize::try_from(dice.below(after.trails.len() as u64)).unwrap();
    let trail = &mut after.trails[number];
    match dice.below(8) {
        0 => drop(after.trails.remove(number)),
        1..4 => trail.validates_log_files = !trail.validates_log_files,
        4..6 => trail.trail.is_logging = !trail.trail.is_logging,
        _ => trail.trail.bucket = dice.pick(&BUCKETS).parse().unwrap(),
    }
    after
}

/// Some of the trails, each other than before.
fn draw(dice: &Dice) -> Definitions {
    let organization = Organization {
        id: "o-abc123defg".parse().unwrap(),
        management_account: "333333333333".parse().unwrap(),
        members: vec!["111111111111".parse().unwrap()],
    };
    let trails = TRAILS.iter().filter(|_| !dice.one_in(4)).map(|arn| draw_trail(arn, dice));
    Definitions {
        trails: trails.collect(),
        organization: Some(organization),
        ..Definitions::default()
    }
}

fn draw_trail(arn: &str, dice: &Dice) -> TrailDefinition {
    let selectors: [&[Category]; 4] =
        [&[], &[], &[Category::Management, Category::Data], &[Category::Data]];
    let topic = dice.below(3);
    let bucket = dice.pick(&BUCKETS).parse().unwrap();
    let trail = Trail {
        prefix: dice.one_in(3).then(|| "some/prefix".parse().unwrap()),
        topic: TOPICS.get(usize::try_from(topic).unwrap()).map(|arn| arn.parse().unwrap()),
        kms_key: dice.one_in(3).then(|| format!("key-{}", dice.below(3))),
        is_multi_region: dice.one_in(2),
        is_organization: arn.ends_with("/org"),
        is_logging: !dice.one_in(6),
        selectors: AdvancedEventSelector::of_categories(dice.pick(&selectors)).into(),
        ..Trail::new(arn.parse().unwrap(), bucket)
    };
    TrailDefinition { validates_log_files: dice.one_in(2), ..trail.into() }
}
