//! HTTP that is none, or is abused: lengths, encodings of transfer, headers, targets, methods.

use crate::case::{Case, record};

const LINE: &str = "POST /v1/events HTTP/1.1";

pub fn cases() -> Vec<Case> {
    [lengths(), chunks(), headers(), targets(), protocols()].concat()
}

/// A request with this head behind the usual one, and this body.
fn head(name: &str, headers: &str, body: &str) -> Case {
    let head = format!("{LINE}\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n\r\n{body}");
    Case::raw(name, head)
}

fn lengths() -> Vec<Case> {
    let good = record("length");
    let (length, short) = (good.len(), record("short"));
    let smuggled = record("smuggled");
    vec![
        head("no length and no body", "X: 1", ""),
        head("a length that is negative", "Content-Length: -1", &good),
        head("a length with a sign", &format!("Content-Length: +{length}"), &good),
        head("a length that is no number", "Content-Length: 0x10", &good),
        head("a length beyond 64 bits", "Content-Length: 99999999999999999999999", &good),
        head("a length of 64 bits", "Content-Length: 18446744073709551615", &good).cut(),
        head(
            "a length of which twice is beyond 64 bits",
            "Content-Length: 9223372036854775808",
            &good,
        )
        .cut(),
        head("two lengths that differ", "Content-Length: 1\r\nContent-Length: 2", &good),
        head(
            "two equal lengths",
            &format!("Content-Length: {length}\r\nContent-Length: {length}"),
            &good,
        )
        .keeps(&good),
        head("lengths in a list", &format!("Content-Length: {length}, 1"), &good),
        head(
            "a body longer than its length",
            &format!("Content-Length: {}", short.len()),
            &format!("{short}{smuggled}"),
        )
        .keeps(&short),
        Case::raw(
            "a request hidden behind a body",
            format!(
                "{LINE}\r\nHost: localhost\r\nContent-Length: 0\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ),
        ),
        head("a body shorter than its length", "Content-Length: 1000", "{\"eventID\":\"refused\"")
            .cut(),
        Case::raw(
            "a length and chunks",
            format!(
                "{LINE}\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ),
        ),
        Case::raw(
            "chunks and a length",
            format!(
                "{LINE}\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ),
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let chunked = |name: &str, body: &str| head(name, "Transfer-Encoding: chunked", body);
    let encoded = |name: &str, encoding: &str| {
        head(name, &format!("Transfer-Encoding: {encoding}"), "0\r\n\r\n")
    };
    let good = record("chunk");
    let (size, extension) = (good.len(), "x".repeat(20_000));
    vec![
        chunked("a chunk with an extension", &format!("{size:x};a=b\r\n{good}\r\n0\r\n\r\n"))
            .keeps(&good),
        chunked("a chunk size that is no number", "zz\r\nab\r\n0\r\n\r\n"),
        chunked("a chunk size that is negative", "-1\r\na\r\n0\r\n\r\n"),
        chunked("a chunk size beyond 64 bits", "fffffffffffffffff\r\na\r\n0\r\n\r\n"),
        chunked("a chunk longer than its size", "1\r\n{\"eventID\":\"refused\"}\r\n0\r\n\r\n"),
        chunked("a chunk with an extension of 20 KB", &format!("1;{extension}\r\na\r\n0\r\n\r\n")),
        chunked("chunks that break off", "5\r\n{\"a\"").cut(),
        chunked("chunks without a last one", "2\r\n{}\r\n").cut(),
        chunked("a trailer of 70 KB", &format!("0\r\nX: {}\r\n\r\n", "x".repeat(70_000))),
        encoded("a transfer in gzip", "gzip, chunked"),
        encoded("a transfer that is not chunked at last", "chunked, gzip"),
        encoded("a transfer that nobody knows", "chonked"),
        encoded("a transfer chunked twice", "chunked, chunked"),
    ]
}

fn headers() -> Vec<Case> {
    let with = |name: &str, header: &str| head(name, &format!("{header}\r\nContent-Length: 0"), "");
    let expecting = record("expect");
    let many: String = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect();
    let host = |name: &str, hosts: &str| {
        Case::raw(name, format!("{LINE}\r\n{hosts}Connection: close\r\nContent-Length: 0\r\n\r\n"))
    };
    vec![
        with("200 headers", many.trim_end()),
        with("a header of 1 MB", &format!("X: {}", "x".repeat(1 << 20))),
        with("a header on two lines", "X: a\r\n b"),
        with("a zero byte in a header", "X: a\0b"),
        with("a control character in a header", "X: a\u{1}b"),
        with("a blank before the colon", "X : a"),
        with("a header without a colon", "nonsense"),
        with("a header without a name", ": a"),
        with("a header that is not text", "X: \u{e9}"),
        with("a request of a web page", "Origin: http://evil.example"),
        with("an upgrade", "Upgrade: websocket"),
        with("an expectation that nobody knows", "Expect: a-miracle"),
        head(
            "an expectation of 100-continue",
            &format!("Expect: 100-continue\r\nContent-Length: {}", expecting.len()),
            &expecting,
        )
        .keeps(&expecting),
        host("no Host", ""),
        host("a Host of somebody else", "Host: evil.example\r\n"),
        host("a Host that only begins like this machine", "Host: 127.0.0.1.evil.example\r\n"),
        host("an empty Host", "Host: \r\n"),
        host("two Hosts", "Host: localhost\r\nHost: evil.example\r\n"),
        host("a Host that is not text", "Host: \u{e9}\r\n"),
    ]
}

fn targets() -> Vec<Case> {
    let get = |name: &str, target: &str| {
        Case::raw(
            name,
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        )
    };
    let by = |name: &str, method: &str| {
        Case::raw(
            name,
            format!(
                "{method} /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ),
        )
    };
    vec![
        get("a path that is not there", "/nowhere"),
        get("a path out of the tree", "/../../etc/passwd"),
        get("the same in percent signs", "/%2e%2e/%2e%2e/etc/passwd"),
        get("a path with a zero byte in percent signs", "/v1/events%00"),
        get("a path with a broken percent sign", "/%zz"),
        get("a path of slashes", "//v1//events"),
        get("a path that is not ASCII", "/caf\u{e9}"),
        get("a path with a blank", "/v1 /events"),
        get("a path with a control character", "/v1\u{1}"),
        get("a path of 100 KB", &format!("/{}", "a".repeat(100 << 10))),
        get("a target without a slash", "nowhere"),
        get("a target with a host of somebody else", "http://evil.example/nowhere"),
        Case::raw(
            "a proxy's request",
            "CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        ),
        Case::raw("a star", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        by("GET where POST belongs", "GET"),
        by("PUT where POST belongs", "PUT"),
        by("TRACE", "TRACE"),
        by("a method that nobody knows", "BREW"),
        by("a method in small letters", "post"),
        by("a method that is not one", "P\u{1}ST"),
        Case::raw(
            "POST where GET belongs",
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ),
    ]
}

fn protocols() -> Vec<Case> {
    let old = record("http-1.0");
    let bare = record("bare-lf");
    vec![
        Case::raw("HTTP/0.9", "GET /healthz\r\n"),
        Case::raw(
            "HTTP/1.0",
            format!("POST /v1/events HTTP/1.0\r\nContent-Length: {}\r\n\r\n{old}", old.len()),
        )
        .keeps(&old),
        Case::raw("HTTP/3.0 in letters", "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"),
        Case::raw("a version that is none", "GET / HTTQ/1.1\r\nHost: localhost\r\n\r\n"),
        Case::raw(
            "lines that end in line feeds alone",
            format!(
                "{LINE}\nHost: localhost\nConnection: close\nContent-Length: {}\n\n{bare}",
                bare.len()
            ),
        )
        .keeps(&bare),
        Case::raw(
            "the preface of HTTP/2, then something else",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ),
        Case::raw("a greeting of TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
        Case::raw("zero bytes", [0; 64]),
        Case::raw("only line feeds", "\r\n\r\n\r\n\r\n").cut(),
        Case::raw("a request line and no more", "POST /v1/events HTTP/1.1\r\nHost: loc").cut(),
        Case::raw("nothing at all", "").cut(),
    ]
}
