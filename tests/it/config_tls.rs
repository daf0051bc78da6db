//! The files that `[tls]` names: each way in which they cannot serve is told at start, at the key that names them.

use crate::support::tls::Authority;
use paritee::config::{Config, ConfigError, Flags, load};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn loaded(folder: &Path, tls: &str) -> Result<Config, ConfigError> {
    let file = folder.join("paritee.toml");
    std::fs::write(&file, format!("[upstreams]\nprimary = {{ url = \"http://127.0.0.1:8000\" }}\n[tls]\n{tls}"))
        .unwrap();
    load(Some(&file), &Flags::default())
}

#[test]
fn a_certificate_and_its_key_are_accepted_and_a_key_for_everybody_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("the test's own");
    authority.identity("shop.example").write(folder.path());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let lines = "cert = \"cert.pem\"\nkey = \"key.pem\"\nclient_ca = \"ca.pem\"\n";
    let config = loaded(folder.path(), lines).unwrap();
    assert!(config.tls.is_some());
    assert!(!config.warnings.iter().any(|warning| warning.contains("[tls]")), "{:?}", config.warnings);
    let key = folder.path().join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = loaded(folder.path(), lines).unwrap().warnings;
    let said = format!("[tls] key: others can read {0} (mode 0644): chmod 600 {0}", key.display());
    assert!(warnings.contains(&said), "{warnings:?}");
}

#[test]
fn every_file_that_cannot_serve_is_told_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let authority = Authority::new("the test's own");
    authority.identity("shop.example").write(folder.path());
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    authority.identity("other.example").write(&other);
    write("text.pem", "no PEM at all\n");
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA*\n-----END CERTIFICATE-----\n");
    write("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let cases = [
        ("cert = \"none.pem\"\nkey = \"key.pem\"", "4:8: tls.cert: cannot read DIR/none.pem: No such file"),
        ("cert = \"other\"\nkey = \"key.pem\"", "4:8: tls.cert: cannot read DIR/other: Is a directory"),
        ("cert = \"text.pem\"\nkey = \"key.pem\"", "4:8: tls.cert: DIR/text.pem holds no certificate in PEM"),
        ("cert = \"key.pem\"\nkey = \"key.pem\"", "4:8: tls.cert: DIR/key.pem holds no certificate in PEM"),
        ("cert = \"broken.pem\"\nkey = \"key.pem\"", "4:8: tls.cert: DIR/broken.pem is not PEM"),
        ("cert = \"nonsense.pem\"\nkey = \"key.pem\"", "4:8: tls.cert: DIR/nonsense.pem cannot be used"),
        ("cert = \"cert.pem\"\nkey = \"none.pem\"", "5:7: tls.key: cannot read DIR/none.pem: No such file"),
        ("cert = \"cert.pem\"\nkey = \"cert.pem\"", "5:7: tls.key: DIR/cert.pem holds no private key in PEM"),
        ("cert = \"cert.pem\"\nkey = \"locked.pem\"", "5:7: tls.key: DIR/locked.pem is encrypted"),
        (
            "cert = \"cert.pem\"\nkey = \"other/key.pem\"",
            "5:7: tls.key: DIR/other/key.pem does not belong to the first certificate of DIR/cert.pem",
        ),
        (
            "cert = \"cert.pem\"\nkey = \"key.pem\"\nclient_ca = \"text.pem\"",
            "6:13: tls.client_ca: DIR/text.pem holds no certificate in PEM",
        ),
        (
            "cert = \"cert.pem\"\nkey = \"key.pem\"\nclient_ca = \"nonsense.pem\"",
            "6:13: tls.client_ca: DIR/nonsense.pem holds a bad certificate",
        ),
    ];
    for (lines, expected) in cases {
        let told = loaded(folder.path(), lines).unwrap_err().to_string();
        let told = told.replace(&folder.path().display().to_string(), "DIR");
        assert!(told.starts_with(&format!("DIR/paritee.toml:{expected}")), "{lines}\n{told}");
        assert!(told.contains("= allowed: "), "{told}");
    }
    let told = loaded(folder.path(), "cert = \"cert.pem\"\n").unwrap_err().to_string();
    assert!(told.contains("the key `key` is missing"), "{told}");
}
