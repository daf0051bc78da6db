//! An admitted exchange while it passes: the copy grows frame by frame, and becomes one job at its end, whatever the end.

use super::upload::UploadState;
use crate::evidence::NotJudged;
use crate::exchange::{Answer, Client, Failure, FailureKind, Outcome, Request, Response};
use crate::mirror::{Job, Lane, Ticket};
use crate::upstream::{Capture, compact};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::rc::Rc;
use tokio::time::Instant;

/// An admitted exchange under way. Dropped before its end, the client has left.
pub(super) struct Pending {
    lane: Rc<Lane>,
    /// Taken at the end.
    job: Option<Box<Job>>,
    started: Instant,
    upload: Option<Rc<UploadState>>,
    head: Option<(StatusCode, HeaderMap)>,
    /// Noted where the answer has a body; without one its head is its end.
    head_at: Option<Instant>,
    capture: Option<Capture>,
    trailers: Option<HeaderMap>,
}

impl Pending {
    /// The request's head is complete and the exchange admitted.
    pub(super) fn new(lane: Rc<Lane>, job: Box<Job>, upload: Option<Rc<UploadState>>) -> Pending {
        let capture = Some(Capture::new(lane.config().mirror.max_body, lane.digest_seed()));
        let started = Instant::now();
        Pending { lane, job: Some(job), started, upload, head: None, head_at: None, capture, trailers: None }
    }
    /// What was asked, as it came.
    pub(super) fn request(&self) -> Option<&Request> {
        self.job.as_ref().map(|job| &job.request)
    }
    /// What the exchange has to do with sessions, while it is under way.
    pub(super) fn ticket(&mut self) -> Option<&mut Ticket> {
        self.job.as_mut().map(|job| &mut job.ticket)
    }
    /// The head of the answer, before hop-by-hop fields are removed.
    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.head = Some((status, compact(headers)));
    }
    /// The answer has a body, and its head came at this time.
    pub(super) fn head_at(&mut self, now: Instant) {
        self.head_at = Some(now);
    }
    /// A frame of the answer's body on its way to the client.
    pub(super) fn frame(&mut self, data: &Bytes) {
        let (Some(job), Some(capture)) = (&mut self.job, &mut self.capture) else {
            return;
        };
        if !job.permit.charge(capture.push(data)) {
            self.give_up(NotJudged::Bytes);
        }
    }
    /// The answer's trailers.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.trailers = Some(trailers.clone());
    }
    /// The client has been given the last frame.
    pub(super) fn whole(mut self) {
        let (Some((status, headers)), Some(capture)) = (self.head.take(), self.capture.take()) else {
            return;
        };
        let trailers = self.trailers.take();
        let outcome = Outcome::Answered(Response { status, headers, body: capture.finish(), trailers });
        self.end(outcome, Client::Served);
    }
    /// The primary failed, before or after its head.
    pub(super) fn failed(mut self, failure: Failure) {
        self.end(Outcome::Failed(failure), Client::Served);
    }
    /// It will not be judged; the copy goes, the live stream stays.
    pub(super) fn give_up(&mut self, reason: NotJudged) {
        self.capture = None;
        if self.job.take().is_some() {
            self.lane.give_up(reason);
        }
    }
    fn end(&mut self, outcome: Outcome, client: Client) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        if let (Client::Served, Some(upload)) = (client, &self.upload) {
            match upload.finish(&mut job.permit) {
                Ok(body) => job.request.body = body,
                Err(reason) => return self.lane.give_up(reason),
            }
        }
        let elapsed = self.started.elapsed();
        let to_head = match (self.head_at, &outcome) {
            (Some(at), _) => Some(at.duration_since(self.started)),
            (None, Outcome::Answered(_)) => Some(elapsed),
            (None, Outcome::Failed(failure)) => (failure.kind == FailureKind::Timeout).then_some(elapsed),
        };
        job.to_head_us = to_head.map(|time| u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
        job.primary = Answer { outcome, elapsed_us: elapsed.as_micros() as u64 };
        job.client = client;
        self.lane.hand_over(job);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.job.is_none() {
            return;
        }
        if self.lane.is_draining() {
            return self.give_up(NotJudged::Shutdown);
        }
        let status = self.head.take().map(|(status, _)| status);
        let message = "the client left before the end".to_owned();
        self.end(Outcome::Failed(Failure { kind: FailureKind::Reset, status, message }), Client::Left);
    }
}

/// What an exchange's primary answer is until it has come.
pub(super) fn no_answer_yet() -> Answer {
    let message = String::new();
    Answer { outcome: Outcome::Failed(Failure { kind: FailureKind::Reset, status: None, message }), elapsed_us: 0 }
}
