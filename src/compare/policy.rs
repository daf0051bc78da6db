//! Which header fields are compared at all.

/// Which header fields are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderPolicy {
    /// All but those that vary by nature and those listed (lower case).
    All {
        /// Fields not compared, beside the built-in list.
        ignore: Vec<String>,
    },
    /// These alone (lower case).
    Only(Vec<String>),
}

impl Default for HeaderPolicy {
    fn default() -> HeaderPolicy {
        HeaderPolicy::All { ignore: Vec::new() }
    }
}
