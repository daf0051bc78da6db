//! Tables and indented text for people, as wide as the terminal. Everything stored is cleaned before it is printed.

use super::text::{clean, readable, severity_style, short};
use super::views::{
    AnswerView, DifferenceView, ExemplarView, LedgerView, ReportView, ShowView, SignatureView, SuppressedView,
};
use crate::compare::Severity;
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{self, Write};

const PRIMARY: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const CANDIDATE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Lines of one body before it is cut.
const BODY_LINES: usize = 24;
/// Characters of one value or line before it is cut.
const VALUE: usize = 2_000;
/// Exemplars shown unless one is asked for.
const EXEMPLARS: usize = 2;

/// A report: the signatures, then the account in one line.
pub fn report(out: &mut dyn Write, view: &ReportView, colour: bool) -> io::Result<()> {
    if view.open().next().is_none() {
        writeln!(out, "no signatures{}", if view.signatures.is_empty() { "" } else { " but noise" })?;
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        if colour {
            table.enforce_styling();
        }
        table.set_header(["SIGNATURE", "SEVERITY", "COUNT", "ROUTE", "IN", "PATH", "KIND", "SHAPE", "LAST SEEN"]);
        for signature in view.open() {
            table.add_row(row(signature, colour));
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    writeln!(out)?;
    if !view.suppressed.is_empty() {
        writeln!(out, "noise, which does not count as a difference of the candidate's:")?;
        view.suppressed.iter().try_for_each(|one| suppressed(out, one))?;
        writeln!(out)?;
    }
    summary(out, &view.ledger)?;
    if let Some(line) = view.compared.in_one_line() {
        writeln!(out, "{line}")?;
    }
    for owned in &view.owned {
        writeln!(out, "cut over: {} is the candidate's since {}", clean(&owned.route), owned.since)?;
    }
    Ok(())
}

/// A place that is noise, in one line.
fn suppressed(out: &mut dyn Write, one: &SuppressedView) -> io::Result<()> {
    let (route, path, builds) = (clean(&one.route), clean(&one.path), clean(&one.builds()));
    let place = if path.is_empty() { one.place.to_string() } else { format!("{} {path}", one.place) };
    let (counts, ids) = (one.in_one_line(), one.signatures.join(", "));
    writeln!(out, "  {route}, {place}, {}: {counts}{builds}; {ids}", one.kind)
}

fn row(s: &SignatureView, colour: bool) -> Vec<Cell> {
    let severity = Cell::new(s.severity.as_str());
    let severity = match (colour, s.severity) {
        (false, _) => severity,
        (true, Severity::Critical | Severity::High) => severity.fg(Color::Red),
        (true, Severity::Medium) => severity.fg(Color::Yellow),
        (true, Severity::Low) => severity.fg(Color::Blue),
    };
    let kind = match &s.detail {
        Some(detail) => format!("{} ({})", s.kind, clean(detail)),
        None => s.kind.to_string(),
    };
    let route = if s.inferred { format!("{} (inferred)", clean(&s.route)) } else { clean(&s.route) };
    vec![
        Cell::new(&s.id),
        severity,
        Cell::new(s.count).set_alignment(CellAlignment::Right),
        Cell::new(route),
        Cell::new(s.place.as_str()),
        Cell::new(clean(&s.path)),
        Cell::new(kind),
        Cell::new(clean(&s.shape)),
        Cell::new(&s.last_seen),
    ]
}

/// The account in one line, and what is missing from it.
fn summary(out: &mut dyn Write, ledger: &LedgerView) -> io::Result<()> {
    writeln!(out, "{}", ledger.in_one_line())?;
    if ledger.judged == 0 {
        writeln!(out, "nothing has been compared: this is not parity (see `paritee ledger`)")?;
    }
    for gap in &ledger.gaps {
        writeln!(out, "up to {} requests unaccounted for from {} to {}", gap.up_to, gap.from, gap.to)?;
    }
    Ok(())
}

/// The ledger, indented as the account adds up.
pub fn ledger(out: &mut dyn Write, view: &LedgerView) -> io::Result<()> {
    let judged = &view.judgements;
    let line = |out: &mut dyn Write, depth: usize, name: &str, n: u64| {
        let width = 32 - 2 * depth;
        writeln!(out, "{:indent$}{name:<width$}{n:>12}", "", indent = 2 * depth)
    };
    let reasons = |out: &mut dyn Write, depth: usize, reasons: &BTreeMap<String, u64>| {
        reasons.iter().try_for_each(|(reason, n)| line(out, depth, &clean(reason), *n))
    };
    line(out, 0, "received", view.received)?;
    line(out, 1, "not mirrored", view.not_mirrored.values().sum())?;
    reasons(out, 2, &view.not_mirrored)?;
    line(out, 1, "mirrored", view.mirrored)?;
    line(out, 2, "in flight", view.in_flight)?;
    line(out, 2, "not judged", view.not_judged.values().sum())?;
    reasons(out, 3, &view.not_judged)?;
    line(out, 2, "judged", view.judged)?;
    line(out, 3, "match", judged.matched)?;
    line(out, 3, "normalised", judged.normalised)?;
    line(out, 3, "mismatch", judged.mismatch)?;
    for (mark, n) in &view.marks {
        writeln!(out, "{:8}{:<24}{n:>12}", "", clean(mark))?;
    }
    line(out, 3, "inconclusive", judged.inconclusive)?;
    reasons(out, 4, &view.inconclusive)?;
    line(out, 3, "vacuous", judged.vacuous)?;
    reasons(out, 4, &view.vacuous)?;
    for gap in &view.gaps {
        writeln!(out, "up to {} requests unaccounted for from {} to {}", gap.up_to, gap.from, gap.to)?;
    }
    line(out, 0, "durable batches", view.durable_seq)
}

fn rules(out: &mut dyn Write, rules: &[super::views::RuleView], indent: &str) -> io::Result<()> {
    for rule in rules {
        writeln!(out, "{indent}{DIM}rule `{}` made {} equal{DIM:#}", clean(&rule.name), places(rule.hits))?;
    }
    Ok(())
}

fn places(n: u64) -> String {
    if n == 1 { "1 place".to_owned() } else { format!("{n} places") }
}

fn difference(out: &mut dyn Write, one: &DifferenceView, indent: &str) -> io::Result<()> {
    let style = severity_style(one.severity);
    let detail = one.detail.as_ref().map(|detail| format!(" ({})", clean(detail))).unwrap_or_default();
    let path = match one.path.as_str() {
        "" => String::new(),
        path => format!(" {BOLD}{}{BOLD:#}", clean(path)),
    };
    let severity = one.severity;
    writeln!(out, "{indent}{style}{severity:<8}{style:#} {}{path}: {}{detail}", one.place, one.kind)?;
    let value = |value: &Option<Box<RawValue>>| value.as_ref().map(|value| short(&readable(value.get()), VALUE));
    if let Some(primary) = value(&one.primary) {
        writeln!(out, "{indent}  {PRIMARY}- primary   {primary}{PRIMARY:#}")?;
    }
    if let Some(candidate) = value(&one.candidate) {
        writeln!(out, "{indent}  {CANDIDATE}+ candidate {candidate}{CANDIDATE:#}")?;
    }
    Ok(())
}

/// One signature with its first exemplars, or the one asked for, by its number from 1.
pub fn show(out: &mut dyn Write, view: &ShowView, number: Option<usize>) -> io::Result<()> {
    let s = &view.signature;
    let style = severity_style(s.severity);
    let detail = s.detail.as_ref().map(|detail| format!(" ({})", clean(detail))).unwrap_or_default();
    writeln!(out, "{BOLD}{}{BOLD:#}  {style}{}{style:#}  {}", s.id, s.severity, clean(&s.status))?;
    writeln!(out, "  route      {}{}", clean(&s.route), if s.inferred { " (inferred)" } else { "" })?;
    writeln!(out, "  where      {} {}", s.place, clean(&s.path))?;
    writeln!(out, "  what       {}{detail}, {}", s.kind, clean(&s.shape))?;
    writeln!(out, "  seen       {} times, from {} to {}", s.count, s.first_seen, s.last_seen)?;
    for (mark, n) in &s.mark_counts {
        writeln!(out, "             {n} {}", clean(mark))?;
    }
    for (ms, n) in &s.agreed_after_ms {
        writeln!(out, "  agreed     {n} when asked again after {} ms", clean(ms))?;
    }
    for one in &view.suppressed {
        writeln!(out, "  noise      {}{}", one.in_one_line(), clean(&one.builds()))?;
    }
    if !s.candidate_versions.is_empty() {
        let versions: Vec<String> = s.candidate_versions.iter().map(|version| clean(version)).collect();
        writeln!(out, "  candidate  {}", versions.join(", "))?;
    }
    for (at, one) in view.exemplars.iter().take(EXEMPLARS).enumerate() {
        writeln!(out)?;
        exemplar(out, number.unwrap_or(at + 1), one)?;
    }
    match view.exemplars.len() {
        0 => writeln!(out, "\n  no exemplar is stored"),
        n if n > EXEMPLARS => writeln!(out, "\n{} more: --exemplar {} to {n}", n - EXEMPLARS, EXEMPLARS + 1),
        _ => Ok(()),
    }
}

fn exemplar(out: &mut dyn Write, number: usize, one: &ExemplarView) -> io::Result<()> {
    let request = &one.request;
    writeln!(out, "{BOLD}exemplar {number}{BOLD:#}  {}  {}  {}", one.exchange, one.received_at, clean(&one.principal))?;
    writeln!(out, "  {} {}", clean(&request.method), clean(&request.target))?;
    answer(out, "primary", &one.primary, one.primary_version.as_deref())?;
    answer(out, "candidate", &one.candidate, one.candidate_version.as_deref())?;
    for diff in &one.differences {
        difference(out, diff, "  ")?;
    }
    if let Some(total) = one.differences_total {
        writeln!(out, "  … {} of {total} differences were kept", one.differences.len())?;
    }
    rules(out, &one.rules, "  ")?;
    writeln!(out, "  {DIM}{}{DIM:#}", clean(&one.curl.primary))?;
    writeln!(out, "  {DIM}{}{DIM:#}", clean(&one.curl.candidate))
}

fn answer(out: &mut dyn Write, side: &str, answer: &AnswerView, version: Option<&str>) -> io::Result<()> {
    let status = answer.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
    let failure = answer.failure.as_ref().map(|failure| format!(" {}", clean(failure))).unwrap_or_default();
    let version = version.map(|version| format!(", build {}", clean(version))).unwrap_or_default();
    let ms = answer.elapsed_us as f64 / 1_000.0;
    writeln!(out, "  {side:<9}  {status}{failure}, {} bytes in {ms:.1} ms{version}", answer.body_length)?;
    if let Some(body) = &answer.body {
        let lines: Vec<&str> = body.lines().collect();
        for line in lines.iter().take(BODY_LINES) {
            writeln!(out, "             {DIM}{}{DIM:#}", short(&readable(line), VALUE))?;
        }
        if lines.len() > BODY_LINES {
            writeln!(
                out,
                "             … {} more lines: --format json has all that is stored",
                lines.len() - BODY_LINES
            )?;
        }
        if answer.partial {
            writeln!(out, "             {DIM}(parts of the body){DIM:#}")?;
        }
    }
    Ok(())
}
