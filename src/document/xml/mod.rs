//! XML 1.0 with name spaces, as canonical text. Entities other than the five of XML are not known and never declared: a
//! document that declares one does not parse, so none expands.

mod names;
mod text;

use super::json::ParseError;
use super::writer::Writer;
use names::{Expanded, Scopes};
use quick_xml::Reader;
use quick_xml::events::Event;

/// The canonical text of a document.
///
/// `{"feed":[…],"feed@…":…}` with the root's name; `feed@xmlns` holds its name space, and an element's where it is another
/// than its parent's. A processing instruction is `{"?target":"data"}`; those before and after the root are in `?before` and
/// `?after`, a document type declaration in `!DOCTYPE`.
pub(super) fn canonical(text: &str, depth: usize) -> Result<String, ParseError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut build = Build { depth, ..Build::default() };
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let step = match reader.read_event() {
            Ok(Event::Eof) => return build.finish(text.len()),
            Ok(event) => build.event(&event, at),
            Err(error) => Err(Stop::Syntax(message(&error))),
        };
        match step {
            Ok(()) => {}
            Err(Stop::Deep) => return Err(ParseError::TooDeep { offset: at, limit: depth }),
            Err(Stop::Syntax(message)) => return Err(ParseError::Syntax { offset: at, message }),
        }
    }
}

/// Why it does not go on.
enum Stop {
    Deep,
    Syntax(&'static str),
}

impl From<&'static str> for Stop {
    fn from(message: &'static str) -> Stop {
        Stop::Syntax(message)
    }
}

fn message(error: &quick_xml::Error) -> &'static str {
    use quick_xml::errors::IllFormedError;
    match error {
        quick_xml::Error::Syntax(_) => "markup that does not end",
        quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
            "an end tag without its start tag"
        }
        quick_xml::Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "`--` in a comment",
        quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => "an `&` that starts no reference",
        _ => "not XML",
    }
}

/// One step through the document.
enum Item {
    Open(Element),
    Text(String),
    Instruction { target: String, data: String },
    Close,
}

struct Element {
    name: Expanded,
    attributes: Vec<(String, String)>,
    /// `xml:space="preserve"` holds.
    exact: bool,
    has_elements: bool,
    has_text: bool,
}

#[derive(Default)]
struct Build {
    depth: usize,
    items: Vec<Item>,
    /// Open elements, by their place among the items.
    open: Vec<usize>,
    scopes: Scopes,
    doctype: Option<String>,
    before: Vec<(String, String)>,
    after: Vec<(String, String)>,
    /// The root has ended.
    ended: bool,
}

impl Build {
    fn event(&mut self, event: &Event<'_>, at: usize) -> Result<(), Stop> {
        text::check(event)?;
        match event {
            Event::Start(tag) => self.start(tag.name().0, tag.attributes_raw()),
            Event::Empty(tag) => {
                self.start(tag.name().0, tag.attributes_raw())?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(raw) if raw.contains("]]>") => Err("`]]>` in text".into()),
            Event::Text(raw) => self.text(&text::lines(raw)),
            Event::CData(raw) if self.open.is_empty() => Err(Stop::Syntax(if raw.is_empty() {
                "an empty section outside the root"
            } else {
                "text outside the root"
            })),
            Event::CData(raw) => self.text(&text::lines(raw)),
            Event::GeneralRef(name) if self.open.is_empty() => {
                Err(Stop::Syntax(if name.is_empty() { "an empty reference" } else { "text outside the root" }))
            }
            Event::GeneralRef(name) => self.text(text::reference(name)?.encode_utf8(&mut [0; 4])),
            Event::Comment(_) => Ok(()),
            Event::Decl(_) if at == 0 => Ok(()),
            Event::Decl(_) => Err("an XML declaration that is not at the start".into()),
            Event::PI(raw) => self.instruction(raw),
            Event::DocType(raw) => self.doctype(raw),
            Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, name: &str, attributes: &str) -> Result<(), Stop> {
        if self.open.is_empty() && std::mem::replace(&mut self.ended, true) {
            return Err("a second root".into());
        }
        if self.open.len() >= self.depth {
            return Err(Stop::Deep);
        }
        let raw = text::attributes(attributes)?;
        self.scopes.enter(&raw)?;
        let name = self.scopes.element(name)?;
        let attributes = self.scopes.attributes(raw)?;
        let space = attributes.iter().find(|(name, _)| name == "xml:space").map(|(_, value)| value.as_str());
        let parent = self.parent();
        let exact = match space {
            Some("preserve") => true,
            Some("default") => false,
            _ => parent.as_ref().is_some_and(|parent| parent.exact),
        };
        if let Some(parent) = parent {
            parent.has_elements = true;
        }
        self.open.push(self.items.len());
        self.items.push(Item::Open(Element { name, attributes, exact, has_elements: false, has_text: false }));
        Ok(())
    }

    fn end(&mut self) {
        self.open.pop();
        self.scopes.leave();
        self.items.push(Item::Close);
    }

    fn parent(&mut self) -> Option<&mut Element> {
        match self.items.get_mut(*self.open.last()?) {
            Some(Item::Open(element)) => Some(element),
            _ => None,
        }
    }

    /// Adds to the text that stands here.
    fn text(&mut self, more: &str) -> Result<(), Stop> {
        let blank = text::is_blank(more);
        match self.parent() {
            Some(parent) => parent.has_text |= !blank,
            None if blank => return Ok(()),
            None => return Err("text outside the root".into()),
        }
        match self.items.last_mut() {
            Some(Item::Text(held)) => held.push_str(more),
            _ if more.is_empty() => {}
            _ => self.items.push(Item::Text(more.to_owned())),
        }
        Ok(())
    }

    fn instruction(&mut self, raw: &str) -> Result<(), Stop> {
        let (target, data) = raw.split_once(text::is_space).unwrap_or((raw, ""));
        if !names::is_name(target) || target.contains(':') || target.eq_ignore_ascii_case("xml") {
            return Err("a processing instruction without a name".into());
        }
        let (target, data) = (target.to_owned(), text::lines(data.trim_start_matches(text::is_space)).into_owned());
        match (self.open.is_empty(), self.ended) {
            (true, false) => self.before.push((target, data)),
            (true, true) => self.after.push((target, data)),
            (false, _) => self.items.push(Item::Instruction { target, data }),
        }
        Ok(())
    }

    fn doctype(&mut self, raw: &str) -> Result<(), Stop> {
        if self.ended || self.doctype.is_some() {
            return Err("a document type declaration that is not before the root".into());
        }
        let within = raw.split_once('[').map_or("", |(_, subset)| subset);
        if within.contains("<!ENTITY") || within.contains('%') {
            return Err("a declaration of entities, which is refused".into());
        }
        self.doctype = Some(raw.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        Ok(())
    }

    fn finish(self, bytes: usize) -> Result<String, ParseError> {
        let stop = |message| Err(ParseError::Syntax { offset: bytes, message });
        if !self.open.is_empty() {
            return stop("an element that does not end");
        }
        if !self.ended {
            return stop("no root");
        }
        let mut writer = Writer::new(bytes);
        writer.open('{');
        if let Some(doctype) = &self.doctype {
            writer.name("!DOCTYPE");
            writer.string(doctype);
        }
        write(self.items, &mut writer);
        for (name, instructions) in [("?before", &self.before), ("?after", &self.after)] {
            if !instructions.is_empty() {
                writer.name(name);
                writer.open('[');
                instructions.iter().for_each(|(target, data)| write_instruction(target, data, &mut writer));
                writer.close(']');
            }
        }
        writer.close('}');
        writer.finish()
    }
}

/// Writes the root as members of the object that is open.
fn write(items: Vec<Item>, writer: &mut Writer) {
    let mut open: Vec<Element> = Vec::new();
    for item in items {
        if writer.is_full() {
            return;
        }
        match item {
            Item::Open(element) => {
                if !open.is_empty() {
                    writer.open('{');
                }
                writer.name(&element.name.local);
                writer.open('[');
                open.push(element);
            }
            Item::Text(text) => {
                // space between elements lays them out, unless there is text among them
                let laid_out = open.last().is_some_and(|of| of.has_elements && !of.has_text && !of.exact);
                if !(laid_out && text::is_blank(&text)) {
                    writer.string(&text);
                }
            }
            Item::Instruction { target, data } => write_instruction(&target, &data, writer),
            Item::Close => {
                let Some(mut element) = open.pop() else { return };
                writer.close(']');
                if element.name.space != open.last().map_or("".into(), |parent| parent.name.space.clone()) {
                    element.attributes.push(("xmlns".to_owned(), element.name.space.to_string()));
                }
                writer.attributes(&element.name.local, element.attributes);
                if !open.is_empty() {
                    writer.close('}');
                }
            }
        }
    }
}

fn write_instruction(target: &str, data: &str, writer: &mut Writer) {
    writer.open('{');
    writer.name(&format!("?{target}"));
    writer.string(data);
    writer.close('}');
}

#[cfg(test)]
mod tests;
