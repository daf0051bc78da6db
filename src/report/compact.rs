//! JSON text on one line: whitespace between tokens is laid out anew, and every token stays as it was received.

/// The text on one line, for machines: no whitespace between tokens.
pub(super) fn tight(json: &str) -> String {
    lay_out(json, ",", ":", usize::MAX)
}

/// The text on one line, for people: a space behind commas and colons. Ends once it has more than so many bytes.
pub(super) fn spaced(json: &str, most: usize) -> String {
    lay_out(json, ", ", ": ", most)
}

fn lay_out(json: &str, comma: &str, colon: &str, most: usize) -> String {
    let mut out = String::with_capacity(json.len().min(most));
    let (mut inside, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            _ if out.len() > most => break,
            '"' if !escaped => {
                inside = !inside;
                out.push(c);
            }
            _ if inside => out.push(c),
            ' ' | '\n' | '\r' | '\t' => {}
            ',' => out.push_str(comma),
            ':' => out.push_str(colon),
            c => out.push(c),
        }
        escaped = inside && c == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_and_space_goes() {
        let json = "{ \"a, b\" :\n [1.50,\t\"\\\" , :\", \"\\\\\" , {}] }";
        assert_eq!(tight(json), "{\"a, b\":[1.50,\"\\\" , :\",\"\\\\\",{}]}");
        assert_eq!(spaced(json, 999), "{\"a, b\": [1.50, \"\\\" , :\", \"\\\\\", {}]}");
        assert_eq!(spaced("[1,2,3]", 3), "[1, ");
    }
}
