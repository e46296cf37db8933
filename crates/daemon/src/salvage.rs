//! `cairn salvage`: the records that a damaged journal segment still holds, for `cairn put`.
//!
//! A record that does not say itself which account and Region it is filed under must be put by a
//! sender that does. So such records are left out until they are asked for by account and Region,
//! and what to type for that is said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use model::log_file::{CLOSING, OPENING};
use model::{AccountId, Envelope, Event, Region};
use producer::salvage::salvage;

use crate::cli::Verdict;
use crate::json_out::JsonOut;

/// Flags of `cairn salvage`.
#[derive(Debug, Args)]
pub struct Salvage {
    /// The segment, taken out of the data directory
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write the records that do not name an account and Region but are filed under these
    #[arg(long, value_name = "12 DIGITS", requires = "region")]
    account: Option<AccountId>,
    /// See --account
    #[arg(long, value_name = "REGION", requires = "account")]
    region: Option<Region>,
    /// Print what was found to stderr as JSON
    #[arg(long)]
    json: bool,
}

impl Salvage {
    /// Writes the records.
    pub fn run(self) -> anyhow::Result<Verdict> {
        let name = self.file.display().to_string();
        let bytes = Bytes::from(fs::read(&self.file).with_context(|| name.clone())?);
        let Some(found) = salvage(&bytes) else {
            bail!(
                "{name}: no journal segment, or nothing of it is left; expected a file such as journal/0000019a01c2b3d4.segment"
            );
        };
        let asked = self.account.clone().zip(self.region.clone());
        let mut others: BTreeMap<(AccountId, Region), u64> = BTreeMap::new();
        let mut written = 0;
        let mut out = BufWriter::new(JsonOut::new(io::stdout()));
        out.write_all(OPENING)?;
        for event in &found.events {
            let place = needs_sender(event);
            if place == asked {
                out.write_all(if written > 0 { b"," } else { b"" })?;
                out.write_all(&event.record)?;
                written += 1;
            } else if let Some(place) = place {
                *others.entry(place).or_default() += 1;
            }
        }
        out.write_all(CLOSING)?;
        out.flush()?;
        let mut said = io::stderr().lock();
        if self.json {
            let lost: Vec<_> = found.lost.iter().map(|lost| [lost.start, lost.end]).collect();
            let report = serde_json::json!({
                "events": found.events.len(),
                "written": written,
                "others": others.iter().map(|((account, region), events)| {
                    serde_json::json!({ "account": account, "region": region, "events": events })
                }).collect::<Vec<_>>(),
                "sealedWith": found.sealed_with,
                "lost": lost,
                "end": found.end,
            });
            writeln!(said, "{report}")?;
        } else {
            for lost in &found.lost {
                writeln!(said, "{name}: bytes {} to {} are lost", lost.start, lost.end)?;
            }
            let (records, end) = (found.events.len(), found.end);
            match found.sealed_with {
                Some(events) => writeln!(said, "{name}: {records} of {events} records")?,
                None => writeln!(
                    said,
                    "{name}: {records} records; it has no seal: what stood behind byte {end}, if anything, is lost"
                )?,
            }
        }
        if asked.is_none() && !self.json {
            for ((account, region), count) in &others {
                let sender = format!("--account {account} --region {region}");
                writeln!(
                    said,
                    "{name}: {count} more records do not name account {account} and Region {region}, under which they are filed: cairn salvage {name} {sender} > more.json; cairn put {sender} more.json"
                )?;
            }
        }
        Ok(if found.is_whole() { Verdict::Good } else { Verdict::Bad })
    }
}

/// The account and Region of an event whose record does not name both itself.
fn needs_sender(event: &Event) -> Option<(AccountId, Region)> {
    let envelope = Envelope::parse(&event.record).ok();
    let is_named = envelope.is_some_and(|envelope| {
        envelope.account().ok().flatten().as_ref() == Some(&event.account)
            && envelope.region().ok().flatten().as_ref() == Some(&event.region)
    });
    (!is_named).then(|| (event.account.clone(), event.region.clone()))
}
