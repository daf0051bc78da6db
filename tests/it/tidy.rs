//! The house rules as tests: layering, file headers, lengths, who may say `sled`, `toml` and `unsafe`, and that what the
//! README tells people to run is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the ground up; a room imports only rooms of a lower floor. `sys` may be used by edges, flows and faces.
const FLOORS: &[(&str, u8)] = &[
    ("exchange", 0),
    ("document", 1),
    ("rules", 2),
    ("compare", 3),
    ("judge", 4),
    ("principal", 5),
    ("redact", 5),
    ("evidence", 6),
    ("sys", 6),
    ("config", 7),
    ("store", 7),
    ("upstream", 7),
    ("mirror", 8),
    ("report", 9),
    ("admin", 10),
    ("proxy", 10),
    ("cli", 11),
];
/// Edges do not know each other, faces neither; these pairs alone may look sideways or stay apart for another reason.
const ALLOWED_SIDEWAYS: &[(&str, &str)] = &[("upstream", "config"), ("store", "sys"), ("config", "sys")];
/// The core knows no system call.
const CORE: &[&str] = &["exchange", "document", "rules", "compare", "judge", "principal", "redact", "evidence"];
/// What only one room may name, and which.
const OWNED_WORDS: &[(&str, &str)] =
    &[("sled::", "store"), ("toml::", "config"), ("axum::", "admin"), ("clap::", "cli")];
/// What the pure core must not touch.
const IMPURE: &[&str] =
    &["std::time::Instant", "SystemTime", "std::fs", "std::net", "std::env", "tokio::", "getrandom", "tracing::"];

const FILE_LINES: usize = 420;
const FUNCTION_LINES: usize = 75;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(under) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(&root().join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no Rust file under {folder}");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source file");
            (path.strip_prefix(root()).expect("below the root").to_path_buf(), text)
        })
        .collect()
}

/// The room of `src/<room>/…` or `src/<room>.rs`.
fn room(path: &Path) -> &str {
    let second = path.iter().nth(1).and_then(|p| p.to_str()).unwrap_or("");
    second.strip_suffix(".rs").unwrap_or(second)
}

/// Lines of code: tests of a file (below `mod tests`) are left out, comments too.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn imports(line: &str) -> Vec<&str> {
    line.match_indices("crate::")
        .filter_map(|(at, word)| line[at + word.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn rooms_import_only_lower_floors() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let here = room(&path);
        let Some(&floor) = floors.get(here) else {
            assert!(matches!(here, "lib" | "main"), "{} is in a room that the plan does not know", path.display());
            continue;
        };
        for (number, line) in code(&text) {
            for there in imports(line) {
                let Some(&other) = floors.get(there) else { continue };
                let fine = there == here
                    || other < floor && !(there == "sys" && CORE.contains(&here))
                    || ALLOWED_SIDEWAYS.contains(&(here, there));
                if !fine {
                    wrong.push(format!("{}:{}: {here} must not import {there}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_room_owns_each_outside_thing() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let here = room(&path);
        for (number, line) in code(&text) {
            for (word, owner) in OWNED_WORDS {
                let named = line
                    .match_indices(word)
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                if named && here != *owner {
                    wrong.push(format!("{}:{}: only {owner} may say {word}", path.display(), number + 1));
                }
            }
            let unsafe_code =
                line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("allow(unsafe_code)");
            if unsafe_code && here != "sys" {
                wrong.push(format!("{}:{}: unsafe lives in sys alone", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        if CORE.contains(&room(&path)) {
            for (number, line) in code(&text) {
                for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                    wrong.push(format!("{}:{}: the core must not know {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it", "scenarios/bookreviews/api/src"] {
        for (path, text) in sources(folder) {
            if !text.starts_with("//!") {
                wrong.push(format!("{}: starts without a `//!` line that says what it is for", path.display()));
            }
            let lines = text.lines().count();
            if lines > FILE_LINES && folder == "src" {
                wrong.push(format!("{}: {lines} lines: split it by idea", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_stay_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn ", "pub async fn "]
                .iter()
                .any(|word| head.starts_with(word));
            if is_function && !head.ends_with('}') && !head.ends_with(';') {
                let closing = format!("{}}}", " ".repeat(indent));
                let end = lines[start..].iter().position(|l| *l == closing).unwrap_or(0);
                if end > FUNCTION_LINES {
                    wrong.push(format!("{}:{}: a function of {end} lines", path.display(), start + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_excuses_in_the_code() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests/it", "scenarios/bookreviews/api/src"] {
        for (path, text) in sources(folder) {
            if path.ends_with("tidy.rs") {
                continue;
            }
            for (number, line) in text.lines().enumerate() {
                let excuse = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX", "dbg!("]
                    .iter()
                    .find(|w| line.contains(**w));
                if let Some(word) = excuse {
                    wrong.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_readme_says_to_run_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for command in ["./scenarios/demo", "./tests/run"] {
        assert!(readme.contains(command), "the README does not name {command}");
        let file = fs::metadata(root().join(command)).unwrap_or_else(|e| panic!("{command}: {e}"));
        assert!(file.permissions().mode() & 0o111 != 0, "{command} is not executable");
    }
    for (name, folder) in [("top level", ""), ("docs", "docs")] {
        let text = if folder.is_empty() { readme.clone() } else { read_all_markdown(&root().join(folder)) };
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or("");
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let known = root().join(folder).join(target).exists()
                || root().join(folder).join("decisions").join(target).exists();
            assert!(known, "a link of the {name} leads nowhere: {link}");
        }
    }
}

fn read_all_markdown(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "md") {
            all.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
    }
    all
}
