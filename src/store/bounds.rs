//! How much the tables hold, whatever the caps of the store say.

/// Bounds of the tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Exemplars of one signature.
    pub(super) exemplars: usize,
    /// Signatures; a new one beyond is not stored, and counted.
    pub(super) signatures: usize,
    /// Cells; for a new one beyond, the oldest goes, and is counted.
    pub(super) cells: u64,
    /// Pairs of routes and builds; for a new one beyond, the oldest goes, and is counted.
    pub(super) pairs: usize,
    /// Places in all of those, likewise.
    pub(super) places: usize,
}

impl Bounds {
    /// For who adds nothing.
    pub(super) const NONE: Bounds = Bounds {
        exemplars: usize::MAX,
        signatures: usize::MAX,
        cells: u64::MAX,
        pairs: usize::MAX,
        places: usize::MAX,
    };
}
