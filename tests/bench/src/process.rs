//! What the system says of processes: CPU seconds, peak memory, the time.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use model::Timestamp;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::time::{ClockId, clock_gettime};

/// Clock ticks a second in `/proc`, the same on all of Linux. Source: proc(5), `USER_HZ`.
const TICKS: f64 = 100.0;

/// Now, to measure how long something takes.
#[must_use]
#[allow(clippy::disallowed_methods)] // a benchmark measures real time
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day.
#[must_use]
#[allow(clippy::disallowed_methods)] // the daemon compares with its own clock
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// User and system CPU seconds of a process so far, by its id, with those of its children that it
/// waited for; also of one that ended and was not waited for. In steps of 10 ms.
pub fn cpu_seconds(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // Fields 14 to 17, counted from 1; the second may hold spaces and ends with the last ')'.
    let (_, rest) = stat.rsplit_once(") ").context("/proc/ID/stat has a name")?;
    let mut ticks = 0.0;
    for field in rest.split(' ').skip(11).take(4) {
        ticks += field.parse::<f64>()?;
    }
    Ok(ticks / TICKS)
}

/// What a command cost from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// By the clock.
    pub seconds: f64,
    /// CPU seconds, user and system.
    pub cpu_seconds: f64,
    /// The most memory that was resident, in MB; what came in its last 5 ms is not seen.
    pub peak_memory_mb: f64,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Result<Ran> {
    let begun = now();
    let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
    let id = child.id();
    let pid = Pid::from_raw(i32::try_from(id)?).context("a process has an id")?;
    let (seconds, peak_memory_mb) = std::thread::scope(|scope| {
        let memory = scope.spawn(|| watch_memory_mb(id));
        // It is left to be waited for, so that what it cost can still be read.
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let seconds = begun.elapsed().as_secs_f64();
        anyhow::Ok((seconds, memory.join().expect("it does not panic")))
    })?;
    let cpu_seconds = cpu_seconds(id)?;
    let status = child.wait()?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(Ran { seconds, cpu_seconds, peak_memory_mb })
}

/// Looks again and again, until the process has ended and has no memory.
#[allow(clippy::disallowed_methods)] // nothing tells how it grows
fn watch_memory_mb(id: u32) -> f64 {
    let mut peak = 0.0;
    while let Ok(memory) = peak_memory_mb(id) {
        peak = memory;
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// The most memory that a process had resident so far, in MB of 10^6 bytes.
pub fn peak_memory_mb(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("VmHWM is missing")?;
    Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
}

/// CPU seconds of the thread that asks.
#[must_use]
pub fn thread_cpu_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

/// CPU seconds of this process.
#[must_use]
pub fn own_cpu_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
