//! How a running request is ended from another thread: by the controller's cancel, by its timeout, or because the
//! controller went away.
//!
//! [`crate::system::real::Real`] registers the process group of every program that it starts, waits with
//! [`Control::sleep`] and asks [`Control::check`] between the pieces of long work.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a program may take to end by itself after SIGTERM before SIGKILL follows.
const GRACE: Duration = Duration::from_secs(2);

/// Why a request was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The controller gave it up, or is gone.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

#[derive(Debug, Default)]
struct State {
    groups: BTreeSet<i32>,
    ended: Option<Ended>,
}

/// The handle by which a request is ended. One for each request.
#[derive(Debug, Default)]
pub struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

impl Control {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not keep us from killing what runs.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the request: SIGTERM to every registered process group, SIGKILL to those that are left two seconds later.
    /// The first reason stays.
    pub fn end(self: &Arc<Self>, why: Ended) {
        {
            let mut state = self.state();
            if state.ended.is_some() {
                return;
            }
            state.ended = Some(why);
            signal_all(&state.groups, Signal::TERM);
        }
        self.changed.notify_all();
        let this = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(GRACE);
            signal_all(&this.state().groups, Signal::KILL);
        });
    }

    /// SIGKILL to every registered process group, now.
    pub fn kill(&self) {
        signal_all(&self.state().groups, Signal::KILL);
    }

    /// Why the request was ended, if it was.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] or [`io::ErrorKind::Interrupted`] if the request was ended.
    pub fn check(&self) -> io::Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(Ended::Cancelled) => Err(io::Error::new(io::ErrorKind::Interrupted, "cancelled")),
            Some(Ended::TimedOut) => Err(io::Error::new(io::ErrorKind::TimedOut, "timed out")),
        }
    }

    /// Registers a program that leads its own process group, until the guard is dropped (drop it after `wait`,
    /// so that no other process can have got the number). If the request was ended already the group is killed at once.
    #[must_use]
    pub fn track(&self, pid: u32) -> Tracked<'_> {
        let group = i32::try_from(pid).unwrap_or(0);
        let mut state = self.state();
        state.groups.insert(group);
        if state.ended.is_some() {
            signal_all(&BTreeSet::from([group]), Signal::KILL);
        }
        Tracked { control: self, group }
    }

    /// Waits that long, or until the request is ended.
    pub fn sleep(&self, duration: Duration) {
        let until = Instant::now() + duration;
        let mut state = self.state();
        while state.ended.is_none() {
            let now = Instant::now();
            if now >= until {
                return;
            }
            state = self.changed.wait_timeout(state, until - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn signal_all(groups: &BTreeSet<i32>, signal: Signal) {
    for group in groups {
        if *group > 1
            && let Some(pid) = Pid::from_raw(*group)
        {
            // It may have ended in the meantime, which is what we want.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// A registered process group.
#[derive(Debug)]
pub struct Tracked<'a> {
    control: &'a Control,
    group: i32,
}

impl Drop for Tracked<'_> {
    fn drop(&mut self) {
        self.control.state().groups.remove(&self.group);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    #[test]
    fn ending_kills_the_whole_group_and_wakes_sleepers() {
        let control = Control::new();
        let mut child =
            Command::new("sh").args(["-c", "sleep 60 & sleep 60"]).process_group(0).spawn().unwrap();
        let tracked = control.track(child.id());
        let other = Arc::clone(&control);
        let ender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            other.end(Ended::TimedOut);
        });
        let start = Instant::now();
        control.sleep(Duration::from_secs(30));
        assert!(!child.wait().unwrap().success());
        drop(tracked);
        ender.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(control.check().unwrap_err().kind(), io::ErrorKind::TimedOut);
        control.end(Ended::Cancelled);
        assert_eq!(control.ended(), Some(Ended::TimedOut));
    }
}
