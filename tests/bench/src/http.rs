//! As much of HTTP/1.1 as is needed on both sides: heads, bodies with a length, kept connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, bail};

/// How the names of headers begin that are an object's metadata.
const METADATA: &str = "x-amz-meta-";

/// The first line of a message, and what matters of its headers.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub line: String,
    /// `Content-Length`.
    pub length: usize,
    /// `If-None-Match` is there.
    pub if_none_match: bool,
    /// `Expect: 100-continue` is there.
    pub expects: bool,
    /// The body is framed in a way that this module does not read.
    pub is_framed: bool,
    /// `x-amz-meta-*`: an object's metadata, names in lower case.
    pub metadata: Vec<(String, String)>,
    /// `X-Amz-Target`: which operation is called.
    pub target: String,
}

/// A connection, from either side.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    /// Around a stream.
    pub fn new(stream: TcpStream) -> Result<Connection> {
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::with_capacity(64 << 10, stream), line: String::new() })
    }

    /// To a server.
    pub fn open(address: SocketAddr) -> Result<Connection> {
        let stream = TcpStream::connect(address);
        Connection::new(stream.with_context(|| format!("nobody answers at {address}"))?)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Reads a head; `None` when the other side closed the connection instead.
    pub fn head(&mut self) -> Result<Option<Head>> {
        let mut head = Head::default();
        if !self.next_line()? {
            return Ok(None);
        }
        head.line.clone_from(&self.line);
        while self.next_line()? && !self.line.is_empty() {
            let Some((name, value)) = self.line.split_once(':') else {
                bail!("no header: {}", self.line);
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.parse()?;
            } else if name.eq_ignore_ascii_case("if-none-match") {
                head.if_none_match = true;
            } else if name.eq_ignore_ascii_case("expect") {
                head.expects = true;
            } else if name.eq_ignore_ascii_case("x-amz-target") {
                value.clone_into(&mut head.target);
            } else if name.to_ascii_lowercase().starts_with(METADATA) {
                head.metadata.push((name.to_ascii_lowercase(), value.to_owned()));
            } else if name.eq_ignore_ascii_case("transfer-encoding")
                || value.contains("aws-chunked")
            {
                head.is_framed = true;
            }
        }
        Ok(Some(head))
    }

    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        let length = self.stream.read_line(&mut self.line)?;
        self.line.truncate(self.line.trim_end().len());
        Ok(length > 0)
    }

    /// Reads a body into `body`, whose content is replaced.
    pub fn body(&mut self, head: &Head, body: &mut Vec<u8>) -> Result<()> {
        if head.is_framed {
            bail!("a body without a plain length: {}", head.line);
        }
        body.resize(head.length, 0);
        Ok(self.stream.read_exact(body)?)
    }

    /// Sends a request and reads the answer's body; gives the status.
    pub fn ask(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<u16> {
        self.send(request)?;
        let head = self.head()?.context("the connection was closed instead of an answer")?;
        self.body(&head, body)?;
        let status = head.line.split(' ').nth(1).context("an answer has a status")?;
        Ok(status.parse()?)
    }
}

/// Asks once, on a connection of its own, and expects 200.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut body = Vec::new();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let status = Connection::open(address)?.ask(request.as_bytes(), &mut body)?;
    let text = String::from_utf8(body)?;
    match status {
        200 => Ok(text),
        other => bail!("GET {path}: {other} {text}"),
    }
}
