//! What the tests of this crate share.

use bytes::Bytes;
use disk::{Disk, File};
use model::{Event, Sender};

/// An event of an account and Region; `id` tells it from others.
pub fn event(account: &str, region: &str, id: &str) -> Event {
    let record = format!(
        r#"{{"eventVersion":"1.11","eventTime":"2026-05-04T03:02:01Z","awsRegion":"{region}","eventID":"{id}","recipientAccountId":"{account}"}}"#
    );
    let sender = Sender { account: account.parse().unwrap(), region: region.parse().unwrap() };
    Event::from_record(Bytes::from(record), &sender).unwrap().event
}

/// A prepared file for a segment: its path, and itself.
pub fn spare(disk: &dyn Disk, size_bytes: u64) -> (String, Box<dyn File>) {
    disk.create_directory(crate::DIRECTORY).unwrap();
    let path = format!("{}/spare-test", crate::DIRECTORY);
    let file = disk.create(&path, size_bytes).unwrap();
    (path, file)
}
