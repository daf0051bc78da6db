//! Plain data about evidence and its formats: one file a format.
