//! The bytes of an item's file and the names of files in a spool.
//!
//! ```text
//!   offset  bytes
//!        0      8  magic, "CAIRNSPL"
//!        8      4  version, u32 = 1
//!       12      8  parked at, i64, milliseconds of Unix time
//!       20      4  lane bytes L, u32
//!       24      8  payload bytes P, u64
//!       32      4  CRC-32 (IEEE) of bytes 0..32, the lane and the payload
//!       36      L  lane, UTF-8
//!   36 + L      P  payload
//! ```
//!
//! Integers are little-endian. The file ends with the payload.

use std::io;

use super::index::Entry;
use super::{Damage, ItemId};
use crate::File;

const MAGIC: [u8; 8] = *b"CAIRNSPL";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 36;
const CHECKED_BYTES: usize = 32;
/// Read at once at open: the header and any lane name seen in practice.
const HEAD_BYTES: usize = 512;

const DAMAGED: &str = ".damaged";
const EXPIRED: &str = ".expired";
const TEMPORARY: &str = ".tmp";

#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    parked_at_ms: i64,
    lane_bytes: usize,
    payload_bytes: u64,
    crc: u32,
}

pub(super) fn encode(lane: &str, parked_at_ms: i64, payload: &[u8]) -> Vec<u8> {
    let lane_bytes = u32::try_from(lane.len()).expect("a lane's name is shorter than 4 GiB");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + lane.len() + payload.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(parked_at_ms.to_le_bytes());
    bytes.extend(lane_bytes.to_le_bytes());
    bytes.extend((payload.len() as u64).to_le_bytes());
    let crc = checksum(&bytes, &[lane.as_bytes(), payload]);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(lane.as_bytes());
    bytes.extend(payload);
    bytes
}

/// The payload of a whole file, with everything checked.
pub(super) fn decode(mut bytes: Vec<u8>) -> Result<Vec<u8>, Damage> {
    let header = Header::parse(&bytes, bytes.len() as u64)?;
    if checksum(&bytes[..CHECKED_BYTES], &[&bytes[HEADER_BYTES..]]) != header.crc {
        return Err(Damage::Checksum);
    }
    bytes.drain(..HEADER_BYTES + header.lane_bytes);
    Ok(bytes)
}

/// The lane and the header of a file, without its payload and so without its checksum.
pub(super) fn read_head(file: &dyn File) -> io::Result<Result<(String, Header), Damage>> {
    let mut head = vec![0; HEAD_BYTES];
    let head_bytes = file.read_at(&mut head, 0)?;
    head.truncate(head_bytes);
    let header = match Header::parse(&head, file.size_bytes()?) {
        Ok(header) => header,
        Err(damage) => return Ok(Err(damage)),
    };
    let lane_end = HEADER_BYTES + header.lane_bytes;
    if lane_end > head.len() {
        head.resize(lane_end, 0);
        file.read_at(&mut head[HEAD_BYTES..], HEAD_BYTES as u64)?;
    }
    let lane = str::from_utf8(&head[HEADER_BYTES..lane_end]).map_err(|_| Damage::Lane);
    Ok(lane.map(|lane| (lane.to_owned(), header)))
}

impl Header {
    pub(super) fn entry(self) -> Entry {
        Entry { parked_at_ms: self.parked_at_ms, payload_bytes: self.payload_bytes }
    }

    /// Reads the header at the start of `head`, a file of `size_bytes`.
    fn parse(head: &[u8], size_bytes: u64) -> Result<Header, Damage> {
        let head: &[u8; HEADER_BYTES] = head.first_chunk().ok_or(Damage::Header)?;
        if !head.starts_with(&MAGIC) {
            return Err(Damage::Header);
        }
        match u32::from_le_bytes(field(head, 8)) {
            VERSION => {}
            other => return Err(Damage::Version(other)),
        }
        let header = Header {
            parked_at_ms: i64::from_le_bytes(field(head, 12)),
            lane_bytes: u32::from_le_bytes(field(head, 20)) as usize,
            payload_bytes: u64::from_le_bytes(field(head, 24)),
            crc: u32::from_le_bytes(field(head, 32)),
        };
        header.check_size(size_bytes)?;
        Ok(header)
    }

    fn check_size(&self, found: u64) -> Result<(), Damage> {
        let before_payload = (HEADER_BYTES + self.lane_bytes) as u64;
        let expected = before_payload.saturating_add(self.payload_bytes);
        if expected != found {
            return Err(Damage::Size { expected, found });
        }
        Ok(())
    }
}

fn field<const N: usize>(head: &[u8; HEADER_BYTES], offset: usize) -> [u8; N] {
    *head[offset..].first_chunk().expect("the fields lie within the header")
}

fn checksum(first: &[u8], rest: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(first);
    for part in rest {
        hasher.update(part);
    }
    hasher.finalize()
}

/// What a file in the spool's directory is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Item,
    Temporary,
    Damaged,
    Expired,
}

/// The name under which a damaged item is kept aside.
pub(super) fn damaged_name(id: ItemId) -> String {
    format!("{id}{DAMAGED}")
}

/// The name under which an item whose owner gave it up is kept aside.
pub(super) fn expired_name(id: ItemId) -> String {
    format!("{id}{EXPIRED}")
}

/// `None` for a name the spool never gives; such a file is left alone. The greatest id is never
/// given, so that there is always a next one.
pub(super) fn parse_name(name: &str) -> Option<(ItemId, Role)> {
    let (digits, ending) = name.split_at_checked(16)?;
    let role = match ending {
        "" => Role::Item,
        TEMPORARY => Role::Temporary,
        DAMAGED => Role::Damaged,
        EXPIRED => Role::Expired,
        _ => return None,
    };
    let id = ItemId(u64::from_str_radix(digits, 16).ok()?);
    (id.to_string() == digits && id.0 < u64::MAX).then_some((id, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: this is what lies on users' disks. The checksum is Python's `zlib.crc32`.
    #[test]
    fn a_file_has_exactly_these_bytes() {
        let bytes = encode("b/ü", -2, b"xyz");
        let head =
            b"CAIRNSPL\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\x04\0\0\0\x03\0\0\0\0\0\0\0";
        assert_eq!(bytes[..32], *head);
        assert_eq!(bytes[32..36], 0xa336_34c4_u32.to_le_bytes());
        assert_eq!(bytes[36..], *"b/üxyz".as_bytes());
        assert_eq!(decode(bytes), Ok(b"xyz".to_vec()));
    }

    #[test]
    fn every_flipped_bit_and_every_shortening_is_noticed() {
        let whole = encode("lane", 5, b"payload");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(bytes).is_err(), "bit {bit}");
        }
        for size in 0..whole.len() {
            assert!(decode(whole[..size].to_vec()).is_err(), "size {size}");
        }
    }

    #[test]
    fn only_names_the_spool_gives_are_its_files() {
        let check = |name, role| assert_eq!(parse_name(name).map(|(_, role)| role), role, "{name}");
        check("00000000000000af", Some(Role::Item));
        check("00000000000000af.tmp", Some(Role::Temporary));
        check("00000000000000af.damaged", Some(Role::Damaged));
        check("00000000000000af.expired", Some(Role::Expired));
        for foreign in ["", "af", "00000000000000AF", "+0000000000000af", "000000000000000é"] {
            check(foreign, None);
        }
        check("00000000000000af.tmp.tmp", None);
        check("ffffffffffffffff", None);
    }
}
