//! A body as a tree: decode (content-encoding, charset), then parse by content type.

mod decode;
mod form;
mod html;
pub mod json;
mod tree;
mod writer;
mod xml;

pub(crate) use decode::latin1;
pub use decode::{DecodeError, Decoded, Media, decode, decode_as};
pub use tree::canonical_pair;
