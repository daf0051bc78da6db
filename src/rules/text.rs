//! `text`: what two strings may differ in: whitespace at the ends, runs of it, case, Unicode composition, line ends. Only ASCII
//! whitespace: a no-break space or a zero-width one is a character that somebody sees.

use super::TextMode;
use super::value::Operand;
use unicode_normalization::UnicodeNormalization;

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    /// In the order in which they act.
    modes: Vec<TextMode>,
}

impl Compiled {
    pub(super) fn new(modes: &[TextMode]) -> Result<Compiled, String> {
        if modes.is_empty() {
            return Err("name what may differ: trim, collapse, case, nfc, crlf".into());
        }
        let mut modes = modes.to_vec();
        // Line ends before whitespace, whitespace before letters: the result does not depend on how the list is written.
        modes.sort_by_key(|mode| match mode {
            TextMode::Crlf => 0,
            TextMode::Collapse => 1,
            TextMode::Trim => 2,
            TextMode::Nfc => 3,
            TextMode::Case => 4,
        });
        modes.dedup();
        Ok(Compiled { modes })
    }
    /// The string without what does not count; `None` where nothing changes, and where nothing would be left of it.
    pub(super) fn apply(&self, value: &Operand<'_>) -> Option<String> {
        let before = value.text()?;
        let after = self.modes.iter().fold(before.to_owned(), |text, mode| apply(*mode, text));
        (after != before && !after.is_empty()).then_some(after)
    }
}

fn apply(mode: TextMode, text: String) -> String {
    match mode {
        TextMode::Trim => text.trim_matches(|c: char| c.is_ascii_whitespace()).to_owned(),
        TextMode::Crlf => text.replace("\r\n", "\n"),
        TextMode::Case => text.to_lowercase(),
        TextMode::Nfc => text.nfc().collect(),
        TextMode::Collapse => {
            let mut out = String::with_capacity(text.len());
            let mut blank = false;
            for char in text.chars() {
                if !char.is_ascii_whitespace() {
                    out.push(char);
                } else if !blank {
                    out.push(' ');
                }
                blank = char.is_ascii_whitespace();
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(modes: &[TextMode], text: &str) -> String {
        let value = Operand::Text(text.as_bytes().into());
        Compiled::new(modes).unwrap().apply(&value).unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn each_mode_hides_its_own_and_nothing_beside() {
        use TextMode::*;
        assert_eq!(folded(&[Trim], " \ta b\r\n"), "a b");
        assert_eq!(folded(&[Trim], "\u{a0}a\u{200b}"), "\u{a0}a\u{200b}", "characters that somebody sees stay");
        assert_eq!(folded(&[Collapse], " a  \n b"), " a b");
        assert_eq!(folded(&[Case], "ÄB c"), "äb c");
        assert_eq!(folded(&[Nfc], "A\u{30a}"), "\u{c5}");
        assert_eq!(folded(&[Crlf], "a\r\nb\rc"), "a\nb\rc");
        assert_eq!(folded(&[Trim], "   "), "   ", "emptiness is not made");
        assert_eq!(folded(&[Case, Trim, Collapse], "  A   B "), folded(&[Collapse, Case, Trim], "  A   B "));
        assert!(Compiled::new(&[]).is_err());
    }
}
