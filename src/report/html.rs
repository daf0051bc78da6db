//! One self-contained HTML page: no script, nothing fetched, everything stored is escaped.

use super::text::clean;
use super::views::ReportView;
use std::io::{self, Write};

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<title>Parity report</title>\n<style>\nbody{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\n\
table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ccc;vertical-align:top}\n\
td.n{text-align:right}code{font-size:.9em;overflow-wrap:anywhere}\n.critical,.high{color:#a4161a;font-weight:600}.medium{color:#7a5200}\n\
</style></head><body>\n<h1>Parity report</h1>\n";

/// Writes a report.
pub fn report(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    let ledger = &view.ledger;
    writeln!(out, "<p>{}.</p>", ledger.in_one_line())?;
    for gap in &ledger.gaps {
        writeln!(out, "<p>Up to {} requests unaccounted for from {} to {}.</p>", gap.up_to, gap.from, gap.to)?;
    }
    if let Some(line) = view.compared.in_one_line() {
        writeln!(out, "<p>{line}.</p>")?;
    }
    for owned in &view.owned {
        writeln!(
            out,
            "<p>Cut over: <code>{}</code> is the candidate's since {}.</p>",
            escape(&owned.route),
            owned.since
        )?;
    }
    suppressed(out, view)?;
    if view.open().next().is_none() {
        writeln!(out, "<p>No signatures{}.</p>", if view.signatures.is_empty() { "" } else { " but noise" })?;
    } else {
        out.write_all(b"<table><thead><tr><th>Signature<th>Severity<th>Count<th>Route<th>In<th>Path<th>Kind<th>Shape<th>Last seen")?;
        out.write_all(b"</tr></thead><tbody>\n")?;
        for s in view.open() {
            writeln!(
                out,
                "<tr><td><code>{}</code><td class=\"{sev}\">{sev}<td class=\"n\">{}<td><code>{}</code><td>{}<td><code>{}</code>\
                 <td>{}<td><code>{}</code><td>{}</tr>",
                escape(&s.id),
                s.count,
                escape(&s.route),
                s.place,
                escape(&s.path),
                s.kind,
                escape(&s.shape),
                escape(&s.last_seen),
                sev = s.severity,
            )?;
        }
        out.write_all(b"</tbody></table>\n")?;
    }
    out.write_all(b"</body></html>\n")
}

/// Places that are noise: a section of their own.
fn suppressed(out: &mut dyn Write, view: &ReportView) -> io::Result<()> {
    if view.suppressed.is_empty() {
        return Ok(());
    }
    out.write_all(b"<h2>Noise</h2>\n<ul>\n")?;
    for one in &view.suppressed {
        writeln!(
            out,
            "<li><code>{}</code>, {} <code>{}</code>, {}: {}{}; <code>{}</code></li>",
            escape(&one.route),
            one.place,
            escape(&one.path),
            one.kind,
            one.in_one_line(),
            escape(&one.builds()),
            escape(&one.signatures.join(", ")),
        )?;
    }
    out.write_all(b"</ul>\n<h2>Signatures</h2>\n")
}

fn escape(text: &str) -> String {
    clean(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
