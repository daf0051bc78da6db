//! A declared branch: a predicate on the primary's answer that evidence must have seen come true.
//!
//! `SUBJECT OPERATOR [VALUE]`: the subject is a path (`$.summary`), `status` or `header:NAME`; the operators are `==`, `!=`, `<`,
//! `>`, `starts with`, `ends with`, `is null`, `is empty` and `exists`; a value is a string in quotes, a number, `true`, `false`
//! or `null`. A path that picks several values asks whether any of them fits.

use super::Context;
use super::bodies::{read_json, read_markup};
use crate::document::json::{Decimal, Document, NodeId, NodeKind, ParseOptions, is_json_number};
use crate::document::{Media, canonical_pair, decode_as};
use crate::exchange::{Body, Response};
use crate::rules::{RuleSet, Selector};
use http::HeaderName;
use std::cmp::Ordering;
use std::sync::Arc;

/// One declared branch.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its name.
    pub name: Arc<str>,
    /// What takes it.
    pub when: Predicate,
}

/// A predicate on an answer.
#[derive(Clone, Debug)]
pub struct Predicate {
    subject: Subject,
    test: Test,
}

#[derive(Clone, Debug)]
enum Subject {
    Status,
    Header(HeaderName),
    Path(Selector),
}

#[derive(Clone, Debug)]
enum Test {
    Equals(Value),
    Differs(Value),
    Below(Decimal),
    Above(Decimal),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    IsNull,
    IsEmpty,
    Exists,
}

#[derive(Clone, Debug)]
enum Value {
    Text(Vec<u8>),
    Number(Decimal),
    Bool(bool),
    Null,
}

/// Why a text is no predicate: at which byte, what is wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PredicateError {
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What is allowed.
    pub allowed: &'static str,
}

const SUBJECTS: &str = "`$.path`, `status` or `header:NAME`, then an operator";
const OPERATORS: &str =
    "`==`, `!=`, `<`, `>`, `starts with`, `ends with` and a value, or `is null`, `is empty`, `exists`";
const VALUES: &str = "a string in quotes, a number, true, false or null";

impl Predicate {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Predicate, PredicateError> {
        let fail = |offset, message: String, allowed| Err(PredicateError { offset, message, allowed });
        let Some((at, operator)) = operator(text) else {
            return fail(0, "there is no operator".into(), OPERATORS);
        };
        let subject = match text.get(..at).unwrap_or_default().trim() {
            "status" => Subject::Status,
            path if path.starts_with('$') => match Selector::parse(path) {
                Ok(selector) => Subject::Path(selector),
                Err(error) => return fail(error.offset, error.message, SUBJECTS),
            },
            other => match other.strip_prefix("header:").map(str::parse::<HeaderName>) {
                Some(Ok(name)) => Subject::Header(name),
                Some(Err(_)) => return fail(7, "this is not a header's name".into(), SUBJECTS),
                None => return fail(0, format!("`{other}` names nothing of an answer"), SUBJECTS),
            },
        };
        let rest = at + operator.len();
        let after = text.get(rest..).unwrap_or_default();
        let value_at = rest + (after.len() - after.trim_start().len());
        let test = test(operator, after.trim()).map_err(|(message, allowed)| PredicateError {
            offset: value_at,
            message,
            allowed,
        })?;
        match (&subject, &test) {
            (Subject::Status, Test::IsNull | Test::IsEmpty | Test::Exists) => {
                fail(at, "every answer has a status, which is never null or empty".into(), OPERATORS)
            }
            (Subject::Status, Test::Equals(Value::Number(_)) | Test::Differs(Value::Number(_)))
            | (Subject::Status, Test::Below(_) | Test::Above(_))
            | (Subject::Path(_) | Subject::Header(_), _) => Ok(Predicate { subject, test }),
            (Subject::Status, _) => fail(value_at, "a status is a number".into(), "a number, such as 404"),
        }
    }
}

const WORDS: [&str; 9] = ["==", "!=", "<", ">", "starts with", "ends with", "is null", "is empty", "exists"];

/// The first operator outside quotes and brackets, and where it stands.
fn operator(text: &str) -> Option<(usize, &'static str)> {
    let (mut quote, mut depth) = (None, 0u32);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => {
                let rest = text.get(at..).unwrap_or_default();
                // A word stands apart from what is before it: `$.exists exists`.
                let apart = at == 0 || text.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace);
                let found = WORDS
                    .iter()
                    .find(|word| rest.starts_with(**word) && (apart || !word.starts_with(|c: char| c.is_alphabetic())));
                if let Some(word) = found {
                    return Some((at, word));
                }
            }
            _ => {}
        }
    }
    None
}

type Refusal = (String, &'static str);

fn test(operator: &str, value: &str) -> Result<Test, Refusal> {
    if matches!(operator, "is null" | "is empty" | "exists") {
        return match value.is_empty() {
            true if operator == "is null" => Ok(Test::IsNull),
            true if operator == "is empty" => Ok(Test::IsEmpty),
            true => Ok(Test::Exists),
            false => Err((format!("`{operator}` takes no value"), "nothing after it")),
        };
    }
    let value = read_value(value)?;
    let text = |value| match value {
        Value::Text(text) if !text.is_empty() => Ok(text),
        _ => Err((format!("`{operator}` takes a string that is not empty"), "a string in quotes, such as '...'")),
    };
    let number = |value| match value {
        Value::Number(number) => Ok(number),
        _ => Err((format!("`{operator}` compares numbers"), "a number")),
    };
    Ok(match operator {
        "==" => Test::Equals(value),
        "!=" => Test::Differs(value),
        "<" => Test::Below(number(value)?),
        ">" => Test::Above(number(value)?),
        "starts with" => Test::StartsWith(text(value)?),
        _ => Test::EndsWith(text(value)?),
    })
}

fn read_value(text: &str) -> Result<Value, Refusal> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            return match inner.strip_suffix(quote) {
                Some(inner) if !inner.contains(quote) => Ok(Value::Text(inner.as_bytes().to_vec())),
                _ => Err(("the string does not end where the predicate does".into(), VALUES)),
            };
        }
    }
    match text {
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        "null" => Ok(Value::Null),
        number if is_json_number(number) => Ok(Value::Number(Decimal::parse(number))),
        "" => Err(("a value is missing".into(), VALUES)),
        other => Err((format!("`{other}` is no value"), VALUES)),
    }
}

/// Which of these branches an answer took, by position. A body that was not kept whole, or does not read, takes none by a path.
pub fn taken(branches: &[Branch], answer: &Response, rules: &RuleSet, context: &Context) -> Vec<usize> {
    let wants_body = branches.iter().any(|branch| matches!(branch.when.subject, Subject::Path(_)));
    let take = |document: Option<&Document<'_>>| {
        let took = branches.iter().enumerate().filter(|(_, branch)| branch.when.holds(answer, document));
        took.map(|(at, _)| at).collect()
    };
    match wants_body {
        true => with_document(answer, rules, context, take),
        false => take(None),
    }
}

/// Reads an answer's body as the judge does, and hands its tree over; `None` where it has none.
pub fn with_document<T>(
    answer: &Response,
    rules: &RuleSet,
    context: &Context,
    read: impl FnOnce(Option<&Document<'_>>) -> T,
) -> T {
    let Body::Complete(body) = &answer.body else { return read(None) };
    let (cap, reading) = (context.limits.decoded_bytes, rules.body().map(|(_, media)| media));
    let Ok(decoded) = decode_as(body.contiguous(), &answer.headers, cap, reading) else { return read(None) };
    if decoded.media == Media::Json {
        let options = ParseOptions::new(context.limits.depth, context.hash_key);
        return read(read_json(&decoded, &options).ok().as_ref());
    }
    let (Media::Html | Media::Xml | Media::Form, Some(text)) = (decoded.media, decoded.text.as_deref()) else {
        return read(None);
    };
    let [canonical, _] = canonical_pair(decoded.media, [Some(text), Some("")], context.limits.depth);
    match &canonical {
        Ok(canonical) => read(read_markup(canonical, context.hash_key).ok().as_ref()),
        Err(_) => read(None),
    }
}

impl Predicate {
    fn holds(&self, answer: &Response, document: Option<&Document<'_>>) -> bool {
        match &self.subject {
            Subject::Status => self.test.of_number(&Decimal::parse(answer.status.as_str())),
            Subject::Header(name) => {
                answer.headers.get_all(name).iter().any(|value| self.test.of_text(value.as_bytes(), true))
            }
            Subject::Path(selector) => document.is_some_and(|document| {
                selector.pick(document).into_iter().any(|node| self.test.of_node(document, node))
            }),
        }
    }
}

/// Which of two exact decimals is the greater.
fn order(a: &Decimal, b: &Decimal) -> Ordering {
    match (a.negative, b.negative) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => a.cmp_magnitude(b),
        (true, true) => b.cmp_magnitude(a),
    }
}

impl Test {
    fn of_number(&self, number: &Decimal) -> bool {
        match self {
            Test::Equals(Value::Number(other)) => number == other,
            Test::Differs(Value::Number(other)) => number != other,
            Test::Differs(_) | Test::Exists => true,
            Test::Below(other) => order(number, other) == Ordering::Less,
            Test::Above(other) => order(number, other) == Ordering::Greater,
            _ => false,
        }
    }
    /// A header's text is compared with a number as one where it spells one.
    fn of_text(&self, text: &[u8], of_header: bool) -> bool {
        if of_header
            && matches!(
                self,
                Test::Below(_) | Test::Above(_) | Test::Equals(Value::Number(_)) | Test::Differs(Value::Number(_))
            )
        {
            let number = std::str::from_utf8(text).ok().map(str::trim).filter(|text| is_json_number(text));
            return match number {
                Some(number) => self.of_number(&Decimal::parse(number)),
                None => matches!(self, Test::Differs(_)),
            };
        }
        match self {
            Test::Equals(Value::Text(other)) => text == &**other,
            Test::Differs(Value::Text(other)) => text != &**other,
            Test::Differs(_) | Test::Exists => true,
            Test::StartsWith(start) => text.starts_with(start),
            Test::EndsWith(end) => text.ends_with(end),
            Test::IsEmpty => text.is_empty(),
            _ => false,
        }
    }
    fn of_node(&self, document: &Document<'_>, node: NodeId) -> bool {
        match document.kind(node) {
            NodeKind::String => self.of_text(&document.string(node), false),
            NodeKind::Number => document.decimal(node).is_some_and(|number| self.of_number(&number)),
            NodeKind::Bool => {
                let value = document.raw(node) == "true";
                match self {
                    Test::Equals(Value::Bool(other)) => value == *other,
                    Test::Differs(Value::Bool(other)) => value != *other,
                    Test::Differs(_) | Test::Exists => true,
                    _ => false,
                }
            }
            NodeKind::Null => match self {
                Test::Equals(Value::Null) | Test::IsNull | Test::Exists => true,
                Test::Differs(other) => !matches!(other, Value::Null),
                _ => false,
            },
            NodeKind::Array | NodeKind::Object => match self {
                Test::IsEmpty => document.children(node).next().is_none(),
                Test::Differs(_) | Test::Exists => true,
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests;
