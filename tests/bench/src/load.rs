//! The load generator: connections that send requests one after the other and time each answer.
//!
//! One thread a connection, blocking. Requests are made beforehand; between two answers a thread only
//! writes new `eventID`s into the next one. A 503 is not an error: the same request is sent again, as
//! a good client does, and counted.

use std::net::SocketAddr;
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::http::Connection;
use crate::process::now;
use crate::requests::{Ids, Request};

/// What was sent, and how it was answered.
#[derive(Debug, Default)]
pub struct Sent {
    /// Events acknowledged.
    pub events: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Answers 503.
    pub busy: u64,
    /// From each request to its acknowledgement, sorted; answers 503 between them included.
    pub waits: Vec<Duration>,
}

impl Sent {
    /// The wait that so many of a hundred do not exceed, in milliseconds.
    #[must_use]
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let place = (self.waits.len() * percent).div_ceil(100).saturating_sub(1);
        self.waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    }
}

/// Sends each request once, as new events, over so many connections.
pub fn once(address: SocketAddr, requests: &mut [Request], connections: usize) -> Result<Sent> {
    let mut ids = Ids::new();
    for request in requests.iter_mut() {
        request.renew(&mut ids);
    }
    let rest = Mutex::new(requests.iter());
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    drive(connections, |_| {
        let next = &next;
        move |barrier: &Barrier| {
            let mut caller = Caller::new(address)?;
            barrier.wait();
            while let Some(request) = next() {
                caller.send(request)?;
            }
            Ok(caller.sent)
        }
    })
}

/// Sends requests that carry no events, one after the other.
pub fn each_once(address: SocketAddr, requests: &[Request]) -> Result<Sent> {
    drive(1, |_| {
        move |barrier: &Barrier| {
            let mut caller = Caller::new(address)?;
            barrier.wait();
            requests.iter().try_for_each(|request| caller.send(request))?;
            Ok(caller.sent)
        }
    })
}

/// Sends requests over and over, each time as new events, until the time is over. Each connection
/// has its own.
pub fn during(address: SocketAddr, requests: Vec<Vec<Request>>, time: Duration) -> Result<Sent> {
    let connections = requests.len();
    let mut requests = requests.into_iter();
    drive(connections, |_| {
        let mut own = requests.next().unwrap_or_default();
        move |barrier: &Barrier| {
            let mut caller = Caller::new(address)?;
            let mut ids = Ids::new();
            barrier.wait();
            let begun = now();
            let mut place = 0;
            while begun.elapsed() < time {
                let request = &mut own[place];
                request.renew(&mut ids);
                caller.send(request)?;
                place = (place + 1) % own.len();
            }
            Ok(caller.sent)
        }
    })
}

/// Runs a caller on each of so many threads, which begin together.
fn drive<F>(connections: usize, mut caller: impl FnMut(usize) -> F) -> Result<Sent>
where
    F: FnOnce(&Barrier) -> Result<Sent> + Send,
{
    let barrier = &Barrier::new(connections + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|number| {
                let caller = caller(number);
                scope.spawn(move || caller(barrier))
            })
            .collect();
        barrier.wait();
        let begun = now();
        let mut all = Sent::default();
        for thread in threads {
            let sent = thread.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??;
            all.events += sent.events;
            all.busy += sent.busy;
            all.waits.extend(sent.waits);
        }
        all.seconds = begun.elapsed().as_secs_f64();
        all.waits.sort_unstable();
        Ok(all)
    })
}

struct Caller {
    connection: Connection,
    answer: Vec<u8>,
    sent: Sent,
}

impl Caller {
    fn new(address: SocketAddr) -> Result<Caller> {
        let connection = Connection::open(address)?;
        Ok(Caller { connection, answer: Vec::new(), sent: Sent::default() })
    }

    /// Sends until it is acknowledged.
    fn send(&mut self, request: &Request) -> Result<()> {
        let begun = now();
        while self.connection.ask(request.bytes(), &mut self.answer)? == 503 {
            self.sent.busy += 1;
        }
        self.sent.waits.push(begun.elapsed());
        self.sent.events += request.events();
        let answer = std::str::from_utf8(&self.answer)?;
        ensure!(
            request.is_taken(answer),
            "not all of {} events were taken: {answer}",
            request.events()
        );
        Ok(())
    }
}
