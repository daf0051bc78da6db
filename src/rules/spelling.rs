//! The canonical spelling of a rule set, and its hash: the same on every machine, whatever the order of the file.

use super::{Fallback, RuleKind, RuleSpec, Shape, SideChoice};

/// BLAKE3 over the sorted spellings of all rules; reasons and dates do not count, since they change no judgement.
pub(super) fn hash(specs: &[RuleSpec]) -> u64 {
    let mut lines: Vec<String> = specs.iter().map(spell).collect();
    lines.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"paritee rules 1");
    for line in &lines {
        hasher.update(&(line.len() as u64).to_le_bytes());
        hasher.update(line.as_bytes());
    }
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn spell(spec: &RuleSpec) -> String {
    let mut out = String::new();
    let mut put = |text: &str| {
        out.push_str(&text.len().to_string());
        out.push(':');
        out.push_str(text);
    };
    put(&spec.name);
    put(if spec.of_route { "route" } else { "general" });
    match &spec.path {
        Some(path) => put(&super::Selector::parse(path).map_or_else(|_| path.clone(), |path| path.to_string())),
        None => put("-"),
    }
    spell_kind(&spec.kind, &mut put);
    out
}

fn spell_kind(kind: &RuleKind, put: &mut impl FnMut(&str)) {
    match kind {
        RuleKind::Ignore => put("ignore"),
        RuleKind::Shape(shape) => {
            put("shape");
            match shape {
                Shape::Uuid => put("uuid"),
                Shape::Timestamp => put("timestamp"),
                Shape::Number => put("number"),
                Shape::SameType => put("same_type"),
                Shape::Pattern(pattern) => {
                    put("pattern");
                    put(pattern);
                }
            }
        }
        RuleKind::Timestamp { within_us } => {
            put("timestamp");
            put(&within_us.to_string());
        }
        RuleKind::Number(tolerance) => {
            put("number");
            put(tolerance.abs.as_deref().unwrap_or("0"));
            put(tolerance.rel.as_deref().unwrap_or("0"));
            // said only where they are set, so that what was hashed before hashes alike
            for (set, word) in [(tolerance.string, "string"), (tolerance.spelling, "spelling")] {
                if set {
                    put(word);
                }
            }
        }
        RuleKind::Unordered => put("unordered"),
        RuleKind::Key(paths) => {
            put("key");
            paths.iter().for_each(|path| put(path));
        }
        RuleKind::Rewrite(rewrite) => {
            put("rewrite");
            put(&rewrite.pattern);
            put(&rewrite.with);
            put(side(rewrite.side));
        }
        RuleKind::Fallback(Fallback { side: of, from, chars, suffix, strip_html }) => {
            put("fallback");
            put(side(*of));
            put(from);
            put(&chars.map_or("all".to_string(), |chars| chars.to_string()));
            put(suffix);
            put(if *strip_html { "strip_html" } else { "" });
        }
        RuleKind::Added => put("added"),
        RuleKind::ErrorBody(rule) => {
            put("error_body");
            let mut statuses = rule.statuses.clone();
            statuses.sort_unstable();
            statuses.iter().for_each(|status| put(&status.to_string()));
        }
        other => spell_later_kind(other, put),
    }
}

/// The kinds that came later.
fn spell_later_kind(kind: &RuleKind, put: &mut impl FnMut(&str)) {
    match kind {
        RuleKind::Set => put("set"),
        RuleKind::Url(rule) => {
            put("url");
            for (set, word) in
                [(rule.origin, "origin"), (rule.trailing_slash, "trailing_slash"), (rule.query_order, "query_order")]
            {
                put(if set { word } else { "-" });
            }
            rule.hosts.iter().for_each(|host| put(host));
        }
        RuleKind::Text(modes) => {
            put("text");
            modes.iter().for_each(|mode| put(&format!("{mode:?}")));
        }
        RuleKind::Decode(codecs) => {
            put("decode");
            codecs.iter().for_each(|codec| put(&format!("{codec:?}")));
        }
        RuleKind::AbsentIsNull { empty } => put(if *empty { "absent_is_empty" } else { "absent_is_null" }),
        RuleKind::Rename(rule) => {
            put("rename");
            put(&rule.from);
            put(&rule.to);
        }
        RuleKind::SameId(rule) => {
            put("same_id");
            put(&rule.space);
            put(rule.scope.as_str());
        }
        RuleKind::SetCookie(rule) => {
            put("set_cookie");
            put(&rule.primary);
            put(&rule.candidate);
            put(rule.cleared_by.map_or("-", side));
        }
        RuleKind::Body(media) => {
            put("body");
            put(media.as_str());
        }
        // spelled above; named one by one, so that a kind which nobody spells does not compile
        RuleKind::Ignore
        | RuleKind::Shape(_)
        | RuleKind::Timestamp { .. }
        | RuleKind::Number(_)
        | RuleKind::Unordered
        | RuleKind::Key(_)
        | RuleKind::Rewrite(_)
        | RuleKind::Fallback(_)
        | RuleKind::Added
        | RuleKind::ErrorBody(_) => {}
    }
}

fn side(side: SideChoice) -> &'static str {
    match side {
        SideChoice::Primary => "primary",
        SideChoice::Candidate => "candidate",
        SideChoice::Both => "both",
    }
}
