//! What `diff` prints, letter by letter, and what must hold of it whatever it prints.

use super::hostile::{Random, document, mutated, rounds};
use paritee::document::json::{Document, ParseOptions};
use paritee::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Outcome, Provenance, Request, Response, Route,
};
use paritee::judge::{Context, judge};
use paritee::report::{build, diff};
use paritee::rules::RuleSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use unicode_width::UnicodeWidthChar;

/// Runs the commands of a session (`$ paritee diff …`) in its folder; the session as it should read.
fn replayed(folder: &Path, session: &str) -> String {
    let mut out = String::new();
    for command in session.lines().filter_map(|line| line.strip_prefix("$ paritee diff ")) {
        let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
            .arg("diff")
            .args(command.split(' '))
            .current_dir(folder)
            .env("COLUMNS", "80")
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it prints text");
        let (printed, told) = (text(&output.stdout), text(&output.stderr));
        let code = output.status.code().expect("it ends by itself");
        write!(out, "$ paritee diff {command}\n{printed}{told}[exit {code}]\n\n").unwrap();
    }
    out
}

/// `PARITEE_GOLDEN=write` writes down what is printed now; look at the difference before you keep it.
#[test]
fn sessions_read_as_they_are_written_down() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/diff");
    let mut wrong = String::new();
    let mut sessions = 0;
    let mut folders: Vec<_> = std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let file = folder.join("session.txt");
        let expected = std::fs::read_to_string(&file).unwrap();
        let found = replayed(&folder, &expected);
        sessions += found.matches("[exit ").count();
        if std::env::var("PARITEE_GOLDEN").is_ok_and(|what| what == "write") {
            std::fs::write(&file, &found).unwrap();
        } else if found != expected {
            write!(wrong, "{}\n{}\n", file.display(), similar::TextDiff::from_lines(&expected, &found).unified_diff())
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(sessions >= 20, "{sessions} sessions");
}

fn exchange(a: &str, b: &str) -> Exchange {
    let answer = |text: &str| {
        let headers = http::HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/json"),
        )]);
        let body = Body::from(text.as_bytes().to_vec());
        let outcome = Outcome::Answered(Response { status: http::StatusCode::OK, headers, body, trailers: None });
        Answer { outcome, elapsed_us: 0 }
    };
    Exchange {
        id: ExchangeId(0),
        received_at_ms: 0,
        route: Route::declared("GET /"),
        principal: "anonymous".into(),
        subject: None,
        request: Request {
            method: http::Method::GET,
            target: "/".into(),
            headers: http::HeaderMap::new(),
            body: Body::empty(),
        },
        primary: answer(a),
        candidate: answer(b),
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

fn page(a: &str, b: &str, width: usize, colour: bool) -> String {
    let context = Context::default();
    let view = build::diff(&judge(&exchange(a, b), &RuleSet::default(), &context));
    let options = ParseOptions::new(10_000, 0);
    let parse = |text| Document::parse(text, &options).unwrap();
    let (mine, theirs) = (parse(a.as_bytes()), parse(b.as_bytes()));
    let mut out = Vec::new();
    let layout = diff::Layout { names: ["a\u{1b}[2J.json", "b.json"], width, colour };
    diff::write(&mut out, &view, diff::Bodies::Trees(&mine, &theirs), &layout).unwrap();
    String::from_utf8(out).unwrap()
}

/// No byte of a document steers the terminal, and no line is wider than asked.
#[track_caller]
fn fits(text: &str, width: usize) {
    for line in text.lines() {
        let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.chars().any(steers), "{line:?}");
        let columns: usize = line.chars().filter_map(UnicodeWidthChar::width).sum();
        assert!(columns <= width, "{columns} of {width} columns: {line:?}\n{text}");
    }
}

#[test]
fn random_pages_fit_and_are_clean() {
    let mut random = Random::new(0xFACE);
    for round in 0..rounds(2_500) {
        let a = document(&mut random, 5);
        let b = if round % 4 == 0 { document(&mut random, 5) } else { mutated(&mut random, &a) };
        let (a, b) = (a.text(), b.text());
        let width = 24 + random.below(120);
        let text = page(&a, &b, width, false);
        fits(&text, width);
        let word = if text.starts_with("match\n") { "match" } else { "mismatch" };
        assert_eq!(text.lines().next(), Some(word));
        let coloured = page(&a, &b, width, true);
        fits(&anstream::adapter::strip_str(&coloured).to_string(), width);
        assert!(word == "match" || coloured.contains("\u{1b}[1m"), "a page in colours has some");
    }
}

/// Every line within a text whose every character is replaced by what is wide, invisible or dangerous.
#[test]
fn hostile_strings_fit_and_are_clean() {
    let alphabet = [
        "a",
        "日",
        "\u{301}",
        "\u{200b}",
        "\\u001b",
        "\\n",
        "\\\\",
        "\u{202e}",
        "👨‍👩‍👧",
        "\\ud800",
        " ",
        "\u{a0}",
        "\u{9b}",
    ];
    let mut random = Random::new(0xBEEF);
    for _ in 0..rounds(1_000) {
        let mut string = |most: usize| -> String {
            let length = random.below(most);
            (0..length).map(|_| random.pick(&alphabet).to_owned()).collect()
        };
        let (same, one, other, end) = (string(150), string(9), string(9), string(150));
        let (a, b) =
            (format!("{{\"{same}\":[\"{same}{one}{end}\"]}}"), format!("{{\"{same}\":[\"{same}{other}{end}\"]}}"));
        let width = 24 + random.below(120);
        fits(&page(&a, &b, width, false), width);
    }
}

/// One difference on each of many levels, and many at one: neither the stack nor the time grows with them.
#[test]
fn deep_and_wide_pages_end() {
    let deep = |inner: &str| {
        let mut text = inner.to_owned();
        for _ in 0..4_000 {
            text = format!("{{\"x\":{inner},\"d\":{text}}}");
        }
        text
    };
    let text = page(&deep("1"), &deep("2"), 80, false);
    fits(&text, 80);
    let many = |by: usize| format!("[{}]", (0..20_000).map(|n| (n * by).to_string()).collect::<Vec<_>>().join(","));
    let text = page(&many(1), &many(2), 80, false);
    assert!(text.contains("19999 differences, 1002 of them listed"), "{}", &text[..200]);
}

/// What the README shows of `diff` is what it prints.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let block = readme.split("```console\n").find(|block| block.contains("$ paritee diff")).expect("a block");
    let block = block.split("```").next().unwrap();
    let binaries = Path::new(env!("CARGO_BIN_EXE_paritee")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let mut found = String::new();
    for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output =
            Command::new("bash").args(["-c", command]).env("PATH", &path).env_remove("COLUMNS").output().unwrap();
        write!(found, "$ {command}\n{}", String::from_utf8(output.stdout).unwrap()).unwrap();
    }
    assert_eq!(found, block);
}
