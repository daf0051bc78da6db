//! What is refused before any side sees it. It may only refuse, never read a message otherwise than hyper does.

use super::heads::RawHead;
use super::http2;
use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};

/// A refusal: the status, and why.
pub(super) type Refusal = (StatusCode, &'static str);

const fn bad(why: &'static str) -> Result<(), Refusal> {
    Err((StatusCode::BAD_REQUEST, why))
}

/// Refuses what no proxy may pass on, and makes an authority in the request line the Host.
pub(super) fn check<B>(request: &mut Request<B>, raw: &RawHead) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "this is not a forward proxy: CONNECT is refused"));
    }
    if request.version() == Version::HTTP_2 {
        http2::check(request)?;
    }
    check_host(request.headers(), request.version())?;
    check_framing(request.headers(), request.method(), raw)?;
    check_target(request)
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (None, _) => bad("the Host field is missing"),
        (Some(_), Some(_)) => bad("there is more than one Host field"),
        (Some(host), None) if is_authority(host) => Ok(()),
        (Some(_), None) => bad("the Host field is not a host"),
    }
}

fn is_authority(host: &HeaderValue) -> bool {
    is_plain_host(host.as_bytes()) || parses_as_authority(host.as_bytes())
}

fn parses_as_authority(bytes: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(bytes) else {
        return false;
    };
    // What follows the host's name is a colon and a port, which may be empty, or nothing.
    let rest = authority.as_str().strip_prefix(authority.host());
    let port = rest.and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') });
    let numeric = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    port.is_some_and(|port| port.is_empty() || numeric(port))
        && !authority.host().is_empty()
        && !bytes.contains(&b'@')
        && !bytes.contains(&b',')
}

/// True for what nearly every client sends, a name or an address of IPv4 with or without a port: no need to parse it.
fn is_plain_host(bytes: &[u8]) -> bool {
    let (name, port) = match memchr::memchr(b':', bytes) {
        Some(colon) => (&bytes[..colon], &bytes[colon + 1..]),
        None => (bytes, &b"80"[..]),
    };
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let digits = matches!(port.len(), 1..=5) && port.iter().all(u8::is_ascii_digit);
    let number = port.iter().fold(0, |number: u32, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')));
    !name.is_empty() && name.iter().all(plain) && digits && number <= u32::from(u16::MAX)
}

fn check_framing(headers: &HeaderMap, method: &Method, raw: &RawHead) -> Result<(), Refusal> {
    raw.confirm(method);
    if raw.is_refused() {
        return bad("a control byte in a chunk line");
    }
    if !headers.keys().any(|name| *name == TRANSFER_ENCODING) {
        return Ok(());
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), None) if raw.says_length(method) => bad("a length beside chunks: nobody can tell where it ends"),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), None) => Err((StatusCode::NOT_IMPLEMENTED, "the only transfer coding here is chunked")),
        (Some(_), Some(_)) => bad("there is more than one Transfer-Encoding field"),
    }
}

fn check_target<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let uri = request.uri();
    if uri.path_and_query().is_none() {
        return bad("the target is not a path");
    }
    if uri.path() == "*" && request.method() != Method::OPTIONS {
        return bad("the target * belongs to OPTIONS");
    }
    let Some(authority) = uri.authority() else {
        return Ok(());
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.as_str().contains('@') {
        return bad("the target is not an http URL");
    }
    match HeaderValue::from_str(authority.as_str()) {
        Ok(host) => {
            request.headers_mut().insert(HOST, host);
            Ok(())
        }
        Err(_) => bad("the target's authority is not a host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> u16 {
        check(&mut request.body(()).unwrap(), &RawHead::new()).map_or_else(|(status, _)| status.as_u16(), |()| 0)
    }
    fn get(uri: &str) -> http::request::Builder {
        Request::get(uri)
    }

    #[test]
    fn one_valid_host_is_asked_of_http_1_1() {
        assert_eq!(status(get("/")), 400);
        assert_eq!(status(get("/").version(Version::HTTP_10)), 0);
        assert_eq!(status(get("/").header("host", "a").header("host", "a")), 400);
        for host in
            ["", "a b", "a@b", "a,b", "a/b", "[::1", "a:b", "a:80b", "a:-1", "a:99999", "a:1:2", "[::1]80", ":80"]
        {
            assert_eq!(status(get("/").header("host", host)), 400, "{host:?}");
        }
        for host in [
            "a",
            "a:80",
            "a:8",
            "a:65535",
            "127.0.0.1:7070",
            "Shop-1.example:443",
            "a:",
            "[::1]",
            "[::1]:80",
            "shop.example.",
        ] {
            assert_eq!(status(get("/").header("host", host)), 0, "{host:?}");
        }
    }

    #[test]
    fn a_host_that_is_not_parsed_would_parse() {
        for name in ["a", "a.", ".a", "-", "127.0.0.1", "9", "A-b.C"] {
            for port in ["", ":", ":0", ":80", ":9999", ":65535", ":65536", ":99999", ":8a", ":+1", "::1"] {
                let host = format!("{name}{port}");
                assert!(!is_plain_host(host.as_bytes()) || parses_as_authority(host.as_bytes()), "{host}");
            }
        }
        assert!(is_plain_host(b"shop.example:8080") && !is_plain_host(b""));
    }

    #[test]
    fn only_plain_chunked_is_read() {
        let with = |coding: &str| status(Request::post("/").header("host", "a").header("transfer-encoding", coding));
        assert_eq!((with("chunked"), with("Chunked"), with("gzip, chunked"), with("identity")), (0, 0, 501, 501));
        let twice = Request::post("/").header("host", "a").header("transfer-encoding", "chunked");
        assert_eq!(status(twice.header("transfer-encoding", "chunked")), 400);
    }

    #[test]
    fn an_absolute_target_sets_the_host() {
        let mut request = get("http://shop:81/a").header("host", "evil").body(()).unwrap();
        assert_eq!(check(&mut request, &RawHead::new()), Ok(()));
        assert_eq!(request.headers()[HOST], "shop:81");
        assert_eq!(status(get("ftp://shop/a").header("host", "a")), 400);
        assert_eq!(status(get("http://u@shop/a").header("host", "a")), 400);
        assert_eq!(status(get("*").header("host", "a")), 400);
        assert_eq!(status(Request::connect("a:80").header("host", "a")), 405);
    }
}
