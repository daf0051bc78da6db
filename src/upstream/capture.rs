//! A capped copy of a body, taken frame by frame as it passes. Frames are shared, never copied.

use crate::exchange::{Body, Chunks};
use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

/// Bodies up to this many bytes are copied out of the connection's read buffer, which a frame would else keep alive.
const DETACH_UP_TO: usize = 8 << 10;

/// The copy so far.
pub struct Capture {
    kept: Chunks,
    cap: usize,
    length: u64,
    seed: u64,
    digest: Option<Box<Xxh3>>,
}

impl Capture {
    /// An empty copy that keeps at most `cap` bytes; digests of one process share a seed.
    pub fn new(cap: usize, seed: u64) -> Capture {
        Capture { kept: Chunks::new(), cap, length: 0, seed, digest: None }
    }
    /// Adds a frame; says how many more bytes are held because of it.
    pub fn push(&mut self, frame: &Bytes) -> usize {
        self.length += frame.len() as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(frame);
            return 0;
        }
        let room = self.cap - self.kept.len();
        if frame.len() <= room {
            self.kept.push(frame.clone());
            return frame.len();
        }
        let mut digest = Box::new(Xxh3::with_seed(self.seed));
        self.kept.iter().for_each(|part| digest.update(part));
        digest.update(frame);
        self.digest = Some(digest);
        self.kept.push(frame.slice(..room));
        room
    }
    /// Bytes passed so far.
    pub fn length(&self) -> u64 {
        self.length
    }
    /// True once the body was larger than the cap.
    pub fn is_truncated(&self) -> bool {
        self.digest.is_some()
    }
    /// The body, at its end.
    pub fn finish(mut self) -> Body {
        self.kept.detach(DETACH_UP_TO);
        match self.digest {
            None => Body::Complete(self.kept),
            Some(digest) => Body::Truncated { kept: self.kept, length: self.length, digest: digest.digest128() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bodies_have_equal_digests_wherever_their_frames_end() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let whole = |step: usize| {
            let mut capture = Capture::new(1_000, 7);
            bytes.chunks(step).for_each(|part| {
                capture.push(&Bytes::copy_from_slice(part));
            });
            capture.finish()
        };
        let (a, b) = (whole(333), whole(100_000));
        let (Body::Truncated { kept, length, digest }, Body::Truncated { digest: other, .. }) = (&a, &b) else {
            panic!("over the cap")
        };
        assert_eq!((kept.len(), *length), (1_000, 100_000));
        assert_eq!(digest, other);
    }

    #[test]
    fn a_large_frame_is_shared_and_never_copied() {
        let frames = [Bytes::from(vec![b'x'; 1 << 20]), Bytes::from(vec![b'y'; 1 << 20])];
        let mut capture = Capture::new(4 << 20, 0);
        frames.iter().for_each(|frame| assert_eq!(capture.push(frame), 1 << 20));
        let body = capture.finish();
        let places = |parts: &mut dyn Iterator<Item = &Bytes>| parts.map(|part| part.as_ptr()).collect::<Vec<_>>();
        assert_eq!(places(&mut body.kept().iter()), places(&mut frames.iter()));
    }

    #[test]
    fn a_body_of_exactly_the_cap_is_complete() {
        let mut capture = Capture::new(4, 0);
        assert_eq!(capture.push(&Bytes::from_static(b"ab")) + capture.push(&Bytes::from_static(b"cd")), 4);
        assert!(!capture.is_truncated());
        assert_eq!(&*capture.finish().kept().contiguous(), b"abcd");
    }
}
