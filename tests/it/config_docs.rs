//! `docs/configuration.md` tells the truth: its example is accepted, and it names every key that the config knows.

use std::path::Path;
use std::process::Command;

fn docs() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    std::fs::read_to_string(file).expect("the document is there")
}

#[test]
fn the_example_is_accepted() {
    let docs = docs();
    let example = docs.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paritee.toml");
    std::fs::write(&file, example).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(["config", "check"])
        .arg(&file)
        .env_remove("PARITEE_TOKEN")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("no effect"), "{said}");
}

#[test]
fn every_key_is_documented() {
    let docs = docs();
    // Every key that a refusal offers must be found in the document, in code.
    for section in [
        "",
        "[upstreams.primary]\n",
        "[tls]\n",
        "[mirror]\n",
        "[mirror.session]\ncookie = \"s\"\n",
        "[[principal]]\nclass = \"x\"\n",
        "[[principal]]\nclass = \"x\"\n[principal.when]\n",
        "[compare]\n",
        "[redact]\n",
        "[store]\n",
        "[confirm]\n",
        "[[rule]]\n",
        "[[route]]\n",
        "[[gate]]\n",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("paritee.toml");
        std::fs::write(&file, format!("{section}no_such_key = 1\n")).unwrap();
        let error = paritee::config::load(Some(&file), &paritee::config::Flags::default()).unwrap_err();
        let allowed = error.allowed.as_ref().expect("it says what is allowed");
        for key in allowed.split(", ") {
            let spelled = [
                format!("`{key}`"),
                format!(".{key}`"),
                format!("`{key}."),
                format!("[{key}]"),
                format!("[{key}."),
                format!(".{key}]"),
            ];
            assert!(spelled.iter().any(|spelled| docs.contains(spelled)), "{section:?}: `{key}` is not documented");
        }
    }
}

#[test]
fn every_reason_of_the_gate_is_documented_and_no_other() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/evidence.md");
    let docs = std::fs::read_to_string(file).expect("the document is there");
    let table = docs.split("## Reasons").nth(1).and_then(|rest| rest.split("## ").next()).expect("a table");
    let told: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let known: Vec<&str> = paritee::evidence::ReasonKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(told, known);
    for kind in paritee::evidence::ReasonKind::ALL {
        let word = paritee::evidence::Reason::new(*kind, "").word().told();
        let row = format!("| `{kind}` | {word} |");
        assert!(table.contains(&row), "{row}");
    }
}
