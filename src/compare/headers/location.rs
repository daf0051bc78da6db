//! Location by the parts of its URL; the first part that differs names the difference.

use super::{Difference, Fields, Severity, only};
use crate::rules::normal_escapes;

#[derive(PartialEq, Eq)]
struct Parts {
    scheme: Option<String>,
    authority: Option<String>,
    path: String,
    query: Option<String>,
    fragment: Option<String>,
}

pub(super) fn compare(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    if fields.one_sided(Severity::High, out) {
        return;
    }
    let (Some(primary), Some(candidate)) = (only(&fields.primary), only(&fields.candidate)) else {
        return fields.compare_lines(out);
    };
    let (a, b) = (parse(&primary), parse(&candidate));
    let detail = match () {
        // A relative and an absolute reference lead elsewhere as soon as a proxy renames the host.
        () if a.authority.is_some() != b.authority.is_some() => "form",
        () if a.scheme != b.scheme => "scheme",
        () if a.authority != b.authority => "host",
        () if a.path != b.path => "path",
        () if a.query != b.query => "query",
        () if a.fragment != b.fragment => "fragment",
        () => return,
    };
    fields.push(detail, Severity::High, detail, out);
}

/// RFC 3986 appendix B. Scheme and host are put in lower case, a default port and an empty path of an authority are
/// filled in, and escapes are read as the `url` rule reads them: `%7E` is `~`, but `%2F` is not `/`. Query order can mean
/// something.
fn parse(url: &str) -> Parts {
    let (rest, fragment) = split(url, '#');
    let (rest, query) = split(rest, '?');
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme.to_ascii_lowercase()), rest),
        _ => (None, rest),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let at = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(at);
            (Some(host(authority, scheme.as_deref())), if path.is_empty() { "/" } else { path })
        }
        None => (None, rest),
    };
    let (path, [query, fragment]) = (normal_escapes(path), [query, fragment].map(|part| part.map(normal_escapes)));
    Parts { scheme, authority, path, query, fragment }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn host(authority: &str, scheme: Option<&str>) -> String {
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let host = host.to_ascii_lowercase();
    let host = match scheme {
        Some("http") => host.strip_suffix(":80").unwrap_or(&host),
        Some("https") => host.strip_suffix(":443").unwrap_or(&host),
        _ => &host,
    };
    user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"))
}
