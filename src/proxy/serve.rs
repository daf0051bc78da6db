//! The path of one request, as a list: check, account, forward, relay. What becomes of it is an answer, always.

use super::answer::{ToClient, own};
use super::forward::Unanswered;
use super::from_client::FromClient;
use super::heads::RawHead;
use super::pending::{Pending, no_answer_yet};
use super::relay::Relay;
use super::upload::{ClientFault, ToSide, UploadState};
use super::worker::{Live, Worker};
use super::{forward, guard, tunnel};
use crate::config::{Config, RouteConfig, RouteIndex};
use crate::exchange::{Body as Copied, Client, ExchangeId, Failure, FailureKind, Request as Original};
use crate::mirror::{Admitted, Asked, ECHO, Facts, Job, Lane, Markers, Of, Permit, Ticket, Withheld};
use crate::upstream::{Capture, Hop, Lease, compact, origin_form, path_and_query, strip_hop_by_hop, wants_websocket};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::borrow::Cow;
use std::rc::Rc;

/// Serves one request.
pub(super) async fn serve(
    worker: &Worker,
    hop: &Hop,
    raw: &RawHead,
    mut request: Request<FromClient>,
) -> Response<ToClient> {
    if let Err((status, why)) = guard::check(&mut request, raw) {
        return own(status, why, true);
    }
    let lane = &worker.lane;
    let upgrade = wants_websocket(request.method(), request.headers()).then(|| hyper::upgrade::on(&mut request));
    let route = find(lane.config(), &request);
    let inbound = Inbound::new(worker, &request, route);
    if inbound.shadow.is_none() && lane.markers().has_own_hop(request.headers()) {
        lane.refuse_loop();
        return own(StatusCode::LOOP_DETECTED, "this request has passed here before", false);
    }
    let facts = Facts {
        route: route.map(|(_, route)| route),
        method: request.method(),
        headers: request.headers(),
        body_length: body_length(request.body()),
        peer: hop.peer,
        upgrade: upgrade.is_some(),
        marked: inbound.marked,
    };
    let (permit, control) = match lane.admit(&facts) {
        Admitted::Mirrored(permit) => (Some(permit), None),
        Admitted::Control(withheld) => (None, Some(withheld.of(|| compared_with(&request, route)))),
        Admitted::No => (None, None),
    };
    let ticket = permit.as_ref().map(|_| lane.ticket(inbound.asked.session, facts.establishes()));
    let known_length = body_length(request.body()).is_some();
    if request.body().is_end_stream() {
        raw.begin();
    }
    let (mut parts, body) = request.into_parts();
    let (body, upload) = ToSide::new(body, raw);
    let pending = permit.zip(ticket).map(|admitted| {
        let route = route.map(|(index, _)| index);
        begin(lane, &parts, hop, route, admitted, upload.as_ref(), known_length)
    });
    let live = worker.side(inbound.owned);
    prepare(worker, live, &mut parts, hop, &inbound, upgrade.is_some(), &body);
    let request = Request::from_parts(parts, body);
    let again = pending.as_ref().filter(|_| upload.is_none()).map(|pending| {
        || {
            // hyper alone knows in which case the names came; a request that is asked again has them in lower case.
            let original = pending.request()?;
            let mut parts = Request::new(()).into_parts().0;
            (parts.method, parts.headers) = (original.method.clone(), original.headers.clone());
            parts.uri = original.target.parse().ok()?;
            prepare(worker, live, &mut parts, hop, &inbound, false, &ToSide::Empty);
            Some(Request::from_parts(parts, ToSide::Empty))
        }
    });
    let sent = forward::send(&live.pool, request, upload.as_ref(), upgrade.is_some(), live.timeout, again).await;
    if upload.as_ref().is_some_and(|upload| upload.is_complete()) {
        raw.begin();
    }
    control.filter(|_| tells_time(&sent)).into_iter().for_each(Withheld::answered);
    match sent {
        Err(Unanswered::NoUpgrade) => {
            let why = "is asked over HTTP/2, on which nothing can be upgraded: set http2 = false for it";
            own(StatusCode::NOT_IMPLEMENTED, &format!("the {} {why}", live.name), false)
        }
        Err(Unanswered::Failed(failure)) => match upload.and_then(|upload| upload.client_fault()) {
            // Dropped, the exchange says that the client broke it off.
            Some(fault) => client_failed(fault),
            None => failed(worker, pending, failure, live.name),
        },
        Ok((response, lease)) => answered(worker, live, response, lease, upload, pending, &inbound, upgrade),
    }
}

/// What is known of a request beside its own parts, until its answer is there.
struct Inbound {
    /// What the candidate was asked, a copy or a client's request on a route of its own, when it sent this one.
    shadow: Option<ExchangeId>,
    /// It is such a request, by its marker or by every sign.
    marked: bool,
    /// The candidate serves this route.
    owned: bool,
    /// The client's session at the primary.
    asked: Asked,
}

impl Inbound {
    fn new<B>(worker: &Worker, request: &Request<B>, route: Option<(RouteIndex, &RouteConfig)>) -> Inbound {
        let lane = &worker.lane;
        let shadow = shadow_of(lane, request);
        let declared = route.map(|(_, route)| route);
        let marked = shadow.is_some()
            || lane.is_return(declared.map(|route| &route.route), request.method(), &path_and_query(request.uri()));
        // What the candidate passes back to the monolith is the monolith's to answer, on a route of the candidate's too.
        let owned = shadow.is_none() && worker.owns(declared);
        let asked = Asked { session: lane.session_of(request.headers()), safe: request.method().is_safe() };
        Inbound { shadow, marked, owned, asked }
    }
    /// True where the answer is the primary's to a client: then it says how the client's session goes on.
    fn is_clients(&self) -> bool {
        !self.marked && !self.owned
    }
}

/// The exchange whose shadow request made the candidate send this one.
fn shadow_of<B>(lane: &Lane, request: &Request<B>) -> Option<ExchangeId> {
    let markers = lane.markers();
    markers.shadow_of(request.headers(), lane.now_ms() / 1_000, request.method(), request.uri().path())
}

fn find<'c, B>(config: &'c Config, request: &Request<B>) -> Option<(RouteIndex, &'c RouteConfig)> {
    let read = || request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(without_port);
    let host = config.routes.knows_hosts().then(read).flatten();
    let index = config.routes.find(host.as_deref(), request.method(), request.uri().path())?;
    Some((index, config.routes.get(index)))
}

/// Which requests a control request is compared with.
fn compared_with<B>(request: &Request<B>, route: Option<(RouteIndex, &RouteConfig)>) -> Of {
    match route {
        Some((_, route)) => Of::Declared(route.route.name.clone()),
        None => Of::Undeclared(request.method().clone(), request.uri().path().to_owned()),
    }
}

/// True where it is known how long the side takes: it has answered, or its time is over.
fn tells_time(sent: &Result<forward::Answered, Unanswered>) -> bool {
    match sent {
        Ok(_) => true,
        Err(Unanswered::Failed(failure)) => failure.kind == FailureKind::Timeout,
        Err(Unanswered::NoUpgrade) => false,
    }
}

/// A host in lower case, without its port.
fn without_port(host: &str) -> Cow<'_, str> {
    let name = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

fn body_length(body: &FromClient) -> Option<u64> {
    if body.is_end_stream() { Some(0) } else { body.size_hint().exact() }
}

fn begin(
    lane: &Rc<Lane>,
    parts: &Parts,
    hop: &Hop,
    route: Option<RouteIndex>,
    (permit, ticket): (Permit, Ticket),
    upload: Option<&Rc<UploadState>>,
    known_length: bool,
) -> Pending {
    if let Some(upload) = upload {
        upload.copy_into(Capture::new(lane.config().mirror.max_body, lane.digest_seed()), &permit, known_length);
    }
    let request = Original {
        method: parts.method.clone(),
        target: path_and_query(&parts.uri).into_owned(),
        headers: compact(&parts.headers),
        body: Copied::empty(),
    };
    let job = Job {
        received_at_ms: lane.now_ms(),
        request,
        hop: hop.clone(),
        route,
        primary: no_answer_yet(),
        capture: Capture::new(lane.config().mirror.max_body, lane.digest_seed()),
        to_head_us: None,
        client: Client::Served,
        permit,
        ticket,
    };
    Pending::new(lane.clone(), Box::new(job), upload.cloned())
}

/// Makes the client's head the head that the side gets.
fn prepare(
    worker: &Worker,
    live: &Live,
    parts: &mut Parts,
    hop: &Hop,
    inbound: &Inbound,
    upgrade: bool,
    body: &ToSide,
) {
    let protocol = upgrade.then(|| parts.headers.get(UPGRADE).cloned()).flatten();
    let headers = &mut parts.headers;
    strip_hop_by_hop(headers);
    tunnel::restore(headers, protocol);
    if !body.is_end_stream() && !headers.contains_key(CONTENT_LENGTH) {
        // Said by us, since a GET with a body in chunks would else be sent without it.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let (false, Some(host)) = (headers.keys().any(|name| *name == HOST), &worker.default_host) {
        headers.insert(HOST, host.clone());
    }
    hop.append_forwarded(headers);
    if inbound.shadow.is_some() {
        // It has done its work here; further on it would be a secret of ours in somebody's log.
        Markers::strip_returned(headers);
    } else {
        Markers::strip_untrusted(headers);
    }
    worker.lane.markers().append_hop(headers);
    if inbound.owned {
        // So that what the candidate passes back is known, and goes to the monolith instead of round in a circle.
        worker.lane.mark_owned(headers, &parts.method, parts.uri.path(), live.timeout);
    }
    parts.uri = origin_form(std::mem::take(&mut parts.uri), &live.base_path);
    parts.version = Version::HTTP_11;
}

/// The client's body was none that can be passed on. The side has seen the start of it at most.
fn client_failed(fault: ClientFault) -> Response<ToClient> {
    match fault {
        ClientFault::Malformed => {
            own(StatusCode::BAD_REQUEST, "the request's body is malformed or ends too early", true)
        }
        ClientFault::TooLong => own(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request's trailers or chunk extensions are too long",
            true,
        ),
    }
}

/// No answer: the client gets the tee's own, which says whose answer is missing.
fn failed(worker: &Worker, pending: Option<Pending>, failure: Failure, side: &str) -> Response<ToClient> {
    let (status, why) = match failure.kind {
        FailureKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "did not answer in time"),
        FailureKind::Connect => (StatusCode::BAD_GATEWAY, "cannot be reached"),
        FailureKind::Tls => (StatusCode::BAD_GATEWAY, "cannot be reached over TLS"),
        FailureKind::Reset => (StatusCode::BAD_GATEWAY, "closed the connection without an answer"),
        FailureKind::Protocol | FailureKind::TooLarge => {
            (StatusCode::BAD_GATEWAY, "gave an answer that cannot be passed on")
        }
    };
    worker.lane.unanswered(side, failure.kind);
    tracing::debug!(kind = failure.kind.as_str(), message = failure.message, side, "no answer");
    pending.into_iter().for_each(|pending| pending.failed(failure.clone()));
    own(status, &format!("the {side} {why}"), false)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one exchange, each used once")]
fn answered(
    worker: &Worker,
    live: &Live,
    response: Response<Incoming>,
    lease: Lease<ToSide>,
    upload: Option<Rc<UploadState>>,
    mut pending: Option<Pending>,
    inbound: &Inbound,
    upgrade: Option<OnUpgrade>,
) -> Response<ToClient> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return match upgrade {
            Some(client) => tunnel::join(client, response),
            None => failed(worker, pending, protocol("switched protocols without being asked"), live.name),
        };
    }
    let (mut parts, incoming) = response.into_parts();
    if !is_plain(&parts.headers) && !incoming.is_end_stream() {
        return failed(worker, pending, protocol("answered in a transfer coding other than chunked"), live.name);
    }
    if inbound.is_clients() {
        let ticket = pending.as_mut().and_then(Pending::ticket);
        worker.lane.primary_answered(inbound.asked, &parts.headers, ticket);
    }
    if let Some(pending) = &mut pending {
        pending.head(parts.status, &parts.headers);
    }
    let still = if is_event_stream(&parts.headers) { None } else { Some(live.timeout) };
    strip_hop_by_hop(&mut parts.headers);
    if parts.headers.keys().any(|name| *name == ECHO) {
        parts.headers.remove(ECHO);
    }
    if let Some(echo) = inbound.shadow.and_then(|id| worker.lane.markers().echo(id)) {
        parts.headers.insert(ECHO, echo);
    }
    let spoken = std::mem::replace(&mut parts.version, Version::HTTP_11);
    if incoming.is_end_stream() {
        pending.into_iter().for_each(Pending::whole);
        if upload.is_none_or(|upload| upload.is_complete()) {
            lease.give_back();
        }
        return Response::from_parts(parts, ToClient::Empty);
    }
    let relay = Relay::new((incoming, spoken), parts.status, lease, upload, pending, still);
    Response::from_parts(parts, ToClient::Relay(relay))
}

fn protocol(message: &str) -> Failure {
    Failure { kind: FailureKind::Protocol, status: None, message: message.to_owned() }
}

/// True where the body comes with a length, to the end of the connection, or in chunks and nothing else.
fn is_plain(headers: &HeaderMap) -> bool {
    if !headers.keys().any(|name| *name == TRANSFER_ENCODING) {
        return true;
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_none_or(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

/// Server-sent events may be silent for as long as they like.
fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
    })
}
