//! Every command of the README and the docs is run, or is known to be run elsewhere.

use super::example::{Stack, available};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The commands of a page's `console` blocks: the lines that begin with `$ `.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).expect("a page");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence.trim() == "console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            found.push(command.to_owned());
        }
    }
    found
}

fn run(command: &str, stack: &Stack) -> (i32, String) {
    let binaries = Path::new(env!("CARGO_BIN_EXE_paritee")).parent().expect("a folder").to_path_buf();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(root())
        .env("PATH", path)
        .env("TEE", stack.get("tee"))
        .env("ADMIN", stack.get("admin"))
        .output()
        .expect("bash");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn the_tour_of_the_readme_can_be_walked() {
    if !available() {
        return;
    }
    let pages = ["README.md", "docs/evidence.md", "docs/rules.md"].map(commands);
    assert!(pages[0].len() >= 8 && pages[1].len() >= 2 && pages[2].len() >= 4, "{pages:?}");
    let stack = Stack::start(&["summary-by-bytes", "stars-as-string", "no-store-lost"]);
    stack.traffic(1);
    stack.settled_ledger();
    for command in pages.into_iter().flatten() {
        let (code, text) = run(&command, &stack);
        // what differs is told by the exit code of `diff`, and so is the gate's word
        let expected = match command.as_str() {
            command if command.starts_with("paritee diff") => 1,
            command if command.starts_with("paritee gate") && command.contains("{review_id}") => 1,
            command if command.starts_with("paritee gate") => 4,
            _ => 0,
        };
        assert_eq!(code, expected, "$ {command}\n{text}");
    }
}

#[test]
fn the_signatures_of_the_readme_are_those_of_the_demo() {
    if !available() {
        return;
    }
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let stack = Stack::start(&["summary-by-bytes", "stars-as-string", "no-store-lost"]);
    stack.traffic(1);
    stack.settled_ledger();
    let (_, text) = stack.query(&["report", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("a report");
    let signatures = report["signatures"].as_array().expect("signatures");
    assert_eq!(signatures.len(), 7, "{text}");
    for signature in signatures {
        let id = signature["id"].as_str().expect("an id");
        assert!(readme.contains(id), "the README does not show {id}; it is out of date");
    }
}

/// The config of the README, as `paritee config check` reads it.
#[test]
fn the_config_of_the_readme_is_good() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let config = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a config");
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("paritee.toml");
    std::fs::write(&file, config).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(["config", "check", "--config"])
        .arg(&file)
        .output()
        .expect("the binary");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
