//! Keeps web pages out. In the mode `localstack` every caller on the machine is believed, and a page
//! that somebody looks at can make their browser call: so a request that a page caused (it carries
//! `Origin`, or its `Sec-Fetch-Site` says so, as with an image, which has no `Origin`), or that was sent
//! to a name which merely resolves to this machine, is refused. In the mode
//! `sigv4` a page has no key to sign with, and only what needs no signature is kept from it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::aws_error;

/// Refuses what a web page sent.
pub async fn keep_browsers_out(request: Request, next: Next) -> Response {
    match suspicion(request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(reason) => aws_error(StatusCode::FORBIDDEN, "AccessDeniedException", reason),
    }
}

/// Why a request may be a web page's.
pub(super) fn suspicion(headers: &HeaderMap, uri: &Uri) -> Option<&'static str> {
    if headers.contains_key(header::ORIGIN) {
        return Some("requests of web pages (those with an Origin header) are refused");
    }
    // `none`: somebody typed the address. Other pages of this machine are `same-site`.
    let mut sites = headers.get_all("sec-fetch-site").iter().map(HeaderValue::as_bytes);
    if !sites.all(|site| matches!(site, b"none" | b"same-origin")) {
        return Some("requests that other web pages cause (by their Sec-Fetch-Site) are refused");
    }
    let mut hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or("?"));
    let is_local = match uri.authority() {
        Some(authority) if !headers.contains_key(header::HOST) => is_loopback(authority.as_str()),
        _ => hosts.all(is_loopback),
    };
    (!is_local).then_some("the Host must be a loopback address or localhost")
}

/// Whether a host, with or without a port, can only be this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_address = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        for (host, passes) in [
            ("127.0.0.1:4580", true),
            ("127.8.9.1", true),
            ("[::1]:4580", true),
            ("localhost:4580", true),
            ("LOCALHOST", true),
            ("evil.example:4580", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.0.2.1:4580", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(suspicion(&headers, &Uri::from_static("/")).is_none(), passes, "{host}");
        }
    }

    #[test]
    fn every_host_must_be_this_machine() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(suspicion(&headers, &Uri::from_static("/")).is_some());
        let target = Uri::from_static("http://evil.example/");
        assert!(suspicion(&HeaderMap::new(), &target).is_some());
    }

    #[test]
    fn a_request_of_a_page_is_refused_whatever_its_host() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:4580".parse().unwrap());
        headers.insert(header::ORIGIN, "http://127.0.0.1:4580".parse().unwrap());
        assert!(suspicion(&headers, &Uri::from_static("/v1/events")).is_some());
    }

    #[test]
    fn what_a_page_shows_or_links_to_is_refused_though_it_has_no_origin() {
        let check = |site: &'static str, passes: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:4580".parse().unwrap());
            headers.insert("sec-fetch-site", site.parse().unwrap());
            let uri = Uri::from_static("/v1/history?X-Amz-Credential=a");
            assert_eq!(suspicion(&headers, &uri).is_none(), passes, "{site}");
        };
        check("none", true);
        check("same-origin", true);
        check("same-site", false);
        check("cross-site", false);
        check("", false);
    }
}
