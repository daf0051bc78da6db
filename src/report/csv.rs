//! CSV (RFC 4180) of a report's signatures, safe to open in a spreadsheet.

use super::text::clean;
use super::views::{ReportView, SignatureView};
use std::io::{self, Write};

const COLUMNS: &[&str] = &[
    "id",
    "severity",
    "count",
    "route",
    "in",
    "path",
    "kind",
    "detail",
    "shape",
    "status",
    "first_seen",
    "last_seen",
    "candidate_versions",
    "noise",
];

/// Writes a report.
pub fn report(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    for signature in &view.signatures {
        let cells: Vec<String> = cells(signature).iter().map(|cell| field(cell)).collect();
        write!(out, "{}\r\n", cells.join(","))?;
    }
    Ok(())
}

fn cells(s: &SignatureView) -> [String; 14] {
    let versions: Vec<&str> = s.candidate_versions.iter().map(String::as_str).collect();
    [
        s.id.clone(),
        s.severity.to_string(),
        s.count.to_string(),
        s.route.clone(),
        s.place.to_string(),
        s.path.clone(),
        s.kind.to_string(),
        s.detail.clone().unwrap_or_default(),
        s.shape.clone(),
        s.status.clone(),
        s.first_seen.clone(),
        s.last_seen.clone(),
        versions.join(" "),
        s.noise().to_string(),
    ]
}

/// Quoted where needed; what a spreadsheet would take for a formula gets a leading apostrophe.
fn field(text: &str) -> String {
    let text = clean(text);
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text };
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field("=1+1"), "'=1+1");
    }
}
