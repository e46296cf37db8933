//! A data directory that goes bad, in each kind of place: what is not damaged is delivered, what is
//! damaged is kept and named, and nothing else gets into S3.
//!
//! One real data directory, left by a kill -9 in the midst of everything, is copied for each case. A
//! proxy gives each case buckets of its own.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};

use super::copy_directory;
use crate::support::bucket::Bucket;
use crate::support::cairn::Site;
use crate::support::configuration::{Trail, fan_out, trails};
use crate::support::generated::event;
use crate::support::localstack::LocalStack;
use crate::support::proxy::{Call, Fault, Proxy};
use crate::support::wait::eventually;

const WHOLE: &str = "732000000001";
const PARKED: &str = "732000000002";
const BESIDE: &str = "732000000003";
const CASES_AT_A_TIME: usize = 6;

/// A data directory left by a crash:
///
/// | what | in which state |
/// | --- | --- |
/// | batch 1 | retired; of its files one is parked for a bucket that refused, the notice of one is parked |
/// | batch 2 | sealed, and delivered in part |
/// | batch 3 | sealed, with several commits |
/// | batch 4 | open, with several commits |
struct Left {
    configuration: String,
    data: PathBuf,
    buckets: [String; 3],
    /// The events of batch 1 that are parked.
    parked: Vec<String>,
    /// The events of batches 2 to 4.
    batches: [Vec<String>; 3],
    _site: Site,
}

/// A copy of it.
struct Copy(PathBuf);

/// What is damaged, and what should come of it.
struct Case {
    name: &'static str,
    damage: fn(&Copy, &Left) -> Damaged,
    outcome: Outcome,
}

/// The file that was damaged, and what people must be told of it.
struct Damaged {
    file: PathBuf,
    told: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    /// A problem; the events of this batch are kept back.
    Batch(usize),
    /// A problem; the parked events are kept back.
    Parked,
    /// A problem; all events are delivered.
    Problem,
    /// A warning; all events are delivered.
    Warning,
    /// Nothing to speak of; all events are delivered.
    Nothing,
    /// Nothing starts before the file is removed, as people are told; then all events are delivered.
    Refusal,
}

fn cases() -> Vec<Case> {
    let case = |name, outcome, damage| Case { name, damage, outcome };
    vec![
        case("the magic of a segment", Outcome::Batch(3), |copy, _| {
            copy.flip(copy.segment(3), 3, "at byte 0: not a journal segment")
        }),
        case("the trails in a segment's header", Outcome::Batch(3), |copy, _| {
            copy.flip(copy.segment(3), 80, "at byte 12: the header's checksum does not match")
        }),
        case("the size in a segment's header", Outcome::Batch(3), |copy, _| {
            copy.flip(copy.segment(3), 59, "at byte 56: cut short")
        }),
        case("an event of a sealed segment", Outcome::Batch(3), |copy, left| {
            let at = copy.find(3, left.batches[1][1].as_bytes());
            copy.flip_frame(3, at)
        }),
        case("a mark of a sealed segment", Outcome::Batch(3), |copy, _| {
            let nonce = fs::read(copy.segment(3)).unwrap()[32..40].to_vec();
            let at = copy.find(3, &nonce);
            copy.flip_frame(3, at)
        }),
        case("the seal of a segment that is delivered in part", Outcome::Batch(2), |copy, _| {
            let bytes = fs::read(copy.segment(2)).unwrap();
            let is_seal = |at: &usize| bytes[*at..*at + 4] == [16, 0, 0, 0] && bytes[at + 8] == 3;
            let at = (64..bytes.len() - 9).find(is_seal).unwrap();
            copy.flip(copy.segment(2), at + 12, &format!("at byte {at}: a frame that was synced"))
        }),
        case("an event of the open segment", Outcome::Batch(4), |copy, left| {
            let at = copy.find(4, left.batches[2][0].as_bytes());
            copy.flip_frame(4, at)
        }),
        case("a segment that is cut", Outcome::Batch(3), |copy, _| {
            copy.cut(copy.segment(3), 500_000, "at byte 500000: cut short: 500000 of 1048576 bytes")
        }),
        case("a segment without bytes", Outcome::Batch(3), |copy, _| {
            copy.cut(copy.segment(3), 0, "at byte 0: not a journal segment")
        }),
        case("identities of a retired batch", Outcome::Warning, |copy, _| {
            let file = copy.one("journal", ".ids");
            copy.flip(file, 20, "at byte 0: its checksum does not match")
        }),
        case("the header of a parked file", Outcome::Parked, |copy, _| {
            copy.flip(copy.one("spill", ""), 5, "are kept: spill/0000000000000000.damaged")
        }),
        case("the content of a parked file", Outcome::Parked, |copy, _| {
            copy.flip(copy.one("spill", ""), 600, "are kept: spill/0000000000000000.damaged")
        }),
        case("the header of a parked notice", Outcome::Problem, |copy, _| {
            copy.flip(copy.one("notices", ""), 5, "are kept: notices/0000000000000000.damaged")
        }),
        case("the content of a parked notice", Outcome::Problem, |copy, _| {
            copy.flip(copy.one("notices", ""), 150, "are kept: notices/0000000000000000.damaged")
        }),
        case("the registry", Outcome::Refusal, |copy, _| {
            copy.flip(copy.0.join("trails.json"), 0, "move it away to start from the configuration")
        }),
        case("a name in the registry", Outcome::Refusal, |copy, left| {
            let file = copy.0.join("trails.json");
            let bytes = fs::read(&file).unwrap();
            let at = memchr::memmem::find(&bytes, left.buckets[0].as_bytes()).unwrap();
            copy.flip(file, at, "its checksum does not match")
        }),
        case("the journal's identity", Outcome::Refusal, |copy, _| {
            copy.cut(copy.0.join("journal/identity"), 0, "or remove it: another is drawn")
        }),
        case("files of somebody else", Outcome::Nothing, |copy, _| {
            for name in ["notes.txt", "journal/notes.txt", "journal/1.segment", "spill/notes.txt"] {
                fs::write(copy.0.join(name), "remember the milk").unwrap();
            }
            fs::create_dir(copy.0.join("journal/lost+found")).unwrap();
            Damaged { file: copy.0.join("journal/1.segment"), told: String::new() }
        }),
    ]
}

#[tokio::test]
async fn what_is_damaged_is_kept_and_named_and_all_else_is_delivered() {
    let Some(localstack) = LocalStack::find().await else { return };
    let left = Left::by_a_crash(&localstack).await;
    let checks = cases().into_iter().enumerate();
    let checks = checks.map(|(number, case)| check(&localstack, &left, number, case));
    stream::iter(checks).for_each_concurrent(CASES_AT_A_TIME, |check| check).await;
}

async fn check(localstack: &LocalStack, left: &Left, number: usize, case: Case) {
    let Case { name, damage, outcome } = case;
    let site = Site::new(&left.configuration);
    copy_directory(&left.data, &site.data());
    let Damaged { file, told } = damage(&Copy(site.data()), left);
    let damaged = fs::read(&file).unwrap();
    let proxy = Proxy::start().await;
    let mut buckets = Vec::new();
    for bucket in &left.buckets {
        let own = localstack.bucket(&format!("damage-{number}-{}", buckets.len())).await;
        proxy.redirect(bucket, &own);
        buckets.push(own);
    }

    if outcome == Outcome::Refusal {
        let ended = site.launch().ended().await;
        assert_eq!(ended.code, Some(2), "{name}: {ended:?}");
        let file_name = file.file_name().unwrap().to_str().unwrap();
        let said = ended.errors.lines().last().unwrap();
        assert!(said.contains(&told) && said.contains(file_name), "{name}: {said}");
        assert_eq!(fs::read(&file).unwrap(), damaged, "{name}: it is left as it is");
        fs::remove_file(&file).unwrap();
    }
    let daemon = site.start_on(proxy.endpoint()).await;
    eventually(&format!("{name}: all else is delivered"), async || {
        let metrics = daemon.metrics().await;
        metrics.conserved();
        metrics.is_settled().then_some(())
    })
    .await;
    let health = daemon.get("/readyz").await;
    let said = health.json();
    let problems = said["problems"].as_array().unwrap();
    let warnings = said["warnings"].as_array().unwrap();
    match outcome {
        Outcome::Batch(_) | Outcome::Parked | Outcome::Problem => {
            assert_eq!((health.status, problems.len()), (503, 1), "{name}: {said}");
            let problem = problems[0].as_str().unwrap();
            assert!(problem.contains(&told), "{name}: {told}: {problem}");
            assert!(problem.contains("stop cairn, restore") && problem.contains("start cairn"));
            let logged = daemon.logged(0, "cairn is not ready").await;
            assert!(logged["problem"].as_str().unwrap().contains(&told), "{name}: {logged}");
        }
        Outcome::Warning => {
            assert_eq!((health.status, warnings.len()), (200, 1), "{name}: {said}");
            let warning = warnings[0].as_str().unwrap();
            assert!(warning.contains(&told) && warning.contains("remove the file"), "{warning}");
        }
        Outcome::Nothing | Outcome::Refusal => {
            assert_eq!((health.status, warnings.len()), (200, 0), "{name}: {said}");
        }
    }
    let damaged_files = daemon.metrics().await.sum("cairn_journal_damaged_files");
    assert_eq!(damaged_files, u64::from(matches!(outcome, Outcome::Batch(_))), "{name}");
    daemon.stop().await;
    match outcome {
        Outcome::Batch(_) | Outcome::Warning => {
            assert_eq!(fs::read(&file).unwrap(), damaged, "{name}: it is kept as it is");
        }
        Outcome::Parked | Outcome::Problem => {
            assert_eq!(fs::read(file.with_extension("damaged")).unwrap(), damaged, "{name}");
        }
        Outcome::Nothing => assert!(file.exists(), "{name}"),
        Outcome::Refusal => {}
    }

    let mut expected = if outcome == Outcome::Parked { vec![] } else { left.parked.clone() };
    for (batch, events) in (2..).zip(&left.batches) {
        if outcome != Outcome::Batch(batch) {
            expected.extend_from_slice(events);
        }
    }
    expected.sort();
    let mut there = Vec::new();
    for bucket in &buckets {
        let read = Bucket::read(localstack, bucket, ("", "")).await;
        there.extend(read.records().into_iter().map(str::to_owned));
    }
    there.sort();
    assert!(there == expected, "{name}: {} of {} events", there.len(), expected.len());
}

impl Left {
    async fn by_a_crash(localstack: &LocalStack) -> Left {
        let mut buckets = Vec::new();
        for what in ["whole", "parked", "beside"] {
            buckets.push(localstack.bucket(what).await);
        }
        let buckets: [String; 3] = buckets.try_into().unwrap();
        let topic = localstack.topic("damaged");
        let trail = |name, account, bucket: &str| Trail::new(name, account, "eu-west-1", bucket);
        let all = [
            trail("whole", WHOLE, &buckets[0]).topic(&topic),
            trail("parked", PARKED, &buckets[1]),
            trail("beside", BESIDE, &buckets[2]),
        ];
        let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
        let configuration = format!(
            "[journal]\nsegment_size = \"1MiB\"\nquota = \"16MiB\"\n{}{queues}",
            trails(&all)
        );
        let site = Site::new("");
        site.configure_with_interval("1h", &configuration);
        let proxy = Proxy::start().await;
        proxy.fail(&[Call::Publish], "", Fault::sns(403, "AuthorizationError"));
        proxy.fail(&[Call::Put, Call::Head], &buckets[1], Fault::s3(403, "AccessDenied"));
        let daemon = site.start_on(proxy.endpoint()).await;
        let of = |account: &str, first: usize, count: usize| -> Vec<String> {
            (first..first + count).map(|number| event(account, "eu-west-1", number)).collect()
        };
        // A change of trails seals, and not the clock: so each batch holds what it should.
        let seal = async |batch: usize| {
            let turn = Trail::new(&format!("turn-{batch}"), BESIDE, "eu-west-1", &buckets[2])
                .categories(&["Insight"]);
            site.configure_with_interval("1h", &format!("{configuration}{turn}"));
            assert!(daemon.reload().await);
        };
        let reach = async |what: &str, metric: &str, value: u64| {
            eventually(what, async || (daemon.metrics().await.sum(metric) == value).then_some(()))
                .await;
        };

        let parked = of(PARKED, 0, 3);
        daemon.record(&[of(WHOLE, 0, 3), parked.clone()].concat()).await;
        seal(1).await;
        reach("a file and a notice are parked", "cairn_parked_items", 2).await;
        reach("the batch is retired", "cairn_journal_sealed_segments", 0).await;
        proxy.fail(&[Call::Put, Call::Head], &buckets[0], Fault::Silence);
        let second = [of(WHOLE, 10, 3), of(BESIDE, 10, 3)].concat();
        daemon.record(&second).await;
        seal(2).await;
        reach("batch 2 is delivered in part", "cairn_trail_files", 2).await;
        let (third, fourth) = (of(WHOLE, 20, 4), of(WHOLE, 30, 4));
        for one in &third {
            daemon.record(&[one]).await;
        }
        seal(3).await;
        for one in &fourth {
            daemon.record(&[one]).await;
        }
        reach("two batches are sealed", "cairn_journal_sealed_segments", 2).await;
        reach("one is open", "cairn_journal_open_events", 4).await;
        daemon.kill();
        let (data, batches) = (site.data(), [second, third, fourth]);
        let left = Left { configuration, data, buckets, parked, batches, _site: site };
        for (number, events) in (2..).zip(&left.batches) {
            // What this table says of the directory is so.
            Copy(left.data.clone()).find(number, events[0].as_bytes());
        }
        left
    }
}

impl Copy {
    /// The segment of a batch.
    fn segment(&self, batch: usize) -> PathBuf {
        let segments = files(&self.0.join("journal"), ".segment");
        assert_eq!(segments.len(), 3, "{segments:?}");
        segments[batch - 2].clone()
    }

    /// The only file of its kind.
    fn one(&self, directory: &str, ending: &str) -> PathBuf {
        let files = files(&self.0.join(directory), ending);
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    /// Where bytes stand behind the header of a batch's segment.
    fn find(&self, batch: usize, what: &[u8]) -> usize {
        let bytes = fs::read(self.segment(batch)).unwrap();
        64 + memchr::memmem::find(&bytes[64..], what).unwrap()
    }

    /// Flips a bit of a frame's payload.
    fn flip_frame(&self, batch: usize, at: usize) -> Damaged {
        self.flip(self.segment(batch), at, "a frame that was synced is no longer true")
    }

    fn flip(&self, file: PathBuf, at: usize, told: &str) -> Damaged {
        let bytes = fs::read(&file).unwrap();
        let opened = fs::File::options().write(true).open(&file).unwrap();
        opened.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        Damaged { file, told: told.into() }
    }

    fn cut(&self, file: PathBuf, bytes: u64, told: &str) -> Damaged {
        fs::File::options().write(true).open(&file).unwrap().set_len(bytes).unwrap();
        Damaged { file, told: told.into() }
    }
}

/// The files of a directory whose names end so, in order.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}
