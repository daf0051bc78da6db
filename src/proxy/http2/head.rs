//! What is refused of a request's head on HTTP/2 beside what h2 refuses by itself (pseudo fields missing, twice or behind
//! others, names in capitals, fields of the connection, `te` other than trailers, a length that the data does not have), and
//! how it becomes a head like any other: one Host, one cookie line.

use super::super::guard::Refusal;
use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

const fn bad(why: &'static str) -> Result<(), Refusal> {
    Err((StatusCode::BAD_REQUEST, why))
}

/// Checks a head that came on a stream, and gives it one Host and one cookie line.
pub(in crate::proxy) fn check<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    check_fields(request.headers())?;
    check_path(request)?;
    one_host(request)?;
    bare_target(request)?;
    join_cookies(request.headers_mut());
    Ok(())
}

/// Again what h2 has looked at already, where it would be a request of somebody else's making at the primary.
fn check_fields(headers: &HeaderMap) -> Result<(), Refusal> {
    if [CONNECTION, TRANSFER_ENCODING, UPGRADE].iter().any(|name| headers.contains_key(name)) {
        return bad("a field of the connection has no place in HTTP/2");
    }
    if headers.get_all(TE).iter().any(|value| value != "trailers") {
        return bad("te can only be trailers");
    }
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return bad("there is more than one content-length");
    }
    let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    match headers.values().any(|value| blank(value.as_bytes().first()) || blank(value.as_bytes().last())) {
        true => bad("a field's value begins or ends with a blank"),
        false => Ok(()),
    }
}

fn check_path<B>(request: &Request<B>) -> Result<(), Refusal> {
    match request.uri().path_and_query() {
        Some(path) if path.as_str().starts_with('/') => Ok(()),
        Some(path) if path.as_str() == "*" && *request.method() == Method::OPTIONS => Ok(()),
        _ => bad("the :path is not a path"),
    }
}

/// Two names for one request would be read by one as this, by the next as that.
fn one_host<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let Some(authority) = request.uri().authority() else {
        return Ok(());
    };
    let mut hosts = request.headers().get_all(HOST).iter();
    let agrees = |host: &HeaderValue| {
        let host = Authority::try_from(host.as_bytes());
        let secure = request.uri().scheme_str() == Some("https");
        host.is_ok_and(|host| same_place(&host, authority, if secure { 443 } else { 80 }))
    };
    if !hosts.all(agrees) {
        return bad("the Host field is not the :authority");
    }
    let Ok(host) = HeaderValue::from_str(authority.as_str()) else {
        return bad("the :authority is not a host");
    };
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// What the target says beyond its path has become the Host, or is for the transport to say: from here on it reads as the
/// usual one of HTTP/1.1 does, an `OPTIONS *` too.
fn bare_target<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    if parts.scheme.is_some_and(|scheme| scheme != Scheme::HTTP && scheme != Scheme::HTTPS) {
        return bad("the :scheme is not http");
    }
    match parts.path_and_query {
        Some(path) => {
            *request.uri_mut() = path.into();
            Ok(())
        }
        None => bad("the :path is missing"),
    }
}

fn same_place(one: &Authority, other: &Authority, default_port: u16) -> bool {
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    one.host().eq_ignore_ascii_case(other.host()) && port(one) == port(other)
}

/// Clients may cut their cookies into one field each, for the sake of compression; nobody else may see them so (RFC 9113,
/// 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let mut line = BytesMut::new();
    for crumb in headers.get_all(COOKIE) {
        if !line.is_empty() {
            line.extend_from_slice(b"; ");
        }
        line.extend_from_slice(crumb.as_bytes());
    }
    // Valid values joined by valid bytes are a valid value.
    if let Ok(value) = HeaderValue::from_maybe_shared(line.freeze()) {
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;

    fn checked(uri: &str, fields: &[(&str, &str)]) -> Result<HeaderMap, u16> {
        let mut request = Request::get(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        check(&mut request).map_err(|(status, _)| status.as_u16())?;
        Ok(std::mem::take(request.headers_mut()))
    }

    #[test]
    fn the_target_is_a_path_alone() {
        let target = |method: &str, uri: &str| {
            let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
            check(&mut request).map(|()| request.uri().to_string()).map_err(|(status, _)| status.as_u16())
        };
        assert_eq!(target("GET", "https://shop/a?b=%20c"), Ok("/a?b=%20c".to_owned()));
        assert_eq!(target("GET", "ftp://shop/a"), Err(400));
        let mut star = http::uri::Parts::default();
        (star.scheme, star.authority) = (Some(Scheme::HTTP), Some(Authority::from_static("shop")));
        star.path_and_query = Some(http::uri::PathAndQuery::from_static("*"));
        let star = Uri::from_parts(star).unwrap();
        let mut request = Request::options(star).body(()).unwrap();
        assert_eq!(check(&mut request).map(|()| request.uri().to_string()), Ok("*".to_owned()));
        assert_eq!(request.headers()[HOST], "shop");
    }

    #[test]
    fn the_authority_becomes_the_one_host() {
        let host = |uri, fields: &[_]| checked(uri, fields).map(|headers| headers[HOST].clone());
        assert_eq!(host("http://shop.example/a", &[]), Ok("shop.example".parse().unwrap()));
        assert_eq!(host("http://shop/a", &[("host", "SHOP:80")]), Ok("shop".parse().unwrap()));
        assert_eq!(host("https://shop:443/a", &[("host", "shop")]), Ok("shop:443".parse().unwrap()));
        for other in ["other", "shop:81", "shop,other", "", "shop "] {
            assert_eq!(host("http://shop/a", &[("host", other)]), Err(400), "{other:?}");
        }
        assert_eq!(host("http://shop/a", &[("host", "shop"), ("host", "other")]), Err(400));
        assert_eq!(host("/a", &[("host", "shop")]), Ok("shop".parse().unwrap()), "without an authority");
    }

    #[test]
    fn cookie_crumbs_become_one_line_in_their_order() {
        let cookies = |crumbs: &[&str]| {
            let fields: Vec<_> = crumbs.iter().map(|crumb| ("cookie", *crumb)).collect();
            let headers = checked("/a", &fields).unwrap();
            headers.get_all(COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(cookies(&["a=1", "b=2; c=3", "a=4"]), ["a=1; b=2; c=3; a=4"]);
        assert_eq!(cookies(&["a=1"]), ["a=1"]);
        assert!(cookies(&[]).is_empty());
    }

    #[test]
    fn what_concerns_a_connection_or_could_be_read_twice_is_refused() {
        for (name, value) in [
            ("connection", "x-a"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("x-a", " b"),
            ("x-a", "b\t"),
        ] {
            assert_eq!(checked("/a", &[(name, value)]), Err(400), "{name}: {value:?}");
        }
        assert_eq!(checked("/a", &[("content-length", "3"), ("content-length", "3")]), Err(400));
        assert!(checked("/a", &[("te", "trailers"), ("x-a", ""), ("x-a", "a b")]).is_ok());
        assert_eq!(checked("*", &[]), Err(400));
    }
}
