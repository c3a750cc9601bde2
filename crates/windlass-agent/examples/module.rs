//! Runs one module on this machine and prints what came of it as JSON: to try a module without a controller.
//!
//! `module NAME '{"argument": "value"}' [--check] [--diff]`

use std::io::Write;
use std::process::ExitCode;
use windlass_agent::system::fake::Task;
use windlass_agent::system::real::Real;

fn main() -> std::io::Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    let (name, args) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let args = serde_json::from_str(if args.is_empty() { "{}" } else { &args })?;
    let real = Real::new().with_web(windlass_agent::system::http::client::fetch);
    let mut task = Task::new(&real, &name, args);
    for word in words {
        task = match word.as_str() {
            "--check" => task.check(),
            "--diff" => task.diff(),
            other => match other.split_once('=') {
                Some((blob, file)) => task.blob(blob, std::fs::read(file)?),
                None => task,
            },
        };
    }
    let begun = std::time::Instant::now();
    let outcome = task.run();
    let took = begun.elapsed();
    let mut value = serde_json::json!({
        "changed": outcome.changed, "failed": outcome.failed, "skipped": outcome.skipped, "msg": outcome.msg,
    });
    if let Some(map) = value.as_object_mut() {
        map.extend(outcome.values());
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&value)?)?;
    for change in &outcome.changes {
        writeln!(std::io::stderr(), "# {:?} <- {:?}", change.what, change.op)?;
    }
    for diff in &outcome.diff {
        writeln!(std::io::stderr(), "# {diff:?}")?;
    }
    for warning in &outcome.warnings {
        writeln!(std::io::stderr(), "# warning: {warning}")?;
    }
    writeln!(std::io::stderr(), "# {took:?}")?;
    Ok(if outcome.failed { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
