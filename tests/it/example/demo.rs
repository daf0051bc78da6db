//! `./scenarios/demo` does what the README says, and leaves nothing behind.

use super::available;
use std::process::{Command, Stdio};

#[test]
fn the_demo_shows_mismatches_and_ends() {
    if !available() {
        return;
    }
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/demo");
    let output = Command::new(demo).stdin(Stdio::null()).output().expect("the demo");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("GET /api/review/{review_id}"), "{text}");
    assert!(text.contains("received"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe: {text:?}");
}
