//! A client that sends exactly the bytes it is given and reads whatever comes.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::case::Case;

/// Far more than any answer takes: only one that never comes meets it.
const DEADLINE: Duration = Duration::from_secs(60);
/// Headers of an answer that are worth a line; JSON goes without saying.
const SHOWN: [&str; 4] = ["content-type", "x-amzn-errortype", "allow", "retry-after"];
/// Of an answer's body, in characters: more is a list.
const BODY_SHOWN: usize = 600;

/// Sends a request and shows what is answered.
pub async fn exchange(address: SocketAddr, case: &Case) -> String {
    show(&send(address, case).await)
}

/// Sends a request and reads until the connection ends.
pub async fn send(address: SocketAddr, case: &Case) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let sending = async {
        // A server that has answered need not read on.
        let _ = writing.write_all(&case.request).await;
        if case.is_cut {
            let _ = writing.shutdown().await;
        }
        pending::<()>().await;
    };
    let mut answer = Vec::new();
    let read = tokio::select! {
        read = timeout(DEADLINE, reading.read_to_end(&mut answer)) => read,
        () = sending => unreachable!("the client's side stays open until the answer ends"),
    };
    assert!(read.is_ok(), "{}: no end of the answer: {}", case.name, answer.escape_ascii());
    answer
}

/// The answer, one fact a line: status, telling headers, body.
fn show(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    if !text.starts_with("HTTP/1.") {
        let shown =
            if answer.is_empty() { "nothing".into() } else { answer.escape_ascii().to_string() };
        return format!("-> {shown}\n");
    }
    let mut shown = String::new();
    let mut rest = text.as_ref();
    while let Some((head, behind)) = rest.split_once("\r\n\r\n") {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        shown.push_str(&format!("-> {}\n", status.trim_start_matches("HTTP/1.1 ")));
        let headers: Vec<(String, &str)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
        for name in SHOWN {
            if let Some(value) = value(name).filter(|value| *value != "application/json") {
                shown.push_str(&format!("   {name}: {value}\n"));
            }
        }
        let length = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let (body, next) = behind.split_at(behind.len().min(length));
        if !body.is_empty() {
            let rest = body.chars().count().saturating_sub(BODY_SHOWN);
            let rest =
                if rest > 0 { format!("… and {rest} characters more") } else { String::new() };
            let begun: String = body.trim_end().chars().take(BODY_SHOWN).collect();
            shown.push_str(&format!("   {begun}{rest}\n"));
        }
        rest = next;
    }
    shown
}
