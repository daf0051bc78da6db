//! A body as a tree: decode (content-encoding, charset), then parse by content type.
