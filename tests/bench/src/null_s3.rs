//! A null S3, in a process of its own: takes objects into memory and does nothing with them.
//!
//! It answers PUT (create-only where the request says so: 412 for a key that is taken), HEAD and GET
//! by path, and uploads in parts. What arrived is looked at only when the bench asks, after the
//! measurement: then it is unpacked and counted, so that nothing can seem fast by being lost. One
//! thread a connection; a PUT costs it one read and one insertion into a table.
//!
//! | path | what it does |
//! | --- | --- |
//! | `GET /-/report` | unpacks and counts all log files: see [`Report`] |
//! | `GET /-/stall` | from now on no PUT is answered |
//! | `GET /-/go` | PUTs are answered again |

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::http::{self, Connection};
use crate::process;

/// The argument that makes this program a null S3.
pub const ARGUMENT: &str = "null-s3";

/// What log files, or files of lines, arrived; sizes in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// Files.
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
    /// Parts of objects that are not complete, by path and number.
    parts: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
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
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (status, body) = match (method, path) {
            ("GET", "/-/report") => ("200 OK", serde_json::to_vec(&count(store)?)?),
            ("GET", "/-/stall" | "/-/go") => {
                store.is_stalled.store(path == "/-/stall", Ordering::Relaxed);
                ("200 OK", Vec::new())
            }
            ("PUT", _) if store.is_stalled.load(Ordering::Relaxed) => {
                // Until the other side gives up.
                connection.head()?;
                return Ok(());
            }
            ("PUT", _) => match number_of_part(query) {
                Some(part) => {
                    lock(&store.parts).insert((path.to_owned(), part), body);
                    STORED
                }
                None => put(store, path, body, head.if_none_match),
            },
            ("POST", _) => parts(store, path, query),
            ("GET" | "HEAD", _) => match lock(&store.objects).get(path).cloned() {
                None => ("404 Not Found", Vec::new()),
                Some(object) if method == "GET" => ("200 OK", object.to_vec()),
                Some(_) => ("200 OK", Vec::new()),
            },
            _ => ("501 Not Implemented", Vec::new()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
        connection.send(&[head.into_bytes(), body].concat())?;
    }
    Ok(())
}

/// Status, with headers behind it, and body.
type Answer = (&'static str, Vec<u8>);

const STORED: Answer = ("200 OK\r\nETag: \"0\"", Vec::new());

fn put(store: &Store, path: &str, body: Vec<u8>, create_only: bool) -> Answer {
    let mut objects = lock(&store.objects);
    if create_only && objects.contains_key(path) {
        let taken =
            "<Error><Code>PreconditionFailed</Code><Message>The key is taken</Message></Error>";
        return ("412 Precondition Failed", taken.into());
    }
    objects.insert(path.to_owned(), Arc::new(body));
    STORED
}

fn number_of_part(query: &str) -> Option<u32> {
    query.split('&').find_map(|field| field.strip_prefix("partNumber="))?.parse().ok()
}

/// Begins an upload in parts, or ends it.
fn parts(store: &Store, path: &str, query: &str) -> Answer {
    if query.split('&').any(|field| field == "uploads" || field == "uploads=") {
        let begun =
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>";
        return ("200 OK", begun.into());
    }
    let mut parts = lock(&store.parts);
    let places: Vec<_> = parts.keys().filter(|(of, _)| of == path).cloned().collect();
    let object: Vec<Vec<u8>> = places.iter().filter_map(|place| parts.remove(place)).collect();
    lock(&store.objects).insert(path.to_owned(), Arc::new(object.concat()));
    let ended = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>";
    ("200 OK", ended.into())
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Unpacks every object; the marker of the trail is empty and counts as none.
fn count(store: &Store) -> Result<Report> {
    let objects: Vec<Arc<Vec<u8>>> = lock(&store.objects).values().cloned().collect();
    let mut report = Report::default();
    let mut ids = HashSet::new();
    let mut text = Vec::new();
    for object in objects.iter().filter(|object| !object.is_empty()) {
        text.clear();
        GzDecoder::new(object.as_slice()).read_to_end(&mut text)?;
        report.files += 1;
        report.compressed += object.len() as u64;
        report.uncompressed += text.len() as u64;
        for record in records(&text)? {
            let digits: String = record.id.split('-').collect();
            ids.insert(u128::from_str_radix(&digits, 16)?);
            report.records += 1;
        }
    }
    report.distinct = ids.len() as u64;
    Ok(report)
}

/// The records of a log file, or of lines.
fn records(text: &[u8]) -> Result<Vec<Record<'_>>> {
    if text.starts_with(b"{\"Records\":[") {
        return Ok(serde_json::from_slice::<LogFile<'_>>(text)?.records);
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}
