//! The verdict on digests, by what is in the buckets and by when trails were to write them:
//!
//! 1. Each digest is what it says: its key, metadata, signature, hashes, account, oldest and newest
//!    event; it lies in a bucket that its trail had. It begins before it ends, and covers one
//!    interval at the most, or what is owed for more than a month.
//!    Its key is listed for its time.
//! 2. A digest names none before it, or one of its chain and kind: by bucket, key, hash, signature.
//!    It begins where that one ends; of backfill digests it ends later. No two name the same, with one
//!    exception: a PUT whose answer was lost, to a bucket that its trail has left since and that then
//!    did not even say whether it has it. That digest is left behind: nobody names it, or counts it.
//! 3. A chain begins at most as often as its trail began to log with validation. One that began
//!    later has later keys, unless the clock was set back.
//! 4. What a digest lists is in its bucket, has this hash, and is of this trail, account and Region.
//!    No file is listed twice, but one that was given up and that somebody restored.
//! 5. Files are listed or not as [`Demand`] says, by the time in which they were delivered.
//! 6. While its trail writes digests, the home Region's chain has one for each interval until now.
//! 7. When no trail writes digests any more and all is quiet, neither receipts nor chains are left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use delivery::Put;
use keyring::{PublicKey, SigningKey};
use model::{Timestamp, TrailArn};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use trails::Definitions;

use crate::outside::{Place, is_digest};
use crate::process::KEYS;
use crate::run;
use crate::stretches::Demand;
use crate::verdict::{gunzip, place};
use crate::world::{Step, World};

/// Names that foreign objects may take, one second after the other.
const FOREIGN_MAX: Duration = Duration::from_secs(16);
/// What is owed for longer is covered by one digest.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// What digests are verified with.
static PUBLIC_KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    let public = |der: &&[u8]| SigningKey::from_pkcs8(der).unwrap().public().clone();
    KEYS.iter().map(public).collect()
});

/// A digest's text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    aws_account_id: String,
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: String,
    newest_event_time: Option<String>,
    oldest_event_time: Option<String>,
    previous_digest_s3_bucket: Option<String>,
    previous_digest_s3_object: Option<String>,
    previous_digest_hash_value: Option<String>,
    previous_digest_hash_algorithm: Option<String>,
    previous_digest_signature: Option<String>,
    log_files: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Listed {
    s3_bucket: String,
    s3_object: String,
    hash_value: String,
    hash_algorithm: String,
    newest_event_time: Option<String>,
    oldest_event_time: Option<String>,
}

/// Whose files they are: of one trail, account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Of {
    trail: TrailArn,
    organization: Option<String>,
    account: String,
    region: String,
}

/// A digest in its bucket.
struct Found {
    of: Of,
    place: Place,
    is_backfill: bool,
    start: Timestamp,
    end: Timestamp,
    sha256: String,
    signature: String,
    text: Text,
}

/// A log file in its bucket.
struct File {
    of: Of,
    sha256: String,
}

/// What is in the buckets.
struct Evidence {
    digests: Vec<Found>,
    files: BTreeMap<Place, File>,
    /// How many digests were left behind.
    left_behind: u64,
}

impl World {
    /// The end of the run for digests: those that are owed are written; then no trail writes any,
    /// and all that was to be listed is listed.
    pub async fn end_chains(&mut self) -> Step {
        // Also of a chain that began at a time that came back.
        let ahead = self.latest.since(self.now().wall) + self.digests_interval;
        self.wait(ahead.as_secs() + 1).await;
        run::drain(self).await?;
        let evidence = Evidence::gather(self)?;
        evidence.check_chains(self)?;
        evidence.check_nothing_is_owed(self)?;
        let in_force = self.process().registry.definitions().clone();
        let mut ended = Definitions { logging: BTreeMap::new(), ..in_force };
        let end = self.dice.below(3);
        match end {
            0 => ended.trails.clear(),
            1 => ended.trails.iter_mut().for_each(|one| one.trail.is_logging = false),
            _ => ended.trails.iter_mut().for_each(|one| one.validates_log_files = false),
        }
        self.apply(ended);
        self.go()?;
        run::drain(self).await?;
        // A trail is remembered until its last digests are past, and what is forgotten is stored then.
        let newest = Evidence::gather(self)?.digests.iter().map(|digest| digest.end).max();
        let ahead = newest.unwrap_or(Timestamp::EPOCH).since(self.now().wall);
        self.wait(ahead.as_secs() + 3).await;
        run::drain(self).await?;
        run::drain(self).await?;
        self.stretches.given_up.extend(self.process().digests.report().given_up);
        let evidence = Evidence::gather(self)?;
        evidence.check_chains(self)?;
        evidence.check_files(self)?;
        self.check_nothing_is_left(end == 1)?;
        self.count_digests(&evidence);
        Ok(())
    }

    /// Of trails that are stopped the chains stay: they begin again when logging is started.
    fn check_nothing_is_left(&self, are_stopped: bool) -> Step {
        let mut left = self.files("receipts", |_| true);
        left.extend(self.files("digests", |name| name != "trails.json" && !are_stopped));
        let waiting = self.process().digests.waiting();
        match left.is_empty() && waiting == 0 {
            true => Ok(()),
            false => Err(format!("all is quiet, and {left:?} are left; {waiting} groups wait")),
        }
    }

    fn count_digests(&mut self, evidence: &Evidence) {
        let appeared = self.outside.appeared.lock().unwrap();
        let is_owed = |digest: &&Found| {
            let (_, at) = appeared.first[&digest.place];
            !digest.is_backfill && at >= digest.end.plus(self.digests_interval)
        };
        let digests = &evidence.digests;
        let begun = digests.iter().filter(|it| it.text.previous_digest_signature.is_none());
        let files = digests.iter().flat_map(|it| &it.text.log_files);
        // One that was given up and restored may be listed twice.
        let listed: BTreeSet<_> = files.map(|file| (&file.s3_bucket, &file.s3_object)).collect();
        let listed = listed.len() as u64;
        let chains: BTreeSet<&Of> = digests.iter().map(|it| &it.of).collect();
        let counts = [
            ("digests", digests.len() as u64),
            ("listed files", listed),
            ("unlisted files", evidence.files.len() as u64 - listed),
            ("chains", chains.len() as u64),
            ("chains begun", begun.filter(|it| !it.is_backfill).count() as u64),
            ("backfill digests", digests.iter().filter(|it| it.is_backfill).count() as u64),
            ("digests left behind", evidence.left_behind),
            ("owed digests", digests.iter().filter(is_owed).count() as u64),
            (
                "empty digests",
                digests.iter().filter(|it| it.text.log_files.is_empty()).count() as u64,
            ),
        ];
        drop(appeared);
        counts.into_iter().for_each(|(what, count)| self.tally.count(what, count));
    }
}

impl Evidence {
    fn gather(world: &World) -> Result<Evidence, String> {
        let mut evidence = Evidence { digests: Vec::new(), files: BTreeMap::new(), left_behind: 0 };
        for put in world.outside.store.objects() {
            if world.foreign.contains_key(&place(&put)) {
                continue;
            }
            let told = |error: String| format!("s3://{}/{}: {error}", put.bucket, put.key);
            if is_digest(&put.key) {
                evidence.digests.push(Found::read(&put, &PUBLIC_KEYS).map_err(told)?);
            } else {
                let of = of(&put).ok_or_else(|| told("is it a log file?".into()))?;
                let sha256 = sha256_hex(&gunzip(&put.body));
                evidence.files.insert(place(&put), File { of, sha256 });
            }
        }
        evidence.set_aside_left_behind();
        Ok(evidence)
    }

    /// Takes away what was left behind: nobody names it, and there is another one in another bucket.
    fn set_aside_left_behind(&mut self) {
        let named: BTreeSet<Place> = self.digests.iter().filter_map(Found::previous).collect();
        let digests = std::mem::take(&mut self.digests);
        let rank =
            |it: &Found| (named.contains(&it.place), it.text.log_files.len(), it.place.clone());
        let is_left = |one: &Found| {
            let is_instead = |it: &Found| it.is_rival_of(one) && rank(it) > rank(one);
            !named.contains(&one.place) && digests.iter().any(is_instead)
        };
        let left: BTreeSet<Place> =
            digests.iter().filter(|it| is_left(it)).map(|it| it.place.clone()).collect();
        self.left_behind = left.len() as u64;
        self.digests = digests.into_iter().filter(|it| !left.contains(&it.place)).collect();
    }

    /// Rules 1 to 4.
    fn check_chains(&self, world: &World) -> Step {
        let by_place: BTreeMap<&Place, &Found> =
            self.digests.iter().map(|digest| (&digest.place, digest)).collect();
        let mut named: BTreeMap<&Place, &Found> = BTreeMap::new();
        let mut begun: BTreeMap<&Of, usize> = BTreeMap::new();
        let mut listed: BTreeMap<Place, &Found> = BTreeMap::new();
        for digest in &self.digests {
            let told = |error: String| format!("digest {:?}: {error}", digest.place);
            digest.check_length(world).map_err(told)?;
            digest.check_key(world).map_err(told)?;
            match digest.previous() {
                Some((bucket, key)) => {
                    let before = by_place.get(&(bucket, key));
                    let before =
                        before.ok_or_else(|| told("its previous one is not there".into()))?;
                    digest.check_link(before).map_err(told)?;
                    if let Some(other) = named.insert(&before.place, digest) {
                        return Err(told(format!("a fork, {:?} is after the same", other.place)));
                    }
                }
                None if !digest.is_backfill => *begun.entry(&digest.of).or_default() += 1,
                None => {}
            }
            for file in &digest.text.log_files {
                self.check_listed(digest, file).map_err(told)?;
                let place = (file.s3_bucket.clone(), file.s3_object.clone());
                let is_restored = world.stretches.restored.contains(&place);
                if let Some(other) = listed.insert(place, digest).filter(|_| !is_restored) {
                    let (file, other) = (&file.s3_object, &other.place);
                    return Err(told(format!("{file} is listed twice, also by {other:?}")));
                }
            }
        }
        for (of, begun) in begun {
            let allowed = world.stretches.begun(&of.trail);
            if begun > allowed {
                return Err(format!("{of:?} begins {begun} times, its trail {allowed} times"));
            }
        }
        if world.was_set_back { Ok(()) } else { self.check_order() }
    }

    /// Without a clock that is set back, the keys of a chain are in the order of its digests.
    fn check_order(&self) -> Step {
        let mut last: BTreeMap<(&Of, bool), &Found> = BTreeMap::new();
        let mut in_order: Vec<&Found> = self.digests.iter().collect();
        in_order.sort_by_key(|digest| digest.end);
        for digest in in_order {
            let before = last.insert((&digest.of, digest.is_backfill), digest);
            let is_next = match (digest.previous(), before) {
                (Some(previous), Some(before)) => previous == before.place,
                (Some(_), None) => false,
                (None, _) => true,
            };
            if !is_next {
                let before = before.map(|before| &before.place);
                return Err(format!("{:?} does not follow {before:?}", digest.place));
            }
        }
        Ok(())
    }

    fn check_listed(&self, digest: &Found, listed: &Listed) -> Step {
        let place = (listed.s3_bucket.clone(), listed.s3_object.clone());
        let file =
            self.files.get(&place).ok_or(format!("it lists {place:?}, which is not there"))?;
        if listed.hash_value != file.sha256 || listed.hash_algorithm != "SHA-256" {
            return Err(format!("it lists {place:?} with another hash"));
        }
        if file.of != digest.of {
            return Err(format!("it lists {place:?}, which is of {:?}", file.of));
        }
        Ok(())
    }

    /// Rule 5.
    fn check_files(&self, world: &World) -> Step {
        let listed: BTreeSet<Place> = self
            .digests
            .iter()
            .flat_map(|digest| &digest.text.log_files)
            .map(|file| (file.s3_bucket.clone(), file.s3_object.clone()))
            .collect();
        let appeared = world.outside.appeared.lock().unwrap();
        for (place, file) in &self.files {
            let (first, _) = appeared.first[place];
            let trail = &file.of.trail;
            match (world.stretches.demand(trail, place, first), listed.contains(place)) {
                (Demand::Listed, false) => {
                    let told = world.stretches.told_of(trail, place, first);
                    return Err(format!("{place:?} of {trail} is in no digest: {told}"));
                }
                (Demand::Unlisted, true) => {
                    let told = world.stretches.told_of(trail, place, first);
                    return Err(format!("{place:?} of {trail} is wrongly in a digest: {told}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Rule 6.
    fn check_nothing_is_owed(&self, world: &World) -> Step {
        let now = world.now().wall;
        for trail in world.stretches.on() {
            let home = |digest: &&Found| {
                let Of { account, region, .. } = &digest.of;
                digest.of.trail == trail
                    && (account, region.as_str())
                        == (&trail.account.to_string(), trail.home_region.as_str())
            };
            let newest = self.digests.iter().filter(home).map(|digest| digest.end).max();
            if newest.is_none_or(|newest| newest.plus(world.digests_interval) <= now) {
                return Err(format!("{trail} owes digests: the newest one ends at {newest:?}"));
            }
        }
        Ok(())
    }
}

impl Found {
    fn read(put: &Put, keys: &[PublicKey]) -> Result<Found, String> {
        let bytes = gunzip(&put.body);
        let text: Text = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let sha256 = sha256_hex(&bytes);
        let of = of(put).ok_or("its key is no digest's")?;
        let is_backfill = put.key.ends_with("_backfill.json.gz");
        if Some(put.key.as_str()) != key(put, &of, &text, is_backfill).as_deref() {
            return Err(format!("its text says {}, {}", text.digest_end_time, of.account));
        }
        let here = (text.digest_s3_bucket.as_str(), text.digest_s3_object.as_str());
        if here != (put.bucket.as_str(), put.key.as_str()) || text.aws_account_id != of.account {
            return Err(format!("it says that it is {here:?} of {}", text.aws_account_id));
        }
        let metadata = |name: &str| put.metadata.get(name).map(String::as_str);
        let is_dated = metadata("backfill-generation-timestamp").is_some();
        let algorithm = Some("SHA256withRSA");
        if is_dated != is_backfill
            || metadata("signature-algorithm") != algorithm
            || Some(text.digest_signature_algorithm.as_str()) != algorithm
        {
            return Err(format!("its metadata is {:?}", put.metadata));
        }
        let signature = metadata("signature").ok_or("it is not signed")?.to_owned();
        let previous = text.previous_digest_signature.as_deref().unwrap_or("null");
        let place_text = format!("{}/{}", put.bucket, put.key);
        let signed = [&text.digest_end_time, &place_text, &sha256, previous].join("\n");
        let fingerprint = &text.digest_public_key_fingerprint;
        let key = keys.iter().find(|key| key.fingerprint() == *fingerprint);
        if !key.is_some_and(|key| key.verifies_hex(signed.as_bytes(), &signature)) {
            return Err("its signature is wrong".into());
        }
        let newest = text.log_files.iter().filter_map(|file| file.newest_event_time.as_ref()).max();
        let oldest = text.log_files.iter().filter_map(|file| file.oldest_event_time.as_ref()).min();
        if (newest, oldest) != (text.newest_event_time.as_ref(), text.oldest_event_time.as_ref()) {
            return Err("its events are of another time".into());
        }
        let moment = |text: &str| Timestamp::parse(text).ok_or("its times are none");
        let (start, end) = (moment(&text.digest_start_time)?, moment(&text.digest_end_time)?);
        Ok(Found { of, place: place(put), is_backfill, start, end, sha256, signature, text })
    }

    /// The bucket and key of the one before it.
    fn previous(&self) -> Option<Place> {
        let Text { previous_digest_s3_bucket, previous_digest_s3_object, .. } = &self.text;
        previous_digest_s3_bucket.clone().zip(previous_digest_s3_object.clone())
    }

    /// Where its trail wanted it: the bucket, and the prefix.
    fn home(&self) -> (&str, Option<&str>) {
        (&self.place.0, self.place.1.split_once("AWSLogs/").map(|(prefix, _)| prefix))
    }

    /// Whether it is of the same, after the same, in another bucket or under another prefix.
    fn is_rival_of(&self, other: &Found) -> bool {
        (&self.of, self.is_backfill, self.start) == (&other.of, other.is_backfill, other.start)
            && self.previous() == other.previous()
            && self.home() != other.home()
    }

    fn check_length(&self, world: &World) -> Step {
        let length = self.end.since(self.start);
        let is_short = length <= world.digests_interval + FOREIGN_MAX;
        let is_right = self.is_backfill || is_short || world.now().uptime > MONTH;
        match !length.is_zero() && is_right {
            true => Ok(()),
            false => Err(format!("it is of {} to {}", self.start, self.end)),
        }
    }

    /// A reader asks for the keys from the digest's start to two hours after its end.
    fn check_key(&self, world: &World) -> Step {
        let region = self.of.region.parse().unwrap();
        let until = self.end.plus(Duration::from_secs(2 * 3600));
        let published = world.process().keys.published(&region, self.start, until);
        let fingerprint = &self.text.digest_public_key_fingerprint;
        match published.iter().any(|key| key.key.fingerprint() == *fingerprint) {
            true => Ok(()),
            false => Err(format!("nobody is told its key, {fingerprint}")),
        }
    }

    fn check_link(&self, before: &Found) -> Step {
        let Text {
            previous_digest_hash_value: hash,
            previous_digest_hash_algorithm: algorithm,
            previous_digest_signature: signature,
            ..
        } = &self.text;
        let is_named = hash.as_deref() == Some(&before.sha256)
            && signature.as_deref() == Some(&before.signature)
            && algorithm.as_deref() == Some("SHA-256");
        let is_behind = match self.is_backfill {
            true => before.end < self.end,
            false => before.end == self.start,
        };
        let is_alike = self.is_backfill == before.is_backfill && self.of == before.of;
        match is_named && is_behind && is_alike {
            true => Ok(()),
            false => Err(format!(
                "it begins at {}, and names {:?} that ends at {} otherwise than it is",
                self.start, before.place, before.end
            )),
        }
    }
}

/// The key that a digest should have, but for its prefix.
fn key(put: &Put, of: &Of, text: &Text, is_backfill: bool) -> Option<String> {
    let Of { trail, account, region, .. } = of;
    let (root, _) = put.key.split_once("/CloudTrail-Digest/")?;
    let date = text.digest_end_time.get(..10)?.replace('-', "/");
    let stamp = text.digest_end_time.replace(['-', ':'], "");
    let (name, home) = (&trail.name, &trail.home_region);
    let ending = if is_backfill { "_backfill.json.gz" } else { ".json.gz" };
    let file = format!("{account}_CloudTrail-Digest_{region}_{name}_{home}_{stamp}{ending}");
    Some(format!("{root}/CloudTrail-Digest/{region}/{date}/{file}"))
}

/// Whose an object is: `[PREFIX/]AWSLogs/[O-ID/]ACCT/FOLDER/REGION/YYYY/MM/DD/FILE`.
fn of(put: &Put) -> Option<Of> {
    let (_, path) = put.key.split_once("AWSLogs/")?;
    let mut parts = path.split('/');
    let mut account = parts.next()?.to_owned();
    let mut organization = None;
    if account.starts_with("o-") {
        organization = Some(std::mem::replace(&mut account, parts.next()?.to_owned()));
    }
    let (_, region) = (parts.next()?, parts.next()?.to_owned());
    Some(Of { trail: put.trail.clone(), organization, account, region })
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
