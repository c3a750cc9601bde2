//! A time limit for every test on hosts: one that hangs is named and ends its test program, instead of holding
//! up everything until somebody looks.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

static WATCHED: Mutex<Vec<Arc<Watched>>> = Mutex::new(Vec::new());
static START: Once = Once::new();

#[derive(Debug)]
struct Watched {
    test: String,
    deadline: Instant,
}

thread_local! {
    // Dropped when the test's thread ends, however it ends.
    static CURRENT: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

struct Guard(Arc<Watched>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Ok(mut watched) = WATCHED.lock() {
            watched.retain(|w| !Arc::ptr_eq(w, &self.0));
        }
    }
}

/// The limit: `WINDLASS_TEST_LIMIT` in seconds, else ten minutes.
fn limit() -> Duration {
    let set = std::env::var("WINDLASS_TEST_LIMIT").ok().and_then(|v| v.parse().ok());
    Duration::from_secs(set.unwrap_or(600))
}

/// Watches the test of this thread until the thread ends.
pub(crate) fn watch_this_test() {
    let test = std::thread::current().name().unwrap_or("a test without a name").to_owned();
    let watched = Arc::new(Watched { test, deadline: Instant::now() + limit() });
    if let Ok(mut all) = WATCHED.lock() {
        all.push(watched.clone());
    }
    CURRENT.with(|current| *current.borrow_mut() = Some(Guard(watched)));
    START.call_once(|| {
        std::thread::spawn(look_round);
    });
}

fn look_round() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let late = WATCHED.lock().ok().and_then(|w| w.iter().find(|w| w.deadline < Instant::now()).cloned());
        if let Some(late) = late {
            let seconds = limit().as_secs();
            let _ =
                writeln!(std::io::stderr(), "\ntest {} has run for {seconds} s and is given up", late.test);
            // Its hosts are reaped by the next boot, as after a crash.
            std::process::exit(101);
        }
    }
}
