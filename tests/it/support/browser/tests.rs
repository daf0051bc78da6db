//! What a test may rely on: complaints are heard, requests counted, waits end with a reason, and nothing stays behind.

use super::{Browser, alive, available};
use crate::support::origin::{Next, Origin};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// A page with everything that may go wrong in one, and a redirect, an answer to keep and one that is not there.
const PAGE: &str = r#"<!doctype html><link rel="icon" href="data:,"><h1>Nothing but trouble</h1>
<button id="free" onclick="this.textContent = 'clicked'">free</button> <input>
<div style="position: relative"><button id="under">under</button><div style="position: absolute; inset: 0"></div></div>
<script>
const get = path => fetch(path).then(answer => answer.text());
get("/moved").then(() => get("/kept")).then(() => get("/kept")).then(() => get("/missing")).then(() => {
    console.error("said", { an: "object" });
    setTimeout(() => document.body.append("all is done"));
    throw new Error("thrown");
});
</script>"#;

fn origin() -> Origin {
    Origin::start(Arc::new(|seen, stream| {
        let (status, more, body) = match seen.target() {
            "/" => ("200 OK", "Content-Type: text/html\r\n", PAGE),
            "/moved" => ("302 Found", "Location: /there\r\n", ""),
            "/kept" => ("200 OK", "Cache-Control: max-age=60\r\n", "kept"),
            "/missing" => ("404 Not Found", "", ""),
            _ => ("200 OK", "", "plain"),
        };
        let answer = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

#[test]
fn a_page_is_clicked_typed_into_and_its_complaints_and_requests_are_known() {
    if !available() {
        return;
    }
    let (origin, mut browser) = (origin(), Browser::start());
    let mut page = browser.page();
    page.open(&origin.url());
    page.wait("the end of the script", "document.body.innerText.includes('all is done')");
    page.click("#free");
    page.wait("the click", "document.querySelector('#free').textContent === 'clicked'");
    page.type_into("input", "größer 🐋");
    assert_eq!(page.evaluate("Promise.resolve(document.querySelector('input').value)"), "größer 🐋");
    assert!(page.picture().starts_with(b"\x89PNG\r\n"));

    let complaints = page.complaints().join("\n");
    for words in ["\"said\" Object", "Error: thrown", "/missing"] {
        assert!(complaints.contains(words), "{complaints}");
    }
    let told: Vec<_> = page
        .asked()
        .into_iter()
        .map(|one| (one.url.trim_start_matches(&origin.url()).to_owned(), one.status.unwrap_or(0), one.cached))
        .collect();
    let expected = [
        ("/", 200, false),
        ("/moved", 302, false),
        ("/there", 200, false),
        ("/kept", 200, false),
        ("/kept", 200, true),
        ("/missing", 404, false),
    ];
    assert_eq!(told, expected.map(|(path, status, cached)| (path.to_owned(), status, cached)));
    assert_eq!(origin.count(), 5, "what was kept is not sent again: {:?}", origin.seen());
}

#[test]
fn what_does_not_come_is_told_with_what_the_page_shows() {
    if !available() {
        return;
    }
    let (origin, mut browser) = (origin(), Browser::start());
    let mut page = browser.page();
    page.open(&origin.url());
    page.wait("the end of the script", "document.body.innerText.includes('all is done')");
    page.patience = Duration::from_millis(300);
    let refused = |act: &mut dyn FnMut()| {
        let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("it does not come");
        panic.downcast_ref::<String>().cloned().expect("words")
    };
    let words = refused(&mut || _ = page.wait("a miracle", "document.querySelector('#miracle').textContent"));
    for part in ["a miracle", "TypeError", "Nothing but trouble", "Error: thrown"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let words = refused(&mut || page.click("#under"));
    assert!(words.contains("something to click at #under"), "{words}");
    let words = refused(&mut || _ = page.evaluate("nothing.at.all"));
    assert!(words.contains("ReferenceError"), "{words}");
}

#[test]
fn nothing_of_a_browser_stays_behind() {
    if !available() {
        return;
    }
    let browser = Browser::start();
    let (group, folder) = (browser.child.id(), browser.folder.path().to_owned());
    assert!(alive(group).len() > 2, "the browser is several processes: {:?}", alive(group));
    drop(browser);
    assert_eq!(alive(group), Vec::<String>::new());
    assert!(!folder.exists(), "{} stays", folder.display());
}
