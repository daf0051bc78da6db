//! A body as a tree: decode (content-encoding, charset), then parse by content type.

mod decode;

pub use decode::{DecodeError, Decoded, Media, decode};
pub(crate) use decode::{charset_label, latin1};
