//! `sync_file_range`, which sled takes for a sync, is one here.
//!
//! On Linux sled 0.34 ends each write of its log in `sync_file_range`, and counts what it wrote as stable from then on: it
//! writes over segments whose content has been copied elsewhere. But that call flushes neither the device's cache nor the
//! file's metadata ("extremely dangerous", says its manual page), so that after a loss of power the copy can be gone and the
//! segment written over: what was acknowledged long before is lost (`tests/it/store_prefix.rs` shows it). A symbol of the
//! program comes before the C library's, so sled calls this one instead.

use std::ffi::{c_int, c_uint};

unsafe extern "C" {
    fn fdatasync(file: c_int) -> c_int;
}

/// In place of the C library's: returns when all that was written to the file is on the device.
#[unsafe(no_mangle)]
extern "C" fn sync_file_range(file: c_int, _offset: i64, _length: i64, _flags: c_uint) -> c_int {
    // SAFETY: a system call on a descriptor; a wrong one is an error.
    unsafe { fdatasync(file) }
}
