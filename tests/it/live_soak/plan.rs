//! What request `n` is, and what is sent and answered: a pure function of the seed and `n`, so that the clients and both origins
//! know it without a word.

use std::sync::OnceLock;

/// The cap of copied bodies in the soak's config.
pub(super) const MAX_BODY: usize = 512 << 10;
/// A body over the cap.
const OVER: usize = 600 << 10;
/// What all bodies are made of, from different places on.
const FILLER: usize = 1 << 20;

/// How a client leaves before the end. Each is done only once the primary has the request's head, so that it is known to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Before any answer.
    BeforeHead,
    /// In the middle of the answer's body.
    InAnswer,
    /// In the middle of its own body.
    InUpload,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) method: &'static str,
    /// Bytes of the answer.
    pub(super) answer: usize,
    /// The answer comes in chunks.
    pub(super) answer_chunked: bool,
    /// The primary pauses before the head, and in the body.
    pub(super) slow: bool,
    /// Bytes of the request's body.
    pub(super) upload: usize,
    pub(super) upload_chunked: bool,
    pub(super) leaves: Option<Leaves>,
    /// The client connects anew afterwards.
    pub(super) reconnects: bool,
    from: usize,
}

impl Plan {
    pub(super) fn of(seed: u64, n: usize) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let method = ["GET", "HEAD", "POST"][[0, 0, 0, 0, 0, 0, 0, 1, 2, 2][random.usize(..10)]];
        let size = |random: &mut fastrand::Rng| match random.usize(..2_000) {
            0..200 => 0,
            200..900 => 200,
            900..1_700 => 1 << 10,
            1_700..1_990 => 16 << 10,
            1_990..1_998 => 256 << 10,
            _ => OVER,
        };
        let answer = size(&mut random);
        let upload = if method == "POST" { size(&mut random) } else { 0 };
        let (answer_chunked, upload_chunked) = (random.u8(..8) == 0, upload > 0 && random.u8(..4) == 0);
        let leaves = (random.usize(..500) == 0).then(|| match random.u8(..3) {
            0 if upload >= 200 => Leaves::InUpload,
            1 if method != "HEAD" && answer >= 200 => Leaves::InAnswer,
            _ => Leaves::BeforeHead,
        });
        let slow = leaves.is_some() || random.usize(..300) == 0;
        let (reconnects, from) = (random.usize(..100) == 0, random.usize(..FILLER - OVER));
        Plan { method, answer, answer_chunked, slow, upload, upload_chunked, leaves, reconnects, from }
    }
    pub(super) fn target(&self, n: usize) -> String {
        format!("/{}/{n}", if self.method == "POST" { "notes" } else { "reviews" })
    }
    pub(super) fn answer_body(&self) -> &'static [u8] {
        &filler()[self.from..self.from + self.answer]
    }
    pub(super) fn upload_body(&self) -> &'static [u8] {
        // Not the answer's: an origin that echoes would be seen.
        &filler()[self.from + 1..self.from + 1 + self.upload]
    }
    /// The whole answer as the primary sends it, with the place where its body begins.
    pub(super) fn answer_bytes(&self, n: usize) -> (Vec<u8>, usize) {
        let (kind, body) = ("application/octet-stream", self.answer_body());
        let start = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nX-N: {n}\r\n");
        let head = match self.answer_chunked {
            true => format!("{start}Transfer-Encoding: chunked\r\n\r\n"),
            false => format!("{start}Content-Length: {}\r\n\r\n", self.answer),
        };
        let mut bytes = head.into_bytes();
        let head_ends = bytes.len();
        match (self.method, self.answer_chunked) {
            ("HEAD", _) => {}
            (_, true) => bytes.extend(chunked(body)),
            (_, false) => bytes.extend_from_slice(body),
        }
        (bytes, head_ends)
    }
    /// A copy of it can never be sent: its body came in chunks and went over the cap.
    pub(super) fn outgrows_the_copy(&self) -> bool {
        self.upload > MAX_BODY && self.upload_chunked
    }
}

/// In chunks of some kilobytes.
pub(super) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 1_024);
    for chunk in body.chunks(5_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn filler() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut random = fastrand::Rng::with_seed(5);
        (0..FILLER).map(|_| random.u8(..)).collect()
    })
}
