//! Trails drawn at random: buckets, prefixes, topics, keys, Regions, selectors, an organization.

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

/// Some of the trails, each other than before.
pub fn draw(dice: &Dice) -> Definitions {
    let organization = Organization {
        id: "o-abc123defg".parse().unwrap(),
        management_account: "333333333333".parse().unwrap(),
        members: vec!["111111111111".parse().unwrap()],
    };
    let trails = TRAILS.iter().filter(|_| !dice.one_in(4)).map(|arn| draw_trail(arn, dice));
    Definitions {
        trails: trails.map(TrailDefinition::from).collect(),
        organization: Some(organization),
        ..Definitions::default()
    }
}

fn draw_trail(arn: &str, dice: &Dice) -> Trail {
    let selectors: [&[Category]; 4] =
        [&[], &[], &[Category::Management, Category::Data], &[Category::Data]];
    let topic = dice.below(3);
    let bucket = dice.pick(&BUCKETS).parse().unwrap();
    Trail {
        prefix: dice.one_in(3).then(|| "some/prefix".parse().unwrap()),
        topic: TOPICS.get(usize::try_from(topic).unwrap()).map(|arn| arn.parse().unwrap()),
        kms_key: dice.one_in(3).then(|| format!("key-{}", dice.below(3))),
        is_multi_region: dice.one_in(2),
        is_organization: arn.ends_with("/org"),
        is_logging: !dice.one_in(6),
        selectors: AdvancedEventSelector::of_categories(dice.pick(&selectors)).into(),
        ..Trail::new(arn.parse().unwrap(), bucket)
    }
}
