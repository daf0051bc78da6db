//! A reader with a real browser walks the front end through the tee while the new API is shadowed: the page works, and the
//! ledger accounts for everything that the browser sent.

use super::stack::{Stack, available};
use crate::support::browser::{self, Asked, Browser, Page};
use crate::support::tee::{adds_up, number};
use serde_json::{Value, json};
use std::path::Path;

// What the reader finds; `monolith/catalogue/seed.py` has it.
const BOOK: &str = "978-1732102200";
const TITLE: &str = "Moby-Dick; or, The Whale";
const WHOLE: &str = r#"He said "call me \ Ishmael" </script><b>bold</b> & that was that, for six hundred pages."#;
const CUT: &str = r#"He said "call me \ Ishmael" </script><b>bold</b> &..."#;
const NAME: &str = "Ada L.";
/// Babak's, of the same book.
const DRAFT: &str = "22";

// What she adds.
const WRITTEN: &str = "Größer als nötig, <i>langsam</i> & 🐋: more than fits into a summary that is made of it.";
const WRITTEN_CUT: &str = "Größer als nötig, <i>langsam</i> & 🐋: more than fi...";

/// A step of the walk leaves a picture under `target/tmp/browser`: what the reader saw.
fn picture(page: &mut Page, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    std::fs::write(folder.join(format!("{name}.png")), page.picture()).expect("a picture");
}

/// What a review shows, by its place in the list; as the page has it, not as mark-up.
fn shown(page: &mut Page, place: usize) -> Value {
    page.evaluate(&format!("document.querySelectorAll('article .text')[{place}].textContent"))
}

fn reviews(page: &mut Page) -> u64 {
    page.evaluate("document.querySelectorAll('article').length").as_u64().expect("a count")
}

/// Asks for all of a review's text.
fn read_whole(page: &mut Page, place: usize) {
    let id = page.evaluate(&format!("document.querySelectorAll('article')[{place}].dataset.review"));
    read_id(page, id.as_str().expect("a review has an id"));
}

fn read_id(page: &mut Page, id: &str) {
    page.click(&format!("article[data-review='{id}'] .whole"));
    page.wait("the whole review", &format!("document.querySelector('article[data-review=\"{id}\"] .whole').hidden"));
}

/// Books, a book's reviews, one of them whole: what anybody may see.
fn read(page: &mut Page, tee: &str) {
    page.open(&format!("{tee}/app"));
    page.wait(
        "a log-in and all books",
        "!at('log-in').hidden && document.querySelectorAll('#books button').length === 8",
    );
    page.wait("every cover", "[...document.images].every(image => image.complete && image.naturalWidth === 32)");
    assert!(page.text().contains("not logged in"), "{}", page.text());
    picture(page, "1-books");

    page.click(&format!("#books button[data-isbn='{BOOK}']"));
    page.wait("the book's reviews", &format!("document.querySelector('#reviews h2')?.textContent === '{TITLE}'"));
    let texts = page.evaluate("[...document.querySelectorAll('article .text')].map(text => text.textContent)");
    let place = texts.as_array().and_then(|all| all.iter().position(|text| text == CUT));
    let place = place.unwrap_or_else(|| panic!("no review that begins {CUT}: {texts:#}"));
    picture(page, "2-reviews");

    read_whole(page, place);
    assert_eq!(shown(page, place), WHOLE);
    picture(page, "3-whole");
}

/// Logs in, and the page says who it is.
fn log_in(page: &mut Page, user: &str, name: &str) {
    page.type_into("#log-in [name=username]", user);
    page.type_into("#log-in [name=password]", "correct horse");
    page.click("#log-in button");
    page.wait("the name", &format!("at('who').textContent === '{name}' && at('log-in').hidden"));
}

fn log_out(page: &mut Page) {
    page.click("#log-out");
    page.wait("nobody", "at('who').textContent === 'not logged in' && at('write').hidden");
}

/// A wrong password is refused in words, and the form is there to try again.
fn fail_to_log_in(page: &mut Page) {
    page.type_into("#log-in [name=username]", "ada");
    page.type_into("#log-in [name=password]", "wrong");
    page.click("#log-in button");
    page.wait("a refusal", "at('said').textContent === 'wrong user name or password'");
    page.evaluate("at('log-in').reset()");
}

/// Writes a review and sees it where others see it.
fn write(page: &mut Page, stack: &Stack) {
    let before = reviews(page);
    page.type_into("#write textarea", WRITTEN);
    // Copies still under way would meet a book with one review more.
    stack.settled_ledger();
    page.click("#write button");
    page.wait("her review", &format!("document.querySelectorAll('article').length === {}", before + 1));
    assert_eq!(shown(page, 0), WRITTEN_CUT);
    let by = page.evaluate("document.querySelector('article .by').textContent");
    assert!(by.as_str().is_some_and(|by| by.starts_with(NAME)), "{by}");
    read_whole(page, 0);
    assert_eq!(shown(page, 0), WRITTEN);
    picture(page, "5-written");

    log_out(page);
    assert_eq!((reviews(page), shown(page, 0)), (before + 1, json!(WRITTEN_CUT)), "what she wrote stays");
    picture(page, "6-logged-out");
}

/// Another user in the same browser has a draft that nobody else sees.
fn see_a_draft(page: &mut Page) {
    let draft = format!("!!document.querySelector('article[data-review=\"{DRAFT}\"]')");
    assert_eq!(page.evaluate(&draft), false);
    log_in(page, "babak", "babak");
    page.wait("his draft", &draft);
    read_id(page, DRAFT);
    picture(page, "7-draft");
    log_out(page);
    assert_eq!(page.evaluate(&draft), false);
}

#[test]
fn a_reader_walks_the_front_end_and_all_of_it_is_accounted_for() {
    if !available() || !browser::available() {
        return;
    }
    let stack = Stack::start(&[]);
    let mut browser = Browser::start();
    let mut page = browser.page();
    read(&mut page, stack.get("tee"));
    fail_to_log_in(&mut page);
    log_in(&mut page, "ada", NAME);
    picture(&mut page, "4-logged-in");
    write(&mut page, &stack);
    see_a_draft(&mut page);

    let asked = page.asked();
    // A browser itself tells of an answer that is an error; the wrong password's is the only one.
    let complaints = page.complaints();
    assert!(complaints.len() == 1 && complaints[0].ends_with("/api/login"), "{complaints:#?}");
    assert!(asked.iter().all(|one| one.url.starts_with(stack.get("tee"))), "{asked:#?}");
    account(&stack, asked);
}

/// Everything that the browser sent is in the ledger: what the new API owns was found equal, also for whoever was logged in,
/// the rest proves nothing, writes were not mirrored; and what the API passed back through the tee is told apart.
fn account(stack: &Stack, mut asked: Vec<Asked>) {
    asked.retain(|one| !one.cached);
    let count = |method: &str, paths: &[&str]| {
        let matches = |one: &&Asked| one.method == method && paths.iter().any(|path| one.url.contains(path));
        asked.iter().filter(matches).count() as u64
    };
    let log_ins = count("POST", &["/api/login"]);
    let owned = count("GET", &["/api/review/", "/api/book", "/api/whoami"]) + log_ins;
    let writes = count("POST", &[""]) - log_ins;
    assert!(log_ins == 3 && writes == 3 && owned > 15, "log-ins, a review and log-outs: {asked:#?}");

    let ledger = stack.settled_ledger();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    let sent = asked.len() as u64;
    assert_eq!(n("received"), sent + n("not_mirrored.marked"), "{ledger}\n{asked:#?}");
    assert_eq!(n("judgements.match") + n("judgements.normalised"), owned, "{ledger}\n{asked:#?}");
    assert_eq!((n("not_mirrored.method"), n("vacuous.proxied")), (writes, sent - owned - writes), "{ledger}");
    assert_eq!(n("not_mirrored.marked"), n("vacuous.proxied"), "only what the API passed back came twice: {ledger}");
    let (code, report) = stack.query(&["report", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).expect("a report");
    assert_eq!((code, &report["signatures"]), (0, &json!([])), "{report:#}");
}
