//! Every kind of field: what means the same is no difference, what does not is one, in both directions.

use super::*;
use crate::exchange::Body;
use proptest::prelude::*;

fn response(lines: &[(&str, &str)]) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    Response { status: http::StatusCode::OK, headers, body: Body::empty(), trailers: None }
}

fn compare_with(primary: &Response, candidate: &Response, policy: &HeaderPolicy, is_head: bool) -> Vec<Difference> {
    let mut out = Vec::new();
    let version_headers = ["x-build".to_owned()];
    let rules = RuleSet::default();
    let context = HeaderContext { policy, version_headers: &version_headers, rules: &rules, is_head };
    compare_headers(primary, candidate, context, &mut Tallies::new(0), &mut out);
    out
}

fn compare(primary: &[(&str, &str)], candidate: &[(&str, &str)]) -> Vec<Difference> {
    compare_with(&response(primary), &response(candidate), &HeaderPolicy::default(), false)
}

/// `name detail severity shape` of each difference.
fn said(primary: &[(&str, &str)], candidate: &[(&str, &str)]) -> Vec<String> {
    compare(primary, candidate)
        .iter()
        .map(|d| {
            assert_eq!((d.place, d.kind), (Place::Header, Kind::Header));
            format!("{} {} {} {}", d.path, d.detail.as_deref().unwrap(), d.severity, d.shape)
        })
        .collect()
}

#[track_caller]
fn same(primary: &[(&str, &str)], candidate: &[(&str, &str)]) {
    assert_eq!(said(primary, candidate), [""; 0]);
    assert_eq!(said(candidate, primary), [""; 0], "the other way round");
}

#[track_caller]
fn one(name: &str, primary: &str, candidate: &str, expected: &str) {
    assert_eq!(said(&[(name, primary)], &[(name, candidate)]), [format!("{name} {expected}")]);
    assert_eq!(said(&[(name, candidate)], &[(name, primary)]).len(), 1, "the other way round");
}

#[test]
fn what_varies_by_nature_is_not_compared() {
    for name in BY_NATURE.iter().chain(NEVER).chain(&["x-build", "x-paritee-echo", "proxy-authenticate"]) {
        same(&[(name, "a")], &[(name, "b")]);
        same(&[(name, "a")], &[]);
    }
    same(&[("connection", "close, x-hop"), ("x-hop", "1")], &[("connection", "keep-alive")]);
}

#[test]
fn the_policy_chooses() {
    let (a, b) = (response(&[("x-a", "1"), ("server", "x")]), response(&[("x-a", "2"), ("server", "y")]));
    let paths = |policy| compare_with(&a, &b, &policy, false).into_iter().map(|d| d.path).collect::<Vec<_>>();
    assert_eq!(paths(HeaderPolicy::default()), ["x-a"]);
    assert_eq!(paths(HeaderPolicy::All { ignore: vec!["x-a".into()] }), [""; 0]);
    assert_eq!(paths(HeaderPolicy::Only(vec!["server".into()])), ["server"], "named on purpose");
    assert_eq!(paths(HeaderPolicy::Only(vec!["connection".into(), "x-build".into()])), [""; 0]);
}

#[test]
fn one_sided_fields_are_differences() {
    assert_eq!(said(&[("x-a", "1")], &[]), ["x-a missing low missing"]);
    assert_eq!(said(&[], &[("x-a", "1")]), ["x-a added low added"]);
    assert_eq!(said(&[("location", "/")], &[]), ["location missing high missing"]);
    assert_eq!(said(&[], &[("access-control-allow-origin", "*")]), ["access-control-allow-origin added high added"]);
    let found = compare(&[("x-a", "1"), ("x-a", "\"2\"")], &[]);
    assert_eq!((found[0].primary.as_deref(), found[0].candidate.as_deref()), (Some(r#""1, \"2\"""#), None));
}

#[test]
fn plain_fields_are_lists_of_lines_in_order() {
    same(&[("X-A", "1"), ("x-a", "2")], &[("x-a", "1"), ("x-a", "2 ")]);
    one("x-a", "1", "2", "value low value");
    assert_eq!(said(&[("x-a", "1"), ("x-a", "2")], &[("x-a", "2"), ("x-a", "1")]), ["x-a value low value"]);
    assert_eq!(said(&[("x-a", "1"), ("x-a", "2")], &[("x-a", "1, 2")]), ["x-a value low value"]);
    same(&[("content-language", "de"), ("content-language", "en")], &[("content-language", "de,en")]);
    one("content-language", "de, en", "en, de", "value low list");
}

#[test]
fn output_is_in_order_of_name() {
    let a = [("x-c", "1"), ("x-a", "1"), ("x-b", "1")];
    let b = [("x-d", "1"), ("x-a", "2")];
    let names = compare(&a, &b).into_iter().map(|d| d.path).collect::<Vec<_>>();
    assert_eq!(names, ["x-a", "x-b", "x-c", "x-d"]);
}

#[test]
fn derived_fields_count_by_presence() {
    same(&[("etag", "\"a\""), ("content-length", "10")], &[("etag", "\"b\""), ("content-length", "12")]);
    one("etag", "\"a\"", "W/\"a\"", "weakness low strong→weak");
    assert_eq!(said(&[("etag", "\"a\"")], &[]), ["etag missing low missing"]);
    assert_eq!(said(&[("content-length", "1")], &[]), ["content-length missing low missing"]);
    same(&[("content-length", "1")], &[("transfer-encoding", "chunked")]);
}

#[test]
fn derived_fields_are_exact_without_a_body() {
    let (mut a, mut b) = (response(&[("content-length", "10")]), response(&[("content-length", "12")]));
    assert_eq!(compare_with(&a, &b, &HeaderPolicy::default(), true).len(), 1);
    a.status = http::StatusCode::NOT_MODIFIED;
    b.status = http::StatusCode::NOT_MODIFIED;
    assert_eq!(compare_with(&a, &b, &HeaderPolicy::default(), false).len(), 1);
}

#[test]
fn content_type_by_type_and_charset() {
    let ct = |a, b| same(&[("content-type", a)], &[("content-type", b)]);
    ct("text/html; charset=utf-8", "Text/HTML;charset=\"UTF-8\"");
    ct("text/html; charset=utf8", "text/html; charset=UTF-8");
    ct("application/json", "application/json; charset=utf-8");
    ct("multipart/mixed; boundary=a", "multipart/mixed; boundary=b");
    one("content-type", "application/json", "text/html", "type high json→html");
    one("content-type", "text/html", "text/html; charset=utf-8", "charset high added");
    one("content-type", "text/html; charset=latin1", "text/html; charset=utf-8", "charset high value");
    one("content-type", "application/json", "application/json; charset=latin1", "charset high added");
    one("content-type", "text/x; profile=a", "text/x; profile=b", "parameter high value");
}

#[test]
fn vary_and_allow_are_sets() {
    same(&[("vary", "Accept, Cookie")], &[("vary", "cookie"), ("vary", "accept")]);
    same(&[("allow", "GET, HEAD, GET")], &[("allow", "HEAD,GET")]);
    one("vary", "Accept, Cookie", "Accept", "value low set:fewer");
    one("allow", "GET", "GET, POST", "value low set:more");
    one("access-control-allow-methods", "GET", "PUT", "value high set:other");
}

#[test]
fn cache_control_is_a_map() {
    let cc = |a, b| same(&[("cache-control", a)], &[("cache-control", b)]);
    cc("no-cache, Max-Age=60", "max-age=61,no-cache");
    cc("no-cache=\"set-cookie, x\"", "no-cache=\"Set-Cookie, X\"");
    one("cache-control", "no-store, max-age=0", "max-age=0", "no-store high lost");
    assert_eq!(
        said(&[("cache-control", "private")], &[("cache-control", "public")]),
        ["cache-control private high lost", "cache-control public low gained"]
    );
    one("cache-control", "max-age=60", "max-age=600", "max-age low value");
    one("cache-control", "max-age=1", "max-age=0", "max-age low value");
    one("cache-control", "max-age=0", "max-age=0, x-new=1", "directive low gained");
    assert_eq!(said(&[("cache-control", "no-store")], &[]), ["cache-control missing high missing"]);
    assert_eq!(said(&[("cache-control", "max-age=1")], &[]), ["cache-control missing low missing"]);
}

#[test]
fn location_by_parts() {
    let location = |a, b| same(&[("location", a)], &[("location", b)]);
    location("HTTP://Example.org:80/a", "http://example.org/a");
    location("https://example.org", "https://EXAMPLE.org:443/");
    location("/%7Ea?x=%2f#%41", "/~a?x=%2F#A");
    one("location", "/a", "/b", "path high path");
    one("location", "/a%2Fb", "/a/b", "path high path");
    one("location", "/a?x=1&y=2", "/a?y=2&x=1", "query high query");
    one("location", "/a", "http://h/a", "form high form");
    one("location", "http://h/a", "https://h/a", "scheme high scheme");
    one("location", "http://h/a", "http://i/a", "host high host");
    one("location", "/a#x", "/a", "fragment high fragment");
    one("location", "/a", "javascript:a", "scheme high scheme");
}

const SESSION: &str = "sessionid=abc; HttpOnly; Secure; SameSite=Lax; Path=/";

#[test]
fn cookies_keep_their_flags_and_hide_their_values() {
    let cookie = |a, b| same(&[("set-cookie", a)], &[("set-cookie", b)]);
    cookie(SESSION, "sessionid=other; path=/; samesite=lax; secure; httponly");
    one("set-cookie", SESSION, "sessionid=x; Secure; SameSite=Lax; Path=/", "httponly high sessionid:lost");
    one("set-cookie", SESSION, "sessionid=x; HttpOnly; SameSite=Lax; Path=/", "secure high sessionid:lost");
    one("set-cookie", SESSION, "sessionid=x; HttpOnly; Secure; Path=/", "samesite high sessionid:lax→unset");
    one("set-cookie", SESSION, "sessionid=x; HttpOnly; Secure; SameSite=Lax; Path=/a", "path high sessionid:value");
    one("set-cookie", "a=1; Domain=x.org", "a=1; Domain=y.org", "domain high a:value");
    cookie("a=1; Domain=.X.org", "a=1; Domain=x.org");
    one("set-cookie", "a=1", "a=", "value high a:set→empty");
    one("set-cookie", "k1234=1; Secure", "k1234=1", "secure high *:lost");
    let found = compare(&[("set-cookie", "sid=S3CRET; Secure")], &[("set-cookie", "sid=S3CRET2")]);
    assert_eq!(found[0].primary.as_deref(), Some(r#""sid=…; Secure""#));
    assert!(!format!("{found:?}").contains("S3CRET"));
}

#[test]
fn cookies_are_a_list_whose_order_means_nothing() {
    same(&[("set-cookie", "a=1"), ("set-cookie", "b=2")], &[("set-cookie", "b=3"), ("set-cookie", "a=4")]);
    assert_eq!(
        said(&[("set-cookie", "a=1"), ("set-cookie", "b=2")], &[("set-cookie", "b=3"), ("set-cookie", "c=3")]),
        ["set-cookie missing high a:missing", "set-cookie added low c:added"]
    );
    // An Expires holds a comma: two lines are never joined.
    let two = [("set-cookie", "a=1; Expires=Thu, 05 Dec 2030 10:00:00 GMT; Secure"), ("set-cookie", "b=2")];
    same(&two, &[two[1], two[0]]);
    assert_eq!(said(&[("set-cookie", "a=1"), ("set-cookie", "a=2")], &[("set-cookie", "a=1")]).len(), 1);
}

#[test]
fn cookie_lifetimes_are_how_long() {
    const NOW: (&str, &str) = ("date", "Thu, 05 Dec 2030 10:00:00 GMT");
    const LATER: (&str, &str) = ("date", "Thu, 05 Dec 2030 10:00:07 GMT");
    let (in_a_minute, in_a_minute_later) = ("a=1; expires=Thu, 05 Dec 2030 10:01:00 GMT", "a=1; max-age=60");
    same(&[NOW, ("set-cookie", in_a_minute)], &[LATER, ("set-cookie", in_a_minute_later)]);
    same(&[NOW, ("set-cookie", in_a_minute)], &[LATER, ("set-cookie", "a=1; expires=Thu, 05-Dec-2030 10:01:08 GMT")]);
    same(&[("set-cookie", "a=; max-age=0")], &[("set-cookie", "a=x; expires=Thu, 01 Jan 1970 00:00:00 GMT")]);
    one("set-cookie", "a=1", "a=1; max-age=60", "lifetime high a:session→persistent");
    one("set-cookie", "a=1; max-age=60", "a=1; max-age=-1", "lifetime high a:persistent→deleted");
    one("set-cookie", "a=1; max-age=3600", "a=1; max-age=60", "lifetime low a:shorter");
}

#[test]
fn dates_are_instants() {
    assert_eq!(dates::parse("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(dates::parse("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(dates::parse("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
    for wrong in ["", "0", "-1", "Sun, 06 Nov 1994", "06 Nov 1994 25:00:00 GMT", "06 Nov 1994 08:49"] {
        assert_eq!(dates::parse(wrong), None, "{wrong}");
    }
    same(&[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")], &[("last-modified", "Sunday, 06-Nov-94 08:49:37 GMT")]);
    one("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT", "value low value");
    same(&[("expires", "0")], &[("expires", "-1")]);
    one("expires", "0", "Sun, 06 Nov 1994 08:49:37 GMT", "value low lifetime");
}

fn any_lines() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(vec![
        "set-cookie",
        "cache-control",
        "vary",
        "location",
        "content-type",
        "etag",
        "expires",
        "x-a",
        "connection",
        "date",
    ]);
    let value = "[ -~]{0,24}|(a|b|no-store|max-age=1|text/html|/x)([,;] ?(Secure|private|charset=x|path=/)){0,3}";
    proptest::collection::vec((name.prop_map(str::to_owned), value), 0..6)
}

fn borrowed(lines: &[(String, String)]) -> Vec<(&str, &str)> {
    lines.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

proptest! {
    #[test]
    fn an_answer_equals_itself_and_difference_is_symmetric(a in any_lines(), b in any_lines()) {
        let (a, b) = (borrowed(&a), borrowed(&b));
        prop_assert!(compare(&a, &a).is_empty());
        prop_assert_eq!(compare(&a, &b).is_empty(), compare(&b, &a).is_empty());
    }
}
