//! All trails at one moment, and which of them take an event.

use model::{AccountId, OrganizationId};
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::rules::Rules;
use crate::trail::Trail;

/// Accounts that one management account holds together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id, part of the keys of its trails.
    pub id: OrganizationId,
    /// The account that owns its trails.
    pub management_account: AccountId,
    /// The other accounts.
    pub members: Vec<AccountId>,
}

impl Organization {
    /// Whether an account belongs to it, the management account included.
    #[must_use]
    pub fn contains(&self, account: &AccountId) -> bool {
        self.management_account == *account || self.members.contains(account)
    }
}

/// The trails in force at one moment. Serialized, it is part of each journal segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailSet {
    /// Grows with each change.
    pub version: u64,
    /// The organization, where there is one.
    pub organization: Option<Organization>,
    /// The trails, by ARN.
    pub trails: Vec<Trail>,
}

impl TrailSet {
    /// The trails that take an event: each gets it exactly once. For many events make [`Rules`] once.
    pub fn takers(&self, facts: &Facts<'_>) -> impl Iterator<Item = &Trail> {
        let places: Vec<usize> = Rules::of(self).takers(facts).collect();
        places.into_iter().map(|place| &self.trails[place])
    }

    /// The organization whose id stands in the keys of a trail's files.
    #[must_use]
    pub fn organization_of(&self, trail: &Trail) -> Option<&OrganizationId> {
        let organization = self.organization.as_ref()?;
        trail.is_organization.then_some(&organization.id)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::{Category, Event, Sender};

    use super::*;
    use crate::selector::AdvancedEventSelector;

    fn trail(name: &str, account: &str, region: &str) -> Trail {
        let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}");
        Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap())
    }

    fn event(account: &str, region: &str, more: &str) -> Event {
        let record =
            format!(r#"{{"recipientAccountId":"{account}","awsRegion":"{region}"{more}}}"#);
        let sender = Sender { account: account.parse().unwrap(), region: region.parse().unwrap() };
        Event::from_record(Bytes::from(record), &sender).unwrap().event
    }

    fn takers(trails: &[Trail], event: &Event) -> Vec<String> {
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: "100000000000".parse().unwrap(),
            members: vec!["200000000000".parse().unwrap()],
        };
        let set =
            TrailSet { version: 1, organization: Some(organization), trails: trails.to_vec() };
        let facts = Facts::of(event);
        set.takers(&facts).map(|trail| trail.arn.name.to_string()).collect()
    }

    #[test]
    fn a_trail_sees_its_own_account_and_home_region() {
        let trails = [
            trail("here", "111111111111", "eu-west-1"),
            trail("there", "111111111111", "us-west-2"),
            trail("other", "222222222222", "eu-west-1"),
        ];
        assert_eq!(takers(&trails, &event("111111111111", "eu-west-1", "")), ["here"]);
        assert_eq!(takers(&trails, &event("222222222222", "eu-west-1", "")), ["other"]);
        assert!(takers(&trails, &event("333333333333", "eu-west-1", "")).is_empty());
    }

    #[test]
    fn a_multi_region_trail_sees_every_region() {
        let all = Trail { is_multi_region: true, ..trail("all", "111111111111", "eu-west-1") };
        for region in ["eu-west-1", "us-east-1", "ap-south-2"] {
            assert_eq!(
                takers(std::slice::from_ref(&all), &event("111111111111", region, "")),
                ["all"]
            );
        }
    }

    #[test]
    fn global_events_reach_single_region_trails_of_the_leading_region_that_include_them() {
        let iam = r#","eventSource":"iam.amazonaws.com""#;
        let with = trail("with", "111111111111", "us-east-1");
        let without = Trail {
            include_global_service_events: false,
            ..trail("without", "111111111111", "us-east-1")
        };
        let elsewhere = trail("elsewhere", "111111111111", "eu-west-1");
        let trails = [with, without, elsewhere];
        assert_eq!(takers(&trails, &event("111111111111", "us-east-1", iam)), ["with"]);
        assert_eq!(takers(&trails, &event("111111111111", "us-east-1", "")), ["with", "without"]);
    }

    #[test]
    fn an_organization_trail_sees_every_member() {
        let trails = [Trail { is_organization: true, ..trail("org", "100000000000", "eu-west-1") }];
        assert_eq!(takers(&trails, &event("100000000000", "eu-west-1", "")), ["org"]);
        assert_eq!(takers(&trails, &event("200000000000", "eu-west-1", "")), ["org"]);
        assert!(takers(&trails, &event("300000000000", "eu-west-1", "")).is_empty());
    }

    #[test]
    fn the_default_selector_takes_management_events_only() {
        let trails = [trail("default", "111111111111", "eu-west-1")];
        for (more, taken) in [
            (r#","eventCategory":"Management""#, true),
            (r#","eventCategory":"Management","readOnly":true"#, true),
            (r#","eventCategory":"Data""#, false),
            (r#","eventCategory":"NetworkActivity""#, false),
            (r#","eventCategory":"Insight""#, false),
            (r#","eventCategory":"ActivityAuditLog""#, false),
        ] {
            let event = event("111111111111", "eu-west-1", more);
            assert_eq!(!takers(&trails, &event).is_empty(), taken, "{more}");
        }
    }

    #[test]
    fn a_stopped_trail_takes_nothing() {
        let trails = [Trail { is_logging: false, ..trail("off", "111111111111", "eu-west-1") }];
        assert!(takers(&trails, &event("111111111111", "eu-west-1", "")).is_empty());
    }

    #[test]
    fn selectors_of_a_trail_replace_the_default() {
        let selectors = AdvancedEventSelector::of_categories(&[Category::ActivityAuditLog]).into();
        let trails = [Trail { selectors, ..trail("activity", "111111111111", "eu-west-1") }];
        let activity = event("111111111111", "eu-west-1", r#","eventCategory":"ActivityAuditLog""#);
        assert_eq!(takers(&trails, &activity), ["activity"]);
        assert!(takers(&trails, &event("111111111111", "eu-west-1", "")).is_empty());
    }
}
