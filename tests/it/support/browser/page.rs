//! One tab: what it shows, what is clicked and typed, what it asked for, and what it complained about.

use super::protocol::Protocol;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// As much of a page as a failure tells.
const MOST_SHOWN: usize = 2_000;

/// Looks for a condition at every change of the page and at every frame; resolves once it is truthy, or when time is up.
const WATCH: &str = r#"new Promise(resolve => {
    const memory = {};
    let error = null, frame = 0;
    const look = () => { try { return (CONDITION); } catch (thrown) { error = String(thrown); return null; } };
    const end = answer => {
        watcher.disconnect();
        cancelAnimationFrame(frame);
        clearTimeout(timer);
        resolve(answer);
    };
    const check = () => { const found = look(); if (found) end({ found }); return found; };
    const watcher = new MutationObserver(check);
    const timer = setTimeout(() => end({ error }), LEFT_MS);
    const at_frame = () => { if (!check()) frame = requestAnimationFrame(at_frame); };
    watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    at_frame();
})"#;

/// The middle of the first element that matches, once it is in sight, at rest, and nothing lies over it.
const MIDDLE: &str = r#"(() => {
    const element = document.querySelector(SELECTOR);
    if (!element || element.disabled) return null;
    element.scrollIntoView({ block: "center", inline: "center" });
    const box = element.getClientRects()[0];
    if (!box || !box.width || !box.height) return null;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const rests = memory.x === x && memory.y === y;
    Object.assign(memory, { x, y });
    const top = document.elementFromPoint(x, y);
    return rests && top && element.contains(top) ? { x, y } : null;
})()"#;

/// A request that the page made.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) url: String,
    /// None while there is no answer.
    pub(crate) status: Option<u64>,
    /// Answered from the browser's own cache: nothing was sent.
    pub(crate) cached: bool,
    /// Answered whole, or failed.
    ended: bool,
}

/// A tab of the browser.
pub(crate) struct Page {
    protocol: Protocol,
    /// How long it may take to show what is waited for.
    pub(super) patience: Duration,
}

impl Page {
    pub(super) fn new(mut protocol: Protocol) -> Page {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            protocol.call(&format!("{domain}.enable"), json!({})).expect(domain);
        }
        Page { protocol, patience: PATIENCE }
    }
    /// Goes to an address and waits until it has loaded.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        let before = self.protocol.events.len();
        let answer = self.protocol.call("Page.navigate", json!({ "url": url })).expect("a navigation");
        assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        let loaded = |events: &[Value]| events[before..].iter().any(|event| event["method"] == "Page.loadEventFired");
        if !self.protocol.wait(Instant::now() + self.patience, loaded) {
            self.fail(&format!("{url} to load"));
        }
    }
    /// What an expression is, once its promise has resolved.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        self.try_evaluate(self.patience, expression)
            .unwrap_or_else(|words| panic!("{expression}: {words}; {}", self.account()))
    }
    /// Waits until an expression is truthy; what it is then.
    #[track_caller]
    pub(crate) fn wait(&mut self, what: &str, condition: &str) -> Value {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let watch = WATCH.replace("LEFT_MS", &left.as_millis().to_string()).replace("CONDITION", condition);
            let error = match self.try_evaluate(left + Duration::from_secs(5), &watch) {
                Ok(mut answer) if !answer["found"].is_null() => return answer["found"].take(),
                Ok(mut answer) => answer["error"].take(),
                // The page went elsewhere meanwhile; what is awaited may be there.
                Err(error) => error.into(),
            };
            if Instant::now() >= deadline {
                self.fail(&format!("{what} (last error: {error})"));
            }
        }
    }
    /// Clicks the first element that matches, as soon as a mouse could.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let condition = MIDDLE.replace("SELECTOR", &json!(selector).to_string());
        let middle = self.wait(&format!("something to click at {selector}"), &condition);
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let event = json!({
                "type": kind, "x": middle["x"], "y": middle["y"],
                "button": if kind == "mouseMoved" { "none" } else { "left" }, "buttons": buttons, "clickCount": 1,
            });
            self.protocol.call("Input.dispatchMouseEvent", event).expect("a mouse event");
        }
    }
    /// Clicks into a field and types.
    #[track_caller]
    pub(crate) fn type_into(&mut self, selector: &str, text: &str) {
        self.click(selector);
        let focused = format!("document.activeElement === document.querySelector({})", json!(selector));
        self.wait(&format!("the cursor in {selector}"), &focused);
        self.protocol.call("Input.insertText", json!({ "text": text })).expect("typing");
    }
    /// What a reader sees, as text.
    pub(crate) fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }
    /// A picture of what is in sight, as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let answer = self.protocol.call("Page.captureScreenshot", json!({ "format": "png" })).expect("a picture");
        let text = answer["data"].as_str().expect("base64");
        data_encoding::BASE64.decode(text.as_bytes()).expect("base64")
    }
    /// Errors on the console, exceptions that nobody caught, and what the browser itself found wrong.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.protocol.events.iter().filter_map(complaint).collect()
    }
    /// Waits until every request has ended; all of them, in order.
    #[track_caller]
    pub(crate) fn asked(&mut self) -> Vec<Asked> {
        // What the page did before now has been told once this is answered.
        self.evaluate("0");
        let ended = |events: &[Value]| asked(events).iter().all(|one| one.ended);
        if !self.protocol.wait(Instant::now() + self.patience, ended) {
            self.fail("the end of every request");
        }
        asked(&self.protocol.events)
    }
    fn try_evaluate(&mut self, patience: Duration, expression: &str) -> Result<Value, String> {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let mut answer = self.protocol.call_within(patience, "Runtime.evaluate", asked)?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            details => Err(thrown(details)),
        }
    }
    /// Says what was awaited, where the page is, what it shows and what went wrong in it.
    #[track_caller]
    fn fail(&mut self, awaited: &str) -> ! {
        let account = self.account();
        panic!("waited {:?} for: {awaited}\n{account}", self.patience);
    }
    fn account(&mut self) -> String {
        let seen = "`${location.href} shows:\\n${document.body?.innerText}`";
        let mut seen = match self.try_evaluate(Duration::from_secs(5), seen) {
            Ok(seen) => seen.as_str().unwrap_or_default().to_owned(),
            Err(words) => format!("the page does not say what it shows: {words}"),
        };
        if let Some((end, _)) = seen.char_indices().nth(MOST_SHOWN) {
            seen.truncate(end);
        }
        let open: Vec<_> = asked(&self.protocol.events).into_iter().filter(|one| !one.ended).collect();
        format!("{seen}\ncomplaints: {:#?}\nnot ended: {open:#?}", self.complaints())
    }
}

fn thrown(details: &Value) -> String {
    let words = details["exception"]["description"].as_str().or(details["text"].as_str());
    words.unwrap_or("an exception without words").to_owned()
}

fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(thrown(&params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "assert" => {
            let words = params["args"].as_array()?.iter().map(|arg| match &arg["value"] {
                Value::Null => arg["description"].as_str().unwrap_or("?").to_owned(),
                value => value.to_string(),
            });
            Some(words.collect::<Vec<_>>().join(" "))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            Some(format!("{} {}", entry["text"].as_str().unwrap_or("?"), entry["url"].as_str().unwrap_or("")))
        }
        _ => None,
    }
}

/// The requests that these events tell of. A redirect's next request has the same id.
fn asked(events: &[Value]) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for event in events {
        let params = &event["params"];
        let Some((id, method)) = params["requestId"].as_str().zip(event["method"].as_str()) else { continue };
        let current = last.get(id).copied();
        if method == "Network.requestWillBeSent" {
            if let Some(at) = current {
                all[at].status = params["redirectResponse"]["status"].as_u64();
                all[at].ended = true;
            }
            let text = |name: &str| params["request"][name].as_str().unwrap_or_default().to_owned();
            if text("url").starts_with("http") {
                last.insert(id, all.len());
                all.push(Asked { method: text("method"), url: text("url"), status: None, cached: false, ended: false });
            }
            continue;
        }
        let Some(at) = current else { continue };
        match method {
            "Network.requestServedFromCache" => all[at].cached = true,
            "Network.responseReceived" => {
                all[at].status = params["response"]["status"].as_u64();
                all[at].cached |= params["response"]["fromDiskCache"] == true;
            }
            "Network.loadingFinished" | "Network.loadingFailed" => all[at].ended = true,
            _ => {}
        }
    }
    all
}
