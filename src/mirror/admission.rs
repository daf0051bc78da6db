//! Whether a request is mirrored: decided before any body byte, each refusal with its reason, the rate limit last but for the few
//! requests that are withheld to be compared: they would have been mirrored in every other respect.

use super::back_off::Withheld;
use super::breaker::Pass;
use super::budget::Permit;
use super::in_force::InForce;
use super::sample::sampled;
use super::shared::Shared;
use crate::config::RouteConfig;
use crate::evidence::NotMirrored;
use http::{HeaderMap, Method};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What one exchange takes beside the bytes of its bodies and heads.
const OVERHEAD: usize = 1 << 10;

/// What is known of a request when its head is complete.
pub struct Facts<'r> {
    /// The declared route, where there is one.
    pub route: Option<&'r RouteConfig>,
    /// The method.
    pub method: &'r Method,
    /// All header fields as received.
    pub headers: &'r HeaderMap,
    /// The body's length; `None` where it comes in chunks, `Some(0)` without a body.
    pub body_length: Option<u64>,
    /// The client's address.
    pub peer: IpAddr,
    /// It wants another protocol.
    pub upgrade: bool,
    /// It carries a valid marker.
    pub marked: bool,
}

impl Facts<'_> {
    /// True for a log-in that `[mirror.session] establish` names.
    pub fn establishes(&self) -> bool {
        self.route.is_some_and(|route| route.establishes)
    }
}

/// The permit, or the first reason against it. `late` where this thread has no time to mirror.
pub(super) fn admit(
    shared: &Shared,
    force: &Arc<InForce>,
    facts: &Facts<'_>,
    late: bool,
) -> Result<Permit, NotMirrored> {
    let mirror = &force.config.mirror;
    refused_by_kind(shared, force, facts).map_or(Ok(()), Err)?;
    if late {
        return Err(NotMirrored::Lag);
    }
    if facts.body_length.is_some_and(|length| length > mirror.max_body as u64) {
        return Err(NotMirrored::Body);
    }
    // A log-in has no session yet to be sampled by, and each sampled session needs its own.
    let in_anyway = facts.establishes() && mirror.basis_points > 0;
    let is_in = |basis_points| in_anyway || sampled(basis_points, &mirror.key, facts.headers, facts.peer);
    let share = force.back_off.basis_points(mirror.basis_points);
    if !is_in(share) {
        let backed_off = share < mirror.basis_points && is_in(mirror.basis_points);
        return Err(if backed_off { NotMirrored::BackOff } else { NotMirrored::Percent });
    }
    let pass = force.breaker.pass(std::time::Instant::now()).ok_or(NotMirrored::Breaker)?;
    let heads: usize = facts.headers.values().map(|value| value.len()).sum();
    let body = facts.body_length.unwrap_or(0) as usize;
    let permit = force.permit(OVERHEAD + heads + body, pass == Pass::Probe)?;
    match &force.limiter {
        Some(limiter) if limiter.check().is_err() => Err(NotMirrored::Rate),
        _ => Ok(permit),
    }
}

/// Takes the permit away again where the request is to be a control request. Never a write or a log-in, whose loss at the
/// candidate would show in what is mirrored later; never the request by which the breaker looks whether the candidate is back.
pub(super) fn withhold(force: &InForce, facts: &Facts<'_>, permit: Permit) -> Result<Permit, Withheld> {
    if !facts.method.is_safe() || facts.establishes() || permit.is_probe() {
        return Ok(permit);
    }
    // Without this one's own place.
    let in_flight = force.in_use.now().0.saturating_sub(1);
    force.back_off.withhold(in_flight).map_or(Ok(permit), Err)
}

/// What kind of request is not mirrored, whatever the load.
fn refused_by_kind(shared: &Shared, force: &InForce, facts: &Facts<'_>) -> Option<NotMirrored> {
    let allowed = match facts.route.and_then(|route| route.mirror) {
        _ if facts.establishes() => true,
        Some(allowed) => allowed,
        None => force.config.mirror.methods.contains(facts.method),
    };
    let never = facts.route.is_some_and(|route| route.mirror == Some(false));
    let refusals = [
        (facts.marked, NotMirrored::Marked),
        (facts.route.is_some_and(|route| route.owned_by_candidate), NotMirrored::Owned),
        (facts.upgrade, NotMirrored::Upgrade),
        (!shared.mirroring.load(Relaxed), NotMirrored::Off),
        (shared.draining.load(Relaxed), NotMirrored::Draining),
        (force.config.candidate.is_none(), NotMirrored::NoCandidate),
        (!never && !allowed, NotMirrored::Method),
        (never, NotMirrored::Route),
    ];
    refusals.into_iter().find_map(|(refused, reason)| refused.then_some(reason))
}
