//! A null S3, in a process of its own: takes objects into memory and does nothing with them.
//!
//! It answers PUT (create-only where the request says so: 412 for a key that is taken), HEAD and GET
//! by path. What arrived is looked at only when the bench asks, after the measurement: then it is
//! unpacked and counted, so that nothing can seem fast by being lost. One thread a connection; a PUT
//! costs it one read and one insertion into a table.
//!
//! | path | what it does |
//! | --- | --- |
//! | `GET /-/report` | unpacks and counts all log files: see [`Report`] |
//! | `GET /-/stall` | from now on no PUT is answered |
//! | `GET /-/go` | PUTs are answered again |

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::http::{self, Connection};
use crate::process;

/// The argument that makes this program a null S3.
pub const ARGUMENT: &str = "null-s3";

/// What log files arrived, sizes in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// Log files.
    pub files: u64,
    /// Their sizes.
    pub compressed: u64,
    /// What was inside.
    pub uncompressed: u64,
    /// Records in them.
    pub records: u64,
    /// Different `eventID`s of these.
    pub distinct: u64,
}

/// The process, as the bench holds it. It ends with the bench.
#[derive(Debug)]
pub struct NullS3 {
    child: Child,
    address: SocketAddr,
}

impl NullS3 {
    /// Starts one.
    pub fn start() -> Result<NullS3> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its stdout is a pipe")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().context("the null S3 did not start")?;
        Ok(NullS3 { child, address })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU seconds so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        process::cpu_seconds(self.child.id())
    }

    /// Unpacks and counts what arrived.
    pub fn report(&self) -> Result<Report> {
        Ok(serde_json::from_str(&http::get(self.address, "/-/report")?)?)
    }

    /// From now on it answers no PUT, or does again.
    pub fn stall(&self, is_stalled: bool) -> Result<()> {
        let path = if is_stalled { "/-/stall" } else { "/-/go" };
        http::get(self.address, path).map(drop)
    }
}

impl Drop for NullS3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the threads share.
#[derive(Debug, Default)]
struct Store {
    objects: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    is_stalled: AtomicBool,
}

/// The process: says on stdout where it answers, and ends with its stdin.
#[allow(clippy::print_stdout)] // the bench reads it
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let store = Arc::new(Store::default());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let store = Arc::clone(&store);
            std::thread::spawn(move || attend(stream, &store));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Serves a connection to its end; what breaks it, the other side sees as a closed connection.
fn attend(stream: TcpStream, store: &Store) -> Result<()> {
    let mut connection = Connection::new(stream)?;
    while let Some(head) = connection.head()? {
        if head.expects {
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut body = Vec::new();
        connection.body(&head, &mut body)?;
        let mut words = head.line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        match (method, path) {
            ("GET", "/-/report") => {
                let report = serde_json::to_vec(&count(store)?)?;
                answer(&mut connection, "200 OK", &report)?;
            }
            ("GET", "/-/stall" | "/-/go") => {
                store.is_stalled.store(path == "/-/stall", Ordering::Relaxed);
                answer(&mut connection, "200 OK", b"")?;
            }
            ("PUT", _) => {
                if store.is_stalled.load(Ordering::Relaxed) {
                    // Until the other side gives up.
                    connection.head()?;
                    return Ok(());
                }
                put(&mut connection, store, path, body, head.if_none_match)?;
            }
            ("GET" | "HEAD", _) => {
                let object = lock(store).get(path).cloned();
                match object {
                    None => answer(&mut connection, "404 Not Found", b"")?,
                    Some(object) if method == "GET" => answer(&mut connection, "200 OK", &object)?,
                    Some(_) => answer(&mut connection, "200 OK", b"")?,
                }
            }
            _ => answer(&mut connection, "501 Not Implemented", b"")?,
        }
    }
    Ok(())
}

fn put(
    connection: &mut Connection,
    store: &Store,
    path: &str,
    body: Vec<u8>,
    create_only: bool,
) -> Result<()> {
    let mut objects = lock(store);
    if create_only && objects.contains_key(path) {
        drop(objects);
        return answer(
            connection,
            "412 Precondition Failed",
            b"<Error><Code>PreconditionFailed</Code><Message>The key is taken</Message></Error>",
        );
    }
    objects.insert(path.to_owned(), Arc::new(body));
    drop(objects);
    answer(connection, "200 OK\r\nETag: \"0\"", b"")
}

fn answer(connection: &mut Connection, status: &str, body: &[u8]) -> Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
    connection.send(&[head.as_bytes(), body].concat())
}

fn lock(store: &Store) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
    store.objects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct LogFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(rename = "eventID")]
    id: &'a str,
}

/// Unpacks every log file; the marker of the trail is empty and none.
fn count(store: &Store) -> Result<Report> {
    let objects: Vec<Arc<Vec<u8>>> = lock(store).values().cloned().collect();
    let mut report = Report::default();
    let mut ids = HashSet::new();
    let mut text = Vec::new();
    for object in objects.iter().filter(|object| !object.is_empty()) {
        text.clear();
        GzDecoder::new(object.as_slice()).read_to_end(&mut text)?;
        let file: LogFile<'_> = serde_json::from_slice(&text)?;
        report.files += 1;
        report.compressed += object.len() as u64;
        report.uncompressed += text.len() as u64;
        report.records += file.records.len() as u64;
        for record in &file.records {
            let digits: String = record.id.split('-').collect();
            if !ids.insert(u128::from_str_radix(&digits, 16)?) {
                bail!("{} came twice", record.id);
            }
        }
    }
    report.distinct = ids.len() as u64;
    Ok(report)
}
