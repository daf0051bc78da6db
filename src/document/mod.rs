//! A body as a tree: decode (content-encoding, charset), then parse by content type.

mod decode;
pub mod json;

pub(crate) use decode::latin1;
pub use decode::{DecodeError, Decoded, Media, decode};
