//! A request body on its way to the primary: passed on frame by frame, copied up to the cap where the exchange is mirrored.

use super::from_client::{ClientCut, FromClient};
use super::heads::RawHead;
use crate::evidence::NotJudged;
use crate::exchange::Body as Copied;
use crate::mirror::{Hold, Permit};
use crate::upstream::Capture;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// What goes to a live side. An enum, so that no body is boxed.
pub(super) enum ToSide {
    /// Nothing.
    Empty,
    /// The client's body as it comes.
    Upload(Upload),
}

/// The client's body as it comes.
pub(super) struct Upload {
    incoming: FromClient,
    raw: RawHead,
    state: Rc<UploadState>,
}

/// What is known of an upload, for whoever waits for the answer to it.
pub(super) struct UploadState {
    copy: RefCell<Option<Copy>>,
    complete: Cell<bool>,
    moved_at: Cell<Instant>,
    client_fault: Cell<Option<ClientFault>>,
}

/// What was wrong with the client's body: no failure of the side's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientFault {
    /// Broken framing, or an end before its end.
    Malformed,
    /// Trailers or chunk extensions without an end.
    TooLong,
}

/// Why an upload ends early: the connection to the side is cut, so that half a request never looks whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The client's framing, its stream or its connection.
    #[error(transparent)]
    Client(#[from] ClientCut),
    /// A byte that no chunk line may hold.
    #[error("the client's chunks hold a control byte")]
    Refused,
}

struct Copy {
    capture: Capture,
    hold: Hold,
    /// Its length was known and is already held.
    held: bool,
}

impl UploadState {
    /// An upload that is not copied.
    pub(super) fn new() -> Rc<UploadState> {
        Rc::new(UploadState {
            copy: RefCell::default(),
            complete: Cell::new(false),
            moved_at: Cell::new(Instant::now()),
            client_fault: Cell::new(None),
        })
    }
    /// Copies it from now on; `held` where its whole length is in the permit already.
    pub(super) fn copy_into(&self, capture: Capture, permit: &Permit, held: bool) {
        *self.copy.borrow_mut() = Some(Copy { capture, hold: permit.hold(), held });
    }
    /// When the last frame passed.
    pub(super) fn moved_at(&self) -> Instant {
        self.moved_at.get()
    }
    /// True once the last frame has passed.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.get()
    }
    /// What was wrong with the client's body, once something was.
    pub(super) fn client_fault(&self) -> Option<ClientFault> {
        self.client_fault.get()
    }
    /// The copy, once the exchange has ended.
    pub(super) fn finish(&self, permit: &mut Permit) -> Result<Copied, NotJudged> {
        let Some(mut copy) = self.copy.borrow_mut().take() else {
            return Err(NotJudged::Bytes);
        };
        if !self.complete.get() {
            // Answered before the whole request was there: half a request is never sent.
            return Err(NotJudged::Cancelled);
        }
        permit.absorb(&mut copy.hold);
        Ok(copy.capture.finish())
    }
    fn pass(&self, data: &Bytes) {
        self.moved_at.set(Instant::now());
        let mut slot = self.copy.borrow_mut();
        let Some(copy) = &mut *slot else {
            return;
        };
        let more = copy.capture.push(data);
        let over = copy.capture.is_truncated() || !(copy.held || copy.hold.charge(more));
        if over {
            *slot = None;
        }
    }
}

/// hyper has no kind for its limits on trailers and chunk extensions, only words; without them it is malformed.
fn fault_of(error: &ClientCut) -> ClientFault {
    let ClientCut::Http1(error) = error else {
        return ClientFault::Malformed;
    };
    let over = error.source().is_some_and(|cause| cause.to_string().contains("over limit"));
    if over { ClientFault::TooLong } else { ClientFault::Malformed }
}

impl ToSide {
    /// The body of a request.
    pub(super) fn new(incoming: FromClient, raw: &RawHead) -> (ToSide, Option<Rc<UploadState>>) {
        if incoming.is_end_stream() {
            return (ToSide::Empty, None);
        }
        let state = UploadState::new();
        (ToSide::Upload(Upload { incoming, raw: raw.clone(), state: state.clone() }), Some(state))
    }
}

impl Body for ToSide {
    type Data = Bytes;
    type Error = Broken;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let ToSide::Upload(upload) = self.get_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(upload.incoming.poll_frame(cx));
        if upload.raw.is_refused() {
            upload.state.client_fault.set(Some(ClientFault::Malformed));
            return Poll::Ready(Some(Err(Broken::Refused)));
        }
        match &frame {
            Some(Ok(frame)) => {
                frame.data_ref().into_iter().for_each(|data| upload.state.pass(data));
                if upload.incoming.is_end_stream() || frame.is_trailers() {
                    upload.state.complete.set(true);
                }
            }
            Some(Err(error)) => upload.state.client_fault.set(Some(fault_of(error))),
            None => upload.state.complete.set(true),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Broken::Client)))
    }
    fn is_end_stream(&self) -> bool {
        match self {
            ToSide::Empty => true,
            ToSide::Upload(upload) => upload.incoming.is_end_stream(),
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            ToSide::Empty => SizeHint::with_exact(0),
            ToSide::Upload(upload) => upload.incoming.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_an_upload_is_the_frame_that_passed() {
        let frame = Bytes::from(vec![b'x'; 1 << 20]);
        let mut permit = Permit::of_its_own(4 << 20);
        let state = UploadState::new();
        state.copy_into(Capture::new(4 << 20, 0), &permit, false);
        state.pass(&frame);
        state.complete.set(true);
        let copied = state.finish(&mut permit).unwrap();
        let kept: Vec<_> = copied.kept().iter().map(|part| (part.as_ptr(), part.len())).collect();
        assert_eq!(kept, [(frame.as_ptr(), 1 << 20)]);
    }
}
