//! The admin API of the real program: who is answered, who is refused, and what the answers carry.

use crate::support::origin::{Origin, plain};
use crate::support::tee::Tee;
use serde_json::{Value, json};

const OURS: &str = "Host: localhost\r\n";

fn tee(config: &str) -> Tee {
    Tee::start(&Origin::answering(plain(b"same")), &Origin::answering(plain(b"same")), config)
}

fn body(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn a_page_in_a_browser_reaches_nothing() {
    let tee = tee("");
    let status = |method, path, headers: &str| tee.admin(method, path, headers).status;
    assert_eq!(status("GET", "/api/ledger", OURS), 200);
    for host in ["Host: evil.example\r\n", "Host: 127.0.0.1.evil.example\r\n", "Host: 10.0.0.1\r\n"] {
        assert_eq!(status("GET", "/api/ledger", host), 421, "{host}");
    }
    let off = "/api/mirror/off";
    assert_eq!(status("POST", off, "Host: localhost\r\nOrigin: http://evil.example\r\n"), 403);
    assert_eq!(status("POST", off, "Host: localhost\r\nOrigin: null\r\n"), 403);
    assert_eq!(status("POST", off, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(status("GET", off, OURS), 405);
    let mirror = tee.admin("GET", "/api/mirror", OURS);
    assert_eq!(body(&mirror.body), json!({"schema": 1, "mirroring": true}), "nobody switched it");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(mirror.header(name), Some(value), "{name}");
    }
    assert_eq!(body(&tee.admin("POST", off, OURS).body), json!({"schema": 1, "mirroring": false}));
}

#[test]
fn questions_that_make_no_sense_are_told_why() {
    let tee = tee("");
    let answer = tee.admin("GET", "/api/report?q=sverity%3Ahigh", OURS);
    assert_eq!(answer.status, 400);
    assert!(body(&answer.body)["error"].as_str().is_some_and(|error| error.contains("did you mean `severity`?")));
    assert_eq!(tee.admin("GET", "/api/signatures/ffff", OURS).status, 404);
    assert_eq!(tee.admin("GET", "/api/nothing", OURS).status, 404);
    assert_eq!(tee.admin("POST", "/api/mirror/maybe", OURS).status, 404);
    assert_eq!(tee.admin("GET", "/readyz", OURS).status, 200);
    let metrics = String::from_utf8(tee.admin("GET", "/metrics", OURS).body).expect("text");
    assert!(metrics.contains("paritee_not_mirrored_total{reason=\"rate\"} 0\n"), "{metrics}");
}
