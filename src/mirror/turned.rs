//! Connections that the live side ends for what the client did: a closed list of reasons, counted for metrics. None of them
//! is a request, so none is in the ledger.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a client's connection was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// A TLS handshake that cannot come to an end: not TLS, nothing in common, no or a wrong client certificate.
    TlsFailed,
    /// A TLS handshake that took too long.
    TlsSlow,
    /// The oldest of too many TLS handshakes under way.
    TlsCrowded,
    /// Broken HTTP/2, or one of the library's bounds (CONTINUATION, resets before acceptance, small frames).
    Http2Broken,
    /// Frames without end that carry nothing.
    Http2Flood,
    /// Streams opened and reset, again and again.
    Http2Resets,
}

impl TurnedAway {
    /// All of them, in the order of their numbers.
    pub const ALL: [TurnedAway; 6] = [
        TurnedAway::TlsFailed,
        TurnedAway::TlsSlow,
        TurnedAway::TlsCrowded,
        TurnedAway::Http2Broken,
        TurnedAway::Http2Flood,
        TurnedAway::Http2Resets,
    ];
    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            TurnedAway::TlsFailed => "tls_failed",
            TurnedAway::TlsSlow => "tls_slow",
            TurnedAway::TlsCrowded => "tls_crowded",
            TurnedAway::Http2Broken => "http2_broken",
            TurnedAway::Http2Flood => "http2_flood",
            TurnedAway::Http2Resets => "http2_resets",
        }
    }
}

/// How many, by reason.
#[derive(Default)]
pub(super) struct TurnedAways([AtomicU64; TurnedAway::ALL.len()]);

impl TurnedAways {
    pub(super) fn count(&self, reason: TurnedAway) {
        if let Some(number) = self.0.get(reason as usize) {
            number.fetch_add(1, Relaxed);
        }
    }
    pub(super) fn counts(&self) -> [u64; TurnedAway::ALL.len()] {
        std::array::from_fn(|at| self.0.get(at).map_or(0, |number| number.load(Relaxed)))
    }
}
