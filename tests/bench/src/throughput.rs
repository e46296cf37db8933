//! `events_per_s`, `ack_p50_ms`, `ack_p99_ms`: how many events are acknowledged, and after what time.
//!
//! At 1, 16 and 256 connections (`c1`, `c16`, `c256`) that each wait for an answer before they send
//! again: one event a request (`single`), or 100 (`batch`), to `POST /v1/events`; one event a call of
//! `PutAuditEvents` (`api`). Each load has a fresh daemon; log files are made and put meanwhile, as
//! segments fill. An acknowledgement means synced. Wall-clock figures: generator, daemon and null S3
//! share the machine's cores.

use std::time::Duration;

use anyhow::Result;

use crate::daemon::Site;
use crate::figures::{Wanted, figure, say};
use crate::load;
use crate::process::own_cpu_seconds;
use crate::records::{self, Record};
use crate::requests::Request;

const CONNECTIONS: [usize; 3] = [1, 16, 256];

/// What requests look like.
struct Shape {
    name: &'static str,
    make: fn(&[Record]) -> Request,
    /// Events in a request.
    events: usize,
    /// Different requests of a connection.
    requests: usize,
}

const SHAPES: [Shape; 3] = [
    Shape { name: "single", make: Request::bulk, events: 1, requests: 64 },
    Shape { name: "batch", make: Request::bulk, events: 100, requests: 2 },
    Shape { name: "api", make: Request::put_audit_events, events: 1, requests: 64 },
];

/// Measures and prints what was asked for.
pub fn measure(wanted: &Wanted) -> Result<()> {
    let pairs = records::pairs(30);
    let records = records::records(20_000, &pairs);
    for shape in &SHAPES {
        for connections in CONNECTIONS {
            let load = format!("{}.c{connections}", shape.name);
            let names =
                ["events_per_s", "ack_p50_ms", "ack_p99_ms"].map(|name| format!("{name}.{load}"));
            if !wanted.any(&names) {
                continue;
            }
            let requests = spread(&records, connections, shape);
            let site = Site::new(&pairs)?;
            let daemon = site.start()?;
            let own = own_cpu_seconds();
            let time = Duration::from_secs(wanted.pick(1, 4));
            let sent = load::during(daemon.address(), requests, time)?;
            let own = own_cpu_seconds() - own;
            let ended = daemon.finish(sent.events)?;
            say(&format!(
                "{load}: {} events in {:.2} s, {} answers 503; CPU s: cairn {:.2} until all is delivered, generator {own:.2}",
                sent.events, sent.seconds, sent.busy, ended.spent.cpu_seconds,
            ));
            figure(&names[0], sent.events as f64 / sent.seconds, "1/s")?;
            figure(&names[1], sent.percentile_ms(50), "ms")?;
            figure(&names[2], sent.percentile_ms(99), "ms")?;
        }
    }
    Ok(())
}

/// The requests of each connection.
fn spread(records: &[Record], connections: usize, shape: &Shape) -> Vec<Vec<Request>> {
    let mut chunks = records.chunks_exact(shape.events).cycle();
    let mut own = || chunks.by_ref().take(shape.requests).map(shape.make).collect();
    (0..connections).map(|_| own()).collect()
}
