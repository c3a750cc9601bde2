//! The example, deployed to a real host: what `make demo` shows, as a test.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use windlass_test_hosts::require_hosts;

#[test]
fn nyxmon_is_deployed_and_proves_that_it_runs() {
    if !require_hosts() {
        return;
    }
    let windlass = env!("CARGO_BIN_EXE_windlass");
    windlass_demo::run(windlass.as_ref(), &mut |line| println!("{line}")).unwrap_or_else(|e| panic!("{e}"));
}
