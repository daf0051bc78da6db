//! Cuts secrets out before anything is stored, logged, exported or published.

/// Stand-in.
pub struct Redactor;
#[allow(missing_docs)]
impl Redactor {
    pub fn new(_: &crate::config::Redact, _: [u8; 32]) -> Redactor {
        Redactor
    }
}
