//! `[[route.branch]]`: what evidence must have seen before a route is ready.

use super::error::ConfigError;
use super::raw::RawBranch;
use super::source::Source;
use crate::evidence::{BranchNeed, Witnesses};
use crate::judge::{Branch, Predicate};
use std::sync::Arc;

/// A route's declared branches.
#[derive(Clone, Debug, Default)]
pub struct Branches {
    /// What takes each.
    pub declared: Vec<Branch>,
    /// How often each must have been taken, in the same order.
    pub needs: Vec<BranchNeed>,
}

/// Branches of one route at most: each is asked of every answer.
const MOST: usize = 32;

/// All branches of a route.
pub(super) fn branches(source: &Source<'_>, raw: &[RawBranch]) -> Result<Branches, ConfigError> {
    let mut branches = Branches::default();
    for branch in raw {
        let name: Arc<str> = source.expand(&branch.name)?.into();
        if branches.declared.iter().any(|other| other.name == name) {
            let message = format!("the route has a branch `{name}` already");
            return Err(source.error(branch.name.span(), message).allowing("a name of its own for each"));
        }
        if branches.declared.len() >= MOST {
            return Err(source.error(branch.name.span(), format!("more than {MOST} branches of one route")));
        }
        let text = source.expand(&branch.when)?;
        let when = Predicate::parse(&text).map_err(|error| {
            source.error(source.inside(&branch.when, error.offset), error.message).allowing(error.allowed)
        })?;
        let most = Witnesses::MOST as u64;
        let min = match &branch.min {
            None => 1,
            Some(min) if (1..=most).contains(min.get_ref()) => *min.get_ref(),
            Some(min) => {
                let message = format!("{} is out of range", min.get_ref());
                return Err(source.error(min.span(), message).allowing(format!("1 to {most} distinct requests")));
            }
        };
        branches.needs.push(BranchNeed { name: name.to_string(), min });
        branches.declared.push(Branch { name, when });
    }
    Ok(branches)
}
