//! Wherever a secret is planted, it does not come out; what is no secret stays; twice is once.

use super::*;
use proptest::prelude::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";
const CARD: &str = "4111111111111111";

fn redactor() -> Redactor {
    let options = RedactOptions {
        headers: vec!["X-Internal".into()],
        paths: vec!["$..email".into(), "$.users[*].name".into(), "$.a.b".into()],
        shapes: vec![],
    };
    Redactor::check(&options).unwrap();
    Redactor::new(options, [7; 32])
}

fn token(class: &str, secret: &str) -> String {
    redactor().token(class, secret)
}

#[test]
fn a_token_tells_class_length_and_hash() {
    let of = token("jwt", JWT);
    assert!(of.starts_with(&format!("[redacted:jwt:len={}:h=", JWT.len())), "{of}");
    assert!(shapes::is_token(&of));
    assert_eq!(token("jwt", &of), of);
    assert_ne!(token("secret", "a"), token("secret", "b"));
    let other_key = Redactor::new(RedactOptions::default(), [8; 32]);
    assert_ne!(other_key.token("secret", "a"), token("secret", "a"));
}

#[test]
fn equal_secrets_stay_recognisably_equal() {
    let r = redactor();
    let hash = |text: &str| text.split(":h=").nth(1).unwrap()[..8].to_owned();
    let places = [
        r.target("/a?token=hunter%202"),
        r.json(r#"{"token":"hunter\u00202"}"#),
        r.header("x-api-key", b"hunter 2"),
        r.header("cookie", b"a=hunter 2"),
        r.form("token=hunter+2"),
    ];
    for place in &places {
        assert_eq!(hash(place), hash(&places[0]), "{place}");
    }
}

#[test]
fn targets() {
    let r = redactor();
    let t = token("secret", "s3cret");
    assert_eq!(r.target("/a/b?page=2&x=%20y"), "/a/b?page=2&x=%20y");
    assert_eq!(r.target("/a?token=s3cret&b=1"), format!("/a?token={t}&b=1"));
    assert_eq!(r.target("/a?p%61ssword=s3cr%65t"), format!("/a?p%61ssword={t}"));
    assert_eq!(r.target("/a?user[password]=s3cret"), format!("/a?user[password]={t}"));
    assert_eq!(r.target("/a;jsessionid=s3cret/b"), format!("/a;jsessionid={t}/b"));
    assert_eq!(r.target("/a#access_token=s3cret"), format!("/a#access_token={t}"));
    assert!(!r.target(&format!("/reset/{JWT}/x")).contains("eyJ"));
    assert!(!r.target("/login?next=%2Fa%3Ftoken%3Ds3cret").contains("s3cret"));
    assert!(!r.target("http://user:s3cret@host/").contains("s3cret"));
    assert!(!r.target("/a?email=me@x.org").contains("me@x"));
}

#[test]
fn headers() {
    let r = redactor();
    assert_eq!(r.header("Authorization", b"Bearer s3cret"), format!("Bearer {}", token("credential", "s3cret")));
    assert_eq!(r.header("authorization", b"s3cret"), token("credential", "s3cret"));
    let (a, b) = (token("cookie", "1"), token("cookie", "x=y"));
    assert_eq!(r.header("Cookie", b"sid=1; t=x=y"), format!("sid={a}; t={b}"));
    assert_eq!(r.header("set-cookie", b"sid=1; Path=/; HttpOnly"), format!("sid={a}; Path=/; HttpOnly"));
    for name in ["x-api-key", "X-Auth-Token", "x-client-secret", "x-internal"] {
        assert_eq!(r.header(name, b"s3cret"), token("secret", "s3cret"), "{name}");
    }
    assert_eq!(r.header("content-type", b"text/html; charset=utf-8"), "text/html; charset=utf-8");
    assert!(!r.header("referer", b"http://h/?token=s3cret").contains("s3cret"));
    assert!(!r.header("x-other", JWT.as_bytes()).contains("eyJ"));
    assert_eq!(r.header("x-api-key", b"\xff"), token("secret", "\u{ff}"));
}

#[test]
fn json_by_name_path_and_shape() {
    let r = redactor();
    let t = |s| format!("\"{}\"", token("secret", s));
    assert_eq!(
        r.json(r#"{"p\u0061ssword" : "a\"b", "n": 1.50}"#),
        format!(r#"{{"p\u0061ssword" : {}, "n": 1.50}}"#, t("a\"b"))
    );
    assert_eq!(
        r.json(r#"{"token":{"v":["x",12,null,true,""]}}"#),
        format!(r#"{{"token":{{"v":[{},{},null,true,""]}}}}"#, t("x"), t("12"))
    );
    assert_eq!(
        r.json(r#"{"users":[{"name":"x"}],"name":"y"}"#),
        format!(r#"{{"users":[{{"name":{}}}],"name":"y"}}"#, t("x"))
    );
    assert_eq!(r.json(r#"{"a":{"b":"x","c":"y"},"b":"z"}"#), format!(r#"{{"a":{{"b":{},"c":"y"}},"b":"z"}}"#, t("x")));
    assert_eq!(r.json(&format!("[{CARD}]")), format!("[\"{}\"]", token("card", CARD)));
    assert_eq!(r.json(&format!(r#"["a {JWT} b"]"#)), format!(r#"["a {} b"]"#, token("jwt", JWT)));
    assert!(!r.json(r#"{"data":"{\"p\\u0061ssword\":\"s3cret\"}"}"#).contains("s3cret"));
    assert!(!r.json(r#"{"a": 1, "password": "s3cret-and-cut"#).contains("s3cret"));
    assert!(!r.json(r#"{"password": s3cret}"#).contains("s3cret"));
    assert!(!r.json(r#"{"password": "s3cret \ud800 \x"}"#).contains("s3cret"));
    let deep = format!("{}\"x\"{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(r.json(&deep), deep);
    let plain = r#" {"isbn":"9780306406157","n":[1e400,-0],"s":"\u00e9\/"} "#;
    assert_eq!(r.json(plain), plain);
}

#[test]
fn json_values_by_pointer() {
    let r = redactor();
    let t = format!("\"{}\"", token("secret", "x"));
    for pointer in ["/password", "/password/0/a", "/u/email", "/users/3/name", "/a/b"] {
        assert_eq!(r.json_at(pointer, "\"x\""), t, "{pointer}");
    }
    assert_eq!(r.json_at("/u", r#"{"email":"x"}"#), format!(r#"{{"email":{t}}}"#));
    assert_eq!(r.json_at("", r#"{"email":"x"}"#), format!(r#"{{"email":{t}}}"#));
    assert_eq!(r.json_at("/title", "\"x\""), "\"x\"");
    assert_eq!(r.json_at("/a~1b", "\"x\""), "\"x\"");
}

#[test]
fn free_text() {
    let r = redactor();
    for text in [
        "login with password=s3cret now",
        "{\"token\": \"s3cret\"",
        "{\\\"token\\\": \\\"s3cret\\\"}",
        "<password>s3cret</password>",
        "<input type=hidden name='csrfmiddlewaretoken' value='s3cret'>",
        "<meta name=\"csrf-token\" content=\"s3cret\">",
        "Authorization: Basic s3cret",
        "Content-Disposition: form-data; name=\"password\"\r\n\r\ns3cret\r\n--x",
        "client_secret => 's3cret'",
        "postgres://me:s3cret@db/x",
        "Bearer s3cret-s3cret-s3cret",
    ] {
        let out = r.text(text);
        assert!(!out.contains("s3cret"), "{out}");
        assert_eq!(r.text(&out), out);
    }
    for text in ["Basic information", "a: b=c", "ISBN 978-0-306-40615-7", "1700000000000", "tokens are useful", "x:y@z"]
    {
        assert_eq!(r.text(text), text);
    }
}

#[test]
fn card_numbers_by_issuer_and_check_digit() {
    let r = redactor();
    for card in
        ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "3782 822463 10005"]
    {
        assert!(shapes::is_token(&r.text(card)), "{card}");
    }
    for other in ["4111111111111112", "9780306406157", "41111111111111111111", "0000000000000000", "4111 1111 11111111"]
    {
        assert_eq!(r.text(other), other);
    }
}

#[test]
fn email_where_configured() {
    assert_eq!(redactor().text("me@example.org"), "me@example.org");
    let r = Redactor::new(RedactOptions { shapes: vec!["email".into()], ..Default::default() }, [7; 32]);
    assert!(!r.text("write to a.b+c@example.org!").contains("example"));
}

fn secret() -> impl Strategy<Value = String> {
    "S3[A-Za-z0-9!*~^$@é_-]{6,20}"
}
fn noise() -> impl Strategy<Value = String> {
    "[ -~é]{0,12}"
}
fn key() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "password",
        "token",
        "access_token",
        "client_secret",
        "api_key",
        "email",
        "sessionid",
    ])
}

proptest! {
    #[test]
    fn a_planted_secret_does_not_come_out(s in secret(), key in key(), before in noise(), after in noise()) {
        let r = redactor();
        let quoted = serde_json::Value::from(s.as_str()).to_string();
        let noise = serde_json::Value::from(before.as_str()).to_string();
        let escaped: String = key.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
        let percent: String = s.bytes().map(|b| format!("%{b:02x}")).collect();
        let documents = [
            format!("{{{noise}:{noise},\"{key}\":{quoted}}}"),
            format!("[{{\"{escaped}\" : [{{\"x\":{quoted}}}]}}, {noise}]"),
            format!("{{\"{key}\":{quoted}, {before}"),
            serde_json::Value::from(format!("{{\"{key}\":{quoted}}}")).to_string(),
        ];
        for document in documents {
            let out = r.json(&document);
            prop_assert!(!out.contains(&s), "{} -> {}", document, out);
            prop_assert_eq!(r.json(&out), out);
        }
        let out = r.json_at(&format!("/x/{key}"), &quoted);
        prop_assert!(!out.contains(&s), "{}", out);
        for target in [format!("/a?{key}={percent}&b=1"), format!("/a?b={before}&{key}={percent}")] {
            let out = r.target(&target);
            prop_assert!(!out.contains(&s) && !out.contains(&percent), "{} -> {}", target, out);
            prop_assert_eq!(r.target(&out), out);
        }
        for name in ["cookie", "set-cookie", "authorization", "x-api-key", "x-my-token"] {
            let out = r.header(name, format!("a={s}").as_bytes());
            prop_assert!(!out.contains(&s), "{}", out);
            prop_assert_eq!(r.header(name, out.as_bytes()), out);
        }
        let out = r.text(&format!("{before} {key}={s} {after}"));
        prop_assert!(!out.contains(&s), "{}", out);
    }

    #[test]
    fn shapes_do_not_come_out_of_anything(before in "[ -~é]{0,8}[ ,;\"/]", after in "[ ,;\"/&][ -~é]{0,8}") {
        let r = redactor();
        for shape in [JWT, CARD] {
            let text = format!("{before}{shape}{after}");
            let json = serde_json::Value::from(text.as_str()).to_string();
            for out in [r.text(&text), r.json(&text), r.json(&json), r.target(&text), r.form(&text), r.header("x-a", text.as_bytes())] {
                prop_assert!(!out.contains(shape), "{} -> {}", text, out);
            }
        }
    }

    #[test]
    fn twice_is_once(text in "([ -~é]|password|token|\"|:|=|\\\\|<|>|4111111111111111){0,30}") {
        let r = redactor();
        let once = r.text(&text);
        prop_assert_eq!(r.text(&once), once);
        let once = r.json(&text);
        prop_assert_eq!(r.json(&once), once);
        let once = r.target(&text);
        prop_assert_eq!(r.target(&once), once);
        let once = r.form(&text);
        prop_assert_eq!(r.form(&once), once);
    }
}
