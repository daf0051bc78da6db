//! Operations that share one path (`split_by`): each becomes a route of its own, `POST /graphql#GetReview`.
//!
//! Their names come from whoever sends requests, and are stored and shown: at most 500 a route, and none that is long, of
//! unusual characters, or that looks like an id or a secret. What has no name of its own is `(none)`, `(batch)` or `(other)`.

use crate::config::{Config, RouteConfig, RouteIndex, SplitBy};
use crate::document::{Media, decode_as, json};
use crate::exchange::{Request, Route};
use crate::redact::{Redactor, decoded};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Operations told apart on one route.
const OPERATIONS: usize = 500;
/// Bytes of an operation's name.
const NAME: usize = 100;
/// A request's body is read up to here, its content coding undone.
const BODY: usize = 1 << 20;
/// Levels of a body that are read.
const DEPTH: usize = 128;

/// Names no operation.
const NONE: &str = "(none)";
/// Several calls in one body.
const BATCH: &str = "(batch)";
/// A name that is not kept, or one too many.
const OTHER: &str = "(other)";

/// What has been done about operations so far, over all routes.
#[derive(Default)]
pub(super) struct Tally {
    known: AtomicU64,
    unfit: AtomicU64,
    full: AtomicU64,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Operations that are told apart.
    pub known: u64,
    /// Exchanges whose operation's name is not one that may be kept.
    pub unfit: u64,
    /// Exchanges of operations beyond the bound.
    pub full: u64,
}

impl Tally {
    pub(super) fn counts(&self) -> OperationCounts {
        let read = |number: &AtomicU64| number.load(Relaxed);
        OperationCounts { known: read(&self.known), unfit: read(&self.unfit), full: read(&self.full) }
    }
}

/// The operations of one route, by name.
struct Table {
    named: HashMap<String, Route>,
    /// Those without a name of their own.
    others: HashMap<&'static str, Route>,
    tally: Arc<Tally>,
}

impl Table {
    fn new(tally: &Arc<Tally>) -> Table {
        Table { named: HashMap::new(), others: HashMap::new(), tally: tally.clone() }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.tally.known.fetch_sub(self.named.len() as u64, Relaxed);
    }
}

/// The operations seen so far of one config's routes that are split.
pub(super) struct Operations(HashMap<RouteIndex, Rc<RefCell<Table>>>);

impl Operations {
    /// Those of this config. A route that was split in the same way by the config before goes on with what was seen then.
    pub(super) fn new(config: &Config, tally: &Arc<Tally>, before: Option<(&Operations, &Config)>) -> Operations {
        let known = |route: &RouteConfig| {
            let (operations, config) = before?;
            let index = config.routes.by_name(&route.route.name)?;
            let same = config.routes.get(index).split_by == route.split_by;
            operations.0.get(&index).filter(|_| same).cloned()
        };
        let split = (0..).map(RouteIndex).zip(config.routes.iter()).filter(|(_, route)| route.split_by.is_some());
        let new = || Rc::new(RefCell::new(Table::new(tally)));
        Operations(split.map(|(index, route)| (index, known(route).unwrap_or_else(new))).collect())
    }
    /// The route of a request's operation; the declared one where that is not split.
    pub(super) fn route(
        &self,
        index: RouteIndex,
        route: &RouteConfig,
        request: &Request,
        redactor: &Redactor,
    ) -> Route {
        match (&route.split_by, self.0.get(&index)) {
            (Some(by), Some(table)) => table.borrow_mut().route((&route.route, by), request, redactor),
            _ => route.route.clone(),
        }
    }
}

impl Table {
    fn route(&mut self, (declared, by): (&Route, &SplitBy), request: &Request, redactor: &Redactor) -> Route {
        let word = match operation(by, request) {
            Named::Nothing => NONE,
            Named::Batch => BATCH,
            Named::As(name) if self.named.contains_key(name.as_ref()) => return self.named[name.as_ref()].clone(),
            Named::As(name) if may_be_kept(&name, redactor) => {
                if self.named.len() < OPERATIONS {
                    self.tally.known.fetch_add(1, Relaxed);
                    let route = declared.operation(&name);
                    self.named.insert(name.into_owned(), route.clone());
                    return route;
                }
                self.tally.full.fetch_add(1, Relaxed);
                OTHER
            }
            Named::As(_) | Named::Unfit => {
                self.tally.unfit.fetch_add(1, Relaxed);
                OTHER
            }
        };
        self.others.entry(word).or_insert_with(|| declared.operation(word)).clone()
    }
}

/// What a request says.
#[derive(Debug, PartialEq, Eq)]
enum Named<'r> {
    Nothing,
    As(Cow<'r, str>),
    /// Several calls.
    Batch,
    /// Two answers, or one that is no name.
    Unfit,
}

fn operation<'r>(by: &SplitBy, request: &'r Request) -> Named<'r> {
    match by {
        SplitBy::Json(selector) => in_body(selector, request),
        SplitBy::Header(name) => {
            let values = request.headers.get_all(name).iter();
            one(values.map(|value| value.to_str().ok().map(|text| Cow::Borrowed(text.trim()))))
        }
        SplitBy::Query(key) => in_query(key, &request.target),
        SplitBy::Grpc => {
            let path = request.path();
            let method = path.rfind('/').filter(|at| at + 1 < path.len());
            let service = method.and_then(|at| path.get(..at)?.rfind('/').filter(|before| before + 1 < at));
            service.and_then(|at| path.get(at + 1..)).map_or(Named::Nothing, |name| Named::As(Cow::Borrowed(name)))
        }
    }
}

/// The one thing that is said; sides need not agree which of two counts.
fn one<'r>(mut values: impl Iterator<Item = Option<Cow<'r, str>>>) -> Named<'r> {
    let Some(first) = values.next() else { return Named::Nothing };
    match (first, values.next()) {
        (Some(name), None) if name.is_empty() => Named::Nothing,
        (Some(name), None) => Named::As(name),
        _ => Named::Unfit,
    }
}

fn in_query<'r>(key: &str, target: &'r str) -> Named<'r> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    one(pairs.filter(|(name, _)| decoded(name) == key).map(|(_, value)| Some(decoded(value))))
}

fn in_body<'r>(selector: &crate::rules::Selector, request: &Request) -> Named<'r> {
    let body = request.body.kept().contiguous();
    let decoded = decode_as(body, &request.headers, BODY, Some(Media::Json));
    let Some(text) = decoded.as_ref().ok().and_then(|decoded| decoded.text.as_deref()) else { return Named::Nothing };
    let Ok(document) = json::Document::parse_text(text, &json::ParseOptions::new(DEPTH, 0)) else {
        return Named::Nothing;
    };
    let mut at = document.root();
    for (depth, segment) in selector.segments.iter().enumerate() {
        if depth == 0 && document.kind(at) == json::NodeKind::Array && segment.pick.of(&document, at).is_none() {
            return Named::Batch;
        }
        // Readers differ in which of two members of one name counts.
        if document.has_duplicates(at) {
            return Named::Unfit;
        }
        match segment.pick.of(&document, at) {
            Some(child) => at = child,
            None => return Named::Nothing,
        }
    }
    match document.kind(at) {
        json::NodeKind::Null => Named::Nothing,
        json::NodeKind::String => match String::from_utf8(document.string(at).into_owned()) {
            Ok(name) if name.is_empty() => Named::Nothing,
            Ok(name) => Named::As(name.into()),
            Err(_) => Named::Unfit,
        },
        json::NodeKind::Number => Named::As(document.raw(at).to_owned().into()),
        _ => Named::Unfit,
    }
}

/// Whether a name may be stored and shown: short, of the characters that names have, and no id or secret by its looks.
fn may_be_kept(name: &str, redactor: &Redactor) -> bool {
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/');
    name.len() <= NAME
        && name.bytes().all(usual)
        && name.bytes().any(|b| b.is_ascii_alphanumeric())
        && !looks_random(name)
        && redactor.text(name) == name
}

/// Names have words in them; ids, keys and hashes have digits among letters, or many digits.
fn looks_random(name: &str) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    // A version's date has eight: `DynamoDB_20120810.GetItem`.
    if digits(name) >= 10 || name.len() > 4 && digits(name) == name.len() {
        return true;
    }
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        let shouted = !word.bytes().any(|b| b.is_ascii_lowercase());
        match digits(word) {
            0 => word.len() > 64 || hex && word.len() >= 16,
            1 | 2 => (hex || shouted) && word.len() >= 12,
            _ => hex && word.len() >= 12 || word.len() >= 20,
        }
    })
}

#[cfg(test)]
mod tests;
