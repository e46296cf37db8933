//! An endpoint on loopback that answers as a test says, for clients that speak AWS's protocols.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

pub const ACCOUNT: &str = "111122223333";

/// One HTTP request, as far as AWS's protocols care.
#[derive(Debug)]
pub struct Request {
    /// Method and path, such as `PUT /bucket/key`.
    pub target: String,
    /// Header values by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Status and body; `None` never answers.
pub type Answer = Option<(u16, String)>;

/// Status, lines of the head, body.
pub type HeadedAnswer = Option<(u16, String, String)>;

/// Serves every connection on a thread of its own; returns the endpoint's URL.
pub fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    serve_headed(move |request| answer(request).map(|(status, body)| (status, String::new(), body)))
}

/// The same, with more in the head.
pub fn serve_headed(answer: impl Fn(&Request) -> HeadedAnswer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || converse(stream.unwrap(), &*answer));
        }
    });
    url
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&Request) -> HeadedAnswer) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let request = read_request(&mut reader)?;
        let Some((status, more, body)) = answer(&request) else {
            // Holds the connection open until the client leaves.
            let _ = reader.read(&mut [0]);
            return None;
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\n{more}content-length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).ok()?;
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let target = line.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { target, headers, body: String::from_utf8(body).unwrap() })
}

impl Request {
    /// The Region that the request is signed for.
    pub fn region(&self) -> &str {
        self.headers["authorization"].split('/').nth(2).unwrap()
    }

    /// The parameters of a request of the AWS Query protocol.
    pub fn form(&self) -> BTreeMap<String, String> {
        let pairs = self.body.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (decode(name), decode(value))).collect()
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
