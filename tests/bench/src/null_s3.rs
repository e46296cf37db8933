//! A null S3, in a process of its own: takes objects into memory and does nothing with them.
//!
//! It answers PUT (create-only where the request says so: 412 for a key that is taken), HEAD and GET
//! by path, with the metadata that was put, and uploads in parts; the Region of any bucket, and
//! [listings](crate::listing). What arrived is looked at only when the bench asks, after the
//! measurement: then it is unpacked and counted, so that nothing can seem fast by being lost. One
//! thread a connection; a PUT costs it one read and one insertion into a table.
//!
//! | path | what it does |
//! | --- | --- |
//! | `GET /-/report` | unpacks and counts all log files: see [`Report`] |
//! | `GET /-/stall` | from now on no PUT is answered |
//! | `GET /-/go` | PUTs are answered again |
//! | `GET /-/delay?N` | from now on each GET of a key or a listing is answered N ms late |
//! | `PUT /-/cloudtrail/OPERATION` | this body is what that operation of CloudTrail answers |
//! | `POST /` | CloudTrail: the answer that was put for the operation called, whatever it asks |

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

use crate::http::{self, Connection, Head};
use crate::{listing, process};

/// The argument that makes this program a null S3.
pub const ARGUMENT: &str = "null-s3";

/// Where the answers of CloudTrail are put, among the objects.
const CLOUDTRAIL: &str = "/-/cloudtrail/";

/// An object.
#[derive(Debug, Default)]
pub struct Object {
    /// Its bytes.
    pub body: Vec<u8>,
    /// Headers `x-amz-meta-*`, names in lower case.
    pub metadata: Vec<(String, String)>,
}

/// Objects by path, `/BUCKET/KEY`, as it was asked for: keys need no escapes here.
pub type Objects = BTreeMap<String, Arc<Object>>;

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

    /// From now on CloudTrail answers this, in JSON, when that operation is called.
    pub fn cloudtrail(&self, operation: &str, answer: &str) -> Result<()> {
        let mut connection = Connection::open(self.address)?;
        put_object(&mut connection, &format!("{CLOUDTRAIL}{operation}"), &[], answer.as_bytes())
    }

    /// From now on it answers GETs of keys and listings so many milliseconds late.
    pub fn delay(&self, millis: u64) -> Result<()> {
        http::get(self.address, &format!("/-/delay?{millis}")).map(drop)
    }

    /// From now on it answers no PUT, or does again.
    pub fn stall(&self, is_stalled: bool) -> Result<()> {
        let path = if is_stalled { "/-/stall" } else { "/-/go" };
        http::get(self.address, path).map(drop)
    }
}

/// Puts an object, with this metadata: names with `x-amz-meta-`, and values.
pub fn put_object(
    connection: &mut Connection,
    path: &str,
    metadata: &[(&str, &str)],
    body: &[u8],
) -> Result<()> {
    let lines: String =
        metadata.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: s3\r\n{lines}Content-Length: {length}\r\n\r\n");
    let status = connection.ask(&[head.as_bytes(), body].concat(), &mut Vec::new())?;
    ensure!(status == 200, "PUT {path}: {status}");
    Ok(())
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
    objects: Mutex<Objects>,
    /// Parts of objects that are not complete, by path and number.
    parts: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
    is_stalled: AtomicBool,
    delay_millis: AtomicU64,
}

/// The process: says on stdout where it answers, and ends with its stdin.
#[allow(clippy::print_stdout)] // the bench reads it
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    std::thread::spawn(move || accept(&listener));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn accept(listener: &TcpListener) {
    let store = Arc::new(Store::default());
    for stream in listener.incoming().map_while(Result::ok) {
        let store = Arc::clone(&store);
        std::thread::spawn(move || attend(stream, &store));
    }
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
        if head.line.starts_with("PUT ") && store.is_stalled.load(Ordering::Relaxed) {
            // Until the other side gives up.
            connection.head()?;
            return Ok(());
        }
        let Answer { status, headers, object } = answer(store, &head, body)?;
        let length = object.body.len();
        let metadata = object.metadata.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let metadata: String = metadata.collect();
        let sent =
            format!("HTTP/1.1 {status}\r\n{headers}{metadata}Content-Length: {length}\r\n\r\n");
        let is_head = head.line.starts_with("HEAD ");
        let body = if is_head { &[] } else { object.body.as_slice() };
        connection.send(&[sent.as_bytes(), body].concat())?;
    }
    Ok(())
}

/// What is answered; the object's bytes are the body.
struct Answer {
    status: &'static str,
    /// Lines, each with its end.
    headers: &'static str,
    object: Arc<Object>,
}

const OK: &str = "200 OK";
const ETAG: &str = "ETag: \"0\"\r\n";

impl Answer {
    fn new(status: &'static str, headers: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        let object = Object { body: body.into(), ..Object::default() };
        Answer { status, headers, object: Arc::new(object) }
    }
}

fn answer(store: &Store, head: &Head, body: Vec<u8>) -> Result<Answer> {
    let mut words = head.line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(match (method, path) {
        ("GET", "/-/report") => Answer::new(OK, "", serde_json::to_vec(&count(store)?)?),
        ("GET", "/-/stall" | "/-/go") => {
            store.is_stalled.store(path == "/-/stall", Ordering::Relaxed);
            Answer::new(OK, "", "")
        }
        ("GET", "/-/delay") => {
            store.delay_millis.store(query.parse()?, Ordering::Relaxed);
            Answer::new(OK, "", "")
        }
        ("PUT", _) => match number_of_part(query) {
            Some(part) => {
                lock(&store.parts).insert((path.to_owned(), part), body);
                Answer::new(OK, ETAG, "")
            }
            None => put(store, path, Object { body, metadata: head.metadata.clone() }, head),
        },
        ("POST", "/") => {
            let (_, operation) = head.target.rsplit_once('.').unwrap_or_default();
            get(
                store,
                &format!("{CLOUDTRAIL}{operation}"),
                "Content-Type: application/x-amz-json-1.1\r\n",
            )
        }
        ("POST", _) => parts(store, path, query),
        ("GET", _) => {
            wait(store);
            read(store, path, query)?
        }
        ("HEAD", _) => get(store, path, ETAG),
        _ => Answer::new("501 Not Implemented", "", ""),
    })
}

/// What a GET of a key or of a bucket is answered.
fn read(store: &Store, path: &str, query: &str) -> Result<Answer> {
    let bucket = path.trim_matches('/');
    if bucket.contains('/') {
        return Ok(get(store, path, ETAG));
    }
    if query.starts_with("location") {
        return Ok(Answer::new(OK, "", "<LocationConstraint/>"));
    }
    Ok(Answer::new(OK, "", listing::page(&lock(&store.objects), bucket, query)?))
}

#[allow(clippy::disallowed_methods)] // this is what distance does
fn wait(store: &Store) {
    let millis = store.delay_millis.load(Ordering::Relaxed);
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
}

fn get(store: &Store, path: &str, headers: &'static str) -> Answer {
    match lock(&store.objects).get(path).cloned() {
        Some(object) => Answer { status: OK, headers, object },
        None => {
            let missing = "<Error><Code>NoSuchKey</Code><Message>The key is free</Message></Error>";
            Answer::new("404 Not Found", "", missing)
        }
    }
}

fn put(store: &Store, path: &str, object: Object, head: &Head) -> Answer {
    let mut objects = lock(&store.objects);
    if head.if_none_match && objects.contains_key(path) {
        let taken =
            "<Error><Code>PreconditionFailed</Code><Message>The key is taken</Message></Error>";
        return Answer::new("412 Precondition Failed", "", taken);
    }
    objects.insert(path.to_owned(), Arc::new(object));
    Answer::new(OK, ETAG, "")
}

fn number_of_part(query: &str) -> Option<u32> {
    query.split('&').find_map(|field| field.strip_prefix("partNumber="))?.parse().ok()
}

/// Begins an upload in parts, or ends it.
fn parts(store: &Store, path: &str, query: &str) -> Answer {
    if query.split('&').any(|field| field == "uploads" || field == "uploads=") {
        let begun =
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>";
        return Answer::new(OK, "", begun);
    }
    let mut parts = lock(&store.parts);
    let places: Vec<_> = parts.keys().filter(|(of, _)| of == path).cloned().collect();
    let object: Vec<Vec<u8>> = places.iter().filter_map(|place| parts.remove(place)).collect();
    let object = Object { body: object.concat(), ..Object::default() };
    lock(&store.objects).insert(path.to_owned(), Arc::new(object));
    let ended = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>";
    Answer::new(OK, "", ended)
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
    let objects: Vec<Arc<Object>> = lock(&store.objects).values().cloned().collect();
    let mut report = Report::default();
    let mut ids = HashSet::new();
    let mut text = Vec::new();
    for object in objects.iter().map(|object| &object.body).filter(|body| !body.is_empty()) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Asks, and gives the head of the answer and its body as text.
    fn ask(connection: &mut Connection, request: &str) -> (Head, String) {
        connection.send(format!("{request}\r\n\r\n").as_bytes()).unwrap();
        let head = connection.head().unwrap().unwrap();
        let mut body = vec![];
        connection.body(&head, &mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    #[test]
    fn it_answers_what_a_validator_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut s3 = Connection::open(listener.local_addr().unwrap()).unwrap();
        std::thread::spawn(move || accept(&listener));
        put_object(&mut s3, "/b/a/1", &[("X-Amz-Meta-Signature", "5f")], b"one").unwrap();
        put_object(&mut s3, "/-/cloudtrail/ListPublicKeys", &[], b"{\"PublicKeyList\":[]}")
            .unwrap();

        let (head, body) = ask(&mut s3, "GET /b/a/1 HTTP/1.1");
        assert_eq!(head.line, "HTTP/1.1 200 OK");
        assert_eq!(head.metadata, [("x-amz-meta-signature".into(), "5f".into())]);
        assert_eq!(body, "one");
        s3.send(b"HEAD /b/a/1 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(s3.head().unwrap().unwrap().length, 3, "and no body follows");

        let (head, body) = ask(&mut s3, "GET /b/a/2 HTTP/1.1");
        assert_eq!(head.line, "HTTP/1.1 404 Not Found");
        assert!(body.contains("<Code>NoSuchKey</Code>"), "{body}");
        let (_, body) = ask(&mut s3, "GET /b?location HTTP/1.1");
        assert_eq!(body, "<LocationConstraint/>");
        for listing in ["GET /b?prefix=a HTTP/1.1", "GET /b/?list-type=2&prefix=a HTTP/1.1"] {
            let (_, body) = ask(&mut s3, listing);
            assert!(body.contains("<Key>a/1</Key>"), "{listing}: {body}");
        }

        let call = "POST / HTTP/1.1\r\nX-Amz-Target: any.prefix.ListPublicKeys";
        let (_, body) = ask(&mut s3, call);
        assert_eq!(body, "{\"PublicKeyList\":[]}");
    }
}
