//! A request body on its way to the primary: passed on frame by frame, copied up to the cap where the exchange is mirrored.

use super::from_client::{ClientCut, FromClient};
use super::heads::RawHead;
use crate::evidence::NotJudged;
use crate::exchange::Body as Copied;
use crate::mirror::{Hold, Permit};
use crate::upstream::Capture;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error as _;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// Bytes of a body that may pass once more.
const REWIND: usize = 64 << 10;

/// What goes to a live side. An enum, so that no body is boxed.
pub(super) enum ToSide {
    /// Nothing.
    Empty,
    /// The client's body as it comes.
    Upload(Upload),
}

/// The client's body as it comes.
pub(super) struct Upload {
    /// Taken when it is dropped.
    incoming: Option<FromClient>,
    raw: RawHead,
    state: Rc<UploadState>,
    /// What passes once more first. Boxed, since it is seldom there and every request is moved with room for it.
    replay: Option<Box<Replay>>,
}

/// What has passed before, to a side that has done nothing with it.
#[derive(Default)]
struct Replay {
    frames: VecDeque<Bytes>,
    length: usize,
    trailers: Option<HeaderMap>,
}

impl Replay {
    fn next(&mut self) -> Option<Frame<Bytes>> {
        let data = self.frames.pop_front().inspect(|data| self.length -= data.len());
        data.map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers))
    }
    fn is_over(&self) -> bool {
        self.frames.is_empty() && self.trailers.is_none()
    }
}

/// What is known of an upload, for whoever waits for the answer to it.
pub(super) struct UploadState {
    copy: RefCell<Option<Copy>>,
    complete: Cell<bool>,
    moved_at: Cell<Instant>,
    client_fault: Cell<Option<ClientFault>>,
    /// What a side may be sent once more.
    rewind: RefCell<Option<Box<Rewind>>>,
}

/// The start of a body that has passed, and what is left of it.
#[derive(Default)]
struct Rewind {
    passed: Box<Replay>,
    rest: Option<(FromClient, RawHead)>,
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
            rewind: RefCell::default(),
        })
    }
    /// Keeps the start of the body, so that it may pass once more where a side says that it has done nothing with it.
    pub(super) fn keep(&self) {
        *self.rewind.borrow_mut() = Some(Box::default());
    }
    /// Once there is an answer, or none will come.
    pub(super) fn let_go(&self) {
        *self.rewind.borrow_mut() = None;
    }
    /// The whole body once more; `None` where too much of it has passed, or it is on its way still.
    pub(super) fn again(self: &Rc<Self>) -> Option<ToSide> {
        let rewind = self.rewind.borrow_mut().take()?;
        let (incoming, raw) = rewind.rest.filter(|_| self.client_fault.get().is_none())?;
        let (incoming, replay) = (Some(incoming), Some(rewind.passed));
        Some(ToSide::Upload(Upload { incoming, raw, state: self.clone(), replay }))
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
        let mut slot = self.rewind.borrow_mut();
        if let Some(rewind) = &mut *slot {
            rewind.passed.length += data.len();
            rewind.passed.frames.push_back(data.clone());
        }
        if slot.as_ref().is_some_and(|rewind| rewind.passed.length > REWIND) {
            *slot = None;
        }
        drop(slot);
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

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(rewind), Some(incoming)) = (&mut *self.state.rewind.borrow_mut(), self.incoming.take()) {
            rewind.rest = Some((incoming, self.raw.clone()));
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
        let (incoming, raw) = (Some(incoming), raw.clone());
        let upload = Upload { incoming, raw, state: state.clone(), replay: None };
        (ToSide::Upload(upload), Some(state))
    }
}

impl Body for ToSide {
    type Data = Bytes;
    type Error = Broken;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let ToSide::Upload(upload) = self.get_mut() else {
            return Poll::Ready(None);
        };
        if let Some(frame) = upload.replay.as_mut().and_then(|replay| replay.next()) {
            return Poll::Ready(Some(Ok(frame)));
        }
        let Some(incoming) = &mut upload.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(incoming.poll_frame(cx));
        if upload.raw.is_refused() {
            upload.state.client_fault.set(Some(ClientFault::Malformed));
            return Poll::Ready(Some(Err(Broken::Refused)));
        }
        match &frame {
            Some(Ok(frame)) => {
                frame.data_ref().into_iter().for_each(|data| upload.state.pass(data));
                if let (Some(trailers), Some(rewind)) = (frame.trailers_ref(), &mut *upload.state.rewind.borrow_mut()) {
                    rewind.passed.trailers = Some(trailers.clone());
                }
                if incoming.is_end_stream() || frame.is_trailers() {
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
            ToSide::Upload(upload) => {
                let over = upload.incoming.as_ref().is_none_or(FromClient::is_end_stream);
                over && upload.replay.as_ref().is_none_or(|replay| replay.is_over())
            }
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            ToSide::Empty => SizeHint::with_exact(0),
            ToSide::Upload(upload) => {
                let rest = upload.incoming.as_ref().map(FromClient::size_hint).unwrap_or_default();
                let Some(replay) = &upload.replay else {
                    return rest;
                };
                let (again, mut hint) = (replay.length as u64, SizeHint::new());
                hint.set_lower(rest.lower() + again);
                rest.upper().into_iter().for_each(|upper| hint.set_upper(upper + again));
                hint
            }
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
