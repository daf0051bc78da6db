//! Sends a request to a live side and waits for the head of the answer. Nothing that may have been done is done twice.

use super::upload::{ToSide, UploadState};
use crate::exchange::{Failure, FailureKind};
use crate::upstream::{Lease, Pool, failure_of};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// An answer's head, with the connection that its body comes on.
pub(super) type Answered = (Response<Incoming>, Lease<ToSide>);

/// Sends, and waits for the head. A request is sent again only where not one byte of it was written, or where it is a GET or
/// HEAD without a body that met a connection which the side had closed meanwhile; and once at most.
pub(super) async fn send(
    pool: &Rc<Pool<ToSide>>,
    mut request: Request<ToSide>,
    upload: Option<&UploadState>,
    timeout: Duration,
) -> Result<Answered, Failure> {
    let mut lease = pool.checkout().await?;
    let safe = upload.is_none() && matches!(*request.method(), Method::GET | Method::HEAD);
    let again = (lease.reused && safe).then(|| copy_of(&request));
    let mut error = match within(lease.send(request), upload, timeout).await? {
        Ok(response) => return Ok((response, lease)),
        Err(error) => error,
    };
    if !lease.reused {
        return Err(failure_of(error.error(), None));
    }
    request = match error.take_message().or(again) {
        Some(request) => request,
        None => return Err(failure_of(error.error(), None)),
    };
    let mut lease = pool.connect().await?;
    match within(lease.send(request), upload, timeout).await? {
        Ok(response) => Ok((response, lease)),
        Err(error) => Err(failure_of(error.error(), None)),
    }
}

/// Waits for the head; the time runs from the last sign of life of the upload.
async fn within<F: Future>(sending: F, upload: Option<&UploadState>, timeout: Duration) -> Result<F::Output, Failure> {
    let mut sending = pin!(sending);
    let mut deadline = Instant::now() + timeout;
    loop {
        if let Ok(sent) = tokio::time::timeout_at(deadline, sending.as_mut()).await {
            return Ok(sent);
        }
        match upload.filter(|upload| !upload.is_complete() || upload.moved_at() + timeout > Instant::now()) {
            // The client is slow, not the side.
            Some(upload) if upload.is_complete() => deadline = upload.moved_at() + timeout,
            Some(_) => deadline = Instant::now() + timeout,
            None => {
                let message = format!("no answer within {timeout:?}");
                return Err(Failure { kind: FailureKind::Timeout, status: None, message });
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
