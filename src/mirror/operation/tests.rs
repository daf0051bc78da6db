//! Operations by every way to name them, their bound, and names that are not kept.

use super::*;
use crate::exchange::Body;
use crate::redact::RedactOptions;
use crate::rules::Selector;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

fn asked(target: &str, headers: &[(&'static str, &str)], body: &[u8]) -> Request {
    let field = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    Request {
        method: Method::POST,
        target: target.into(),
        headers: headers.iter().map(field).collect::<HeaderMap>(),
        body: Body::from(body.to_vec()),
    }
}

fn table() -> Table {
    Table::new(&Arc::default())
}

fn name_in(table: &mut Table, by: &SplitBy, request: &Request) -> String {
    let (route, redactor) = (Route::declared("POST /x"), Redactor::new(RedactOptions::default(), [1; 32]));
    let split = table.route((&route, by), request, &redactor);
    assert_eq!(Route::declared_of(&split.name), "POST /x");
    split.name.strip_prefix("POST /x#").unwrap().to_owned()
}

fn name(by: &SplitBy, request: &Request) -> String {
    name_in(&mut table(), by, request)
}

fn json(path: &str) -> SplitBy {
    SplitBy::Json(Selector::parse(path).unwrap())
}

#[test]
fn a_body_names_its_operation_and_what_does_not_is_none() {
    let by = json("$.operationName");
    for (body, found) in [
        (r#"{"operationName":"GetReview","query":"…"}"#, "GetReview"),
        ("\u{feff}{\"operationN\\u0061me\":\"Get\\u0052eview\"}", "GetReview"),
        (r#"{"operationName":7}"#, "7"),
        (r#"{"operationName":null}"#, "(none)"),
        (r#"{"operationName":""}"#, "(none)"),
        (r#"{"query":"query GetReview { id }"}"#, "(none)"),
        (r#"{"operationName":{"a":1}}"#, "(other)"),
        (r#"{"operationName":true}"#, "(other)"),
        (r#"{"operationName":"\ud800"}"#, "(other)"),
        (r#"{"operationName":"A","operationName":"B"}"#, "(other)"),
        (r#"[{"operationName":"A"},{"operationName":"B"}]"#, "(batch)"),
        (r#"[{"operationName":"A"}]"#, "(batch)"),
        ("", "(none)"),
        ("operationName=A", "(none)"),
        (r#"{"operationName":"A""#, "(none)"),
        (r#""operationName""#, "(none)"),
    ] {
        assert_eq!(name(&by, &asked("/x", &[], body.as_bytes())), found, "{body}");
    }
    assert_eq!(name(&by, &asked("/x", &[], b"{\"operationName\":\"\xff\"}")), "(none)");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(name(&by, &asked("/x", &[], format!("{{\"a\":{deep}}}").as_bytes())), "(none)");
    assert_eq!(name(&json("$.a['b'][1]"), &asked("/x", &[], br#"{"a":{"b":["X","Y"]}}"#)), "Y");
    assert_eq!(name(&json("$[0].method"), &asked("/x", &[], br#"[{"method":"list"}]"#)), "list");
}

#[test]
fn a_compressed_body_is_read_and_a_bomb_is_not() {
    use std::io::Write;
    let packed = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let by = json("$.operationName");
    let small = packed(br#"{"operationName":"GetReview"}"#);
    assert_eq!(name(&by, &asked("/x", &[("content-encoding", "gzip")], &small)), "GetReview");
    let bomb = packed(&[b' '; BODY + 1]);
    assert_eq!(name(&by, &asked("/x", &[("content-encoding", "gzip")], &bomb)), "(none)");
}

#[test]
fn a_header_a_query_key_and_a_path_name_it_too() {
    let header = SplitBy::Header(HeaderName::from_static("x-amz-target"));
    let target = |values: &[&str]| {
        let fields: Vec<_> = values.iter().map(|value| ("x-amz-target", *value)).collect();
        name(&header, &asked("/x", &fields, b""))
    };
    assert_eq!(target(&["DynamoDB_20120810.GetItem"]), "DynamoDB_20120810.GetItem");
    assert_eq!(
        [target(&[]), target(&[" "]), target(&["A", "B"]), target(&["é"])],
        ["(none)", "(none)", "(other)", "(other)"]
    );
    let query = SplitBy::Query("action".into());
    for (path, found) in [
        ("/x?action=DescribeInstances&version=2", "DescribeInstances"),
        ("/x?%61ction=Descri%62e", "Describe"),
        ("/x?inaction=1&b", "(none)"),
        ("/x?action=", "(none)"),
        ("/x?action=a&action=b", "(other)"),
        ("/x?action=a+b", "(other)"),
        ("/x?action=%ff", "(other)"),
        ("/x", "(none)"),
    ] {
        assert_eq!(name(&query, &asked(path, &[], b"")), found, "{path}");
    }
    for (path, found) in [
        ("/book.v1.Reviews/GetReview", "book.v1.Reviews/GetReview"),
        ("/behind/a/prefix/book.Reviews/List?x=/a/b", "book.Reviews/List"),
        ("/one", "(none)"),
        ("/a/", "(none)"),
        ("//a", "(none)"),
        ("/", "(none)"),
        ("/a%2Fb/c", "(other)"),
    ] {
        assert_eq!(name(&SplitBy::Grpc, &asked(path, &[], b"")), found, "{path}");
    }
}

#[test]
fn what_looks_like_an_id_or_a_secret_is_not_kept() {
    let redactor = Redactor::new(RedactOptions::default(), [1; 32]);
    for name in [
        "GetReview",
        "reviews.list",
        "tools/call",
        "ns:Action",
        "DynamoDB_20120810.GetItem",
        "grpc.health.v1.Health/Check",
        "UserProfileReviewsPaginatedWithCommentsAndRatingsQuery",
        "oauth2",
        "CreateInvoice2024",
        "facade",
        "42",
    ] {
        assert!(may_be_kept(name, &redactor), "{name}");
    }
    for name in [
        "a b",
        "a\nb",
        "<script>",
        "é",
        "--",
        "ann@example.org",
        "4111111111111111",
        "4111-1111-1111-1111",
        "0612345678",
        "123456",
        "2f1c6d7e-0000-4000-8000-aaaaaaaaaaaa",
        "d41d8cd98f00b204e9800998ecf8427e",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
        "token:hunter",
        &"a".repeat(NAME + 1),
    ] {
        assert!(!may_be_kept(name, &redactor), "{name}");
    }
}

#[test]
fn ten_thousand_names_are_five_hundred_operations_and_one_more() {
    let mut table = table();
    let by = SplitBy::Query("a".into());
    let word = |n: u32| n.to_string().bytes().map(|b| (b'a' + (b - b'0')) as char).collect::<String>();
    let mut ask = |target: String| name_in(&mut table, &by, &asked(&target, &[], b""));
    assert_eq!(ask("/x?a=First".into()), "First");
    let names: std::collections::HashSet<String> = (0..10_000).map(|n| ask(format!("/x?a={}", word(n)))).collect();
    assert_eq!(names.len(), OPERATIONS, "499 more and (other)");
    assert!(names.contains("(other)"));
    assert_eq!([ask("/x?a=First".into()), ask("/x?a=Last".into()), ask("/x".into())], ["First", "(other)", "(none)"]);
    assert_eq!(ask("/x?a=a+b".into()), "(other)");
    let counts = table.tally.counts();
    assert_eq!((counts.known, counts.full, counts.unfit), (500, 10_000 - 499 + 1, 1));
}

#[test]
fn each_route_has_its_own_and_a_reload_keeps_those_of_routes_that_stay() {
    let file = |routes: &[(&str, &str)]| {
        let sides =
            "[upstreams]\nprimary = { url = \"http://127.0.0.1:1\" }\ncandidate = { url = \"http://127.0.0.1:2\" }\n";
        let route = |(path, by): &(&str, &str)| format!("[[route]]\nmatch = \"POST {path}\"\nsplit_by = \"{by}\"\n");
        let text = sides.to_owned() + &routes.iter().map(route).collect::<String>();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        crate::config::load(Some(file.path()), &crate::config::Flags::default()).unwrap()
    };
    let (tally, redactor) = (Arc::default(), Redactor::new(RedactOptions::default(), [1; 32]));
    let first = file(&[("/x", "query:a"), ("/y", "query:a")]);
    let operations = Operations::new(&first, &tally, None);
    let ask = |operations: &Operations, config: &Config, path: &str, target: &str| {
        let index = config.routes.by_name(&format!("POST {path}")).unwrap();
        operations.route(index, config.routes.get(index), &asked(target, &[], b""), &redactor).name.to_string()
    };
    assert_eq!(ask(&operations, &first, "/x", "/x?a=One"), "POST /x#One");
    assert_eq!(ask(&operations, &first, "/y", "/y?a=One"), "POST /y#One");
    assert_eq!(tally.counts().known, 2);
    // The other way round, one of them split by something else.
    let second = file(&[("/y", "query:b"), ("/x", "query:a")]);
    let next = Operations::new(&second, &tally, Some((&operations, &first)));
    drop(operations);
    assert_eq!(tally.counts().known, 1, "what was seen of /x");
    assert_eq!(ask(&next, &second, "/x", "/x?a=One"), "POST /x#One");
    assert_eq!(ask(&next, &second, "/y", "/y?a=One&b=Two"), "POST /y#Two");
    assert_eq!(tally.counts().known, 2);
}
