//! JSON Lines: one signature a line, then what is noise, then the ledger.

use super::views::{ReportView, Whole};
use std::io::{self, Write};

/// Writes a report: lines of `{"schema":1,"signature":{…}}`, then `{"schema":1,"suppressed":{…}}`, the last one `{"schema":1,"ledger":{…}}`.
pub fn report(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    for signature in &view.signatures {
        serde_json::to_writer(&mut *out, &Whole::from(std::collections::BTreeMap::from([("signature", signature)])))?;
        out.write_all(b"\n")?;
    }
    for one in &view.suppressed {
        serde_json::to_writer(&mut *out, &Whole::from(std::collections::BTreeMap::from([("suppressed", one)])))?;
        out.write_all(b"\n")?;
    }
    serde_json::to_writer(&mut *out, &Whole::from(std::collections::BTreeMap::from([("ledger", &view.ledger)])))?;
    out.write_all(b"\n")
}
