//! `./scenarios/demo` does what the README says, and leaves nothing behind.

use super::{Stack, available};
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

#[test]
fn two_examples_run_at_once_and_leave_nothing_behind() {
    if !available() {
        return;
    }
    let (one, other) = (Stack::start(&[]), Stack::start(&[]));
    assert_ne!(one.get("tee"), other.get("tee"));
    one.traffic(7);
    let pids = [one.pids(), other.pids()].concat();
    assert!(pids.len() >= 8, "monolith, gRPC worker, API and tee, twice: {pids:?}");
    let folders = [one.get("folder").to_owned(), other.get("folder").to_owned()];
    one.stop();
    other.stop();
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} was left behind");
    }
    for folder in folders {
        assert!(!std::path::Path::new(&folder).exists(), "{folder} was left behind");
    }
}

/// Started in the background of a shell, a program has SIGINT ignored; the demo must end by it all the same.
#[test]
fn ctrl_c_ends_a_demo_that_was_kept() {
    use std::io::{BufRead, BufReader};
    if !available() {
        return;
    }
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/demo");
    let script = format!("trap '' INT; exec {} --keep --no-build", demo.display());
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the demo");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let export = lines.find_map(|line| line.ok().filter(|line| line.starts_with("export "))).expect("addresses");
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("Ctrl-C ends it"))));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    assert_eq!(child.wait().expect("its end").code(), Some(130));
    let tee = export.split("TEE=http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    assert!(std::net::TcpStream::connect(tee).is_err(), "the tee is still there");
}
