//! `rewrite`: a regex replacement in a string before it is compared. Something of the original must survive: a pattern that
//! eats the value would make any two values equal.

use super::value::Operand;
use super::{Rewrite, pattern};
use regex::Regex;

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    regex: Regex,
    with: String,
    keeps_groups: bool,
}

impl Compiled {
    pub(super) fn new(rewrite: &Rewrite) -> Result<Compiled, String> {
        let regex = pattern::compile(&rewrite.pattern)?;
        let with = rewrite.with.clone();
        // with every group empty, what is left is the replacement's own text
        let keeps_groups = groups_used(&regex, &with)?;
        Ok(Compiled { regex, with, keeps_groups })
    }
    /// The rewritten text; `None` where the rule does not act.
    pub(super) fn apply(&self, value: &Operand<'_>) -> Option<String> {
        let text = value.text()?;
        let mut kept = false;
        let mut end = 0;
        let mut matched = false;
        for captures in self.regex.captures_iter(text) {
            let whole = captures.get(0)?;
            matched = true;
            kept |= whole.start() > end;
            kept |= self.keeps_groups && captures.iter().skip(1).flatten().any(|group| !group.is_empty());
            end = whole.end();
        }
        kept |= end < text.len();
        if !matched || !kept {
            return None;
        }
        let out = self.regex.replace_all(text, self.with.as_str());
        (!out.is_empty() && out != text).then(|| out.into_owned())
    }
}

/// True where the replacement uses a group; an error where it names one that the pattern has not.
fn groups_used(regex: &Regex, with: &str) -> Result<bool, String> {
    let mut used = false;
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        rest = rest.get(at + 1..).unwrap_or("");
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let name = match rest.strip_prefix('{') {
            Some(braced) => braced.split('}').next().unwrap_or(""),
            None => {
                let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
                rest.get(..end).unwrap_or("")
            }
        };
        let known = match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Err(format!(
                "`with` names the group `{name}`, which the pattern has not; write ${{1}}x for group 1 before text"
            ));
        }
        used = true;
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::SideChoice;

    fn rule(pattern: &str, with: &str) -> Result<Compiled, String> {
        Compiled::new(&Rewrite { pattern: pattern.into(), with: with.into(), side: SideChoice::Primary })
    }
    fn apply(pattern: &str, with: &str, text: &str) -> Option<String> {
        rule(pattern, with).unwrap().apply(&Operand::Text(text.as_bytes().into()))
    }

    #[test]
    fn moves_links() {
        let (pattern, with) = ("^/books/([0-9Xx-]+)/reviews/?$", "/api/book/$1/reviews/");
        assert_eq!(apply(pattern, with, "/books/978-3/reviews/").as_deref(), Some("/api/book/978-3/reviews/"));
        assert_eq!(apply(pattern, with, "/books/../reviews/"), None);
        assert_eq!(apply(pattern, with, ""), None);
    }

    #[test]
    fn never_eats_the_value() {
        for refused in [".*", ".+", "[a-z]*", "(?s).+", "("] {
            assert!(rule(refused, "x").is_err(), "{refused}");
        }
        assert_eq!(apply("[a-z]+", "same", "abc"), None, "nothing of the original is left");
        assert_eq!(apply("[a-z]+", "same", "abc1").as_deref(), Some("same1"));
        assert_eq!(apply("x", "", "x"), None);
        assert!(rule("^a(b)$", "$2").is_err() && rule("^a(b)$", "$1st").is_err());
    }

    #[test]
    fn acts_on_strings_only() {
        let rule = rule("1", "2").unwrap();
        assert_eq!(rule.apply(&Operand::Number("10")), None);
        assert_eq!(rule.apply(&Operand::Absent), None);
        assert_eq!(rule.apply(&Operand::Text(b"1\xED\xA0\x80"[..].into())), None);
    }
}
