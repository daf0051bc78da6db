//! Cuts secrets out before anything is stored, logged, exported or published.
