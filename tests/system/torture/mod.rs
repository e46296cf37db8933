//! Torture: a daemon under load is killed in the midst of whatever it does, again and again, and goes
//! on with what its data directory holds. In the end each event that was acknowledged stands in the
//! log files of each trail that selects it, once and byte for byte, and each file was announced; what
//! was sent and never acknowledged may stand there once, or not at all. The event history holds the
//! same, whatever the trails say: killed in merges and in removals too.
//!
//! | variable | what it does |
//! | --- | --- |
//! | `CAIRN_TORTURE_ROUNDS` | how many times the daemon is ended; `make torture ROUNDS=…` sets it |
//! | `CAIRN_TEST_SEED` | repeats the plan of a run; threads and processes still race as they like |

mod announcements;
mod events;
mod history;
mod kept;
mod layout;
mod moments;
mod senders;
mod tally;
mod verdict;

use std::collections::hash_map::RandomState;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hasher};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use announcements::Announcements;
use events::{ACCOUNTS, REGIONS};
use layout::BUCKETS;
use moments::Moment;
use senders::{Door, Senders};
use tally::Tally;
use verdict::Verdict;

use crate::dice::Dice;
use crate::support::cairn::{Cairn, Site};
use crate::support::configuration::fan_out;
use crate::support::localstack::LocalStack;

/// Of a plain run.
const ROUNDS: u64 = 20;
/// Small segments and a small quota, so that there are many batches, and the journal is full at times.
const SETTINGS: &str = "\
[journal]
segment_size = '1MiB'
quota = '8MiB'
[history]
categories = 'Management, Data, ActivityAuditLog'
retention = '36500d'
[log]
level = 'info,cairn_daemon=debug,cairn_history=debug'
";

#[tokio::test]
async fn no_crash_loses_doubles_or_changes_an_event() {
    let Some(localstack) = LocalStack::find().await else { return };
    let rounds = number("CAIRN_TORTURE_ROUNDS").unwrap_or(ROUNDS);
    let mut torture = Torture::new(&localstack).await;
    say(&format!("torture of {rounds} rounds, CAIRN_TEST_SEED={}", torture.seed));
    for round in 0..rounds {
        if round == rounds / 2 {
            torture.make_the_late_bucket().await;
        }
        torture.round().await;
    }
    let tally = torture.finish().await;
    say(&tally.to_string());
    tally.assert_tortured(rounds);
}

#[tokio::test]
async fn a_stop_under_load_delivers_all_that_was_acknowledged() {
    let Some(localstack) = LocalStack::find().await else { return };
    let mut torture = Torture::new(&localstack).await;
    torture.make_the_late_bucket().await;
    let daemon = torture.start().await;
    let shared = torture.senders.shared();
    Moment::Delivering.come(&torture.site, &daemon, &shared, &torture.dice).await;
    torture.stop(daemon).await;
    // Nothing is started again: what is not there now was not delivered by the stop.
    let verdict = Verdict::reach(&localstack, &torture.buckets, &shared.history).await;
    verdict.assert_good();
    assert!(verdict.events.values().sum::<usize>() > 100, "{:?}", verdict.events);
}

struct Torture<'a> {
    localstack: &'a LocalStack,
    seed: u64,
    dice: Dice,
    site: Site,
    buckets: Vec<String>,
    topic: String,
    announcements: Announcements,
    senders: Senders,
    /// Moments that are still to come before each comes again.
    deck: Vec<Moment>,
    is_late_bucket_made: bool,
    /// Ready at this time after its start, the last time.
    start_took: Duration,
    tally: Tally,
}

impl<'a> Torture<'a> {
    /// Topic, queue and trails are set up, and the senders wait for a daemon.
    async fn new(localstack: &'a LocalStack) -> Torture<'a> {
        let seed =
            number("CAIRN_TEST_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let dice = Dice::new(seed);
        let buckets = BUCKETS.map(|what| localstack.name(&format!("torture-{what}"))).to_vec();
        for bucket in &buckets[..BUCKETS.len() - 1] {
            localstack.s3.create_bucket().bucket(bucket).send().await.unwrap();
        }
        let topic = localstack.topic("torture");
        let site = Site::new("");
        let senders = Senders::start(&dice);
        let queues = fan_out(&topic, &localstack.name("enveloped"), &localstack.name("raw"));
        site.configure(&(configuration(0, &buckets, &topic) + &queues));
        // Each trail says a word when all is set up, and queues hear only what is said after that.
        let daemon = site.start().await;
        let queue = localstack.queue_of_fan_out("raw").await;
        queue.take_all(layout::count(0)).await;
        daemon.stop().await;
        site.configure(&configuration(0, &buckets, &topic));
        Torture {
            localstack,
            seed,
            dice,
            site,
            buckets,
            topic,
            announcements: Announcements::listen(queue),
            senders,
            deck: Vec::new(),
            is_late_bucket_made: false,
            start_took: Duration::from_millis(100),
            tally: Tally::default(),
        }
    }

    async fn make_the_late_bucket(&mut self) {
        let late = self.buckets.last().unwrap();
        self.localstack.s3.create_bucket().bucket(late).send().await.unwrap();
        self.is_late_bucket_made = true;
    }

    /// One life of the daemon, and perhaps some that end before they are ready.
    async fn round(&mut self) {
        while self.dice.one_in(4) {
            self.kill_in_start().await;
        }
        let moment = self.deal();
        let daemon = self.start().await;
        if self.dice.one_in(4) {
            self.change_trails();
            assert!(daemon.reload().await, "the configuration is good");
            self.senders.shared().history.change_ends();
        }
        if moment == Moment::Reloading {
            self.change_trails();
            daemon.hang_up();
        }
        if moment == Moment::Stopping {
            daemon.terminate();
        }
        let shared = self.senders.shared();
        moment.come(&self.site, &daemon, &shared, &self.dice).await;
        match moment {
            Moment::Stopping if self.dice.one_in(2) => self.stop(daemon).await,
            _ => self.kill(daemon, moment).await,
        }
    }

    /// Ends with a daemon that may finish; then S3 and the queue are looked at.
    async fn finish(mut self) -> Tally {
        let daemon = self.start().await;
        let shared = self.senders.shared();
        self.senders.end().await;
        daemon.settle().await;
        self.stop(daemon).await;
        let verdict = Verdict::reach(self.localstack, &self.buckets, &shared.history).await;
        verdict.assert_good();
        self.tally.kept = kept::check(&self.site.data(), &shared.history.fates());
        let log = std::fs::read_to_string(self.log()).unwrap();
        self.tally.merges = log.matches("files of the history are merged").count();
        self.announcements.have_told_of(&verdict.files).await;
        self.tally.judged(&verdict, &shared, self.announcements.messages());
        std::mem::take(&mut self.tally)
    }

    /// Starts a daemon and lets the senders in.
    async fn start(&mut self) -> Cairn {
        let begun = Instant::now();
        let daemon = self.site.start().await;
        self.start_took = begun.elapsed();
        self.senders.shared().history.change_ends();
        let recovered = daemon.assert_conserved().await;
        self.tally.started(recovered.values());
        let channel = daemon.logged(0, "channel takes audit events").await;
        self.senders.open(Door {
            life: self.tally.lives,
            url: daemon.url(""),
            channel: channel["arn"].as_str().unwrap().to_owned(),
        });
        daemon
    }

    /// Kills a daemon at some point of its start, where it recovers what the one before it left.
    async fn kill_in_start(&mut self) {
        let process = self.site.launch();
        let percent = u32::try_from(self.dice.below(100)).unwrap();
        tokio::time::sleep(self.start_took * percent / 100).await;
        let log = process.kill();
        self.tally.killed_in_start();
        self.write_log("killed in its start", &log.join("\n"));
    }

    async fn kill(&mut self, daemon: Cairn, moment: Moment) {
        let shared = self.senders.shared();
        self.tally.killed(moment, shared.count(&shared.in_flight));
        let log = daemon.kill();
        self.senders.close();
        self.write_log(&format!("killed while {moment:?}"), &log.join("\n"));
    }

    async fn stop(&mut self, daemon: Cairn) {
        daemon.terminate();
        let ended = daemon.ended().await;
        self.senders.close();
        self.tally.stops += 1;
        self.write_log("stopped", &ended.errors);
    }

    /// Writes the next version of the trails, which a start or SIGHUP brings into force.
    fn change_trails(&mut self) {
        let version = self.senders.shared().history.change_begins();
        self.site.configure(&configuration(version, &self.buckets, &self.topic));
        self.tally.changes += 1;
    }

    fn deal(&mut self) -> Moment {
        loop {
            if self.deck.is_empty() {
                self.deck = Moment::ALL.to_vec();
            }
            let place = usize::try_from(self.dice.below(self.deck.len() as u64)).unwrap();
            let moment = self.deck.remove(place);
            if moment != Moment::Parking || !self.is_late_bucket_made {
                return moment;
            }
        }
    }

    /// All logs, one below the other, beside the data directory.
    fn log(&self) -> PathBuf {
        self.site.configuration().with_file_name("log")
    }

    fn write_log(&self, end: &str, log: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        writeln!(file, "{log}\n--- {end}").unwrap();
    }
}

impl Drop for Torture<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!(
                "CAIRN_TEST_SEED={} plans it so again; after {:?}",
                self.seed, self.tally
            ));
        }
    }
}

fn configuration(version: usize, buckets: &[String], topic: &str) -> String {
    let channel = format!(
        "[[channels]]\nname = 'shop'\naccount = {:?}\nregion = {:?}\nsource = 'Custom'\n",
        ACCOUNTS[0], REGIONS[0]
    );
    format!("{SETTINGS}{channel}{}", layout::configuration(version, buckets, topic))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")))
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
