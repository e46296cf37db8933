//! `events_per_s`, `ack_p50_ms`, `ack_p99_ms`: how many events are acknowledged, and after what time.
//!
//! At 1, 16 and 256 connections that each wait for an answer before they send again; one event a
//! request, or 100. Each load has a fresh daemon; log files are made and put meanwhile, as segments
//! fill. An acknowledgement means synced. Wall-clock figures: generator, daemon and null S3 share the
//! machine's cores.

use std::time::Duration;

use anyhow::Result;

use crate::daemon::Site;
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::process::own_cpu_seconds;
use crate::records;

const CONNECTIONS: [usize; 3] = [1, 16, 256];
/// Name, events in a request, different requests of a connection.
const SHAPES: [(&str, usize, usize); 2] = [("single", 1, 64), ("batch", 100, 2)];

fn names_of(shape: &str, connections: usize) -> Vec<String> {
    ["events_per_s", "ack_p50_ms", "ack_p99_ms"]
        .map(|figure| format!("{figure}.{shape}.c{connections}"))
        .into()
}

/// Measures and prints what was asked for.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let pairs = records::pairs(30);
    for (shape, size, requests) in SHAPES {
        for connections in CONNECTIONS {
            let names = names_of(shape, connections);
            if !wanted.any(&names) {
                continue;
            }
            let records = records::records(20_000, &pairs);
            let requests = load::spread(&records, connections, requests, size)?;
            let site = Site::new(&pairs)?;
            let daemon = site.start()?;
            let own = own_cpu_seconds();
            let time = Duration::from_secs(wanted.pick(1, 4));
            let sent = load::during(daemon.address(), requests, time)?;
            let own = own_cpu_seconds() - own;
            let ended = daemon.finish(sent.events)?;
            say(&format!(
                "{shape}.c{connections}: {} events in {:.2} s, {} answers 503; CPU s: cairn {:.2} to the end, generator {own:.2}",
                sent.events, sent.seconds, sent.busy, ended.spent.cpu_seconds,
            ));
            figure(&names[0], sent.events as f64 / sent.seconds, "1/s")?;
            figure(&names[1], sent.percentile_ms(50), "ms")?;
            figure(&names[2], sent.percentile_ms(99), "ms")?;
        }
    }
    Ok(())
}
