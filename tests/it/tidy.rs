//! The house rules as a test (filled by the lead).
