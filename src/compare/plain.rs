//! Bodies that are no trees: text by lines, anything else by bytes. One difference for the whole body.

use super::tell::excerpt;
use super::{Difference, Kind, Place, Severity};
use similar::{Algorithm, DiffOp};

/// Lines of both sides, between their equal ends, that are still aligned; beyond it the middle is shown as it is.
const LINES: usize = 2_048;
/// Characters shown of each side.
const SHOWN: usize = 400;
/// Bytes shown of each side, as hex.
const BYTES: usize = 32;

/// The difference between two texts; `None` where they are the same.
pub(crate) fn text(primary: &str, candidate: &str) -> Option<Difference> {
    if primary == candidate {
        return None;
    }
    let (mine, theirs): (Vec<&str>, Vec<&str>) =
        (primary.split_inclusive('\n').collect(), candidate.split_inclusive('\n').collect());
    let head = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (mine, theirs) = (mine.get(head..).unwrap_or(&[]), theirs.get(head..).unwrap_or(&[]));
    let tail = mine.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    let (mine, theirs) =
        (mine.get(..mine.len() - tail).unwrap_or(&[]), theirs.get(..theirs.len() - tail).unwrap_or(&[]));
    let (mut removed, mut added) = (String::new(), String::new());
    if mine.len() + theirs.len() > LINES {
        (removed, added) = (mine.concat(), theirs.concat());
    } else {
        for op in similar::capture_diff_slices(Algorithm::Myers, mine, theirs) {
            if !matches!(op, DiffOp::Equal { .. }) {
                removed.push_str(&mine.get(op.old_range()).unwrap_or(&[]).concat());
                added.push_str(&theirs.get(op.new_range()).unwrap_or(&[]).concat());
            }
        }
    }
    Some(whole_body("text", excerpt(&removed, SHOWN), excerpt(&added, SHOWN)))
}

/// The difference between two runs of bytes; `None` where they are the same.
pub(crate) fn bytes(primary: &[u8], candidate: &[u8]) -> Option<Difference> {
    if primary == candidate {
        return None;
    }
    let at = primary.iter().zip(candidate).take_while(|(a, b)| a == b).count();
    let show = |bytes: &[u8]| {
        let window = bytes.get(at..(at + BYTES).min(bytes.len())).unwrap_or(&[]);
        let hex: String = window.iter().map(|byte| format!("{byte:02x}")).collect();
        excerpt(&format!("{} bytes, from {at}: {hex}", bytes.len()), SHOWN)
    };
    Some(whole_body("bytes", show(primary), show(candidate)))
}

fn whole_body(what: &str, primary: String, candidate: String) -> Difference {
    Difference {
        place: Place::Body,
        path: String::new(),
        beside: None,
        kind: Kind::Body,
        detail: Some(what.to_string()),
        primary: Some(primary),
        candidate: Some(candidate),
        severity: Severity::Medium,
        shape: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_lines_that_differ() {
        let difference = text("a\nb\nc\n", "a\nB\nc\nd\n").unwrap();
        assert_eq!(
            (difference.primary.as_deref(), difference.candidate.as_deref()),
            (Some("\"b\\n\""), Some("\"B\\nd\\n\""))
        );
        assert_eq!((difference.kind, difference.path.as_str()), (Kind::Body, ""));
        assert_eq!(text("", ""), None);
        assert!(text("x", "x\n").is_some());
    }

    #[test]
    fn shows_where_bytes_part() {
        let difference = bytes(b"\x00\x01\xff", b"\x00\x01\xfe\x00").unwrap();
        assert_eq!(difference.primary.as_deref(), Some("\"3 bytes, from 2: ff\""));
        assert_eq!(bytes(b"", b""), None);
        assert!(bytes(b"", b" ").is_some());
    }
}
