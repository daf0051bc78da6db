//! Generalised places: what stays of a path when indices and ids are taken out.

/// A pointer with indices and id-like names as `*`.
pub(crate) fn general_pointer(pointer: &str) -> String {
    let mut out = String::with_capacity(pointer.len());
    for token in pointer.split('/').skip(1) {
        out.push('/');
        out.push_str(if is_id_like(token) { "*" } else { token });
    }
    out
}

/// Digits (also with dashes, dots, colons: dates, ISBNs), UUIDs, hex of 8 or more, and long mixed ids.
fn is_id_like(token: &str) -> bool {
    let bytes = token.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    let only = |allowed: fn(&u8) -> bool| bytes.iter().all(allowed);
    only(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':' | b'+'))
        || crate::rules::is_uuid(token)
        || (bytes.len() >= 8 && only(u8::is_ascii_hexdigit))
        || (bytes.len() >= 16
            && digits >= 4
            && only(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_ids_become_stars_and_names_stay() {
        for (pointer, general) in [
            ("", ""),
            ("/", "/"),
            ("/reviews/12/summary", "/reviews/*/summary"),
            ("/by_day/2026-11-23/n", "/by_day/*/n"),
            ("/u/c3d1e7a4-11aa-4b2c-9d3e-5f60718293a4", "/u/*"),
            ("/commits/0a1b2c3d", "/commits/*"),
            ("/t/01ARZ3NDEKTSV4RRFFQ69G5FAV/x", "/t/*/x"),
            ("/isbn13", "/isbn13"),
            ("/deadbeef", "/deadbeef"),
            ("/address_line_2", "/address_line_2"),
            ("/a~1b/c", "/a~1b/c"),
        ] {
            assert_eq!(general_pointer(pointer), general);
        }
    }
}
