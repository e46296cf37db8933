//! What the system says of processes: CPU seconds, peak memory, the time.

use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
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

/// Runs a command to its end; gives its CPU seconds.
pub fn run(command: &mut Command) -> Result<f64> {
    let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
    let id = Pid::from_raw(i32::try_from(child.id())?).context("a process has an id")?;
    // It is left to be waited for, so that what it cost can still be read.
    waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let seconds = cpu_seconds(child.id())?;
    let status = child.wait()?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(seconds)
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
