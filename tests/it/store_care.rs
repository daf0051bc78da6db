//! `paritee store` by the built binary: verify, compact, export, import, erase, over stores as a tee leaves them.

use super::store_support::*;
use paritee::evidence::{EvidenceBatch, Mark, Owner};
use paritee::judge::{SignatureId, Verdict};
use paritee::redact::{RedactOptions, Redactor};
use paritee::store::{AtRest, StoreHandle};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::tempdir;

const NAME: &str = "Ottilie-Wunderlich-4711";

fn paritee(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
    command.args(args).current_dir(dir).env_remove("PARITEE_TOKEN").output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs it and gives what it printed; it must end with this code.
fn ends(dir: &Path, args: &[&str], code: i32) -> String {
    let output = paritee(dir, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
    said(&output)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn offer(store: &StoreHandle, batch: EvidenceBatch) {
    assert!(store.offer(batch).is_ok() && store.settle(LONG));
}

/// A store with something in every table, closed cleanly; the second life in it was not.
fn fill(dir: &Path, signatures: std::ops::Range<u64>) {
    for life in 1..=2 {
        let store = open(dir, life, 1_000_000 * life);
        for sequence in 1..=4 {
            let mut batch = empty(store.source(), sequence);
            for id in signatures.clone() {
                let number = (life * 100 + sequence) * 1_000 + id;
                add_mismatch(&mut batch, SignatureId(id), number, if id % 7 == 0 { 9_000 } else { 200 });
            }
            // one exchange that two signatures keep
            let shared = batch.exemplars[0].1.clone();
            batch.exemplars.push((SignatureId(signatures.start + 1), shared));
            batch.counts.count_verdict(Verdict::Match);
            batch.received_so_far = 100 * sequence;
            for cell in batch.cells.values_mut() {
                (0..5_000 * (sequence / 4)).for_each(|n| cell.distinct.insert(scrambled(n)));
                cell.mismatching.count(scrambled(sequence));
                cell.statuses.insert((200, 404), sequence);
                cell.primary_us.record(900 * sequence);
            }
            batch.ownership.0.insert("GET /cut/{id}".to_owned(), Owner { candidate: true, since_ms: 5 + sequence });
            let key = paritee::evidence::PairKey { route: "GET /noisy".to_owned(), builds: Default::default() };
            batch.pairs.insert(key, super::store_damage::noisy());
            let mut seen = paritee::evidence::CoverageDelta { sampled: sequence, last_ms: 77, ..Default::default() };
            let key = paritee::evidence::SampleKey { route: "GET /cut/{id}".to_owned(), rule: "links".to_owned() };
            batch.samples = (0..4).map(|n| (key.clone(), exemplar(sequence * 10 + n, 3_000))).collect();
            seen.parameters.insert("page".to_owned(), sequence);
            batch.coverage.insert("GET /seen".to_owned(), seen);
            offer(&store, batch);
        }
        match life {
            1 => assert!(store.close(LONG)),
            _ => drop(store),
        }
    }
    // until the thread of the one that was dropped is gone
    let started = std::time::Instant::now();
    while paritee::store::is_held(dir) {
        assert!(started.elapsed() < LONG);
        std::thread::yield_now();
    }
}

#[test]
fn verify_says_what_is_there_and_what_is_wrong() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    assert!(ends(at, &["store", "verify"], 2).contains("there is no store in paritee-store"));
    fill(&at.join("paritee-store"), 10..30);
    assert!(ends(at, &["store", "verify"], 0).contains("paritee-store: sound"));
    let text = ends(at, &["store", "verify", "--store", "paritee-store", "--format", "json"], 0);
    let figures: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&figures["schema"], &figures["signatures"], &figures["sessions"]), (&1.into(), &20.into(), &2.into()));
    // an exchange that two signatures keep is stored once
    let (exemplars, contents) = (figures["exemplars"].as_u64().unwrap(), figures["contents"].as_u64().unwrap());
    assert!(exemplars > contents && contents > 100, "{text}");
    let live = figures["live_bytes"].as_u64().unwrap();
    assert!(live > 100_000 && figures["file_bytes"].as_u64().unwrap() >= live, "{text}");
    // a held store and a damaged one
    let store = open(&at.join("paritee-store"), 9, 9_000_000);
    assert!(ends(at, &["store", "verify"], 3).contains("in use by another process"));
    assert!(ends(at, &["store", "compact"], 3).contains("in use by another process"));
    assert!(store.close(LONG));
    let db = at.join("paritee-store/db");
    for entry in fs::read_dir(at.join("paritee-store")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    // of a log some parts do not live any more: one of these does
    let bytes = fs::read(&db).unwrap();
    let part = bytes.len() / 16;
    let told = (1..16).any(|n| {
        let mut bad = bytes.clone();
        bad[n * part..(n + 1) * part].fill(0x5a);
        fs::write(&db, bad).unwrap();
        let output = paritee(at, &["store", "verify"]);
        let text = said(&output);
        output.status.code() == Some(2) && text.contains("is damaged") && text.contains("sets it aside")
    });
    assert!(told, "no damage was told");
    assert!(db.exists(), "it stays where it is");
}

#[test]
fn a_compacted_store_says_the_same_in_less_space() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    let dir = at.join("paritee-store");
    fill(&dir, 10..60);
    let before = ends(at, &["store", "export"], 0);
    let text = ends(at, &["store", "compact"], 0);
    assert!(text.contains("bytes before") && text.contains("live"), "{text}");
    let names: Vec<_> = fs::read_dir(&dir).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["generation-1"]);
    assert_eq!((mode(&dir), mode(&dir.join("generation-1"))), (0o700, 0o700));
    for entry in fs::read_dir(dir.join("generation-1")).unwrap().flatten().filter(|e| e.path().is_file()) {
        assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
    }
    assert_eq!(ends(at, &["store", "export"], 0), before, "not a word is another");
    // with a config, what is over its caps goes first, and is counted
    let config = "[upstreams.primary]\nurl = \"http://127.0.0.1:1\"\n[store]\nmax_age = \"1h\"\n";
    fs::write(at.join("paritee.toml"), config).unwrap();
    ends(at, &["store", "compact", "--config", "paritee.toml"], 0);
    let rest = AtRest::open(&dir).expect("it opens");
    assert!(rest.signatures().unwrap().is_empty() && rest.left_out().signatures == 400, "{:?}", rest.left_out());
    assert_eq!(rest.ledger().unwrap().counts.mismatched, 400);
    assert!(rest.samples(None).unwrap().samples.is_empty() && rest.left_out().samples > 0);
    rest.verify().expect("sound");
}

#[test]
fn an_export_imported_is_the_same_store_byte_for_byte() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    fill(&at.join("paritee-store"), 10..40);
    let text = ends(at, &["store", "export", "one.jsonl"], 0);
    assert!(text.starts_with("one.jsonl: "), "{text}");
    assert_eq!(mode(&at.join("one.jsonl")), 0o600);
    assert!(ends(at, &["store", "export", "one.jsonl"], 2).contains("is there already"));
    let text = ends(at, &["store", "import", "one.jsonl", "--store", "two"], 0);
    assert!(text.contains("lines imported"), "{text}");
    assert_eq!(mode(&at.join("two")), 0o700);
    ends(at, &["store", "export", "two.jsonl", "--store", "two"], 0);
    assert_eq!(fs::read(at.join("one.jsonl")).unwrap(), fs::read(at.join("two.jsonl")).unwrap());
    let figures = |dir: &str| {
        let text = ends(at, &["store", "verify", "--store", dir, "--format", "json"], 0);
        let mut figures: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let object = figures.as_object_mut().unwrap();
        ["generation", "file_bytes", "live_bytes", "keys"].iter().for_each(|name| drop(object.remove(*name)));
        figures
    };
    assert_eq!(figures("paritee-store"), figures("two"));
    // once more changes nothing, in either
    for dir in ["two", "paritee-store"] {
        let before = ends(at, &["store", "export", "--store", dir], 0);
        let text = ends(at, &["store", "import", "one.jsonl", "--store", dir], 0);
        assert!(text.contains("nothing was changed"), "{text}");
        assert_eq!(ends(at, &["store", "export", "--store", dir], 0), before);
    }
    // it is a store like any other
    let store = open(&at.join("two"), 7, 7_000_000);
    let mut batch = empty(store.source(), 1);
    add_mismatch(&mut batch, SignatureId(10), 999_999, 100);
    offer(&store, batch);
    assert!(store.close(LONG));
    // and is ahead of what it came from: what it has beyond cannot be told
    ends(at, &["store", "export", "later.jsonl", "--store", "two"], 0);
    let text = ends(at, &["store", "import", "later.jsonl"], 2);
    assert!(text.contains("line 1: ") && text.contains("a new directory") && text.contains("nothing was"), "{text}");
}

#[test]
fn an_import_adds_to_what_is_there_once() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    fill(&at.join("one"), 10..40);
    fill(&at.join("two"), 30..50);
    ends(at, &["store", "export", "two.jsonl", "--store", "two"], 0);
    let of = |dir: &str| AtRest::open(&at.join(dir)).expect("it opens");
    let count = |store: &AtRest, id: u64| {
        let records = store.signatures().unwrap();
        records.iter().find(|record| record.id.0 == id).map_or(0, |record| record.count)
    };
    let (mismatched, applied) = {
        let (one, two) = (of("one"), of("two"));
        let both = |f: &dyn Fn(&AtRest) -> u64| f(&one) + f(&two);
        (both(&|s| s.ledger().unwrap().counts.mismatched), both(&|s| s.ledger().unwrap().durable_seq))
    };
    assert_eq!(count(&of("one"), 35), 8);
    ends(at, &["store", "import", "two.jsonl", "--store", "one"], 0);
    let once = ends(at, &["store", "export", "--store", "one"], 0);
    {
        let one = of("one");
        let ledger = one.ledger().unwrap();
        assert_eq!((ledger.counts.mismatched, ledger.durable_seq), (mismatched, applied));
        assert_eq!(ledger.marks.0[Mark::Unconfirmed as usize], mismatched as i64);
        assert_eq!((count(&one, 12), count(&one, 35), count(&one, 45)), (8, 16, 8));
        let seen: u64 = one.signatures().unwrap().iter().map(|record| record.count).sum();
        assert_eq!(seen, mismatched);
        let in_cells: u64 = one.cells().unwrap().iter().filter_map(|(_, cell)| cell.verdicts.get("mismatch")).sum();
        assert_eq!(in_cells, mismatched);
        one.verify().expect("sound");
    }
    let text = ends(at, &["store", "import", "two.jsonl", "--store", "one"], 0);
    assert!(text.contains("nothing was changed"), "{text}");
    assert_eq!(ends(at, &["store", "export", "--store", "one"], 0), once);
    // what came by two ways would count twice
    ends(at, &["store", "export", "both.jsonl", "--store", "one"], 0);
    let text = ends(at, &["store", "import", "both.jsonl", "--store", "two"], 2);
    assert!(text.contains("would count twice"), "{text}");
}

#[test]
fn lines_that_are_wrong_are_named_and_nothing_is_changed() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    fill(&at.join("paritee-store"), 10..20);
    fill(&at.join("other"), 30..35);
    let whole = ends(at, &["store", "export", "--store", "other"], 0);
    let lines: Vec<&str> = whole.lines().collect();
    let before = ends(at, &["store", "export"], 0);
    let position = |word: &str| lines.iter().position(|line| line.starts_with(&format!("{{\"{word}\""))).unwrap();
    let replaced = |at: usize, with: &str| {
        let mut lines = lines.clone();
        lines[at] = with;
        lines.join("\n")
    };
    let (signature, exemplar) = (position("signature"), position("exemplar"));
    let cases = [
        ("line 1: ", "not JSON", "hello".to_owned()),
        ("line 1: ", "cut short", String::new()),
        ("line 1: ", "use a newer paritee", whole.replacen("\"paritee_store\":1", "\"paritee_store\":2", 1)),
        ("line 9: ", "cut short", lines[..8].join("\n") + "\n"),
        ("line 3: ", "no line of an export", replaced(2, "{\"surprise\":{}}")),
        ("line 2: ", "use a newer paritee", replaced(1, &lines[1].replacen("\"match\"", "\"moon.shot\"", 1))),
        (
            &*format!("line {}: ", signature + 1),
            "no line of an export",
            replaced(signature, "{\"signature\":{\"id\":3}}"),
        ),
        (
            &*format!("line {}: ", exemplar + 1),
            "which no line before has",
            replaced(signature, lines[position("owner")]),
        ),
        (&*format!("line {}: ", lines.len() + 1), "more after the last line", format!("{whole}{}\n", lines[1])),
        (&*format!("line {}: ", lines.len() - 1), "some are missing", {
            let mut lines = lines.clone();
            lines.remove(exemplar);
            lines.join("\n")
        }),
    ];
    for (line, message, text) in cases {
        fs::write(at.join("bad.jsonl"), text).unwrap();
        for dir in ["paritee-store", "new"] {
            let said = ends(at, &["store", "import", "bad.jsonl", "--store", dir], 2);
            let fine = said.contains("bad.jsonl: line ") && said.contains(line) && said.contains(message);
            assert!(fine && said.contains("nothing was imported"), "{line}{message}: {said}");
        }
        assert!(!at.join("new").exists(), "{message}");
        assert_eq!(ends(at, &["store", "export"], 0), before, "{message}");
    }
}

/// True where the value stands in some file of the directory, as it is or in what zstd packed.
fn on_disk(dir: &Path, value: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(value.len()).any(|window| window == value.as_bytes());
    fs::read_dir(dir).unwrap().flatten().any(|entry| {
        if entry.path().is_dir() {
            return on_disk(&entry.path(), value);
        }
        let bytes = fs::read(entry.path()).unwrap_or_default();
        let frames = bytes.windows(4).enumerate().filter(|(_, magic)| *magic == [0x28, 0xb5, 0x2f, 0xfd]);
        holds(&bytes)
            || frames.into_iter().any(|(at, _)| {
                let mut plain = Vec::new();
                let decoder = zstd::stream::read::Decoder::new(&bytes[at..]);
                let _ = decoder.map(|decoder| std::io::copy(&mut std::io::Read::take(decoder, 1 << 20), &mut plain));
                holds(&plain)
            })
    })
}

#[test]
fn what_is_stored_of_somebody_goes_from_the_files_too() {
    let folder = tempdir().expect("a directory");
    let at = folder.path();
    let dir = at.join("paritee-store");
    fs::write(at.join("key"), "a key of at least sixteen bytes").unwrap();
    fs::set_permissions(at.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let config = "[upstreams.primary]\nurl = \"http://127.0.0.1:1\"\n[redact]\nkey_file = \"key\"\n";
    fs::write(at.join("paritee.toml"), config).unwrap();
    let config = paritee::config::load(Some(&at.join("paritee.toml")), &Default::default()).unwrap();
    let (key, _) = paritee::config::secret_key(&config).unwrap();
    let redactor = Redactor::new(RedactOptions::default(), key);

    let store = open(&dir, 1, 1_000);
    let mut batch = empty(store.source(), 1);
    for number in 0..8 {
        add_mismatch(&mut batch, SignatureId(number), number, 300);
    }
    let mut cookie = String::new();
    for (id, exemplar) in &mut batch.exemplars {
        match id.0 {
            0 => exemplar.request.target = format!("/api/user/{NAME}"),
            1 => exemplar.primary.body = Some(format!("{NAME} {}", "wrote a review. ".repeat(2_000))),
            2 => exemplar.subject = Some(redactor.subject(NAME)),
            3 => {
                cookie = redactor.header("cookie", format!("sessionid={NAME}").as_bytes());
                exemplar.request.headers.push(("cookie".to_owned(), cookie.clone()));
            }
            4 => exemplar.subject = Some(redactor.subject("somebody else")),
            5 => exemplar.request.target = "/q?name=Ottilie%2DWunderlich-4711".to_owned(),
            _ => {}
        }
    }
    assert!(cookie.contains("[redacted:") && !cookie.contains(NAME), "{cookie}");
    let key = paritee::evidence::SampleKey { route: "GET /x".to_owned(), rule: "links".to_owned() };
    let mut sampled = [exemplar(50, 300), exemplar(51, 300)];
    sampled[0].candidate.body = Some(format!("by {NAME}"));
    batch.samples = sampled.into_iter().map(|one| (key.clone(), one)).collect();
    let mut seen = paritee::evidence::CoverageDelta { sampled: 3, ..Default::default() };
    seen.fields.insert(format!("/reviews/{NAME}"), Default::default());
    batch.coverage.insert("GET /seen".to_owned(), seen);
    batch.signatures.get_mut(&SignatureId(6)).unwrap().facts.path = format!("/by/{NAME}/stars");
    offer(&store, batch);
    assert!(store.close(LONG));
    assert!(on_disk(&dir, NAME) && on_disk(&dir, "wrote a review. wrote a review."), "the test can see it");

    let input = |args: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_paritee"))
            .args(args)
            .current_dir(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        child.stdin.take().unwrap().write_all(format!("{NAME}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        said(&output)
    };
    assert!(ends(at, &["store", "erase", "ab"], 2).contains("name a longer one"));
    let text = input(&["store", "erase", "-", "--dry-run"]);
    assert!(text.contains("5 exemplars, 1 signatures, 1 other records"), "{text}");
    assert!(text.contains("only what is stored in the clear") && text.contains("would be erased"), "{text}");
    assert!(on_disk(&dir, NAME), "a dry run changes nothing");
    fs::create_dir(at.join("paritee-store.damaged-1")).unwrap();
    let text = input(&["store", "erase", "-", "--config", "paritee.toml", "--store", "paritee-store"]);
    assert!(text.contains("7 exemplars, 1 signatures, 1 other records erased"), "{text}");
    assert!(text.contains("paritee-store.damaged-1 was set aside as damaged and was not looked at"), "{text}");

    let token = redactor.trace(NAME);
    for gone in [NAME, &*token, "wrote a review. wrote a review.", "Ottilie%2DWunderlich"] {
        assert!(!on_disk(&dir, gone), "{gone} is still there");
    }
    assert!(on_disk(&dir, &redactor.trace("somebody else")), "what is somebody else's stays");
    let rest = AtRest::open(&dir).expect("it opens");
    let kept: Vec<usize> = (0..8).map(|id| rest.exemplars(SignatureId(id)).unwrap().len()).collect();
    assert_eq!(kept, [0, 0, 0, 0, 1, 0, 0, 1]);
    assert_eq!((rest.left_out().erased, rest.left_out().signatures), (7, 1));
    assert_eq!(rest.samples(None).expect("they read").samples[0].exemplars, [exemplar(51, 300)]);
    assert_eq!(rest.ledger().unwrap().counts.mismatched, 8, "the account stays");
    rest.verify().expect("sound");
}

/// The page's commands in their order, on one store.
#[test]
fn the_commands_of_the_operations_page_can_be_run() {
    let folder = tempdir().expect("a directory");
    fill(&folder.path().join("paritee-store"), 10..20);
    let commands = crate::readme::commands("docs/operations.md");
    assert!(commands.iter().filter(|command| command.contains("paritee store")).count() >= 7, "{commands:?}");
    let binaries = Path::new(env!("CARGO_BIN_EXE_paritee")).parent().expect("a folder");
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    for command in commands {
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output()
            .expect("bash");
        assert_eq!(output.status.code(), Some(0), "$ {command}\n{}", said(&output));
    }
}
