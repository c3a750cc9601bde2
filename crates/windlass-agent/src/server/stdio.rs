//! Sets the protocol's streams aside, so that no program that a module starts can read or write them.

use rustix::io::fcntl_dupfd_cloexec;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

/// Goes home if the folder that we were started in is closed to us, as another user's home is after becoming someone:
/// programs should not stumble over it.
pub(super) fn leave_closed_folder() {
    if std::fs::read_dir(".").is_ok() {
        return;
    }
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    for folder in home.into_iter().chain(["/tmp".into(), "/".into()]) {
        if std::fs::read_dir(&folder).is_ok() && std::env::set_current_dir(&folder).is_ok() {
            return;
        }
    }
}

/// Takes standard input and output. What remains as standard input is empty, and what remains as standard output
/// goes to standard error.
///
/// # Errors
/// If the streams are closed or `/dev/null` cannot be opened.
pub(super) fn take() -> io::Result<(File, File)> {
    // Close-on-exec and above 2, whatever else was closed when we were started.
    let input = File::from(fcntl_dupfd_cloexec(io::stdin().as_fd(), 3)?);
    let output = File::from(fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?);
    let null = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    if rustix::stdio::dup2_stdout(io::stderr().as_fd()).is_err() {
        let null = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
    }
    Ok((input, output))
}
