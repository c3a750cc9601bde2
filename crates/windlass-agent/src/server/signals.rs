//! SIGTERM, SIGHUP and SIGINT: the scratch folder is removed before the process ends.

use super::scratch::Scratch;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::sync::atomic::{AtomicI32, Ordering};

/// The writing end of the pipe that wakes the thread below.
static WAKE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn note(_signal: i32) {
    let fd = WAKE.load(Ordering::Relaxed);
    if fd >= 0 {
        wake(fd);
    }
}

#[allow(unsafe_code)]
fn wake(fd: i32) {
    // SAFETY: the descriptor was given up with `into_raw_fd` below and is never closed; a write of one byte is
    // async-signal-safe.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    let _ = rustix::io::write(fd, &[1]);
}

/// Installs the handlers. If that fails the agent still notices the end of its stream.
#[allow(unsafe_code)]
pub(super) fn on_hangup(scratch: &Scratch) {
    let Ok((mut reader, writer)) = std::io::pipe() else { return };
    let _ = rustix::io::ioctl_fionbio(&writer, true);
    WAKE.store(writer.as_raw_fd(), Ordering::Relaxed);
    let _ = writer.into_raw_fd();
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        // SAFETY: the handler only loads an atomic and writes to a pipe. Programs that are started get the
        // default action back by exec.
        let _ = unsafe { sigaction(signal, &action) };
    }
    let scratch = scratch.clone();
    std::thread::spawn(move || {
        let mut byte = [0];
        if matches!(reader.read(&mut byte), Ok(1)) {
            super::worker::kill_all();
            scratch.remove();
            std::process::exit(143);
        }
    });
}
