//! Trees in pairs (filled below).
