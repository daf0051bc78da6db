//! An RFC 6902 patch: one operation a line, values as the candidate spells them.

use super::compact::tight;
use super::json::escape;
use crate::compare::{Act, Operation};
use crate::document::json::{Document, NodeId};
use std::io::{self, Write};

/// Writes the operations; `candidate` is the document that they lead to.
pub fn write(out: &mut dyn Write, operations: &[Operation], candidate: &Document<'_>) -> io::Result<()> {
    if operations.is_empty() {
        return writeln!(out, "[]");
    }
    writeln!(out, "[")?;
    for (at, operation) in operations.iter().enumerate() {
        let path = escape(&operation.path);
        let value = |node: NodeId| tight(candidate.raw(node));
        match &operation.act {
            Act::Add(node) => write!(out, r#"  {{"op":"add","path":{path},"value":{}}}"#, escape(&value(*node)))?,
            Act::Remove => write!(out, r#"  {{"op":"remove","path":{path}}}"#)?,
            Act::Replace(node) => {
                write!(out, r#"  {{"op":"replace","path":{path},"value":{}}}"#, escape(&value(*node)))?;
            }
            Act::Move(from) => write!(out, r#"  {{"op":"move","from":{},"path":{path}}}"#, escape(from))?,
        }
        out.write_all(if at + 1 < operations.len() { b",\n" } else { b"\n" })?;
    }
    writeln!(out, "]")
}
