//! HTML as browsers read it: the tree that the standard's parser makes, in canonical text. What the parser makes alike
//! (implied tags, quotes, character references, the order of attributes) is equal, and what it drops is not compared.

mod feed;
mod sink;
mod space;
mod words;

use super::json::ParseError;
use super::writer::Writer;
use html5ever::{Namespace, QualName, ns};
use sink::{Data, NONE, ROOT, Tree};

/// True where a text is a part of a page: it has neither a doctype nor a tag `html`, `head` or `body` before anything else.
///
/// Read as a page, a part that starts with `<tr>` would lose its tags, and with them what differs in them.
pub(super) fn is_part(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix("<!--") {
        rest = comment.split_once("-->").map_or("", |(_, after)| after).trim_start();
    }
    let starts = |tag: &str| {
        let (head, after) = rest.split_at_checked(tag.len()).unwrap_or(("", ""));
        head.eq_ignore_ascii_case(tag) && !after.starts_with(|c: char| c.is_alphanumeric() || c == '-')
    };
    !["<!doctype", "<html", "<head", "<body"].into_iter().any(starts)
}

/// The canonical text of a page, or of a part of one.
///
/// A page is `{"doctype":…,"html":[…],"html@…":…}`, the doctype in the spelling `html public "…" system "…"`; a part is the
/// list of its nodes.
pub(super) fn canonical(text: &str, part: bool, depth: usize) -> Result<String, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::TooLarge);
    }
    let mut tree = feed::parse(text, part, depth)?;
    let child = |tree: &Tree, of: u32| {
        let is_element = |at: &u32| tree.node(*at).is_some_and(|node| matches!(node.data, Data::Element { .. }));
        let mut at = tree.node(of).map_or(NONE, |node| node.first);
        while at != NONE && !is_element(&at) {
            at = tree.node(at).map_or(NONE, |node| node.next);
        }
        at
    };
    let html = child(&tree, ROOT);
    space::collapse(&mut tree, html);
    let mut writer = Writer::new(text.len());
    if part {
        writer.open('[');
    } else {
        writer.open('{');
        if let Some(doctype) = &tree.doctype {
            writer.name("doctype");
            writer.string(doctype);
        }
    }
    write(&tree, html, part, &mut writer);
    writer.close(if part { ']' } else { '}' });
    writer.finish()
}

/// Writes what is below `root`; where `children_only` is not set, `root` too, as members of the object that is open.
fn write(tree: &Tree, root: u32, children_only: bool, writer: &mut Writer) {
    let (mut at, mut left, mut text) = (root, Vec::new(), String::new());
    while at != NONE && !writer.is_full() {
        match tree.node(at).map(|node| &node.data) {
            // texts that only a comment parts are one
            Some(Data::Text(more)) => text.push_str(more),
            Some(Data::Element { name, .. }) if at != root => {
                flush(&mut text, writer);
                writer.open('{');
                writer.name(&name.local);
                writer.open('[');
            }
            Some(Data::Element { name, .. }) if !children_only => {
                writer.name(&name.local);
                writer.open('[');
            }
            _ => {}
        }
        let next = tree.after(at, root, |node| left.push(node));
        for node in left.drain(..) {
            let Some(Data::Element { name, attributes, .. }) = tree.node(node).map(|node| &node.data) else { continue };
            flush(&mut text, writer);
            if node == root && children_only {
                continue;
            }
            writer.close(']');
            let mut pairs: Vec<(String, String)> = attributes
                .iter()
                .map(|attribute| {
                    (attribute_name(&attribute.name), words::value(name, &attribute.name, &attribute.value))
                })
                .collect();
            pairs.extend(namespace(tree, node, name));
            writer.attributes(&name.local, pairs);
            if node != root {
                writer.close('}');
            }
        }
        at = next;
    }
}

fn flush(text: &mut String, writer: &mut Writer) {
    if !text.is_empty() {
        writer.string(text);
        text.clear();
    }
}

/// `xlink:href` and its kin are spelled so in the standard, whatever was written.
fn attribute_name(name: &QualName) -> String {
    match &name.prefix {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}:{}", name.local),
        _ => name.local.to_string(),
    }
}

/// An element's name space, where it is not the one that its name and its parent suggest. No attribute that was written has
/// a name in upper case.
fn namespace(tree: &Tree, at: u32, name: &QualName) -> Option<(String, String)> {
    let parent = tree.node(at).and_then(|node| match tree.node(node.parent).map(|node| &node.data) {
        Some(Data::Element { name, .. }) => Some(name.ns.clone()),
        _ => None,
    });
    let parent = parent.unwrap_or(ns!(html));
    let expected: Namespace = match &*name.local {
        "svg" if parent == ns!(html) => ns!(svg),
        "math" if parent == ns!(html) => ns!(mathml),
        _ => parent,
    };
    let word = match () {
        () if name.ns == expected => return None,
        () if name.ns == ns!(svg) => "svg",
        () if name.ns == ns!(mathml) => "mathml",
        () => "html",
    };
    Some(("NAMESPACE".to_owned(), word.to_owned()))
}

#[cfg(test)]
mod tests;
