//! What lies in the data directory: segments, identities, spool items, log files at rest, the
//! registry. Damage is told, never believed, and nothing foreign is touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use disk::{Disk, SimulatedDisk, Spool};
use model::log_file::LogFileHeader;
use model::{BatchId, Event, LogFile, Timestamp};
use producer::frame::{self, Kind};
use producer::salvage::salvage;
use producer::segment::{self, Contents, Header, OpenSegment};
use producer::{DIRECTORY, Journal, JournalError, JournalSettings};
use trails::{Definitions, Registry, TrailSet};

use crate::json::RECORD;
use crate::{Target, records};

/// A segment: the bytes of a file, or edits of a true one.
pub const SEGMENT: Target = Target {
    name: "segment",
    run: segment,
    seeds: segment_seeds,
    words: FILE_WORDS,
    short_runs: 3_000,
};
/// The journal's directory: names and contents of files.
pub const JOURNAL: Target = Target {
    name: "journal",
    run: journal,
    seeds: journal_seeds,
    words: FILE_WORDS,
    short_runs: 1_500,
};
/// A spool's directory with one file.
pub const SPOOL: Target =
    Target { name: "spool", run: spool, seeds: spool_seeds, words: FILE_WORDS, short_runs: 5_000 };
/// A log file at rest.
pub const LOG_FILE: Target = Target {
    name: "log_file",
    run: log_file,
    seeds: log_file_seeds,
    words: FILE_WORDS,
    short_runs: 5_000,
};
/// `trails.json`.
pub const REGISTRY: Target = Target {
    name: "registry",
    run: registry,
    seeds: registry_seeds,
    words: FILE_WORDS,
    short_runs: 3_000,
};

const FILE_WORDS: &[&str] = &[
    "CAIRNSEG",
    "CAIRNIDS",
    "CAIRNSPL",
    "\u{1}\0\0\0",
    "\0\0\0\0",
    "\u{7f}\u{7f}\u{7f}\u{7f}",
    ".segment",
    ".ids",
    ".tmp",
    ".damaged",
    "spare-1",
    "spare-18446744073709551615",
    "identity",
    "0000000000000007",
    "ffffffffffffffff",
    "\n",
    "null",
    "[]",
    "{}",
    "\"format\": 1",
    "\"version\":",
];
const BATCH: BatchId = BatchId(7);
const NONCE: u64 = 0x1122_3344_5566_7788;
const SEGMENT_BYTES: u64 = 4096;
const SETTINGS: JournalSettings = JournalSettings {
    segment_bytes: SEGMENT_BYTES,
    quota_bytes: 8 * SEGMENT_BYTES,
    window_events: 100,
};

fn event(id: &str) -> Event {
    let record = RECORD.replace("4f5e-1", id);
    Event::from_record(Bytes::from(record), &records::sender()).expect("a record").event
}

/// A disk whose journal holds one segment of two events, and its bytes.
fn disk_with_segment(is_sealed: bool) -> (SimulatedDisk, Vec<u8>) {
    let disk = SimulatedDisk::new();
    disk.create_directory(DIRECTORY).expect("an empty disk");
    let spare = format!("{DIRECTORY}/spare-1");
    let file = disk.create(&spare, SEGMENT_BYTES).expect("an empty disk");
    let header = Header {
        batch: BATCH,
        journal: 3,
        nonce: NONCE,
        opened_at: Timestamp::from_millis(1),
        size_bytes: SEGMENT_BYTES,
        trails: Arc::new(TrailSet { version: 9, ..TrailSet::default() }),
    };
    let mut open = OpenSegment::create(&disk, &spare, file, header).expect("an empty disk");
    for id in ["one", "two"] {
        open.stage(&event(id));
        open.commit().expect("an empty disk");
    }
    if is_sealed {
        open.seal(Timestamp::from_millis(50)).expect("an empty disk");
    } else {
        open.rest().expect("an empty disk");
    }
    let bytes = disk::read(&disk, &segment::path(BATCH)).expect("just written");
    (disk, bytes)
}

fn segment_seeds() -> Vec<Vec<u8>> {
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let whole = |is_sealed: bool| {
        let bytes = disk_with_segment(is_sealed).1;
        [&[0], &bytes[..used(&bytes)]].concat()
    };
    vec![whole(true), whole(false), vec![1], vec![1, 0, 70, 1], vec![2, 2, 0, 8, 3, 9, 1]]
}

/// 0: a file of these bytes. Otherwise edits, three bytes each, of a true segment: 1 of an open one,
/// 2 of a sealed one.
fn segment(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let (disk, mut bytes) = disk_with_segment(kind % 3 == 2);
    let before = bytes.clone();
    if kind % 3 == 0 {
        bytes = rest.to_vec();
        bytes.resize(rest.len().max(bytes.len()), 0);
    } else {
        for edit in rest.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
            bytes[place] ^= edit[2];
        }
    }
    disk::replace(&disk, &segment::path(BATCH), &bytes).expect("the disk is sound");
    let salvaged = salvage(&Bytes::copy_from_slice(&bytes));
    let Ok(mut contents) = Contents::read(&disk, &segment::path(BATCH)) else { return };
    let (frames, end) = true_frames(&bytes, contents.header.nonce);
    let events: Vec<&[u8]> =
        frames.iter().filter(|(kind, _)| *kind == 1).map(|(_, p)| *p).collect();
    assert!(contents.payloads().eq(events.iter().copied()), "only frames with true checksums");
    assert_eq!(contents.len(), events.len());
    let used = Contents::read_with(vec![0xff; 9000], &disk, &segment::path(BATCH));
    let used = used.expect("what a buffer held before does not matter");
    assert!(used.payloads().eq(contents.payloads()) && used.sealed_at == contents.sealed_at);
    let records: Vec<&[u8]> =
        events.iter().filter_map(|event| frame::read_event(event)).map(|e| e.record).collect();
    let salvaged = salvaged.expect("what is sound can be salvaged").events;
    assert!(salvaged.len() >= records.len(), "true frames behind a seal are found too");
    assert!(salvaged.iter().zip(&records).all(|(salvaged, record)| salvaged.record == record));
    if kind % 3 != 0 {
        let original = true_frames(&before, NONCE).0;
        assert!(original.starts_with(&frames), "what was written, or the beginning of it");
    }
    for payload in contents.payloads() {
        if let Some(event) = frame::read_event(payload).map(|stored| stored.to_event()) {
            let mut written = Vec::new();
            frame::write_event(&mut written, &event);
            assert_eq!(frame::read_event(&written).map(|stored| stored.to_event()), Some(event));
        }
    }
    // A recovery seals what it found where it ends, as long as there is room.
    if contents.header.size_bytes == bytes.len() as u64 && end + 64 <= bytes.len() {
        contents.secure(&disk, Timestamp::from_millis(60)).expect("the disk is sound");
        let again = Contents::read(&disk, &segment::path(BATCH)).expect("sealed now");
        assert!(again.sealed_at.is_some());
        assert!(again.payloads().eq(contents.payloads()));
    }
}

/// The second reading of frames: kinds and payloads, as far as they are true, up to a seal.
fn true_frames(bytes: &[u8], nonce: u64) -> (Vec<(u8, &[u8])>, usize) {
    let word =
        |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes(b.try_into().expect("4")));
    let mut frames = Vec::new();
    let mut at = 64 + word(56).expect("a header") as usize;
    while let (Some(length), Some(crc)) = (word(at), word(at + 4)) {
        let length = length as usize;
        let Some(checked) = bytes.get(at + 8..at + 9 + length) else { break };
        let text = [&nonce.to_le_bytes()[..], &(at as u64).to_le_bytes(), checked].concat();
        let is_known =
            [Kind::Event as u8, Kind::Synced as u8, Kind::Seal as u8].contains(&checked[0]);
        if length == 0 || length > 1 << 20 || !is_known || crc32fast::hash(&text) != crc {
            break;
        }
        frames.push((checked[0], &checked[1..]));
        at += 9 + length;
        if checked[0] == Kind::Seal as u8 {
            break;
        }
    }
    (frames, at)
}

/// Files, one after the other: a name, a line feed, two bytes of length, the content.
fn planted(input: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut rest) = (BTreeMap::new(), input);
    while let Some(line) = rest.iter().position(|byte| *byte == b'\n') {
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'/';
        let name: String =
            rest[..line].iter().filter(|byte| is_plain(byte)).map(|b| char::from(*b)).collect();
        let Some((length, behind)) = rest[line + 1..].split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_le_bytes(*length)).min(behind.len());
        if !name.is_empty() && name != "." && name != ".." && !name.ends_with(".tmp") {
            files.insert(name, behind[..length].to_vec());
        }
        rest = &behind[length..];
    }
    files
}

fn journal_seeds() -> Vec<Vec<u8>> {
    let file = |name: &str, content: &[u8]| {
        let length = u16::try_from(content.len()).expect("short").to_le_bytes();
        [name.as_bytes(), b"\n", &length, content].concat()
    };
    let ids = |identities: &[u8]| {
        let crc = crc32fast::hash(identities).to_le_bytes();
        [b"CAIRNIDS\x01\0\0\0", &crc[..], identities].concat()
    };
    let segment = disk_with_segment(true).1;
    let number = file("identity", b"00000000000000ff\n");
    vec![
        number.clone(),
        [number.clone(), file("0000000000000007.segment", &segment)].concat(),
        [number, file("0000000000000006.ids", &ids(&[5; 32])), file("spare-3", b"x")].concat(),
        file("identity", b"12\n"),
        file("ffffffffffffffff.ids", &ids(&[])),
        [file("spare-18446744073709551615", b"x"), file("notes.txt", b"mine")].concat(),
    ]
}

fn journal(input: &[u8]) {
    let files = planted(input);
    let disk = SimulatedDisk::new();
    disk.create_directory(DIRECTORY).expect("an empty disk");
    for (name, content) in &files {
        disk::replace(&disk, &format!("{DIRECTORY}/{name}"), content).expect("an empty disk");
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let open = || {
        let now = Timestamp::from_millis(1_000_000);
        Journal::open(Arc::clone(&shared), SETTINGS, Arc::default(), now, Box::new(|| NONCE))
    };
    let identity = files.get("identity");
    let is_identity = |text: &Vec<u8>| {
        let text = text.trim_ascii();
        text.len() == 16 && text.iter().all(u8::is_ascii_hexdigit)
    };
    let mut journal = match open() {
        Ok(journal) => journal,
        Err(error) => {
            assert!(identity.is_some_and(|text| !is_identity(text)), "{error}");
            return;
        }
    };
    assert!(identity.is_none_or(is_identity), "another number would give other names");
    let damaged = journal.state().damaged;
    for (name, content) in &files {
        let left = disk::read(&disk, &format!("{DIRECTORY}/{name}"));
        let is_ours = name.ends_with(".segment") || name.starts_with("spare-");
        let is_damaged = damaged.iter().any(|damage| damage.file.ends_with(name.as_str()));
        if !is_ours || is_damaged {
            assert_eq!(left.ok().as_ref(), Some(content), "{name} is not ours to change");
        }
    }
    take_events(&mut journal);
    let batches: Vec<BatchId> = journal.state().sealed.iter().map(|sealed| sealed.batch).collect();
    drop(journal);
    let state = open().expect("it was opened before").state();
    let found: Vec<BatchId> = state.sealed.iter().map(|sealed| sealed.batch).collect();
    assert_eq!(found, batches, "a restart finds the same");
}

/// It takes events, unless it has no room, and each batch has a higher number than those before.
fn take_events(journal: &mut Journal) {
    let now = Timestamp::from_millis(1_000_000);
    let newest = journal.state().sealed.last().map(|sealed| sealed.batch);
    let staged = journal.stage(&event("new"), now);
    let taken = staged.and_then(|_| journal.commit()).and_then(|()| journal.seal(now));
    match taken {
        Ok(()) => {
            let last = journal.state().sealed.last().map(|sealed| sealed.batch);
            assert!(last >= newest, "{last:?} after {newest:?}");
        }
        Err(error) => assert!(matches!(error, JournalError::Full { .. }), "{error}"),
    }
}

fn spool_seeds() -> Vec<Vec<u8>> {
    let disk = Arc::new(SimulatedDisk::new());
    let mut spool = Spool::open(disk.clone(), "spill", 1 << 20).expect("an empty disk");
    let item = spool.put("lane/\u{fc}", -2, b"payload").expect("an empty disk");
    let bytes = disk::read(&*disk, &format!("spill/{item}")).expect("just written");
    let huge = [&bytes[..20], &u32::MAX.to_le_bytes(), &u64::MAX.to_le_bytes(), &bytes[32..]];
    vec![bytes.clone(), bytes[..36].to_vec(), huge.concat()]
}

fn spool(input: &[u8]) {
    let disk = SimulatedDisk::new();
    disk.create_directory("spill").expect("an empty disk");
    disk::replace(&disk, "spill/0000000000000003", input).expect("an empty disk");
    let mut spool =
        Spool::open(Arc::new(disk.clone()), "spill", 1 << 20).expect("one item stops no spool");
    let lanes = spool.lanes();
    let [lane] = lanes.as_slice() else {
        assert!(lanes.is_empty());
        let kept = disk::read(&disk, "spill/0000000000000003.damaged").expect("kept aside");
        return assert_eq!(kept, input);
    };
    assert!(lane.bytes <= input.len() as u64 && spool.bytes() == lane.bytes);
    let item = spool.oldest(&lane.lane).expect("it is listed");
    match spool.read(item) {
        Ok(payload) => {
            assert!(input.ends_with(&payload) && payload.len() as u64 == lane.bytes);
            assert!(is_true_item(input), "only an item with a true checksum");
        }
        Err(_) => {
            assert!(!is_true_item(input));
            spool.set_aside(item).expect("the disk is sound");
            assert!(spool.is_empty() && spool.damaged().len() == 1);
        }
    }
    let next = spool.put("lane", 5, b"more").expect("there is room");
    assert_eq!(spool.read(next).expect("just parked"), b"more");
}

fn is_true_item(bytes: &[u8]) -> bool {
    let rest = bytes.get(36..).unwrap_or_default();
    let text = [bytes.get(..32).unwrap_or_default(), rest].concat();
    bytes.get(32..36) == Some(&crc32fast::hash(&text).to_le_bytes())
}

fn log_file_seeds() -> Vec<Vec<u8>> {
    let header = r#"{"name":{"prefix":"p","organization":null,"account":"111111111111","folder":"Insight","region":"eu-west-1","sealed_at":5,"batch":18446744073709551615,"journal":1,"trail":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/all","part":3},"destination":{"bucket":"bucket","kms_key":null,"topic":null},"sha256":"00","records":1,"uncompressed_bytes":9,"oldest":null,"newest":-1}"#;
    let length = u32::try_from(header.len()).expect("short").to_le_bytes();
    vec![[&length[..], header.as_bytes(), b"\x1f\x8b body"].concat(), vec![255; 8]]
}

fn log_file(input: &[u8]) {
    // The short run mostly breaks the length: a header alone is tried as well.
    if let Ok(header) = serde_json::from_slice::<LogFileHeader>(input) {
        check_log_file(&LogFile { header, body: Bytes::from_static(b"body") });
    }
    if let Ok(file) = LogFile::from_bytes(input) {
        assert!(input.ends_with(&file.body));
        check_log_file(&file);
    }
}

fn check_log_file(file: &LogFile) {
    assert_eq!(LogFile::from_bytes(&file.to_bytes()).ok().as_ref(), Some(file));
    let key = file.header.name.key(0);
    assert!(
        key.contains("AWSLogs/") && key.ends_with(".json.gz") && !key.contains(char::is_control)
    );
    assert_ne!(key, file.header.name.key(1), "another try has another name");
}

fn registry_seeds() -> Vec<Vec<u8>> {
    let state = r#"{"format":1,"version":4,"definitions":{"accounts":["111111111111"],"organization":{"id":"o-abc123defg","management_account":"111111111111","members":[]},"trails":[{"arn":"arn:aws:cloudtrail:eu-west-1:111111111111:trail/all","bucket":"bucket","prefix":null,"topic":"arn:aws:sns:eu-west-1:111111111111:news","kms_key":null,"is_multi_region":true,"include_global_service_events":true,"is_organization":true,"is_logging":true,"selectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]}],"channels":[{"account":"111111111111","region":"eu-west-1","name":"shop","source":"Custom"}]},"logging":{"arn:aws:cloudtrail:eu-west-1:111111111111:trail/all":{"started":5,"stopped":null}}}"#;
    let checksum = crc32fast::hash(state.as_bytes());
    let today = format!(r#"{{"format":2,"checksum":{checksum},"state":{state}}}"#);
    vec![state.into(), today.into(), b"{\"format\":3}".to_vec(), b"{".to_vec()]
}

fn registry(input: &[u8]) {
    let disk = SimulatedDisk::new();
    disk::replace(&disk, trails::registry::FILE, input).expect("an empty disk");
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok(mut registry) = Registry::open(Arc::clone(&shared)) else {
        let kept = disk::read(&disk, trails::registry::FILE).expect("still there");
        return assert_eq!(kept, input, "left as it is");
    };
    let before = registry.snapshot();
    assert!(before.trails.is_sorted_by(|a, b| a.arn <= b.arn));
    registry.apply(Definitions::default(), Timestamp::EPOCH).expect("nothing is always sound");
    let after = registry.snapshot();
    assert!(after.version > before.version || *after == *before, "a version never comes twice");
    assert_eq!(Registry::open(shared).expect("just written").snapshot(), after);
}
