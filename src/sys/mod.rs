//! The few system calls that the standard library has no word for. The only room where `unsafe` may stand.

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "what sled calls must be a function of the C kind, under the name that sled calls")]
mod ranges;
mod service;

pub use service::Service;

use std::io;
use std::os::fd::OwnedFd;

/// Microseconds of the clock that a service manager orders reloads by (CLOCK_MONOTONIC).
pub fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Sets the niceness of the calling thread alone.
pub fn set_thread_nice(nice: i32) -> io::Result<()> {
    if nice == 0 {
        return Ok(());
    }
    // On Linux the priority of a "process" is that of one thread, by its own id.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), nice).map_err(io::Error::from)
}

/// Raises the soft limit of descriptors to the hard one; says how many there may be.
pub fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // A process that may not raise its limit goes on with what it has.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many descriptors this process may open.
pub fn descriptor_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many descriptors this process has open, where the system tells.
pub fn open_descriptors() -> Option<u64> {
    let listed = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // One of them is that of the listing.
    Some(listed.saturating_sub(1))
}

/// Descriptors from 3 on that whoever started this process has opened for it (systemd's convention); those that are not open
/// are left out. To be called once, before this process opens any, and only where `LISTEN_PID` names it.
pub fn passed_descriptors(count: i32) -> Vec<OwnedFd> {
    #[allow(unsafe_code, reason = "a number in the environment becomes a descriptor; there is no safe word for that")]
    let owned = |number: i32| {
        // SAFETY: the number is not negative, and is only asked about.
        let asked = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        rustix::io::fcntl_getfd(asked).ok()?;
        // SAFETY: it is open, and it was opened for us by whoever named us: nothing else in this process knows of it.
        Some(unsafe { <OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(number) })
    };
    let passed: Vec<OwnedFd> = (3..3_i32.saturating_add(count)).filter_map(owned).collect();
    // Children, if there ever are any, are not meant.
    for passed in &passed {
        let _ = rustix::io::fcntl_setfd(passed, rustix::io::FdFlags::CLOEXEC);
    }
    passed
}
