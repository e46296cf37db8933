//! `cairn salvage`: the records that a damaged journal segment still holds, for `cairn put`.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use model::log_file::{CLOSING, OPENING};
use producer::salvage::salvage;

use crate::cli::Verdict;

/// Flags of `cairn salvage`.
#[derive(Debug, Args)]
pub struct Salvage {
    /// The segment, taken out of the data directory
    #[arg(value_name = "FILE")]
    file: PathBuf,
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
        let mut out = BufWriter::new(std::io::stdout().lock());
        out.write_all(OPENING)?;
        for (place, record) in found.records.iter().enumerate() {
            out.write_all(if place > 0 { b"," } else { b"" })?;
            out.write_all(record)?;
        }
        out.write_all(CLOSING)?;
        out.flush()?;
        let mut said = std::io::stderr().lock();
        if self.json {
            let lost: Vec<_> = found.lost.iter().map(|lost| [lost.start, lost.end]).collect();
            let report = serde_json::json!({
                "records": found.records.len(),
                "sealedWith": found.sealed_with,
                "lost": lost,
                "end": found.end,
            });
            writeln!(said, "{report}")?;
        } else {
            for lost in &found.lost {
                writeln!(said, "{name}: bytes {} to {} are lost", lost.start, lost.end)?;
            }
            let (records, end) = (found.records.len(), found.end);
            match found.sealed_with {
                Some(events) => writeln!(said, "{name}: {records} of {events} records")?,
                None => writeln!(
                    said,
                    "{name}: {records} records; it has no seal: what stood behind byte {end}, if anything, is lost"
                )?,
            }
        }
        Ok(if found.is_whole() { Verdict::Good } else { Verdict::Bad })
    }
}
