//! Rules about places: the order of elements, a member that is not there instead of `null`; and how a place is written.

use super::pair::{Pairs, document};
use crate::document::json::token_name;
use crate::rules::RuleKind;
use serde_json::Value;

/// The path of a rule that acts wherever a general pointer points. `None` for the root.
pub(super) fn selector(general: &str) -> Option<String> {
    if general.is_empty() {
        return None;
    }
    let mut path = "$".to_owned();
    for token in general.split('/').skip(1) {
        let name = token_name(token);
        let plain = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        match token {
            "*" => path.push_str("[*]"),
            _ if plain => path.push_str(&format!(".{name}")),
            _ if name.contains(['\'', '\\']) || name.chars().any(char::is_control) => return None,
            _ => path.push_str(&format!("['{name}']")),
        }
    }
    Some(path)
}

/// A serialiser that leaves `null` out: the monolith's value is `null` each time, nothing else is ever missing there, and the
/// candidate is seen to send the member where it holds something. Without the last nobody could tell it from a member that
/// was forgotten.
pub(super) fn absent(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    if pairs.all.iter().any(|pair| pair.raw[0] != "null") {
        return None;
    }
    let pointer = crate::compare::general_pointer(pairs.all.first()?.path);
    if pointer.ends_with("/*") {
        // an element less is another list
        return None;
    }
    let sent = pairs.others.iter().filter(|exemplar| {
        let candidate = document(&exemplar.candidate.body, exemplar.candidate.partial);
        candidate.is_some_and(|body| holds(&body, &pointer))
    });
    let sent = sent.count();
    let why = format!(
        "null at the monolith and not there at the candidate, which sends it where it holds something ({sent} exchanges)"
    );
    (sent > 0).then_some((RuleKind::AbsentIsNull { empty: false }, why))
}

/// True where something other than `null` stands at a place that the general pointer points to.
fn holds(value: &Value, general: &str) -> bool {
    let Some(rest) = general.strip_prefix('/') else { return !value.is_null() };
    let (token, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    match (value, token) {
        (Value::Array(all), "*") => all.iter().any(|one| holds(one, rest)),
        (Value::Object(all), "*") => all.values().any(|one| holds(one, rest)),
        (Value::Object(all), token) => all.get(&*token_name(token)).is_some_and(|one| holds(one, rest)),
        _ => false,
    }
}

/// An order that means nothing: asked for the same again, the monolith itself gives another one; and it is none by which the
/// elements are sorted.
pub(super) fn unordered(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let lists: Option<Vec<Vec<Value>>> = pairs
        .all
        .iter()
        .map(|pair| {
            let body = document(&pair.exemplar.primary.body, pair.exemplar.primary.partial)?;
            body.pointer(pair.path)?.as_array().cloned()
        })
        .collect();
    let lists = lists?;
    if is_sorted(&lists) || asks_for_order(pairs) || !orders_vary(pairs, &lists) {
        return None;
    }
    Some((RuleKind::Unordered, "the same elements, in an order that the monolith itself does not keep".to_owned()))
}

/// Whoever asks for an order is to get it; so is whoever asks for what has one by its name.
fn asks_for_order(pairs: &Pairs<'_>) -> bool {
    const WORDS: [&str; 14] = [
        "sort", "order", "rank", "top", "lead", "best", "queue", "step", "recent", "latest", "history", "timeline",
        "score", "search",
    ];
    let name = pairs.name();
    if WORDS.iter().any(|word| name.contains(word)) {
        return true;
    }
    pairs.all.iter().any(|pair| {
        let target = pair.exemplar.request.target.to_ascii_lowercase();
        WORDS.iter().any(|word| target.contains(word))
    })
}

/// The elements are in order, up or down, by themselves or by some member, in every list.
fn is_sorted(lists: &[Vec<Value>]) -> bool {
    let by = |name: Option<&str>| {
        let keys = |list: &Vec<Value>| -> Option<Vec<Key>> {
            list.iter().map(|one| key(name.map_or(Some(one), |name| one.get(name))?)).collect()
        };
        let sorted = |keys: &[Key], down: bool| {
            keys.windows(2).all(|two| if down { two[0] >= two[1] } else { two[0] <= two[1] })
        };
        let all: Option<Vec<Vec<Key>>> = lists.iter().map(keys).collect();
        let varied = |keys: &Vec<Key>| keys.iter().any(|key| Some(key) != keys.first());
        all.is_some_and(|all| {
            all.iter().any(varied) && [false, true].iter().any(|down| all.iter().all(|keys| sorted(keys, *down)))
        })
    };
    let names = lists.first().and_then(|list| list.first()).and_then(Value::as_object);
    let mut names = names.into_iter().flat_map(|object| object.keys());
    by(None) || names.any(|name| by(Some(name)))
}

/// What elements may be sorted by.
#[derive(PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Text(String),
}

fn key(value: &Value) -> Option<Key> {
    match value {
        Value::Number(number) => number.as_f64().map(Key::Number),
        Value::String(text) => Some(Key::Text(text.to_lowercase())),
        _ => None,
    }
}

/// At least twice the same was asked again, and each time the same elements came in another order.
fn orders_vary(pairs: &Pairs<'_>, lists: &[Vec<Value>]) -> bool {
    let mut again = 0;
    for (at, list) in lists.iter().enumerate() {
        let asked = |at: usize| {
            pairs.all.get(at).map(|pair| (&pair.exemplar.request.target, &pair.exemplar.principal, pair.path))
        };
        let earlier = (0..at).filter(|other| asked(*other) == asked(at)).filter_map(|other| lists.get(other));
        let same_elements =
            |other: &&Vec<Value>| other.len() == list.len() && other.iter().all(|one| list.contains(one));
        for other in earlier {
            match (same_elements(&other), other == list) {
                (true, false) => again += 1,
                _ => return false,
            }
        }
    }
    again >= 2
}
