//! `paritee diff` by the built binary over real files: the judgement's word, the JSON shape, the exit code.

use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Writes the files into a folder and runs `diff` there.
fn diff(files: &[(&str, &str)], args: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("it is written");
    }
    run(folder.path(), args, "")
}

fn run(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .arg("diff")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn told(output: &Output, code: i32) -> Value {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {out}"))
}

const JSON: &[&str] = &["p.json", "c.json", "--format", "json"];

#[test]
fn equal_answers_match() {
    let view = told(&diff(&[("p.json", r#"{"a":1.0,"b":2}"#), ("c.json", r#"{"b":2, "a":1}"#)], JSON), 0);
    assert_eq!(view, json!({"schema": 1, "judgement": "match", "differences": [], "rules": []}));
}

#[test]
fn a_mismatch_has_its_shape_and_ends_with_1() {
    let output = diff(&[("p.json", r#"{"n":4.50,"x":null}"#), ("c.json", r#"{"n":"4.50","y":1}"#)], JSON);
    let view = told(&output, 1);
    assert_eq!(view["judgement"], "mismatch");
    let found: Vec<Value> = view["differences"].as_array().unwrap().clone();
    let place = |path: &str| found.iter().find(|d| d["path"] == path).unwrap_or_else(|| panic!("{path}: {view}"));
    assert_eq!(
        (&place("/n")["kind"], &place("/n")["in"], &place("/n")["severity"]),
        (&json!("type"), &json!("body"), &json!("high"))
    );
    assert_eq!(place("/x")["kind"], "missing");
    assert_eq!(place("/x").get("primary"), Some(&Value::Null), "null is a value");
    assert_eq!(place("/x").get("candidate"), None, "absent is a left-out key");
    assert_eq!(place("/y")["kind"], "added");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"primary\": 4.50,"), "numbers are as received");
}

/// A lone surrogate in a name used to be told as the six characters that spell it, which is another name.
#[test]
fn two_names_have_two_pointers() {
    let output = diff(&[("p.json", r#"{"\ud800":1,"\\ud800":1}"#), ("c.json", r#"{"\ud800":2,"\\ud800":2}"#)], JSON);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    let paths: Vec<&str> = text.lines().filter(|line| line.contains("\"path\"")).map(str::trim).collect();
    assert_eq!(paths, [r#""path": "/\ud800","#, r#""path": "/\\ud800","#]);
}

#[test]
fn rules_of_the_route_make_it_normalised() {
    let config = "[upstreams.primary]\nurl = \"http://127.0.0.1:8000\"\n[[route]]\nmatch = \"GET /api/review/{id}\"\n\
                  [[route.rule]]\nname = \"links moved\"\npath = \"$.path\"\n\
                  rewrite = { pattern = \"^/books/(.*)$\", with = \"/api/book/$1\", side = \"primary\" }\n";
    let files =
        [("p.json", r#"{"path":"/books/7"}"#), ("c.json", r#"{"path":"/api/book/7"}"#), ("paritee.toml", config)];
    let with = |route: &str| diff(&files, &[JSON, &["--config", "paritee.toml", "--route", route]].concat());
    let view = told(&with("GET /api/review/{id}"), 0);
    assert_eq!(view["judgement"], "normalised");
    assert_eq!(view["rules"], json!([{"name": "links moved", "hits": 1}]));
    assert_eq!(told(&with("GET /api/review/7"), 0)["judgement"], "normalised");
    let unknown = with("GET /api/reviews/{id}");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `GET /api/review/{id}`?"));
    assert_eq!(told(&diff(&files, JSON), 1)["judgement"], "mismatch");
}

#[test]
fn whole_messages_are_judged_with_status_and_headers() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n";
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno";
    let plain = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
    let files = [("ok", ok), ("gone", gone), ("plain", plain), ("busy", "HTTP/1.1 503 Busy\r\n\r\n"), ("bare", "{}")];
    let against = |p: &str, c: &str| diff(&files, &[p, c, "--format", "json"]);
    assert_eq!(told(&against("ok", "plain"), 0)["judgement"], "match");
    let view = told(&against("ok", "gone"), 1);
    assert_eq!((&view["differences"][0]["kind"], &view["differences"][0]["in"]), (&json!("status"), &json!("status")));
    let view = told(&against("busy", "ok"), 4);
    assert_eq!((&view["judgement"], &view["reason"]), (&json!("inconclusive"), &json!("primary_unavailable")));
    let view = told(&against("busy", "busy"), 4);
    assert_eq!((&view["judgement"], &view["reason"]), (&json!("vacuous"), &json!("both_failed")));
    assert_eq!(against("ok", "bare").status.code(), Some(2));
}

#[test]
fn unreadable_input_ends_with_2_and_is_named() {
    let output = diff(&[("p.json", "{}")], JSON);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("c.json"));
    assert_eq!(diff(&[], &["-", "-"]).status.code(), Some(2));
    let cut = diff(&[("p", "HTTP/1.1 200 OK\nContent-Length"), ("c", "HTTP/1.1 200 OK\n\n")], &["p", "c"]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("the header does not end"));
}

#[test]
fn a_file_over_the_cap_is_inconclusive() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("p.json")).expect("a file");
    file.set_len((64 << 20) + 1).expect("a hole");
    std::fs::write(folder.path().join("c.json"), "{}").expect("it is written");
    let output = run(folder.path(), JSON, "");
    assert_eq!(output.status.code(), Some(4));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("p.json: inconclusive (too_large)"), "{told}");
}

#[test]
fn a_message_cut_in_its_body_is_no_whole_answer() {
    let (whole, cut) = ("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "HTTP/1.1 200 OK\nContent-Length: 9\n\nabc");
    let of_candidate = diff(&[("p", whole), ("c", cut)], &["p", "c", "--format", "json"]);
    assert_eq!(of_candidate.status.code(), Some(1));
    let text = String::from_utf8_lossy(&of_candidate.stdout).into_owned();
    assert!(text.contains("\"kind\": \"failure\"") && text.contains("3 of 9 bytes"), "{text}");
    let of_primary = diff(&[("p", cut), ("c", whole)], &["p", "c", "--format", "json"]);
    assert_eq!(of_primary.status.code(), Some(4));
}

#[test]
fn standard_input_is_one_side_and_text_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.json"), r#"{"a":"x"}"#).unwrap();
    let output = run(folder.path(), &["p.json", "-"], r#"{"a":"\u001b[31m"}"#);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.starts_with("mismatch\n")
            && text.contains("/a  value")
            && text.contains("+ candidate  standard input")
            && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn of_one_exchange_every_scope_of_ids_is_the_document() {
    let rule = |scope: &str| {
        format!(
            "[upstreams.primary]\nurl = \"http://127.0.0.1:8000\"\n[[rule]]\nname = \"ids\"\npath = \"$[*].id\"\n\
             same_id = {{ space = \"x\", scope = \"{scope}\" }}\n"
        )
    };
    for (candidate, code) in [(r#"[{"id":"a"},{"id":"b"}]"#, 0), (r#"[{"id":"a"},{"id":"a"}]"#, 1)] {
        let views = ["document", "session", "run"].map(|scope| {
            let files = [("p.json", r#"[{"id":1},{"id":2}]"#), ("c.json", candidate), ("paritee.toml", &*rule(scope))];
            told(&diff(&files, &[JSON, &["--config", "paritee.toml"]].concat()), code)
        });
        assert!(views[0] == views[1] && views[1] == views[2], "{views:#?}");
        assert_eq!(views[0]["differences"].as_array().unwrap().len(), code as usize);
    }
}
