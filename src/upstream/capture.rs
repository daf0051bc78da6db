//! A capped copy of a body, taken frame by frame as it passes. A frame is shared, or copied out of a buffer that is
//! read into again.

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
    /// What has passed is, so far, the start of this body.
    same: Option<Same>,
}

/// A body that another one may turn out to be, and how far it has.
struct Same {
    other: Chunks,
    /// Parts of it that have passed whole, and bytes of the one after them.
    parts: usize,
    bytes: usize,
}

impl Same {
    /// Goes on by a frame; false where it is not what comes next.
    fn goes_on(&mut self, frame: &[u8]) -> bool {
        let (mut rest, mut parts, mut bytes) = (frame, self.parts, self.bytes);
        while !rest.is_empty() {
            let Some(part) = self.other.iter().nth(parts).and_then(|part| part.get(bytes..)) else { return false };
            let n = rest.len().min(part.len());
            if rest[..n] != part[..n] {
                return false;
            }
            (rest, bytes) = (&rest[n..], bytes + n);
            if n == part.len() {
                (parts, bytes) = (parts + 1, 0);
            }
        }
        (self.parts, self.bytes) = (parts, bytes);
        true
    }
    fn is_whole(&self) -> bool {
        self.parts == self.other.iter().count()
    }
    /// What has passed.
    fn start(&self) -> Chunks {
        let mut start = Chunks::new();
        self.other.iter().take(self.parts).for_each(|part| start.push(part.clone()));
        let next = self.other.iter().nth(self.parts).filter(|_| self.bytes > 0);
        next.into_iter().for_each(|part| start.push(part.slice(..self.bytes)));
        start
    }
}

impl Capture {
    /// An empty copy that keeps at most `cap` bytes; digests of one process share a seed.
    pub fn new(cap: usize, seed: u64) -> Capture {
        Capture { kept: Chunks::new(), cap, length: 0, seed, digest: None, same: None }
    }
    /// What comes is likely to be this body: as long as it is, nothing is held. Frames are compared while they
    /// are in the cache, and the connection's read buffer is free for the next.
    pub fn expect(&mut self, other: &Chunks) {
        if other.len() <= self.cap && !other.is_empty() {
            self.same = Some(Same { other: other.clone(), parts: 0, bytes: 0 });
        }
    }
    /// Adds a frame, which is shared; says how many more bytes are held because of it.
    pub fn push(&mut self, frame: &Bytes) -> usize {
        self.add(frame, |held| frame.slice(..held))
    }
    /// The same of a frame in a buffer that is read into again: what has to be held is copied out, so it holds nothing but itself.
    pub fn copy(&mut self, frame: &[u8]) -> usize {
        self.add(frame, |held| Bytes::copy_from_slice(&frame[..held]))
    }
    fn add(&mut self, frame: &[u8], hold: impl FnOnce(usize) -> Bytes) -> usize {
        self.length += frame.len() as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(frame);
            return 0;
        }
        if let Some(same) = &mut self.same {
            if same.goes_on(frame) {
                return 0;
            }
            // It was this body up to here, and shares its bytes, which are held already.
            self.kept = same.start();
            self.same = None;
        }
        let held = frame.len().min(self.cap - self.kept.len());
        if held < frame.len() {
            let mut digest = Box::new(Xxh3::with_seed(self.seed));
            self.kept.iter().for_each(|part| digest.update(part));
            digest.update(frame);
            self.digest = Some(digest);
        }
        self.kept.push(hold(held));
        held
    }
    /// Bytes passed so far.
    pub fn length(&self) -> u64 {
        self.length
    }
    /// True once the body was larger than the cap.
    pub fn is_truncated(&self) -> bool {
        self.digest.is_some()
    }
    /// The body, at its end; it is taken out of here.
    pub fn finish(&mut self) -> Body {
        // What is another body's already holds no read buffer.
        if self.same.is_none() {
            self.kept.detach(DETACH_UP_TO);
        }
        self.finish_for_now()
    }
    /// The same for whoever lets go of it before the connection is read again.
    pub fn finish_for_now(&mut self) -> Body {
        if let Some(same) = self.same.take() {
            return Body::Complete(if same.is_whole() { same.other } else { same.start() });
        }
        let kept = std::mem::take(&mut self.kept);
        match self.digest.take() {
            None => Body::Complete(kept),
            Some(digest) => Body::Truncated { kept, length: self.length, digest: digest.digest128() },
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
    fn a_likely_body_is_held_once_and_any_other_as_it_came() {
        let other: Vec<u8> = (0..1_000u32).map(|n| n as u8).collect();
        let mut likely = Chunks::new();
        [0..300, 300..301, 301..1_000].into_iter().for_each(|part| likely.push(Bytes::copy_from_slice(&other[part])));
        let all = |body: &Body| body.kept().contiguous().into_owned();
        let captured = |text: &[u8], step: usize, cap: usize| {
            let mut capture = Capture::new(cap, 7);
            capture.expect(&likely);
            let held: usize = text.chunks(step).map(|part| capture.push(&Bytes::copy_from_slice(part))).sum();
            (capture.finish(), held)
        };
        for step in [1, 7, 299, 300, 301, 999, 5_000] {
            let (same, held) = captured(&other, step, 2_000);
            assert_eq!((all(&same), held), (other.clone(), 0));
            assert!(
                same.kept().iter().zip(likely.iter()).all(|(a, b)| a.as_ptr() == b.as_ptr()),
                "it is the other one"
            );
            for at in [0, 1, 298, 299, 300, 301, 998, 999] {
                let mut text = other.clone();
                text[at] ^= 1;
                let (changed, held) = captured(&text, step, 2_000);
                assert_eq!(all(&changed), text, "changed at {at} in steps of {step}");
                assert!(held <= 1_000 - at / step * step, "what was the same is held once");
                let (shorter, _) = captured(&other[..at], step, 2_000);
                assert_eq!(all(&shorter), other[..at], "cut at {at}");
                assert!(!matches!(shorter, Body::Truncated { .. }));
            }
            let longer = [&*other, b"more"].concat();
            assert_eq!(all(&captured(&longer, step, 2_000).0), longer);
            let plain = |text: &[u8]| {
                let mut capture = Capture::new(1_001, 7);
                capture.push(&Bytes::copy_from_slice(text));
                capture.finish()
            };
            let (Body::Truncated { digest: a, length: 1_004, .. }, Body::Truncated { digest: b, .. }) =
                (captured(&longer, step, 1_001).0, plain(&longer))
            else {
                panic!("over the cap")
            };
            assert_eq!(a, b, "a digest is that of the whole");
        }
    }

    #[test]
    fn a_frame_of_a_buffer_that_is_read_into_again_is_kept_as_it_was() {
        let bytes: Vec<u8> = (0..1_000u32).map(|n| n as u8).collect();
        for (cap, step) in [(2_000, 7), (1_000, 1_000), (500, 33), (500, 999), (0, 10)] {
            let (mut copied, mut shared, mut buffer) = (Capture::new(cap, 7), Capture::new(cap, 7), [0; 1_000]);
            for part in bytes.chunks(step) {
                buffer[..part.len()].copy_from_slice(part);
                assert_eq!(copied.copy(&buffer[..part.len()]), shared.push(&Bytes::copy_from_slice(part)));
                buffer.fill(0);
            }
            let all = |body: &Body| body.kept().contiguous().into_owned();
            let (copied, shared) = (copied.finish_for_now(), shared.finish());
            assert_eq!(all(&copied), bytes[..cap.min(1_000)], "cap {cap}, steps of {step}");
            let told = |body: &Body| match body {
                Body::Complete(_) => None,
                Body::Truncated { length, digest, .. } => Some((*length, *digest)),
            };
            assert_eq!((told(&copied), all(&copied)), (told(&shared), all(&shared)));
        }
    }

    #[test]
    fn a_body_of_exactly_the_cap_is_complete() {
        let mut capture = Capture::new(4, 0);
        assert_eq!(capture.push(&Bytes::from_static(b"ab")) + capture.push(&Bytes::from_static(b"cd")), 4);
        assert!(!capture.is_truncated());
        assert_eq!(&*capture.finish().kept().contiguous(), b"abcd");
    }
}
