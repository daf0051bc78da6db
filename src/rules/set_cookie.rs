//! `set_cookie`: a cookie that the sides call by different names is compared as one. Its flags and its lifetime still count,
//! and so does its absence, but where one side, named by the rule, takes its own cookie away alone.

use super::{SetCookie, SideChoice};

/// True for what can be the name of a cookie.
pub(crate) fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"=;,\"".contains(&b))
}

pub(super) fn check(rule: &SetCookie, path: Option<&str>) -> Result<(), (&'static str, String)> {
    if path.is_some() {
        return Err(("path", "`set_cookie` acts on the Set-Cookie fields; leave the path out".into()));
    }
    if let Some(name) = [&rule.primary, &rule.candidate].into_iter().find(|name| !is_cookie_name(name)) {
        return Err(("set_cookie", format!("`{name}` is not the name of a cookie")));
    }
    if rule.cleared_by == Some(SideChoice::Both) {
        return Err(("set_cookie", "one side may clear its cookie alone; both would hide any missing one".into()));
    }
    if rule.primary == rule.candidate && rule.cleared_by.is_none() {
        return Err(("set_cookie", "cookies of one name are compared as one without a rule".into()));
    }
    Ok(())
}
