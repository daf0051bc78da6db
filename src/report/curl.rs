//! A stored request as a line for a shell, against either side.

use crate::evidence::StoredRequest;
use std::fmt::Write;

/// Where the sides are, as the start of a URL; a shell variable where nobody has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The monolith.
    pub primary: String,
    /// The new API.
    pub candidate: String,
}

impl Default for Sides {
    fn default() -> Sides {
        Sides { primary: "$PRIMARY".to_owned(), candidate: "$CANDIDATE".to_owned() }
    }
}

impl Sides {
    /// The sides of a config.
    pub fn of(config: &crate::config::Config) -> Sides {
        let urls = std::iter::once(&config.primary).chain(&config.candidate).map(crate::config::Upstream::url);
        Sides::named(&urls.collect::<Vec<_>>())
    }
    /// The primary's URL and the candidate's, as far as they are known.
    pub fn named(urls: &[String]) -> Sides {
        let unknown = Sides::default();
        Sides {
            primary: urls.first().cloned().unwrap_or(unknown.primary),
            candidate: urls.get(1).cloned().unwrap_or(unknown.candidate),
        }
    }
}

/// Fields that curl sets itself, or that belong to one connection.
const LEFT_OUT: &[&str] =
    &["connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// The line. Redacted values stay as their tokens: what stood there is not known any more.
pub fn line(request: &StoredRequest, base: &str) -> String {
    let mut line = String::from("curl -sS -i");
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => line.push_str(" --head"),
        method => {
            let _ = write!(line, " -X {}", quote(method));
        }
    }
    // A double-quoted variable, then the quoted rest: nothing of a stored target is ever expanded by the shell.
    match base.strip_prefix('$') {
        Some(_) => {
            let _ = write!(line, " --path-as-is \"{base}\"{}", quote(&request.target));
        }
        None => {
            let _ = write!(line, " --path-as-is {}", quote(&format!("{base}{}", request.target)));
        }
    }
    for (name, value) in &request.headers {
        if !LEFT_OUT.iter().any(|left_out| left_out.eq_ignore_ascii_case(name)) {
            let _ = write!(line, " -H {}", quote(&format!("{name}: {value}")));
        }
    }
    if let Some(body) = &request.body {
        let _ = write!(line, " --data-raw {}", quote(body));
    }
    line
}

/// One word for a POSIX shell; control characters go in as `$'…'` escapes.
fn quote(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let mut out = String::from("$'");
        for c in text.chars() {
            match c {
                '\'' | '\\' => {
                    out.push('\\');
                    out.push(c);
                }
                '\n' => out.push_str("\\n"),
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        return out + "'";
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_request_is_expanded_by_the_shell() {
        let request = StoredRequest {
            method: "POST".into(),
            target: "/a'$(rm)?x=`y`".into(),
            headers: vec![("content-length".into(), "3".into()), ("x-a".into(), "it's\u{1b}[31m".into())],
            body: Some("a\nb".into()),
            body_length: 3,
        };
        assert_eq!(
            line(&request, "$PRIMARY"),
            "curl -sS -i -X 'POST' --path-as-is \"$PRIMARY\"'/a'\\''$(rm)?x=`y`' -H $'x-a: it\\'s\\u001b[31m' \
             --data-raw $'a\\nb'"
        );
        assert!(line(&request, "http://h:1").contains(" 'http://h:1/a'\\''"));
    }
}
