//! `[[role]]`: the monolith's responsibilities, and which of them each needs.

use super::error::ConfigError;
use super::raw::{RawConfig, RawRole, RawRoute};
use super::source::Source;
use std::sync::Arc;

/// One of the monolith's responsibilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Roles that it needs, as declared.
    pub depends_on: Vec<Arc<str>>,
}

/// Roles at most.
const MOST: usize = 1_000;

/// All `[[role]]`s. A role that another depends on need not be declared: a tee may see nothing of it.
pub(super) fn roles(
    source: &Source<'_>,
    raw: &[RawRole],
    warnings: &mut Vec<String>,
) -> Result<Vec<Role>, ConfigError> {
    let mut roles: Vec<Role> = Vec::new();
    for role in raw {
        let name: Arc<str> = source.expand(&role.name)?.into();
        if roles.iter().any(|other| other.name == name) {
            return Err(source.error(role.name.span(), format!("the role `{name}` is already declared")));
        }
        if roles.len() >= MOST || role.depends_on.len() > MOST {
            return Err(source.error(role.name.span(), format!("more than {MOST} roles")));
        }
        let mut depends_on: Vec<Arc<str>> = Vec::new();
        for text in &role.depends_on {
            let other: Arc<str> = source.expand(text)?.into();
            if depends_on.contains(&other) {
                return Err(source.error(text.span(), format!("`{name}` depends on `{other}` already")));
            }
            depends_on.push(other);
        }
        roles.push(Role { name, depends_on });
    }
    for role in &roles {
        for other in &role.depends_on {
            if !roles.iter().any(|role| role.name == *other) {
                warnings.push(format!(
                    "the role `{}` depends on `{other}`, which no [[role]] declares: nothing of it can be seen",
                    role.name
                ));
            }
        }
    }
    Ok(roles)
}

/// A route's role; it must be declared where any role is.
pub(super) fn role_of(source: &Source<'_>, route: &RawRoute, roles: &[Role]) -> Result<Option<Arc<str>>, ConfigError> {
    let Some(text) = &route.role else { return Ok(None) };
    let name: Arc<str> = source.expand(text)?.into();
    if !roles.is_empty() && !roles.iter().any(|role| role.name == name) {
        let names: Vec<&str> = roles.iter().map(|role| &*role.name).collect();
        let error = source.error(text.span(), format!("the role `{name}` is not declared"));
        let error = error.near(&name, names.iter().copied());
        return Err(error.allowing(format!("a declared [[role]] ({})", names.join(", "))));
    }
    Ok(Some(name))
}

/// No route may belong to a candidate that there is not.
pub(super) fn check_owners(source: &Source<'_>, raw: &RawConfig, has_candidate: bool) -> Result<(), ConfigError> {
    let mut owners = raw.route.iter().filter_map(|route| route.owner.as_ref());
    match owners.find(|owner| owner.get_ref() == "candidate" && !has_candidate) {
        None => Ok(()),
        Some(owned) => Err(source
            .error(owned.span(), "this route belongs to the candidate, and there is none")
            .allowing("[upstreams.candidate] url, or owner = \"primary\"")),
    }
}
