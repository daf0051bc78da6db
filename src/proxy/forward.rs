//! Sends a request to a live side and waits for the head of the answer. Nothing that may have been done is done twice.

use super::upload::{ToSide, UploadState};
use crate::exchange::Failure;
use crate::upstream::{Lease, Pool, deadline, unanswered};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// An answer's head, with the connection that its body comes on.
pub(super) type Answered = (Response<Incoming>, Lease<ToSide>);

/// Why there is no answer to pass on.
pub(super) enum Unanswered {
    /// The side failed.
    Failed(Failure),
    /// The connection cannot be handed over, since others use it.
    NoUpgrade,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Unanswered {
        Unanswered::Failed(failure)
    }
}

/// Sends, and waits for the head. A request is sent again only where not one byte of it was written, where the side says that
/// it did nothing with it (then the start of its body, which is kept for that, goes again), or where it is a GET or HEAD
/// without a body that met a connection which the side had closed meanwhile; and once at most. `again` makes that request
/// once more where it can be made of what is kept of it anyway; else it is copied before it goes.
pub(super) async fn send(
    pool: &Rc<Pool<ToSide>>,
    mut request: Request<ToSide>,
    upload: Option<&Rc<UploadState>>,
    upgrade: bool,
    timeout: Duration,
    again: Option<impl Fn() -> Option<Request<ToSide>>>,
) -> Result<Answered, Unanswered> {
    let mut lease = pool.checkout().await?;
    if upgrade && lease.is_shared() {
        return Err(Unanswered::NoUpgrade);
    }
    let safe = upload.is_none() && matches!(*request.method(), Method::GET | Method::HEAD);
    // A side says what it has not done over HTTP/2 alone.
    upload.filter(|_| lease.is_shared()).into_iter().for_each(|upload| upload.keep());
    loop {
        let repeatable = lease.is_shared() || lease.is_reused() && safe;
        let again = again.as_ref().filter(|_| repeatable && !lease.is_shared());
        let copy = (repeatable && again.is_none()).then(|| copy_of(&request));
        let sent = within(pin!(lease.send(request)), upload.map(|upload| &**upload), timeout).await;
        if !matches!(sent, Ok(Err(_))) {
            upload.into_iter().for_each(|upload| upload.let_go());
        }
        let mut error = match sent {
            Ok(Ok(response)) => {
                lease.heard();
                return Ok((response, lease));
            }
            Ok(Err(error)) => error,
            Err(late) => {
                lease.silent();
                return Err(late.into());
            }
        };
        let (unsent, failure) = (error.take_message(), lease.failure(error.error()));
        let written = unsent.is_none();
        let next = unsent.or_else(|| {
            let Some(copy) = copy else { return again?() };
            match upload {
                None => Some(copy),
                Some(upload) => upload.again().map(|body| copy.map(|_| body)),
            }
        });
        let Some(next) = next else {
            return Err(failure.into());
        };
        lease = match lease.again(error.error(), !written, safe).await {
            Some(lease) => lease?,
            None => return Err(failure.into()),
        };
        request = next;
    }
}

/// Waits for the head; the time runs from the last sign of life of the upload.
async fn within<F: Future>(
    mut sending: Pin<&mut F>,
    upload: Option<&UploadState>,
    timeout: Duration,
) -> Result<F::Output, Failure> {
    let mut deadline = Instant::now() + timeout;
    loop {
        if let Ok(sent) = deadline::by(|| deadline, sending.as_mut()).await {
            return Ok(sent);
        }
        match upload.filter(|upload| !upload.is_complete() || upload.moved_at() + timeout > Instant::now()) {
            // The client is slow, not the side.
            Some(upload) if upload.is_complete() => deadline = upload.moved_at() + timeout,
            Some(_) => deadline = Instant::now() + timeout,
            None => {
                return Err(unanswered(timeout));
            }
        }
    }
}

fn copy_of(request: &Request<ToSide>) -> Request<ToSide> {
    let mut copy = Request::new(ToSide::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}
