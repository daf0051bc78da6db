//! A rule in the config's spelling, as a person would type it: for lists of rules and for proposals.

use super::{
    Codec, Fallback, IdScope, NumberTolerance, RuleKind, RuleSpec, SetCookie, Shape, SideChoice, TextMode, UrlRule,
};

impl RuleSpec {
    /// The rule's table without its header (`name = …` and so on, a line each), as the config reads it.
    pub fn written(&self) -> String {
        let mut lines = vec![format!("name = {}", quoted(&self.name))];
        lines.extend(self.path.as_ref().map(|path| format!("path = {}", quoted(path))));
        lines.push(self.kind.written());
        lines.extend(self.reason.as_ref().map(|reason| format!("reason = {}", quoted(reason))));
        lines.join("\n")
    }
}

impl RuleKind {
    /// The key that names the kind.
    pub fn word(&self) -> &'static str {
        match self {
            RuleKind::Ignore => "ignore",
            RuleKind::Shape(_) => "shape",
            RuleKind::Timestamp { .. } => "timestamp",
            RuleKind::Number(_) => "number",
            RuleKind::Unordered => "unordered",
            RuleKind::Set => "set",
            RuleKind::Key(_) => "key",
            RuleKind::Rewrite(_) => "rewrite",
            RuleKind::Fallback(_) => "fallback",
            RuleKind::Added => "added",
            RuleKind::Url(_) => "url",
            RuleKind::Text(_) => "text",
            RuleKind::Decode(_) => "decode",
            RuleKind::AbsentIsNull { .. } => "absent_is_null",
            RuleKind::Rename(_) => "rename",
            RuleKind::SameId(_) => "same_id",
            RuleKind::ErrorBody(_) => "error_body",
            RuleKind::SetCookie(_) => "set_cookie",
            RuleKind::Body(_) => "body",
        }
    }
    /// The key and its value.
    pub fn written(&self) -> String {
        format!("{} = {}", self.word(), self.value())
    }
    fn value(&self) -> String {
        match self {
            RuleKind::Ignore | RuleKind::Unordered | RuleKind::Set => "true".to_owned(),
            RuleKind::Shape(shape) => shape_value(shape),
            RuleKind::Timestamp { within_us: 0 } => "{}".to_owned(),
            RuleKind::Timestamp { within_us } => format!("{{ within = {} }}", quoted(&duration(*within_us))),
            RuleKind::Number(tolerance) => number_value(tolerance),
            RuleKind::Key(paths) => list(paths.iter().map(|path| quoted(path))),
            RuleKind::Rewrite(rewrite) => {
                let (pattern, with) = (quoted(&rewrite.pattern), quoted(&rewrite.with));
                format!("{{ pattern = {pattern}, with = {with}, side = {} }}", quoted(side(rewrite.side)))
            }
            RuleKind::Fallback(fallback) => fallback_value(fallback),
            RuleKind::Added => quoted("allow"),
            RuleKind::Url(rule) => url_value(rule),
            RuleKind::Text(modes) => list(modes.iter().map(|mode| quoted(mode_word(*mode)))),
            RuleKind::Decode(codecs) => list(codecs.iter().map(|codec| quoted(codec_word(*codec)))),
            RuleKind::AbsentIsNull { empty: false } => "true".to_owned(),
            RuleKind::AbsentIsNull { empty: true } => "{ empty = true }".to_owned(),
            RuleKind::Rename(rule) => format!("{{ from = {}, to = {} }}", quoted(&rule.from), quoted(&rule.to)),
            RuleKind::SameId(rule) => {
                let scope = match rule.scope {
                    IdScope::Document => String::new(),
                    wider => format!(", scope = {}", quoted(wider.as_str())),
                };
                format!("{{ space = {}{scope} }}", quoted(&rule.space))
            }
            RuleKind::ErrorBody(rule) => list(rule.statuses.iter().map(u16::to_string)),
            RuleKind::SetCookie(rule) => cookie_value(rule),
            RuleKind::Body(media) => quoted(media.as_str()),
        }
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// In the largest unit that holds it exactly.
fn duration(us: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "us")];
    let unit = UNITS.iter().find(|(size, _)| us.is_multiple_of(*size)).unwrap_or(&UNITS[4]);
    format!("{}{}", us / unit.0, unit.1)
}

fn side(side: SideChoice) -> &'static str {
    match side {
        SideChoice::Primary => "primary",
        SideChoice::Candidate => "candidate",
        SideChoice::Both => "both",
    }
}

fn shape_value(shape: &Shape) -> String {
    match shape {
        Shape::Uuid => quoted("uuid"),
        Shape::Timestamp => quoted("timestamp"),
        Shape::Number => quoted("number"),
        Shape::SameType => quoted("same_type"),
        Shape::Pattern(pattern) => format!("{{ pattern = {} }}", quoted(pattern)),
    }
}

fn number_value(tolerance: &NumberTolerance) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(tolerance.abs.as_ref().map(|abs| format!("abs = {}", quoted(abs))));
    parts.extend(tolerance.rel.as_ref().map(|rel| format!("rel = {}", quoted(rel))));
    parts.extend(tolerance.string.then(|| "string = true".to_owned()));
    parts.extend(tolerance.spelling.then(|| "spelling = true".to_owned()));
    format!("{{ {} }}", parts.join(", "))
}

fn fallback_value(rule: &Fallback) -> String {
    let mut parts = vec![format!("side = {}", quoted(side(rule.side))), format!("from = {}", quoted(&rule.from))];
    parts.extend(rule.chars.map(|chars| format!("chars = {chars}")));
    parts.extend((!rule.suffix.is_empty()).then(|| format!("suffix = {}", quoted(&rule.suffix))));
    parts.extend(rule.strip_html.then(|| "strip_html = true".to_owned()));
    format!("{{ {} }}", parts.join(", "))
}

fn url_value(rule: &UrlRule) -> String {
    let words = [(rule.origin, "origin"), (rule.trailing_slash, "trailing_slash"), (rule.query_order, "query_order")];
    let ignored = list(words.into_iter().filter(|(set, _)| *set).map(|(_, word)| quoted(word)));
    match rule.hosts.is_empty() {
        true => format!("{{ ignore = {ignored} }}"),
        false => format!("{{ ignore = {ignored}, hosts = {} }}", list(rule.hosts.iter().map(|host| quoted(host)))),
    }
}

fn cookie_value(rule: &SetCookie) -> String {
    let cleared = rule.cleared_by.map_or_else(String::new, |by| format!(", cleared_by = {}", quoted(side(by))));
    format!("{{ primary = {}, candidate = {}{cleared} }}", quoted(&rule.primary), quoted(&rule.candidate))
}

fn mode_word(mode: TextMode) -> &'static str {
    match mode {
        TextMode::Trim => "trim",
        TextMode::Collapse => "collapse",
        TextMode::Case => "case",
        TextMode::Nfc => "nfc",
        TextMode::Crlf => "crlf",
    }
}

fn codec_word(codec: Codec) -> &'static str {
    match codec {
        Codec::Base64 => "base64",
        Codec::Gzip => "gzip",
        Codec::Json => "json",
    }
}
