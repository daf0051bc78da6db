//! The monolith's own tests, run by Django's runner.

use super::stack::{available, folder};
use std::path::Path;
use std::process::Command;

#[test]
fn the_monolith_passes_its_own_tests() {
    if !available() {
        return;
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_paritee")).parent().expect("a folder of binaries");
    let environment = binaries.parent().expect("the target folder").join("bookreviews");
    let output = Command::new(environment.join("venv/bin/python"))
        .arg(folder().join("monolith/manage.py"))
        .args(["test", "catalogue", "--noinput"])
        .current_dir(folder().join("monolith"))
        .env("PYTHONPATH", environment.join("stubs"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Django's runner");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("OK"), "{text}");
    assert!(!text.contains("Ran 0 tests"), "{text}");
}
