//! How a copy is sent: with the candidate's own credential for the client's session, which is looked up, awaited, or asked
//! for by the bridge.

use super::entry::{Asking, Held, Standing};
use super::{Jar, Sessions};
use crate::config::Bridge;
use crate::exchange::{Answer, CandidateSession, ExchangeId, Failure, Request as Asked};
use crate::mirror::ask::{CopyBody, Leg, marker_expiry_s};
use crate::mirror::lane::Job;
use crate::mirror::shared::Shared;
use crate::principal::{Claims, Credential};
use crate::upstream::origin_form;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Bytes of a bridge's answer that are read, so that its connection serves again.
const READ: usize = 64 << 10;

/// What a copy carries, and what is known of whoever asks.
pub(in crate::mirror) struct Passport {
    /// The candidate's cookies for this session.
    pub(in crate::mirror) jar: Option<Arc<Jar>>,
    /// How the client's credential stands.
    pub(in crate::mirror) credential: Credential,
    /// What the candidate's credential says of its bearer.
    pub(in crate::mirror) claims: Option<Arc<Claims>>,
    /// Whether the candidate can know who asks.
    pub(in crate::mirror) session: CandidateSession,
}

impl Passport {
    /// Of a request without a session: what else it carries the primary's answer judges.
    pub(in crate::mirror) fn plain(request: &Asked, primary: Option<StatusCode>) -> Passport {
        let credential = match request.headers.contains_key(AUTHORIZATION) {
            false => Credential::None,
            true if primary == Some(StatusCode::UNAUTHORIZED) => Credential::Rejected,
            true => Credential::Accepted,
        };
        Passport { jar: None, credential, claims: None, session: CandidateSession::Known }
    }
    fn held(held: Held) -> Passport {
        let Held { jar, claims, .. } = held;
        Passport { jar: Some(jar), credential: Credential::Accepted, claims, session: CandidateSession::Known }
    }
    fn rejected() -> Passport {
        Passport { jar: None, credential: Credential::Rejected, claims: None, session: CandidateSession::Known }
    }
    fn missing() -> Passport {
        let session = CandidateSession::Missing;
        Passport { jar: None, credential: Credential::Accepted, claims: None, session }
    }
}

impl Sessions {
    /// What the copy of this exchange carries. Waits for a log-in or a bridge under way, at most the candidate's timeout.
    pub(in crate::mirror) async fn passport(&self, shared: &Shared, candidate: &Leg, job: &Job) -> Passport {
        let primary = job.primary.outcome.status();
        let Some(session) = &job.ticket.session else { return Passport::plain(&job.request, primary) };
        if job.ticket.cleared && job.request.method.is_safe() {
            // The session was dead before this request: the primary only said so.
            return Passport::rejected();
        }
        let deadline = tokio::time::Instant::now() + candidate.upstream.timeout;
        loop {
            let mut changed = std::pin::pin!(session.changed());
            changed.as_mut().enable();
            match session.standing(Instant::now()) {
                Standing::Held(held) => return Passport::held(held),
                Standing::Refused => return Passport::rejected(),
                // A log-in brings its own credential.
                _ if job.ticket.establishes => return Passport::plain(&job.request, primary),
                Standing::Failed => return Passport::missing(),
                Standing::Asking => {
                    if tokio::time::timeout_at(deadline, changed).await.is_err() {
                        return Passport::missing();
                    }
                }
                Standing::Unknown => match (&self.config.bridge, session.ask()) {
                    (None, _) => return Passport::missing(),
                    // Somebody was quicker.
                    (Some(_), None) => {}
                    (Some(bridge), Some(asking)) => {
                        if !self.cross(shared, candidate, job, bridge, asking).await {
                            return Passport::missing();
                        }
                        if session.has_ended() && matches!(session.standing(Instant::now()), Standing::Refused) {
                            // Logged out while the copy waited: the refusal says nothing of the moment of the request.
                            return Passport::missing();
                        }
                    }
                },
            }
        }
    }
    /// Exchanges the primary's session for the candidate's credential. False where that came to nothing.
    async fn cross(&self, shared: &Shared, candidate: &Leg, job: &Job, bridge: &Bridge, asking: Asking) -> bool {
        let patience = candidate.upstream.timeout;
        let (id, expiry_s) = (shared.exchange_id(), marker_expiry_s(patience));
        let request = || self.bridge_request(shared, candidate, job, bridge, (id, expiry_s));
        let answer = read(candidate.send(request, patience, true).await, patience).await;
        let now = Instant::now();
        match answer {
            Some((status, headers)) if status.is_success() => {
                let holds = asking.holds(&headers, now, self.config.expires_after);
                let counter = if holds { &self.tally.bridged } else { &self.tally.failed };
                counter.fetch_add(1, Relaxed);
                holds
            }
            Some((StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)) => {
                asking.refused(now);
                self.tally.refused.fetch_add(1, Relaxed);
                true
            }
            _ => {
                asking.failed(now);
                self.tally.failed.fetch_add(1, Relaxed);
                false
            }
        }
    }
    fn bridge_request(
        &self,
        shared: &Shared,
        candidate: &Leg,
        job: &Job,
        bridge: &Bridge,
        (id, expiry_s): (ExchangeId, u64),
    ) -> Request<CopyBody> {
        let mut own = HeaderMap::new();
        own.extend(job.request.headers.get(HOST).cloned().map(|host| (HOST, host)));
        if let Some(value) = super::value_of(&job.request.headers, &self.config.cookie) {
            let line = [self.config.cookie.as_bytes(), b"=", value].concat();
            own.extend(HeaderValue::from_bytes(&line).ok().map(|line| (COOKIE, line)));
        }
        let mut headers = candidate.head_for(&job.hop, &own).into_map();
        headers.extend(shared.markers.of_shadow(id, expiry_s, &bridge.method, &bridge.path));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let mut request = Request::new(CopyBody::none());
        *request.uri_mut() = origin_form(bridge.path.parse().unwrap_or_default(), &candidate.upstream.base_path);
        *request.method_mut() = bridge.method.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        request
    }
    /// What the candidate's answer to a copy does to its sessions.
    pub(in crate::mirror) fn candidate_answered(&self, job: &mut Job, answer: &Answer) {
        let now = Instant::now();
        let response = answer.outcome.response();
        if let Some(asking) = job.ticket.establishing.take() {
            let welcome =
                response.filter(|response| !response.status.is_client_error() && !response.status.is_server_error());
            // Dropped, the session is unknown: a bridge may still exchange it.
            let holds = welcome.is_some_and(|response| asking.holds(&response.headers, now, self.config.expires_after));
            let counter = if holds { &self.tally.established } else { &self.tally.failed };
            counter.fetch_add(1, Relaxed);
            return;
        }
        let (Some(session), Some(response)) = (&job.ticket.session, response) else { return };
        session.refresh(&response.headers, now, self.config.expires_after);
        let welcome_there = job.primary.outcome.status().is_some_and(|status| status.is_success());
        if response.status == StatusCode::UNAUTHORIZED && welcome_there && self.config.bridge.is_some() {
            session.turned_down(now);
        }
    }
}

type Sent = Result<(http::Response<hyper::body::Incoming>, crate::upstream::Lease<CopyBody>), Failure>;

/// The head of a bridge's answer; its body is read and thrown away.
async fn read(sent: Sent, patience: Duration) -> Option<(StatusCode, HeaderMap)> {
    let (response, lease) = sent.ok()?;
    let (parts, body) = response.into_parts();
    let body = http_body_util::Limited::new(body, READ);
    if let Ok(Ok(_)) = tokio::time::timeout(patience, body.collect()).await {
        lease.give_back();
    }
    Some((parts.status, parts.headers))
}
