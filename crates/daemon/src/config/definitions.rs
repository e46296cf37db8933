//! The parts of the file that define what is recorded and where it goes: accounts, organization,
//! trails, channels.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountId, TopicArn, TopicName, TrailArn};
use toml::de::DeValue;
use trails::{
    Channel, Definitions, EventSelectors, InvalidTrail, Organization, Trail, TrailDefinition,
};

use super::reader::{Reader, expected};
use super::selectors;

/// Values that let reading go on after a mistake; none of them gets out.
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const NAME: &str = "stand-in";

/// Who may own what.
struct Owners {
    accounts: Vec<AccountId>,
    organization: Option<Organization>,
    /// Whether both were read without a mistake; otherwise nothing is compared with them.
    are_sound: bool,
}

pub(super) fn read(root: &mut Reader<'_, '_>) -> Definitions {
    let before = root.mistakes();
    let (accounts, organization) = (accounts(root), organization(root));
    let are_sound = root.mistakes() == before;
    let owners = Owners { accounts, organization, are_sound };
    let trails = trails(root, &owners);
    let channels = channels(root, &owners);
    let Owners { accounts, organization, .. } = owners;
    Definitions { accounts, organization, trails, channels, ..Definitions::default() }
}

fn accounts(root: &mut Reader<'_, '_>) -> Vec<AccountId> {
    let mut seen = BTreeSet::new();
    root.each("accounts", |account, _| {
        let id: AccountId = account.required("id", ACCOUNT);
        if account.are_sound(&["id"]) && !seen.insert(id.clone()) {
            account.mistake("id", "this account is listed twice; list it once".into());
        }
        id
    })
}

fn organization(root: &mut Reader<'_, '_>) -> Option<Organization> {
    let is_defined = root.peek("organization").is_some_and(DeValue::is_table);
    // An absent section is read all the same, so that its name counts as known.
    root.section("organization", |section| {
        let parse = |text: &str| text.parse::<AccountId>().ok();
        is_defined.then(|| Organization {
            id: section.required("id", "o-0000000000"),
            management_account: section.required("management_account", ACCOUNT),
            members: section.list("members", expected::<AccountId>(), parse),
        })
    })
}

fn trails(root: &mut Reader<'_, '_>, owners: &Owners) -> Vec<TrailDefinition> {
    let mut names = BTreeMap::new();
    root.each("trails", |reader, index| {
        let trail = trail(reader);
        check_name(reader, &mut names, trail.arn.clone(), &format!("trails[{index}]"));
        check_rules(reader, &trail);
        check_owner(reader, &trail, owners);
        let validates_log_files = reader.flag("log_file_validation", false);
        TrailDefinition { validates_log_files, ..trail.into() }
    })
}

/// Reports a second trail or channel of one account, Region and name.
fn check_name<T: Ord>(
    reader: &mut Reader<'_, '_>,
    names: &mut BTreeMap<T, String>,
    name: T,
    path: &str,
) {
    if !reader.are_sound(&["name", "account", "region"]) {
        return;
    }
    if let Some(first) = names.get(&name) {
        let why = format!("{first} has the same account, Region and name; rename one of them");
        return reader.mistake("name", why);
    }
    names.insert(name, path.into());
}

fn trail(reader: &mut Reader<'_, '_>) -> Trail {
    let arn = TrailArn {
        name: reader.required("name", NAME),
        account: reader.required("account", ACCOUNT),
        home_region: reader.required("region", REGION),
    };
    let bucket = reader.required("bucket", "stand-in");
    Trail {
        prefix: reader.optional("prefix"),
        topic: topic(reader, &arn),
        kms_key: kms_key(reader),
        is_multi_region: reader.flag("multi_region", false),
        include_global_service_events: reader.flag("include_global_service_events", true),
        is_organization: reader.flag("organization", false),
        is_logging: reader.flag("logging", true),
        selectors: selectors::read(reader).into(),
        ..Trail::new(arn, bucket)
    }
}

/// An ARN, or the name of a topic of the trail's account and home Region.
fn topic(reader: &mut Reader<'_, '_>, arn: &TrailArn) -> Option<TopicArn> {
    const EXPECTED: &str = "a topic's ARN (arn:aws:sns:REGION:ACCOUNT:NAME), or its name alone \
                            when it is in the trail's account and Region";
    let text = reader.text("topic", EXPECTED)?;
    let in_home = |name: TopicName| TopicArn {
        region: arn.home_region.clone(),
        account: arn.account.clone(),
        name,
    };
    let topic = match text.contains(':') {
        true => text.parse().ok(),
        false => text.parse().ok().map(in_home),
    };
    if topic.is_none() {
        reader.wrong("topic", format!("expected {EXPECTED}"));
    }
    topic
}

/// It travels in an HTTP header; whether the key exists is for KMS to say.
fn kms_key(reader: &mut Reader<'_, '_>) -> Option<String> {
    const EXPECTED: &str = "a KMS key's ARN, id or alias, of 1 to 2048 visible ASCII characters";
    let text = reader.text("kms_key", EXPECTED)?;
    let is_valid =
        (1..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_valid {
        reader.wrong("kms_key", format!("expected {EXPECTED}"));
    }
    Some(text)
}

/// Reports every rule that a trail breaks. [`Trail::check`] names the first one, so each is taken
/// out of the way before asking again.
fn check_rules(reader: &mut Reader<'_, '_>, trail: &Trail) {
    let mut rest = trail.clone();
    while let Err(error) = rest.check() {
        let why = error.to_string();
        match error {
            InvalidTrail::MultiRegionWithoutGlobal => {
                reader.mistake("include_global_service_events", why);
                rest.include_global_service_events = true;
            }
            InvalidTrail::FifoTopic(_) => {
                reader.mistake("topic", "expected a standard topic, not FIFO".into());
                rest.topic = None;
            }
            InvalidTrail::Selectors(_) => {
                reader.mistake("advanced_event_selectors", why);
                rest.selectors = EventSelectors::Default;
            }
        }
    }
}

/// Reports a trail that would never see an event, because its owner is not served, and an
/// organization trail of an account that does not manage the organization.
fn check_owner(reader: &mut Reader<'_, '_>, trail: &Trail, owners: &Owners) {
    if !trail.is_organization {
        return check_served(reader, &trail.arn.account, owners);
    }
    match &owners.organization {
        _ if !owners.are_sound => {}
        None => reader.mistake(
            "organization",
            "an organization trail needs an organization; define [organization]".into(),
        ),
        Some(organization) => {
            let manager = &organization.management_account;
            if reader.are_sound(&["account"]) && trail.arn.account != *manager {
                let why = format!(
                    "expected {manager}: only the management account owns organization trails"
                );
                reader.mistake("account", why);
            }
        }
    }
}

fn check_served(reader: &mut Reader<'_, '_>, account: &AccountId, owners: &Owners) {
    let is_served = owners.accounts.is_empty() || owners.accounts.contains(account);
    if owners.are_sound && reader.are_sound(&["account"]) && !is_served {
        reader.mistake("account", "expected one of [[accounts]]: no other is served".into());
    }
}

fn channels(root: &mut Reader<'_, '_>, owners: &Owners) -> Vec<Channel> {
    let mut names = BTreeMap::new();
    root.each("channels", |reader, index| {
        let name = reader.required("name", NAME);
        let account = reader.required("account", ACCOUNT);
        let region = reader.required("region", REGION);
        let channel = Channel::configured(account, region, name, source(reader));
        check_name(reader, &mut names, channel.id.clone(), &format!("channels[{index}]"));
        check_served(reader, &channel.account, owners);
        channel
    })
}

fn source(reader: &mut Reader<'_, '_>) -> String {
    const EXPECTED: &str = "\"Custom\", or the one event source that the channel takes, of 1 to \
                            256 characters";
    let text = reader.text("source", EXPECTED).unwrap_or_else(|| "Custom".into());
    if !(1..=256).contains(&text.chars().count()) {
        reader.wrong("source", format!("expected {EXPECTED}"));
    }
    text
}
