//! Rules for people: what each says, and what it did.

use super::{RuleRowView, RuleWord, RulesView};
use crate::report::text::{clean, grouped};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// Every rule.
pub fn list(out: &mut dyn Write, view: &RulesView, colour: bool) -> io::Result<()> {
    if view.rules.is_empty() {
        writeln!(out, "no rule is declared, and the evidence names none")?;
    }
    view.rules.iter().try_for_each(|rule| row(out, rule, colour))?;
    let of = |word: RuleWord| view.rules.iter().filter(|rule| rule.state == word).count();
    writeln!(
        out,
        "\n{} rules: {} used, {} unused, {} not seen, {} expired; {} exchanges compared",
        view.rules.len() - of(RuleWord::Undeclared),
        of(RuleWord::Used),
        of(RuleWord::Unused),
        of(RuleWord::NotSeen),
        of(RuleWord::Expired),
        grouped(view.compared)
    )
}

/// Those that did nothing.
pub fn unused(out: &mut dyn Write, view: &RulesView, colour: bool) -> io::Result<()> {
    view.rules.iter().try_for_each(|rule| row(out, rule, colour))?;
    match view.rules.is_empty() {
        true => writeln!(out, "every rule was used; {} exchanges compared", grouped(view.compared)),
        false => Ok(()),
    }
}

fn row(out: &mut dyn Write, rule: &RuleRowView, colour: bool) -> io::Result<()> {
    let (on, off) = style(rule.state, colour);
    writeln!(out, "{on}{:<10}{off} {}", rule.state.told(), clean(&rule.name))?;
    let route = rule.route.as_deref().unwrap_or("every route");
    let path = rule.path.as_ref().map_or_else(String::new, |path| format!(" at {}", clean(path)));
    match &rule.rule {
        Some(written) => writeln!(out, "    {}{path}, on {}", clean(written), clean(route))?,
        None => writeln!(out, "    the evidence names it on {}, the config does not", clean(route))?,
    }
    if let Some(reason) = &rule.reason {
        writeln!(out, "    because: {}", clean(reason))?;
    }
    match (&rule.until, rule.state) {
        (Some(until), RuleWord::Expired) => writeln!(out, "    expired after {until}: it no longer acts")?,
        (Some(until), _) => writeln!(out, "    until {until}")?,
        (None, _) => {}
    }
    writeln!(out, "    {}", did(rule))?;
    if rule.route.is_none() {
        for on in &rule.on {
            writeln!(out, "      {}: {} hits", clean(&on.route), grouped(on.did.hits))?;
        }
    }
    Ok(())
}

fn did(rule: &RuleRowView) -> String {
    let did = &rule.did;
    if did.compared == 0 {
        return "no exchange of its routes was compared: nobody knows whether it is needed".to_owned();
    }
    let hid = match did.hidden {
        0 => String::new(),
        hidden => format!(", hid {} values ({:.1} % of those compared)", grouped(hidden), did.hidden_share * 100.0),
    };
    let last = did.last_hit.as_ref().map_or_else(String::new, |last| format!(", last in the hour of {last}"));
    format!("{} hits in {} exchanges{hid}{last}", grouped(did.hits), grouped(did.compared))
}

fn style(word: RuleWord, colour: bool) -> (String, String) {
    let of = |colour| Style::new().bold().fg_color(Some(anstyle::Color::Ansi(colour)));
    let style = match word {
        RuleWord::Used => of(AnsiColor::Green),
        RuleWord::Unused | RuleWord::NotSeen | RuleWord::Undeclared => of(AnsiColor::Yellow),
        RuleWord::Expired => of(AnsiColor::Red),
    };
    if colour { (style.render().to_string(), style.render_reset().to_string()) } else { Default::default() }
}
