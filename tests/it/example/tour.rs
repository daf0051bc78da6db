//! `./scenarios/demo --tour` tells the whole story within its time, believes none of its own words unseen, and leaves nothing
//! behind.

use super::available;
use super::stack::folder;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn demo() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/demo"));
    command.args(["--tour", "--no-build"]).stdin(Stdio::null());
    command
}

#[test]
fn the_tour_tells_every_step_and_every_claim_of_it_holds() {
    if !available() {
        return;
    }
    let started = Instant::now();
    let output = demo().output().expect("the demo");
    let took = started.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(took < Duration::from_secs(180), "under three minutes, and it took {took:?}");
    for step in 1..=6 {
        assert!(text.contains(&format!("\n== Step {step}")), "no step {step}: {text}");
    }
    assert!(text.contains('✓') && !text.contains('✗'), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe: {text:?}");
    let own = |line: &&str| line.starts_with("✓ ") || line.starts_with("== ");
    assert!(text.lines().filter(own).all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_claim_that_does_not_hold_is_told_and_fails_the_tour() {
    let script = "import sys, tour\n\
        tour.SCENES = [lambda screen, _: screen.claim(1 == 1, 'so'), lambda screen, _: screen.claim(1 == 2, 'not so', 3)]\n\
        sys.exit(tour.tell(None))";
    let output = Command::new("python3")
        .args(["-B", "-c", script])
        .current_dir(folder())
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python3");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("✓ so\n✗ not so (seen: 3)\n"), "{text}");
}

/// What still runs with this folder among its words.
fn running_with(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let words = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    words.map(|words| String::from_utf8_lossy(&words).replace('\0', " ")).filter(|w| w.contains(&folder)).collect()
}

#[test]
fn ctrl_c_ends_the_tour_and_leaves_nothing_behind() {
    if !available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = demo().env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().expect("the demo");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("vacuous"))), "it ended before the first step did");
    assert!(!running_with(folder.path()).is_empty(), "the programs of the first step run");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    // Read to its end: a full pipe would hold it.
    lines.for_each(drop);
    assert_eq!(child.wait().expect("its end").code(), Some(130));
    assert_eq!(running_with(folder.path()), Vec::<String>::new());
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert!(
        left.iter().all(
            |name| !name.to_string_lossy().starts_with("bookreviews-") || name.to_string_lossy().ends_with(".lock")
        ),
        "{left:?}"
    );
}
