//! All that can be defined: trails, channels, accounts, the organization; and how what the
//! configuration says and what the API made come together.
//!
//! The configuration defines what it names, and only it can change that. What the API made is kept
//! beside it, and the configuration cannot take it over: it would undo what somebody else said.

use std::collections::BTreeMap;

use model::{AccountId, Timestamp, TrailArn};
use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::trail::Trail;
use crate::trail_set::{Organization, TrailSet};

/// All that can be defined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// The only accounts that events are taken for; none listed means any.
    pub accounts: Vec<AccountId>,
    /// The organization.
    pub organization: Option<Organization>,
    /// Members of the organization that may manage its trails.
    #[serde(default)]
    pub delegated_administrators: Vec<AccountId>,
    /// The trails.
    pub trails: Vec<TrailDefinition>,
    /// The channels.
    pub channels: Vec<Channel>,
    /// When each trail's logging was started and stopped; the registry keeps it.
    #[serde(default)]
    pub logging: BTreeMap<TrailArn, LoggingTimes>,
}

/// A trail as it is managed: what routing goes by, and what else its owner said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailDefinition {
    /// What routing goes by.
    #[serde(flatten)]
    pub trail: Trail,
    /// Who defined it.
    #[serde(default)]
    pub origin: Origin,
    /// `SnsTopicName` as it was given: a name or an ARN.
    #[serde(default)]
    pub topic_name: Option<String>,
    /// `LogFileValidationEnabled`: whether digests are written.
    #[serde(default)]
    pub validates_log_files: bool,
    /// `CloudWatchLogsLogGroupArn` and `CloudWatchLogsRoleArn`.
    #[serde(default)]
    pub log_group: Option<LogGroup>,
    /// Whether event selectors were ever put: `HasCustomEventSelectors`.
    #[serde(default)]
    pub has_custom_selectors: bool,
    /// Its tags, in the order in which they came.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// `AggregationConfigurations` of PutEventConfiguration.
    #[serde(default)]
    pub aggregations: Vec<AggregationConfiguration>,
    /// `InsightSelectors` of PutInsightSelectors.
    #[serde(default)]
    pub insights: Vec<InsightSelector>,
}

/// The configuration names a trail that the API made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "trail {0} of the configuration was made by the API; give it another name, or delete that one by the API first (aws cloudtrail delete-trail)"
)]
pub struct MadeByApi(pub TrailArn);

/// When a trail's logging was last started and stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggingTimes {
    /// `StartLoggingTime` of GetTrailStatus.
    pub started: Option<Timestamp>,
    /// `StopLoggingTime` of GetTrailStatus.
    pub stopped: Option<Timestamp>,
}

/// Who defined a trail or a channel, and may change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The configuration file.
    #[default]
    Configuration,
    /// A call of the API.
    Api,
}

/// A log group of CloudWatch Logs, and the role by which it is written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`
    pub arn: String,
    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub role_arn: String,
}

/// A tag of a trail or a channel, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// How data events are summed up, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AggregationConfiguration {
    /// `API_ACTIVITY`, `RESOURCE_ACCESS`, `USER_ACTIONS`.
    pub templates: Vec<String>,
    /// `Data`.
    pub event_category: String,
}

/// What kind of unusual activity a trail looks for, in the shape of the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InsightSelector {
    /// `ApiCallRateInsight` or `ApiErrorRateInsight`.
    pub insight_type: String,
    /// `Management`, `Data`; none stands for `Management`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_categories: Option<Vec<String>>,
}

impl From<Trail> for TrailDefinition {
    /// A trail of the configuration.
    fn from(trail: Trail) -> TrailDefinition {
        TrailDefinition {
            origin: Origin::Configuration,
            topic_name: trail.topic.as_ref().map(ToString::to_string),
            validates_log_files: false,
            log_group: None,
            has_custom_selectors: trail.selectors != crate::EventSelectors::Default,
            tags: Vec::new(),
            aggregations: Vec::new(),
            insights: Vec::new(),
            trail,
        }
    }
}

impl Definitions {
    /// A trail.
    #[must_use]
    pub fn trail(&self, arn: &TrailArn) -> Option<&TrailDefinition> {
        self.trails.iter().find(|definition| definition.trail.arn == *arn)
    }

    /// What holds when the configuration says this from now on.
    ///
    /// # Errors
    /// A trail of the configuration that the API made.
    pub fn with_configuration(&self, configured: Definitions) -> Result<Definitions, MadeByApi> {
        let mut all = configured;
        for definition in &self.trails {
            if definition.origin == Origin::Api {
                if all.trail(&definition.trail.arn).is_some() {
                    return Err(MadeByApi(definition.trail.arn.clone()));
                }
                let mut definition = definition.clone();
                // The trails of an account that manages no organization any more are ordinary ones.
                definition.trail.is_organization &=
                    all.is_managed_by(&definition.trail.arn.account);
                all.trails.push(definition);
            }
        }
        for channel in &self.channels {
            let is_same = |other: &Channel| other.arn() == channel.arn();
            if channel.origin == Origin::Api && !all.channels.iter().any(is_same) {
                all.channels.push(channel.clone());
            }
        }
        let is_member = |account: &&AccountId| {
            let organization = all.organization.as_ref();
            organization.is_some_and(|organization| organization.members.contains(account))
        };
        all.delegated_administrators =
            self.delegated_administrators.iter().filter(is_member).cloned().collect();
        Ok(all)
    }

    /// Whether calls and events of an account are taken at all.
    #[must_use]
    pub fn serves(&self, account: &AccountId) -> bool {
        self.accounts.is_empty() || self.accounts.contains(account)
    }

    /// Whether an account may send records for another: one of its organization, which it manages or
    /// helps to administer.
    #[must_use]
    pub fn may_send(&self, sender: &AccountId, account: &AccountId) -> bool {
        let administers =
            self.is_managed_by(sender) || self.delegated_administrators.contains(sender);
        let is_of_organization =
            || self.organization.as_ref().is_some_and(|one| one.contains(account));
        sender == account || (administers && is_of_organization())
    }

    /// The trails, as routing knows them.
    #[must_use]
    pub fn trail_set(&self, version: u64) -> TrailSet {
        let mut trails: Vec<Trail> =
            self.trails.iter().map(|definition| definition.trail.clone()).collect();
        trails.sort_by(|a, b| a.arn.cmp(&b.arn));
        TrailSet { version, organization: self.organization.clone(), trails }
    }

    fn is_managed_by(&self, account: &AccountId) -> bool {
        self.organization.as_ref().is_some_and(|one| one.management_account == *account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_api(name: &str) -> TrailDefinition {
        TrailDefinition { origin: Origin::Api, ..configured(name) }
    }

    fn configured(name: &str) -> TrailDefinition {
        let arn = format!("arn:aws:cloudtrail:eu-west-1:111111111111:trail/{name}");
        Trail::new(arn.parse().unwrap(), "bucket".parse().unwrap()).into()
    }

    fn definitions(trails: &[TrailDefinition]) -> Definitions {
        Definitions { trails: trails.to_vec(), ..Definitions::default() }
    }

    #[test]
    fn what_the_api_made_is_kept_and_what_the_configuration_no_longer_names_is_not() {
        let before = definitions(&[of_api("api"), configured("both"), configured("old")]);
        let after = before
            .with_configuration(definitions(&[configured("both"), configured("new")]))
            .unwrap();
        assert_eq!(after.trails, [configured("both"), configured("new"), of_api("api")]);
        let none = after.with_configuration(Definitions::default()).unwrap();
        assert_eq!(none.trails, [of_api("api")]);
    }

    #[test]
    fn what_the_api_made_is_not_taken_over() {
        let before = definitions(&[of_api("one"), of_api("two")]);
        let refused = before.with_configuration(definitions(&[configured("two")])).unwrap_err();
        assert_eq!(refused.0.name.as_str(), "two");
    }

    #[test]
    fn only_who_administers_an_organization_sends_for_its_other_accounts() {
        let account = |number: u8| number.to_string().repeat(12).parse::<AccountId>().unwrap();
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: account(1),
            members: vec![account(2), account(3)],
        };
        let with = Definitions {
            organization: Some(organization),
            delegated_administrators: vec![account(2)],
            ..Definitions::default()
        };
        for (sender, of, may) in [
            (1, 1, true),
            (1, 3, true),
            (1, 9, false),
            (2, 1, true),
            (2, 3, true),
            (2, 9, false),
            (3, 3, true),
            (3, 2, false),
            (9, 9, true),
            (9, 3, false),
        ] {
            assert_eq!(with.may_send(&account(sender), &account(of)), may, "{sender} for {of}");
        }
        assert!(!Definitions::default().may_send(&account(1), &account(2)));
    }

    #[test]
    fn without_its_organization_a_trail_is_an_ordinary_one_and_nobody_administers_it() {
        let mut organization_trail = of_api("org");
        organization_trail.trail.is_organization = true;
        let organization = Organization {
            id: "o-abc123defg".parse().unwrap(),
            management_account: "111111111111".parse().unwrap(),
            members: vec!["222222222222".parse().unwrap()],
        };
        let with = Definitions {
            organization: Some(organization),
            delegated_administrators: vec!["222222222222".parse().unwrap()],
            ..definitions(&[organization_trail])
        };
        let configuration = Definitions { trails: Vec::new(), ..with.clone() };
        assert_eq!(with.with_configuration(configuration).unwrap(), with);
        let without = with.with_configuration(Definitions::default()).unwrap();
        assert!(!without.trails[0].trail.is_organization);
        assert!(without.delegated_administrators.is_empty());
    }

    #[test]
    fn a_definition_is_written_with_its_trail_and_read_without_what_is_new() {
        let definition = configured("one");
        let mut json = serde_json::to_value(&definition).unwrap();
        assert_eq!(json["bucket"], "bucket");
        assert_eq!(serde_json::from_value::<TrailDefinition>(json.clone()).unwrap(), definition);
        let members = json.as_object_mut().unwrap();
        for new in ["origin", "topic_name", "validates_log_files", "log_group", "tags"] {
            members.remove(new).unwrap();
        }
        for new in ["has_custom_selectors", "aggregations", "insights", "recursive_logging"] {
            members.remove(new).unwrap();
        }
        assert_eq!(serde_json::from_value::<TrailDefinition>(json).unwrap(), definition);
    }
}
