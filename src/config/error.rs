//! The one error of this room: file, line and column, key, the line itself with a caret, what is allowed, a near match.

use std::fmt;
use std::ops::Range;

/// A config that is refused. Its `Display` is the whole answer for a person, over several lines. Boxed, since every
/// function of this room may answer with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(Box<Told>);

impl std::ops::Deref for ConfigError {
    type Target = Told;
    fn deref(&self) -> &Told {
        &self.0
    }
}

/// What a [`ConfigError`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The file as it was named, or the flag.
    pub source_name: String,
    /// Where in the file, where one place is to blame.
    pub place: Option<Place>,
    /// The key as a dotted path (`mirror.percent`, `route[2].match`), where one is to blame.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What is allowed instead.
    pub allowed: Option<String>,
    /// What was probably meant.
    pub near: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

impl Place {
    /// The place of a byte range in a text.
    pub(super) fn of(text: &str, span: Range<usize>) -> Place {
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, span.end.clamp(start, line_end));
        let line_text = text[line_start..line_end].trim_end_matches('\r');
        Place {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            text: line_text.to_owned(),
        }
    }
}

/// The next lower character boundary.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl ConfigError {
    /// An error about a whole source: a file that cannot be read, a flag.
    pub fn plain(source_name: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError(Box::new(Told {
            source_name: source_name.into(),
            place: None,
            key: None,
            message: message.into(),
            allowed: None,
            near: None,
        }))
    }
    /// Says where.
    pub(super) fn at(mut self, place: Place, key: Option<String>) -> ConfigError {
        (self.0.place, self.0.key) = (Some(place), key);
        self
    }
    /// Says what is allowed.
    pub(super) fn allowing(mut self, allowed: impl Into<String>) -> ConfigError {
        self.0.allowed = Some(allowed.into());
        self
    }
    /// Says what was probably meant: the candidate that is spelled most alike, if any is near enough.
    pub(super) fn near<'a>(mut self, typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> ConfigError {
        self.0.near = nearest(typed, candidates).map(str::to_owned);
        self
    }
}

/// The candidate that is spelled most like what was typed, if any is near enough to be meant.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long input is not a typo of a short key, and the distance is quadratic.
    let typed: String = typed.chars().take(64).collect::<String>().to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source_name)?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        f.write_str(": ")?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        let margin = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        if let Some(place) = &self.place {
            // Tabs are shown as one blank so that the caret stays under its character.
            let shown = place.text.replace('\t', " ");
            write!(f, "\n{:margin$} |\n{} | {}\n{:margin$} | ", "", place.line, shown, "")?;
            write!(f, "{:>1$}", "", place.column - 1)?;
            f.write_str(&"^".repeat(place.width))?;
        }
        if let Some(near) = &self.near {
            write!(f, "\n{:margin$} = did you mean `{near}`?", "")?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n{:margin$} = allowed: {allowed}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_never_leaves_its_line() {
        let text = "a = 1\nnäme = \"x\"\n";
        let place = Place::of(text, 14..200);
        assert_eq!((place.line, place.column, place.width), (2, 8, 3));
        assert_eq!(place.text, "näme = \"x\"");
        let past_the_end = Place::of(text, 900..901);
        assert_eq!((past_the_end.line, past_the_end.width), (3, 1));
    }

    #[test]
    fn near_matches_are_near() {
        assert_eq!(nearest("max_inflight", ["max_in_flight", "max_body"]), Some("max_in_flight"));
        assert_eq!(nearest("zzz", ["max_in_flight", "max_body"]), None);
    }
}
