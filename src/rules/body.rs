//! `body`: how the bodies of a route are read, whatever their Content-Type says. It hides nothing: the header is compared.

use super::{RuleError, RuleKind, RuleSpec};
use crate::document::Media;

/// Refuses a path, a reading that there is not, and two readings of one route.
pub(super) fn check(specs: &[RuleSpec]) -> Result<(), RuleError> {
    let bodies = || specs.iter().filter(|spec| matches!(spec.kind, RuleKind::Body(_)));
    for (at, spec) in bodies().enumerate() {
        let fail = |key, message: &str| {
            Err(RuleError { rule: spec.name.to_string(), key, message: message.into(), offset: None })
        };
        if spec.path.is_some() {
            return fail("path", "`body` acts on whole bodies: remove the path");
        }
        if matches!(spec.kind, RuleKind::Body(Media::Bytes | Media::None)) {
            return fail("body", "bodies are read as html, xml, json, form or text");
        }
        if bodies().take(at).any(|other| other.of_route == spec.of_route) {
            return fail("body", "another rule says already how these bodies are read");
        }
    }
    Ok(())
}
