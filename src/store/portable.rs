//! Records as JSON that another version can read: the members of a record by name, as they are stored.
//!
//! JSON has no maps with keys that are not text, and no bytes: the first are `{"$map": [[key, value], …]}`, the second
//! `{"$bytes": "hex"}`. Whatever member a record gains, an export has it.

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

const MAP: &str = "$map";
const BYTES: &str = "$bytes";

/// A record taken apart.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => out.serialize_unit(),
            Node::Bool(value) => out.serialize_bool(*value),
            Node::Unsigned(value) => out.serialize_u64(*value),
            Node::Signed(value) => out.serialize_i64(*value),
            Node::Float(value) => out.serialize_f64(*value),
            Node::Text(value) => out.serialize_str(value),
            Node::Bytes(value) => out.serialize_bytes(value),
            Node::List(items) => {
                let mut list = out.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Node::Map(items) => {
                let mut map = out.serialize_map(Some(items.len()))?;
                items.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
        inner.deserialize_any(Nodes)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(u64::try_from(value).map_or(Node::Signed(value), Node::Unsigned))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_bytes<E>(self, value: &[u8]) -> Result<Node, E> {
        Ok(Node::Bytes(value.to_vec()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(item) = items.next_entry()? {
            map.push(item);
        }
        Ok(Node::Map(map))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Node, D::Error> {
        from.deserialize_any(Nodes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?, 16).ok()).collect()
}

fn to_value(node: Node) -> Value {
    let alone = |name: &str, value| Value::Object(Map::from_iter([(name.to_owned(), value)]));
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => value.into(),
        Node::Unsigned(value) => value.into(),
        Node::Signed(value) => value.into(),
        Node::Float(value) => value.into(),
        Node::Text(value) => value.into(),
        Node::Bytes(value) => alone(BYTES, hex(&value).into()),
        Node::List(items) => Value::Array(items.into_iter().map(to_value).collect()),
        Node::Map(items) if items.iter().all(|(key, _)| matches!(key, Node::Text(text) if !text.starts_with('$'))) => {
            let named = items.into_iter().filter_map(|(key, value)| match key {
                Node::Text(name) => Some((name, to_value(value))),
                _ => None,
            });
            Value::Object(named.collect())
        }
        Node::Map(items) => {
            let pair = |(key, value)| Value::Array(vec![to_value(key), to_value(value)]);
            alone(MAP, Value::Array(items.into_iter().map(pair).collect()))
        }
    }
}

fn to_node(value: Value) -> Result<Node, String> {
    Ok(match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(value), _, _) => Node::Unsigned(value),
            (_, Some(value), _) => Node::Signed(value),
            (_, _, Some(value)) => Node::Float(value),
            _ => return Err(format!("{number} is no number that a record holds")),
        },
        Value::String(text) => Node::Text(text),
        Value::Array(items) => Node::List(items.into_iter().map(to_node).collect::<Result<_, _>>()?),
        Value::Object(mut members) => {
            if members.len() == 1
                && let Some(bytes) = members.get(BYTES)
            {
                let bytes = bytes.as_str().and_then(unhex).ok_or("$bytes is not hexadecimal text")?;
                return Ok(Node::Bytes(bytes));
            }
            if members.len() == 1
                && let Some(pairs) = members.remove(MAP)
            {
                return Ok(Node::Map(pairs_of(pairs)?));
            }
            let named = members.into_iter().map(|(name, value)| Ok((Node::Text(name), to_node(value)?)));
            Node::Map(named.collect::<Result<_, String>>()?)
        }
    })
}

fn pairs_of(pairs: Value) -> Result<Vec<(Node, Node)>, String> {
    let wrong = || "$map is not a list of pairs".to_owned();
    let Value::Array(pairs) = pairs else { return Err(wrong()) };
    let pair = |pair: Value| match pair {
        Value::Array(both) => match <[Value; 2]>::try_from(both) {
            Ok([key, value]) => Ok((to_node(key)?, to_node(value)?)),
            Err(_) => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    pairs.into_iter().map(pair).collect()
}

/// A record as JSON.
pub(super) fn write<T: Serialize>(record: &T) -> Result<Value, String> {
    let bytes = rmp_serde::to_vec_named(record).map_err(|error| error.to_string())?;
    rmp_serde::from_slice::<Node>(&bytes).map(to_value).map_err(|error| error.to_string())
}

/// JSON as the record that it must be.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let node = to_node(value)?;
    let bytes = rmp_serde::to_vec_named(&node).map_err(|error| error.to_string())?;
    rmp_serde::from_slice(&bytes).map_err(|error| error.to_string())
}

/// A number in hexadecimal, as ids are written.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    u64::from_str_radix(&text, 16).map_err(|_| D::Error::custom(format!("`{text}` is no id: 16 hexadecimal digits")))
}

/// The same, written.
pub(super) fn in_hex<S: Serializer>(number: &u64, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&format!("{number:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Builds, CellDelta};
    use crate::exchange::ExchangeId;
    use std::collections::BTreeMap;

    #[test]
    fn what_json_has_no_words_for_comes_back() {
        let mut cell = CellDelta::default();
        cell.statuses.insert((200, 404), u64::MAX);
        cell.mismatching.count(u64::MAX);
        cell.primary_us.record(77);
        (0..5_000u64).for_each(|n| cell.distinct.insert(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let text = write(&cell).unwrap().to_string();
        assert!(text.contains(r#""statuses":{"$map":[[[200,404],18446744073709551615]]}"#), "{text}");
        assert_eq!(read::<CellDelta>(serde_json::from_str(&text).unwrap()).unwrap(), cell);
        let ids = (ExchangeId(u128::MAX - 7), -3i64, BTreeMap::from([("$map".to_owned(), Some(1u8))]), None::<u8>);
        let text = write(&ids).unwrap().to_string();
        assert_eq!(
            read::<(ExchangeId, i64, BTreeMap<String, Option<u8>>, Option<u8>)>(serde_json::from_str(&text).unwrap())
                .unwrap(),
            ids
        );
        let builds = BTreeMap::from([(Builds { primary: "m".into(), candidate: "c".into() }, 3u64)]);
        assert_eq!(read::<BTreeMap<Builds, u64>>(write(&builds).unwrap()).unwrap(), builds);
        for wrong in [r#"{"$bytes":"0g"}"#, r#"{"$bytes":"abc"}"#, r#"{"$map":[[1]]}"#, r#"{"$map":3}"#] {
            assert!(read::<ExchangeId>(serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
        }
    }
}
