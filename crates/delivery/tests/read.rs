//! Who may write to a bucket does not choose how much memory its reader takes.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use bytes::Bytes;
use cairn_delivery::memory::MemoryStore;
use cairn_delivery::{Metadata, Object, ObjectStore, Put, S3Store};

const OBJECT: &[u8] = b"0123456789";

/// How an endpoint answers a GET.
#[derive(Clone, Copy, Debug)]
enum Answer {
    WithItsLength,
    InChunks,
    /// So many bytes, which it does not announce.
    Long(usize),
    NoSuchKey,
}

/// S3 as far as one object goes.
fn serve(answer: Answer) -> S3Store {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A reader that has seen enough leaves.
            let _ = converse(stream.unwrap(), answer);
        }
    });
    let builder = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"));
    S3Store::new(builder, true)
}

fn converse(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let reader = BufReader::new(stream.try_clone()?);
    for line in reader.lines() {
        if line?.is_empty() {
            break;
        }
    }
    let head = "HTTP/1.1 200 OK\r\netag: \"1\"\r\nconnection: close\r\n";
    let chunk = |stream: &mut TcpStream, bytes: &[u8]| {
        write!(stream, "{:x}\r\n", bytes.len())?;
        stream.write_all(bytes)?;
        stream.write_all(b"\r\n")
    };
    match answer {
        Answer::WithItsLength => {
            write!(stream, "{head}content-length: {}\r\n\r\n", OBJECT.len())?;
            stream.write_all(OBJECT)
        }
        Answer::InChunks => {
            write!(stream, "{head}transfer-encoding: chunked\r\n\r\n")?;
            OBJECT.chunks(3).try_for_each(|bytes| chunk(&mut stream, bytes))?;
            chunk(&mut stream, b"")
        }
        Answer::Long(bytes) => {
            write!(stream, "{head}transfer-encoding: chunked\r\n\r\n")?;
            let piece = [0; 64 << 10];
            (0..bytes / piece.len()).try_for_each(|_| chunk(&mut stream, &piece))?;
            chunk(&mut stream, b"")
        }
        Answer::NoSuchKey => {
            let body = "<Error><Code>NoSuchKey</Code></Error>";
            let head = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length:";
            write!(stream, "{head} {}\r\n\r\n{body}", body.len())
        }
    }
}

async fn read(store: &impl ObjectStore, bytes_max: u64) -> Object {
    store.read(&"bucket".parse().unwrap(), "key", bytes_max).await.unwrap()
}

/// What every store promises of an object of ten bytes.
async fn keeps_its_bounds(store: &impl ObjectStore) {
    let whole = Object::Whole(Bytes::from_static(OBJECT), Metadata::new());
    for (bytes_max, expected) in
        [(0, Object::TooLong), (9, Object::TooLong), (10, whole.clone()), (11, whole)]
    {
        assert_eq!(read(store, bytes_max).await, expected, "{bytes_max}");
    }
}

#[tokio::test]
async fn an_object_is_read_whole_or_not_at_all() {
    let store = MemoryStore::default();
    assert_eq!(read(&store, 10).await, Object::Missing);
    store.plant(Put {
        bucket: "bucket".parse().unwrap(),
        key: "key".into(),
        body: Bytes::from_static(OBJECT),
        kms_key: None,
        metadata: Metadata::new(),
        trail: "arn:aws:cloudtrail:eu-west-1:111122223333:trail/all".parse().unwrap(),
    });
    keeps_its_bounds(&store).await;
    keeps_its_bounds(&serve(Answer::WithItsLength)).await;
    keeps_its_bounds(&serve(Answer::InChunks)).await;
    assert_eq!(read(&serve(Answer::NoSuchKey), 10).await, Object::Missing);
}

#[tokio::test]
async fn an_answer_that_does_not_tell_its_length_is_left_when_it_is_too_long() {
    assert_eq!(read(&serve(Answer::Long(16 << 20)), 1000).await, Object::TooLong);
}
