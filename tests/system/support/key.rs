//! An object key of a log file, by the grammar of CloudTrail's documentation:
//!
//! ```text
//! [PREFIX/]AWSLogs/[O-ID/]ACCT/FOLDER/REGION/YYYY/MM/DD/ACCT_FOLDER_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz
//! ```

use super::filing::{Place, is_account, is_region};

/// What a key says.
#[derive(Clone, Debug)]
pub struct Key {
    pub prefix: Option<String>,
    pub organization: Option<String>,
    pub place: Place,
}

impl Key {
    /// Fails, and says why, when the key is not as CloudTrail would lay it out.
    pub fn parse(text: &str) -> Result<Key, String> {
        let (prefix, below) = match text.strip_prefix("AWSLogs/") {
            Some(below) => (None, below),
            None => {
                let (prefix, below) = text.split_once("/AWSLogs/").ok_or("no AWSLogs/")?;
                (Some(prefix.to_owned()), below)
            }
        };
        let mut parts: Vec<&str> = below.split('/').collect();
        let organization = parts[0].starts_with("o-").then(|| parts.remove(0).to_owned());
        let [account, folder, region, year, month, day, file] =
            parts.try_into().map_err(|parts| format!("wrong number of folders: {parts:?}"))?;
        let place = Place { account: account.into(), folder: folder.into(), region: region.into() };
        check(is_account(account), "account")?;
        check(is_region(region), "Region")?;
        check(folder == "CloudTrail" || folder.starts_with("CloudTrail-"), "folder")?;
        let name = file.strip_prefix(&format!("{account}_{folder}_{region}_"));
        let name = name.and_then(|name| name.strip_suffix(".json.gz")).ok_or("file name")?;
        let (stamp, unique) = name.split_once('_').ok_or("no _ before the unique part")?;
        let time =
            stamp.strip_prefix(&format!("{year}{month}{day}T")).ok_or("stamp of another day")?;
        let time = time.strip_suffix('Z').filter(|time| time.len() == 4).ok_or("stamp")?;
        check([year, month, day].map(str::len) == [4, 2, 2], "date")?;
        check(stamp.bytes().filter(u8::is_ascii_digit).count() == 12, "stamp's digits")?;
        let (hours, minutes): (u8, u8) = (time[..2].parse().unwrap(), time[2..].parse().unwrap());
        check(hours < 24 && minutes < 60, "stamp's time")?;
        check(folder != "CloudTrail" || minutes.is_multiple_of(5), "stamp off the 5-minute grid")?;
        check(
            unique.len() == 16 && unique.bytes().all(|b| b.is_ascii_alphanumeric()),
            "unique part",
        )?;
        Ok(Key { prefix, organization, place })
    }
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

#[test]
fn keys_that_cloudtrail_would_not_write_are_recognised() {
    let good = "p/q/AWSLogs/o-abc123defg/111111111111/CloudTrail/eu-west-1/2026/03/09/\
                111111111111_CloudTrail_eu-west-1_20260309T1405Z_aB3dE6gH9jK2mN5p.json.gz";
    let key = Key::parse(good).unwrap();
    assert_eq!(key.prefix.as_deref(), Some("p/q"));
    assert_eq!(key.organization.as_deref(), Some("o-abc123defg"));
    for (from, to) in [
        ("AWSLogs/", ""),
        ("111111111111/", "11111111111/"),
        ("111111111111_", "111111111112_"),
        ("CloudTrail/", "Cloudtrail/"),
        ("/2026/", "/2025/"),
        ("T1405Z", "T1406Z"),
        ("T1405Z", "T2405Z"),
        ("T1405Z_", "T1405Z"),
        ("5p.json", "p.json"),
        ("5p.json", "-p.json"),
        (".json.gz", ".json"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(Key::parse(&bad).is_err(), "{bad}");
    }
}
