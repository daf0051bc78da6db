//! Markdown for a pull request or a job summary.

use super::text::clean;
use super::views::ReportView;
use std::io::{self, Write};

/// Writes a report.
pub fn report(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    let ledger = &view.ledger;
    writeln!(out, "## Parity report\n")?;
    writeln!(out, "{}.\n", ledger.in_one_line())?;
    for gap in &ledger.gaps {
        writeln!(out, "Up to {} requests unaccounted for from {} to {}.\n", gap.up_to, gap.from, gap.to)?;
    }
    if let Some(line) = view.compared.in_one_line() {
        writeln!(out, "{line}.\n")?;
    }
    for owned in &view.owned {
        writeln!(out, "- cut over: {} is the candidate's since {}", code(&owned.route), owned.since)?;
    }
    if !view.owned.is_empty() {
        writeln!(out)?;
    }
    suppressed(out, view)?;
    if view.open().next().is_none() {
        return writeln!(out, "No signatures{}.", if view.signatures.is_empty() { "" } else { " but noise" });
    }
    writeln!(out, "| signature | severity | count | route | in | path | kind | shape | last seen |")?;
    writeln!(out, "|---|---|--:|---|---|---|---|---|---|")?;
    for s in view.open() {
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            s.id,
            s.severity,
            s.count,
            code(&s.route),
            s.place,
            code(&s.path),
            s.kind,
            code(&s.shape),
            s.last_seen
        )?;
    }
    Ok(())
}

/// Places that are noise: a section of their own.
fn suppressed(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    if view.suppressed.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Noise\n")?;
    for one in &view.suppressed {
        let ids: Vec<String> = one.signatures.iter().map(|id| format!("`{id}`")).collect();
        let (route, path, builds) = (code(&one.route), code(&one.path), code(one.builds().trim()));
        let (kind, counts, ids) = (one.kind, one.in_one_line(), ids.join(", "));
        let spaced = if builds.is_empty() { "" } else { " " };
        writeln!(out, "- {route}, {} {path}, {kind}: {counts}{spaced}{builds}; {ids}", one.place)?;
    }
    writeln!(out, "\n### Signatures\n")
}

/// Stored text as code in a table cell: nothing in it is markup, a link or a column.
fn code(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() {
        return String::new();
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "&#124;");
    format!(
        "<code>{}</code>",
        escaped.replace('`', "&#96;").replace('*', "&#42;").replace('_', "&#95;").replace('[', "&#91;")
    )
}
