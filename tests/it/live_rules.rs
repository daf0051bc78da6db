//! `paritee rules` over real traffic: asked of a running tee and of its store at rest, with the same answers.

use crate::support::origin::{Next, Origin, Seen};
use crate::support::tee::{Tee, sides};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const BOOK: &str = "GET /api/book/{id}";
/// Links moved as agreed; one rule that nothing needs, one on a quiet route, one that is over.
const RULES: &str = "[[rule]]\nname = \"nothing needs it\"\npath = \"$.nothing\"\nadded = \"allow\"\n\
    [[rule]]\nname = \"over\"\npath = \"$.stars\"\nnumber = { abs = \"1\" }\nuntil = 2024-01-01\n\
    [[route]]\nmatch = \"GET /api/book/{id}\"\n\
    [[route.rule]]\nname = \"links\"\npath = \"$.path\"\n\
    rewrite = { pattern = \"^/books/([0-9]+)/$\", with = \"/api/book/$1/\", side = \"primary\" }\nreason = \"they moved\"\n";
const QUIET: &str =
    "[[route]]\nmatch = \"GET /api/quiet\"\n[[route.rule]]\nname = \"quiet\"\npath = \"$.x\"\nunordered = true\n";
const FULL: &str = "[redact]\nstore_bodies = \"full\"\n[store]\nexemplars = 16\n";

/// The monolith tells local time and its own links, the candidate UTC and the new ones.
fn origin(build: &'static str, new: bool) -> Origin {
    Origin::start(Arc::new(move |seen: &Seen, stream| {
        let n: u64 = seen.target().rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let at = if new {
            format!("2025-03-0{}T09:15:30Z", n % 9 + 1)
        } else {
            format!("2025-03-0{}T10:15:30+01:00", n % 9 + 1)
        };
        let path = if new { format!("/api/book/{n}/") } else { format!("/books/{n}/") };
        // below a hundred only the links differ
        let at = if n < 100 { String::new() } else { format!(",\"created_at\":\"{at}\"") };
        let body = format!("{{\"id\":{n},\"path\":\"{path}\"{at}}}");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Build: {build}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

fn asked(arguments: &[&str]) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_paritee")).arg("rules").args(arguments).output().expect("it runs");
    let view = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().expect("a code"), view, format!("{out}{error}"))
}

fn states(view: &Value) -> Vec<(&str, &str)> {
    let rules = view["rules"].as_array().unwrap_or_else(|| panic!("{view}")).iter();
    rules.map(|rule| (rule["name"].as_str().expect("a name"), rule["state"].as_str().expect("a word"))).collect()
}

fn write(dir: &Path, name: &str, text: &str) -> String {
    let file = dir.join(name);
    std::fs::write(&file, text).expect("written");
    file.to_str().expect("a path").to_owned()
}

/// The places to ask: the same words before them, the same answers after.
fn both(tee: Tee, checks: &dyn Fn(&[&str])) {
    let url = format!("http://{}", tee.admin);
    checks(&["--admin", &url]);
    let dir = tee.stopped();
    let store = dir.path().join("store");
    checks(&["--store", store.to_str().expect("a path")]);
}

#[test]
fn a_running_tee_and_its_store_say_the_same_of_the_rules() {
    let (primary, candidate) = (origin("m1", false), origin("c1", true));
    let (urls, apart) = ((primary.url(), candidate.url()), tempfile::tempdir().unwrap());
    let config = |rules: &str| sides(&urls.0, &urls.1, &format!("{FULL}{rules}{QUIET}"));
    let tee = Tee::with(0, &config(RULES));
    let mut client = tee.client();
    for n in (0..6).chain(100..105) {
        assert_eq!(client.get(&format!("/api/book/{n}")).status, 200);
        tee.settled();
    }
    let now = write(apart.path(), "now.toml", &config(RULES));
    let without = write(apart.path(), "without.toml", &config(&RULES[..RULES.find("[[route.rule]]").unwrap()]));
    let dates = "[[route.rule]]\nname = \"zones\"\npath = \"$.created_at\"\ntimestamp = {}\n";
    let with = write(apart.path(), "with.toml", &config(&format!("{RULES}{dates}")));
    let wrong = write(apart.path(), "wrong.toml", &config(&RULES.replace("rewrite = {", "rewrit = {")));

    both(tee, &|place| {
        let run = |words: &[&str]| asked(&[words, place, &["--format", "json"]].concat());
        let at_rest = place[0] == "--store";
        let of_now = if at_rest { &["--config", now.as_str()][..] } else { &[] };
        let (code, view, told) = run(&[&["list"], of_now].concat());
        assert_eq!(code, 0, "{told}");
        let expected = [("nothing needs it", "unused"), ("over", "expired"), ("links", "used"), ("quiet", "not_seen")];
        assert_eq!(states(&view), expected, "{view}");
        let links = &view["rules"][2];
        assert_eq!((links["hits"].as_u64(), links["compared"].as_u64()), (Some(11), Some(11)), "{view}");
        assert_eq!((&links["route"], &links["reason"]), (&BOOK.into(), &"they moved".into()));
        assert!(links["last_hit"].as_str().is_some_and(|hour| hour.contains(":00:00")), "{view}");
        let (code, view, _) = run(&[&["unused"], of_now].concat());
        assert_eq!((code, states(&view).len()), (0, 3), "{view}");
        assert_eq!(run(&[&["unused", "--fail"], of_now].concat()).0, 1);
        assert_eq!(run(&[&["list", "--route", "GET /none"], of_now].concat()).0, 2);

        let (code, view, told) = run(&["preview", &with]);
        assert_eq!(code, 0, "{told}");
        assert_eq!(view["signatures"][0]["fate"], "vanishes", "{view}");
        assert_eq!((&view["become_equal"], &view["become_different"]), (&5.into(), &0.into()), "{view}");
        let (code, view, told) = run(&["preview", &without]);
        assert_eq!(code, 0, "{told}");
        let new = &view["appearing"][0];
        assert_eq!(
            (&new["path"], &new["exchanges"], &new["of_rules"]["links"]),
            (&"/path".into(), &11.into(), &6.into())
        );
        assert_eq!((&view["samples"][0]["kept"], &view["samples"][0]["differ"]), (&6.into(), &6.into()), "{view}");
        assert_eq!(view["samples"][0]["hits"], 11, "{view}");

        let (code, view, told) = run(&["suggest", "--config", &now]);
        assert_eq!(code, 0, "{told}");
        assert_eq!(view["proposals"][0]["path"], "/created_at", "{view}");
        assert!(view["proposals"][0]["rule"].as_str().is_some_and(|rule| rule.contains("timestamp = {}")), "{view}");
        assert_eq!(view["proposals"][0]["seen_on"].as_array().map(Vec::len), Some(5), "{view}");
        for words in [&["list"][..], &["unused"], &["preview", &with], &["suggest"]] {
            let (code, _, told) = asked(&[words, &["--config", &now], place].concat());
            assert!(code == 0 && told.lines().count() > 1, "{words:?}: {told}");
        }

        let (code, _, told) = run(&["preview", &wrong]);
        assert_eq!(code, 2);
        let line = 1 + config(RULES).lines().position(|line| line.starts_with("rewrite")).unwrap();
        assert!(told.contains(&format!("wrong.toml:{line}:1")) && told.contains("rewrite"), "{told}");
        assert_eq!(run(&["preview", "nowhere.toml"]).0, 2);
    });
}

#[test]
fn bodies_that_are_not_stored_are_undecidable_and_a_wrong_file_stops_nobody() {
    let (primary, candidate) = (origin("m1", false), origin("c1", true));
    let apart = tempfile::tempdir().unwrap();
    let tee = Tee::with(0, &sides(&primary.url(), &candidate.url(), RULES));
    let mut client = tee.client();
    for n in 100..104 {
        client.get(&format!("/api/book/{n}"));
        tee.settled();
    }
    let dates = "[[route.rule]]\nname = \"zones\"\npath = \"$.created_at\"\ntimestamp = {}\n";
    let with = write(apart.path(), "with.toml", &sides(&primary.url(), &candidate.url(), &format!("{RULES}{dates}")));
    let url = format!("http://{}", tee.admin);
    let (code, view, told) = asked(&["preview", &with, "--admin", &url, "--format", "json"]);
    assert_eq!((code, &view["undecidable"]["excerpt"]), (4, &4.into()), "{told}");
    assert_eq!(view["signatures"][0]["fate"], "undecidable", "{view}");
    assert_eq!(view["become_equal"], 0, "never taken for equal");
    assert!(view["notes"][0].as_str().is_some_and(|note| note.contains("store_bodies")), "{view}");

    let before = tee.admin("GET", "/api/rules", "Host: localhost\r\n").body;
    let wrong = write(apart.path(), "wrong.toml", "[[rule]]\nname = \"x\"\npath = \"$.a b\"\nunordered = true\n");
    let (code, _, told) = asked(&["preview", &wrong, "--admin", &url]);
    assert!(code == 2 && told.contains("wrong.toml"), "{told}");
    assert_eq!(client.get("/api/book/1").status, 200, "it keeps serving");
    tee.settled();
    let after: Value = serde_json::from_slice(&tee.admin("GET", "/api/rules", "Host: localhost\r\n").body).unwrap();
    assert_eq!(states(&after), states(&serde_json::from_slice(&before).unwrap()), "under the same rules");
    assert_eq!(asked(&["preview"]).0, 2);
}
