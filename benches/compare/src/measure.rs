//! Runs one tool on a fresh host, often enough for a median.

use crate::error::Error;
use crate::tools::Tool;
use crate::workload;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use windlass_test_hosts::{Host, Suite, Tree};

/// From this time on, three runs are enough.
const SLOW: Duration = Duration::from_secs(5);
/// From this time on, two: what varies is small beside it.
const VERY_SLOW: Duration = Duration::from_secs(20);

/// What came out for one tool.
pub struct Row {
    /// Its name for people.
    pub title: String,
    /// Median of the first runs, on a host where nothing was done yet, and their number.
    pub first: Option<(Duration, usize)>,
    /// Median of the following runs, which change nothing, and their number.
    pub second: Option<(Duration, usize)>,
    /// Why there is no figure, or why it does not count.
    pub problem: Option<String>,
}

/// Measures a tool. `model` is the tree that the first tool left.
pub fn tool(tool: &dyn Tool, work: &Path, runs: usize, model: &mut Option<Tree>) -> Row {
    let mut row = Row { title: tool.title(), first: None, second: None, problem: None };
    if let Err(error) = fill(&mut row, tool, work, runs, model) {
        row.problem = Some(error.to_string());
    }
    row
}

fn fill(
    row: &mut Row,
    tool: &dyn Tool,
    work: &Path,
    runs: usize,
    model: &mut Option<Tree>,
) -> Result<(), Error> {
    let host = bench_host()?;
    tool.prepare(&host, work)?;
    // One login to warm what every tool needs alike: the server's caches and the first fork.
    quiet(host.ssh("root").arg("true"))?;
    let mut first = Vec::new();
    while first.len() < enough(&first, runs.min(5)) {
        forget(&host, tool)?;
        first.push(timed(&mut tool.command(&host, work))?);
    }
    if tool.does_the_work() {
        let tree = host.snapshot_tree(&[workload::TREE])?;
        match model {
            None => *model = Some(tree),
            Some(model) => {
                same_tree(model, &tree)?;
            }
        }
    }
    row.first = tool.does_the_work().then(|| (median(&first), first.len()));
    let mut second = Vec::new();
    while second.len() < enough(&second, runs) {
        second.push(timed(&mut tool.command(&host, work))?);
    }
    row.second = Some((median(&second), second.len()));
    Ok(())
}

/// Whether a tool did what the first one did.
pub fn same_tree(model: &Tree, found: &Tree) -> Result<(), Error> {
    let differences = model.differences(found);
    match differences.len() {
        0 => Ok(()),
        n => Err(Error::OtherTree(format!("{} ({n} differences)", differences[..n.min(3)].join("; ")))),
    }
}

/// The kind of host that all are measured on.
pub fn bench_host() -> Result<Host, Error> {
    Ok(Host::builder().suite(Suite::Trixie).python(true).name("bench").durable(true).boot()?)
}

/// How many runs make a median, by what the runs so far took.
pub fn enough(so_far: &[Duration], wanted: usize) -> usize {
    match so_far.first() {
        Some(first) if *first > VERY_SLOW => wanted.min(2),
        Some(first) if *first > SLOW => wanted.min(3),
        _ => wanted,
    }
}

/// Makes the next run a first one: without the tree, without what tools keep on the host and here.
fn forget(host: &Host, tool: &dyn Tool) -> Result<(), Error> {
    host.sh(&format!("rm -rf {} /root/.cache /root/.ansible /root/.local", workload::TREE))?;
    tool.disconnect(host);
    Ok(())
}

/// Runs a command to its end; what it prints is only kept for the case that it fails.
pub fn timed(command: &mut Command) -> Result<Duration, Error> {
    let begin = Instant::now();
    quiet(command)?;
    Ok(begin.elapsed())
}

/// Runs a command; anything but exit 0 is an error.
pub fn quiet(command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_os_string();
    if !program.is_empty() {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let out = command.output().map_err(Error::io(&program))?;
    if out.status.success() {
        return Ok(());
    }
    let all = [out.stdout, out.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    let tail: Vec<&str> = all.lines().rev().take(15).collect();
    let output = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(Error::Failed { what: program.to_string_lossy().into_owned(), output })
}

/// The middle one; of an even number, the mean of the two in the middle.
pub fn median(values: &[Duration]) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    match sorted.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_and_even_numbers() {
        let of = |v: &[u64]| median(&v.iter().map(|s| Duration::from_secs(*s)).collect::<Vec<_>>()).as_secs();
        assert_eq!((of(&[]), of(&[3]), of(&[9, 1, 2]), of(&[4, 2, 8, 6])), (0, 3, 2, 5));
    }
}
