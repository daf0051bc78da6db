//! The few system calls that need a raw descriptor or `unsafe`, each with its reason.
