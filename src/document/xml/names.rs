//! Names and the name spaces that their prefixes stand for: a prefix is a matter of taste, what it stands for is not.

use super::text::is_space;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A name without its prefix, and its name space; empty for none.
pub(super) struct Expanded {
    pub(super) local: String,
    pub(super) space: Arc<str>,
}

/// Name spaces whose attributes have a usual prefix, by which pointers call them.
const USUAL: [(&str, &str); 3] = [
    ("http://www.w3.org/XML/1998/namespace", "xml"),
    ("http://www.w3.org/1999/xlink", "xlink"),
    ("http://www.w3.org/2001/XMLSchema-instance", "xsi"),
];
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What each prefix stands for here. Looked up by name: a document may declare as many as it likes.
#[derive(Default)]
pub(super) struct Scopes {
    /// For each prefix (empty: none), what it stands for, the innermost last.
    bound: HashMap<String, Vec<Arc<str>>>,
    /// For each open element, the prefixes that it declares.
    declared: Vec<Vec<String>>,
}

impl Scopes {
    /// Opens an element with these attributes.
    pub(super) fn enter(&mut self, attributes: &[(&str, String)]) -> Result<(), &'static str> {
        let mut declared = Vec::new();
        for (name, value) in attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => &rest[1..],
                _ => continue,
            };
            let is_xml = value == USUAL[0].0;
            if prefix == "xmlns" || value == XMLNS || (prefix == "xml") != is_xml {
                return Err("a name space of XML itself under another name");
            }
            if !prefix.is_empty() && (value.is_empty() || !is_name(prefix) || prefix.contains(':')) {
                return Err("a prefix that stands for nothing");
            }
            self.bound.entry(prefix.to_owned()).or_default().push(value.as_str().into());
            declared.push(prefix.to_owned());
        }
        self.declared.push(declared);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        for prefix in self.declared.pop().unwrap_or_default() {
            self.bound.get_mut(&prefix).map(Vec::pop);
        }
    }

    pub(super) fn element(&self, name: &str) -> Result<Expanded, &'static str> {
        let (prefix, local) = split(name)?;
        let space = match self.bound.get(prefix).and_then(|bound| bound.last()) {
            Some(space) => space.clone(),
            None if prefix.is_empty() => "".into(),
            None => return Err("a prefix that was not declared"),
        };
        Ok(Expanded { local: local.to_owned(), space })
    }

    /// The attributes but for declarations, by their full names: `href`, `xml:lang`, `{urn:x}id`.
    pub(super) fn attributes(&self, raw: Vec<(&str, String)>) -> Result<Vec<(String, String)>, &'static str> {
        let mut seen = HashSet::with_capacity(raw.len());
        let mut all = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let (prefix, local) = split(name)?;
            let full = match (prefix, self.bound.get(prefix).and_then(|bound| bound.last())) {
                ("xmlns", _) => format!("xmlns:{local}"),
                ("", _) => local.to_owned(),
                ("xml", _) => format!("xml:{local}"),
                (_, Some(space)) => match USUAL.iter().find(|(usual, _)| **usual == **space) {
                    Some((_, prefix)) => format!("{prefix}:{local}"),
                    None => format!("{{{space}}}{local}"),
                },
                (_, None) => return Err("a prefix that was not declared"),
            };
            if !seen.insert(full.clone()) {
                return Err("an attribute that is there twice");
            }
            if prefix != "xmlns" && name != "xmlns" {
                all.push((full, value));
            }
        }
        Ok(all)
    }
}

fn split(name: &str) -> Result<(&str, &str), &'static str> {
    let (prefix, local) = match name.split_once(':') {
        Some(("", _)) => return Err("a name that starts with a colon"),
        Some((prefix, local)) => (prefix, local),
        None => ("", name),
    };
    let fine = is_name(local) && !local.contains(':') && (prefix.is_empty() || is_name(prefix));
    if fine { Ok((prefix, local)) } else { Err("what is no name") }
}

/// True for names: a letter or an underscore, then those, digits, dots and dashes. What is not ASCII is taken for a letter
/// unless it is white space.
pub(super) fn is_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (!c.is_ascii() && !c.is_whitespace());
    let mut chars = text.chars();
    chars.next().is_some_and(letter)
        && chars.all(|c| letter(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
        && !text.contains(is_space)
}
