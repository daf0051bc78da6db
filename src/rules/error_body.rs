//! `error_body`: for these statuses, equal on both sides, only the status and the content type are compared.

use super::ErrorBody;

pub(super) fn check(rule: &ErrorBody, path: Option<&str>) -> Result<(), (&'static str, String)> {
    if path.is_some() {
        return Err(("path", "`error_body` acts on the whole answer; leave the path out".into()));
    }
    match rule.statuses.iter().find(|status| !(400..=599).contains(*status)) {
        Some(status) => Err(("error_body", format!("{status} is no error status; allowed are 400 to 599"))),
        None if rule.statuses.is_empty() => Err(("error_body", "name at least one status, such as [404]".into())),
        None => Ok(()),
    }
}
