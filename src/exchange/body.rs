//! A captured body: the frames as they passed, never joined, with a cap.
//!
//! A body over the cap keeps its first bytes and a digest of all of them, so that two long equal bodies can still be told
//! to be equal without holding either.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A list of body frames; the bytes are shared with nobody once captured.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    parts: SmallVec<[Bytes; 2]>,
    len: usize,
}

impl Chunks {
    /// No bytes.
    pub fn new() -> Chunks {
        Chunks::default()
    }
    /// Adds a frame; an empty one is dropped.
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push(part);
        }
    }
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }
    /// True when there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The frames in order.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.parts.iter()
    }
    /// All bytes in one run: borrowed where there is one frame, joined otherwise.
    pub fn contiguous(&self) -> Cow<'_, [u8]> {
        match self.parts.as_slice() {
            [] => Cow::Borrowed(&[]),
            [one] => Cow::Borrowed(one),
            many => {
                let mut all = Vec::with_capacity(self.len);
                many.iter().for_each(|part| all.extend_from_slice(part));
                Cow::Owned(all)
            }
        }
    }
    /// Copies small or many-framed content into one own allocation, so that a short body does not keep a proxy's whole
    /// read buffer alive (a `Bytes` is a slice of it).
    pub fn detach(&mut self, up_to: usize) {
        if self.len <= up_to && self.len > 0 {
            let mut all = BytesMut::with_capacity(self.len);
            self.parts.iter().for_each(|part| all.extend_from_slice(part));
            self.parts.clear();
            self.parts.push(all.freeze());
        }
    }
    /// True when both hold the same bytes, wherever the frames end.
    pub fn same_bytes(&self, other: &Chunks) -> bool {
        if self.len != other.len {
            return false;
        }
        let place = |part: &Bytes| (part.as_ptr(), part.len());
        if self.parts.iter().map(place).eq(other.parts.iter().map(place)) {
            // The very same memory.
            return true;
        }
        let (mut mine, mut theirs) = (self.parts.iter(), other.parts.iter());
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() {
                match mine.next() {
                    Some(part) => a = part,
                    None => return true,
                }
            }
            if b.is_empty() {
                match theirs.next() {
                    Some(part) => b = part,
                    None => return true,
                }
            }
            let n = a.len().min(b.len());
            if a[..n] != b[..n] {
                return false;
            }
            (a, b) = (&a[n..], &b[n..]);
        }
    }
}

impl From<Bytes> for Chunks {
    fn from(part: Bytes) -> Chunks {
        let mut chunks = Chunks::new();
        chunks.push(part);
        chunks
    }
}

impl From<Vec<u8>> for Chunks {
    fn from(part: Vec<u8>) -> Chunks {
        Bytes::from(part).into()
    }
}

/// XXH3-128 over a whole body, seeded per process: never stored, never shown.
pub type Digest = u128;

/// A captured body.
#[derive(Clone, Debug)]
pub enum Body {
    /// Every byte.
    Complete(Chunks),
    /// The body was larger than the cap.
    Truncated {
        /// Its first bytes.
        kept: Chunks,
        /// How many there were in all.
        length: u64,
        /// Over all of them.
        digest: Digest,
    },
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Body {
        Body::Complete(Chunks::new())
    }
    /// Bytes on the wire in all, kept or not.
    pub fn length(&self) -> u64 {
        match self {
            Body::Complete(chunks) => chunks.len() as u64,
            Body::Truncated { length, .. } => *length,
        }
    }
    /// The bytes that are here.
    pub fn kept(&self) -> &Chunks {
        match self {
            Body::Complete(chunks) | Body::Truncated { kept: chunks, .. } => chunks,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Complete(bytes.into())
    }
}
