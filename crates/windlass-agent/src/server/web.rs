//! Where the program that makes requests over HTTP is kept, and how it gets there.

use crate::blobs::BlobRef;
use crate::system::http::program::Program;
use flate2::read::GzDecoder;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use windlass_protocol::message::WEB_PROGRAM_SIZE;

/// The program beside the agent in its cache, under the same number: the two were made together. Where the agent was
/// not started from a cache it lies in the private folder.
pub(super) fn program(scratch: &Path) -> Program {
    let own = std::fs::read_link("/proc/self/exe").ok();
    let beside = own.as_deref().and_then(beside);
    Program::in_one_of(beside.into_iter().chain([scratch.join("windlass-web")]).collect())
}

/// The program that goes with an agent of this path.
pub(super) fn beside(agent: &Path) -> Option<PathBuf> {
    let number = agent.file_name()?.to_str()?.strip_prefix("agent-")?;
    // So the kernel names a file that was removed while it runs.
    let number = number.strip_suffix(" (deleted)").unwrap_or(number);
    Some(agent.with_file_name(format!("web-{number}")))
}

/// Unpacks the program that came with a request, and puts it where it belongs.
pub(super) fn install(program: &Program, packed: &BlobRef) -> io::Result<()> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed.open()?).take(WEB_PROGRAM_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > WEB_PROGRAM_SIZE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    program.install(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_beside_its_agent() {
        let at = |path: &str| beside(Path::new(path));
        assert_eq!(at("/c/agent-12ab"), Some(PathBuf::from("/c/web-12ab")));
        assert_eq!(at("/c/agent-12ab (deleted)"), Some(PathBuf::from("/c/web-12ab")));
        assert_eq!(at("/target/debug/deps/windlass_agent"), None);
    }
}
