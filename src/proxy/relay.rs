//! A side's answer on its way to the client: passed on frame by frame, each frame shared with the copy.

use super::answer::Cut;
use super::pending::Pending;
use super::upload::{ToSide, UploadState};
use crate::exchange::{Failure, FailureKind};
use crate::upstream::{Lease, failure_of, stopped};
use bytes::Bytes;
use http::{StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A side's answer as it comes.
pub(super) struct Relay {
    incoming: Incoming,
    version: Version,
    status: StatusCode,
    /// Given back at the end; dropped before, the connection closes.
    lease: Option<Lease<ToSide>>,
    upload: Option<Rc<UploadState>>,
    pending: Option<Pending>,
    patience: Patience,
}

impl Relay {
    pub(super) fn new(
        (incoming, version): (Incoming, Version),
        status: StatusCode,
        lease: Lease<ToSide>,
        upload: Option<Rc<UploadState>>,
        mut pending: Option<Pending>,
        at_most: Option<Duration>,
    ) -> Relay {
        let patience = Patience::new(at_most);
        // One look at the clock for both.
        pending.iter_mut().for_each(|pending| pending.head_at(patience.waiting_since));
        Relay { incoming, version, status, lease: Some(lease), upload, pending, patience }
    }
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.moved = true;
                self.pass(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.cut(&error);
                Poll::Ready(Some(Err(Cut::Failed(error))))
            }
            Poll::Ready(None) => match stopped(self.version, &self.incoming, self.status) {
                Some(failure) => {
                    self.fail(failure);
                    Poll::Ready(Some(Err(Cut::Stopped)))
                }
                None => {
                    self.end();
                    Poll::Ready(None)
                }
            },
            Poll::Pending if self.patience.is_over(cx) => {
                let message = "the answer's body stood still".to_owned();
                self.fail(Failure { kind: FailureKind::Timeout, status: Some(self.status), message });
                Poll::Ready(Some(Err(Cut::StoodStill)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
    pub(super) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }
    pub(super) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
    fn pass(&mut self, frame: &Frame<Bytes>) {
        if let Some(pending) = &mut self.pending {
            frame.data_ref().into_iter().for_each(|data| pending.frame(data));
            frame.trailers_ref().into_iter().for_each(|trailers| pending.trailers(trailers));
        }
        // Trailers are the last frame, and hyper does not ask for one more.
        if self.incoming.is_end_stream() || frame.is_trailers() {
            self.end();
        }
    }
    fn end(&mut self) {
        // Not through an iterator, which moves what it holds three times over.
        if let Some(pending) = self.pending.take() {
            pending.whole();
        }
        // While the upload still runs, the connection is not free.
        let free = self.upload.as_ref().is_none_or(|upload| upload.is_complete());
        if let (Some(lease), true) = (self.lease.take(), free) {
            lease.give_back();
        }
    }
    fn cut(&mut self, error: &hyper::Error) {
        if self.upload.as_ref().is_some_and(|upload| upload.client_fault().is_some()) {
            // The client broke its own upload off, and the connection to the side with it: dropped, the exchange says so.
            (self.lease, self.pending) = (None, None);
        } else {
            self.fail(failure_of(error, Some(self.status)));
        }
    }
    fn fail(&mut self, failure: Failure) {
        self.lease = None;
        self.pending.take().into_iter().for_each(|pending| pending.failed(failure.clone()));
    }
}

/// How long a body may stand still. The timer is made when the body first waits, and set again only when it fires.
struct Patience {
    at_most: Option<Duration>,
    moved: bool,
    waiting_since: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(at_most: Option<Duration>) -> Patience {
        Patience { at_most, moved: true, waiting_since: Instant::now(), sleep: None }
    }
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at_most) = self.at_most else {
            return false;
        };
        if std::mem::take(&mut self.moved) {
            self.waiting_since = Instant::now();
        }
        let deadline = self.waiting_since + at_most;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}
