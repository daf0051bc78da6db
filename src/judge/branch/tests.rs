//! What predicates hold of which answers, and how slips are told.

use super::*;
use crate::exchange::{Chunks, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response {
    let mut map = HeaderMap::new();
    map.insert("content-type", "application/json".parse().unwrap());
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let body = Body::Complete(Chunks::from(Bytes::from_static(body.as_bytes())));
    Response { status: StatusCode::from_u16(status).unwrap(), headers: map, body, trailers: None }
}

fn holds(when: &str, answer: &Response) -> bool {
    let branch = Branch { name: "b".into(), when: Predicate::parse(when).unwrap() };
    !taken(&[branch], answer, &RuleSet::default(), &Context::default()).is_empty()
}

#[test]
fn each_operator_holds_where_it_should_and_nowhere_else() {
    const BODY: &str = r#"{"summary":"A book...","n":10,"big":9007199254740993,"null":null,"e":"","l":[],"o":{},
        "t":true,"exists":1,"results":[{"s":"x"},{"s":"y..."}],"half":0.50}"#;
    let a = answer(404, &[("x-count", "12"), ("link", "a"), ("link", "b")], BODY);
    for when in [
        "$.summary ends with '...'",
        "$.summary starts with \"A \"",
        "$.n == 10",
        "$.n == 10.0",
        "$.n != 11",
        "$.n > 9",
        "$.n < 10.5",
        "$.big == 9007199254740993",
        "$.null is null",
        "$.e is empty",
        "$.l is empty",
        "$.o is empty",
        "$.t == true",
        "$.t != false",
        "$.exists exists",
        "$.results[*].s ends with '...'",
        "$..s == 'x'",
        "$.half == 0.5",
        "$.null == null",
        "$.n != null",
        "$ exists",
        "status == 404",
        "status > 399",
        "status != 200",
        "header:x-count > 11",
        "header:X-Count == 12",
        "header:x-count exists",
        "header:link == 'b'",
        "$.n > -1",
        "$.summary != 'x'",
        "$.l exists",
    ] {
        assert!(holds(when, &a), "{when}");
    }
    for when in [
        "$.summary ends with 'book'",
        "$.n == '10'",
        "$.n == 11",
        "$.n > 10",
        "$.big == 9007199254740992",
        "$.n is null",
        "$.absent is null",
        "$.absent exists",
        "$.absent != 1",
        "$.null is empty",
        "$.n is empty",
        "$.summary > 1",
        "$.t == 'true'",
        "$.results[0].s ends with '...'",
        "status == 200",
        "status < 404",
        "header:y exists",
        "header:x-count < 12",
        "header:link > 0",
        "$.l == 0",
        "$.null != null",
        "$.summary starts with 'a '",
    ] {
        assert!(!holds(when, &a), "{when}");
    }
}

#[test]
fn a_body_that_does_not_read_takes_no_branch_by_a_path() {
    let broken = answer(200, &[], "{\"a\":1");
    assert!(!holds("$.a exists", &broken) && holds("status == 200", &broken));
    assert!(!holds("$ exists", &answer(200, &[], "")));
    let mut page = answer(200, &[], "<p class=a>x</p>");
    page.headers.insert("content-type", "text/html".parse().unwrap());
    assert!(holds("$..['p@class'] == 'a'", &page));
}

#[test]
fn slips_are_told_with_their_place() {
    for (text, offset, says) in [
        ("$.a", 0, "no operator"),
        ("$.a = 1", 0, "no operator"),
        ("$.a[ == 1", 0, "no operator"),
        ("$.a. == 1", 4, ""),
        ("body == 1", 0, "names nothing"),
        ("header:a b == 1", 7, "header's name"),
        ("$.a == x", 7, "is no value"),
        ("$.a ==", 6, "missing"),
        ("$.a == 'x", 7, "does not end"),
        ("$.a < 'x'", 6, "compares numbers"),
        ("$.a ends with 3", 14, "takes a string"),
        ("$.a starts with ''", 16, "takes a string"),
        ("$.a exists 3", 11, "takes no value"),
        ("status is null", 7, "never null"),
        ("status == 'ok'", 10, "is a number"),
    ] {
        let error = Predicate::parse(text).unwrap_err();
        assert!(error.message.contains(says) && error.offset == offset, "{text}: {error:?}");
    }
}
