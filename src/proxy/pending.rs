//! An admitted exchange while it passes: the copy grows frame by frame, and becomes one job at its end, whatever the end.

use super::upload::UploadState;
use crate::evidence::NotJudged;
use crate::exchange::{Answer, Body as Captured, Client, Failure, FailureKind, Outcome, Request, Response};
use crate::mirror::{Job, Lane, Ticket};
use crate::upstream::compact;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::rc::Rc;
use tokio::time::Instant;

/// An admitted exchange under way. Dropped before its end, the client has left. It is moved with its answer again and again:
/// what is large lies in the job.
pub(super) struct Pending {
    lane: Rc<Lane>,
    /// Taken at the end.
    job: Option<Box<Job>>,
    started: Instant,
    upload: Option<Rc<UploadState>>,
    /// Noted where the answer has a body; without one its head is its end.
    head_at: Option<Instant>,
}

impl Pending {
    /// The request's head is complete and the exchange admitted.
    pub(super) fn new(lane: Rc<Lane>, job: Box<Job>, upload: Option<Rc<UploadState>>) -> Pending {
        Pending { lane, job: Some(job), started: Instant::now(), upload, head_at: None }
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
        if let Some(job) = &mut self.job {
            let headers = compact(headers);
            job.primary.outcome =
                Outcome::Answered(Response { status, headers, body: Captured::empty(), trailers: None });
        }
    }
    /// The answer has a body, and its head came at this time.
    pub(super) fn head_at(&mut self, now: Instant) {
        self.head_at = Some(now);
    }
    /// A frame of the answer's body on its way to the client.
    pub(super) fn frame(&mut self, data: &Bytes) {
        let Some(job) = &mut self.job else {
            return;
        };
        if !job.permit.charge(job.capture.push(data)) {
            self.give_up(NotJudged::Bytes);
        }
    }
    /// The answer's trailers.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(Outcome::Answered(response)) = self.job.as_mut().map(|job| &mut job.primary.outcome) {
            response.trailers = Some(Box::new(trailers.clone()));
        }
    }
    /// The client has been given the last frame.
    pub(super) fn whole(mut self) {
        let Some(job) = &mut self.job else {
            return;
        };
        // Without a head there is no end: dropped, it says that the client left.
        if let Outcome::Answered(response) = &mut job.primary.outcome {
            response.body = job.capture.finish();
            self.end(Client::Served);
        }
    }
    /// The primary failed, before or after its head.
    pub(super) fn failed(mut self, failure: Failure) {
        self.fail(failure, Client::Served);
    }
    /// It will not be judged; the copy goes, the live stream stays.
    pub(super) fn give_up(&mut self, reason: NotJudged) {
        if self.job.take().is_some() {
            self.lane.give_up(reason);
        }
    }
    fn fail(&mut self, failure: Failure, client: Client) {
        if let Some(job) = &mut self.job {
            job.primary.outcome = Outcome::Failed(failure);
            self.end(client);
        }
    }
    fn end(&mut self, client: Client) {
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
        let to_head = match (self.head_at, &job.primary.outcome) {
            (Some(at), _) => Some(at.duration_since(self.started)),
            (None, Outcome::Answered(_)) => Some(elapsed),
            (None, Outcome::Failed(failure)) => (failure.kind == FailureKind::Timeout).then_some(elapsed),
        };
        job.to_head_us = to_head.map(|time| u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
        job.primary.elapsed_us = elapsed.as_micros() as u64;
        job.client = client;
        self.lane.hand_over(job);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(job) = &self.job else {
            return;
        };
        if self.lane.is_draining() {
            return self.give_up(NotJudged::Shutdown);
        }
        let (status, message) = (job.primary.outcome.status(), "the client left before the end".to_owned());
        self.fail(Failure { kind: FailureKind::Reset, status, message }, Client::Left);
    }
}

/// What an exchange's primary answer is until it has come.
pub(super) fn no_answer_yet() -> Answer {
    let message = String::new();
    Answer { outcome: Outcome::Failed(Failure { kind: FailureKind::Reset, status: None, message }), elapsed_us: 0 }
}
