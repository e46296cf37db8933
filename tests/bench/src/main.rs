//! `make bench`: the speed of the `cairn` binary, in figures.

mod cpu;
mod daemon;
mod figures;
mod http;
mod limit;
mod load;
mod memory;
mod null_s3;
mod process;
mod records;
mod recovery;
mod throughput;
mod versus;

use std::process::ExitCode;

use anyhow::Result;
use figures::{Wanted, say};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [null_s3::ARGUMENT] {
        return null_s3::serve();
    }
    let (flags, filters): (Vec<String>, _) =
        arguments.into_iter().partition(|argument| argument.starts_with('-'));
    let wanted = Wanted { is_quick: flags.iter().any(|flag| flag == "--quick"), filters };
    let versus = wanted.any(&versus::names());
    if versus || wanted.any(&cpu::names()) {
        let measured = cpu::measure(&wanted)?;
        if versus {
            versus::measure(&wanted, &measured)?;
        }
    }
    throughput::measure(&wanted)?;
    if wanted.any(&memory::names()) {
        memory::measure(&wanted)?;
    }
    if wanted.any(&recovery::names()) {
        recovery::measure(&wanted)?;
    }
    Ok(())
}
