//! One request of the table, and how its bytes are made.

use serde_json::json;

/// A request, byte for byte.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub request: Vec<u8>,
    /// Whether the client ends its side when it has sent them.
    pub is_cut: bool,
    /// The records that are recorded all the same; of the integration schema, their data.
    pub kept: Vec<String>,
}

/// A record with this eventID.
pub fn record(id: &str) -> String {
    format!(r#"{{"eventID":"{id}","awsRegion":"eu-west-1","recipientAccountId":"111111111111"}}"#)
}

impl Case {
    /// These bytes and nothing else.
    pub fn raw(name: &str, request: impl AsRef<[u8]>) -> Case {
        let request = request.as_ref().to_vec();
        Case { name: name.into(), request, is_cut: false, kept: Vec::new() }
    }

    /// A request with this head, and a body of the length that it says.
    pub fn with(name: &str, request_line: &str, headers: &str, body: impl AsRef<[u8]>) -> Case {
        let body = body.as_ref();
        let mut request = format!(
            "{request_line}\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Case::raw(name, request)
    }

    /// A body for the bulk intake.
    pub fn bulk(name: &str, body: impl AsRef<[u8]>) -> Case {
        Case::with(name, "POST /v1/events HTTP/1.1", "", body)
    }

    /// A body for the bulk intake that is said to be encoded.
    pub fn encoded(name: &str, encoding: &str, body: impl AsRef<[u8]>) -> Case {
        let header = format!("Content-Encoding: {encoding}\r\n");
        Case::with(name, "POST /v1/events HTTP/1.1", &header, body)
    }

    /// A call of PutAuditEvents by this query.
    pub fn call(name: &str, query: &str, body: impl AsRef<[u8]>) -> Case {
        let line = format!("POST /PutAuditEvents{query} HTTP/1.1");
        Case::with(name, &line, "Content-Type: application/json\r\n", body)
    }

    /// The client ends its side behind the bytes.
    pub fn cut(self) -> Case {
        Case { is_cut: true, ..self }
    }

    /// What is recorded all the same.
    pub fn keeps(mut self, record: impl Into<String>) -> Case {
        self.kept.push(record.into());
        self
    }

    /// The name, and how the request begins; what all requests have is left out.
    pub fn heading(&self) -> String {
        const SHOWN: usize = 400;
        let shown = &self.request[..self.request.len().min(SHOWN)];
        let text = shown.escape_ascii().to_string().replace("\\\"", "\"").replace("\\'", "'");
        let usual = ["Host: 127.0.0.1", "Connection: close", "Content-Type: application/json"];
        let lines = text.split("\\r\\n").filter(|line| !line.is_empty() && !usual.contains(line));
        let lines: String = lines.map(|line| format!("\n   {line}")).collect();
        let rest = self.request.len() - shown.len();
        let rest = if rest > 0 { format!("… and {rest} bytes more") } else { String::new() };
        let end = if self.is_cut { " and the end" } else { "" };
        format!("# {}{lines}{rest}{end}\n", self.name)
    }
}

/// A call with these events: id and data.
pub fn call_of(events: &[(&str, &str)]) -> String {
    let event = |(id, data): &(&str, &str)| json!({ "id": id, "eventData": data });
    json!({ "auditEvents": events.iter().map(event).collect::<Vec<_>>() }).to_string()
}
