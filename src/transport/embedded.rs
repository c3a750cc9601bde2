//! The agents that came with this controller, one for each kind of machine.

use std::io::Read;

/// One agent, as it was built together with this controller.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedAgent {
    /// The Rust target that it was built for.
    pub target: &'static str,
    /// What serves requests.
    pub agent: Embedded,
    /// What the agent makes requests over HTTP with; it is sent where a task needs it.
    pub web: Embedded,
}

/// A program that came with this controller.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// The BLAKE3 hash of the program, in hex.
    pub hash: &'static str,
    /// The program's size in bytes.
    pub size: usize,
    /// The program, compressed with zstd.
    pub compressed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// Why no agent can be had for a machine.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// None was built for it.
    #[error("this build of windlass has no agent for machines of type {machine} (it has: {})", known())]
    NoAgent {
        /// The machine type, as `uname -m` gives it.
        machine: String,
    },
    /// The embedded data is damaged: the controller's own file is.
    #[error("the embedded agent is damaged: is this windlass binary complete?")]
    Damaged,
}

fn known() -> String {
    match AGENTS {
        [] => "none at all".to_owned(),
        agents => agents.iter().map(|a| a.target).collect::<Vec<_>>().join(", "),
    }
}

impl EmbeddedAgent {
    /// The agent for a machine type, as `uname -m` gives it.
    pub fn for_machine(machine: &str) -> Result<&'static Self, EmbeddedError> {
        let architecture = match machine {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            other => other,
        };
        AGENTS
            .iter()
            .find(|agent| agent.target.split('-').next() == Some(architecture))
            .ok_or_else(|| EmbeddedError::NoAgent { machine: machine.to_owned() })
    }
}

impl Embedded {
    /// The program itself, held against its hash.
    pub fn program(&self) -> Result<Vec<u8>, EmbeddedError> {
        let damaged = |_| EmbeddedError::Damaged;
        let mut program = Vec::with_capacity(self.size);
        let mut decoder = zstd::Decoder::new(self.compressed).map_err(damaged)?;
        // One byte more than it may have, so that a longer one shows.
        decoder.by_ref().take(self.size as u64 + 1).read_to_end(&mut program).map_err(damaged)?;
        if blake3::hash(&program).to_hex().as_str() != self.hash {
            return Err(EmbeddedError::Damaged);
        }
        Ok(program)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_embedded_agent_is_a_program_for_its_machine() {
        for (agent, embedded) in AGENTS.iter().flat_map(|agent| [(agent, agent.agent), (agent, agent.web)]) {
            let program = embedded.program().unwrap();
            assert_eq!(program.len(), embedded.size);
            assert_eq!(&program[..4], b"\x7fELF");
            // e_machine: 62 is x86-64, 183 is AArch64.
            let machine = u16::from_le_bytes([program[18], program[19]]);
            assert_eq!(
                machine,
                if agent.target.starts_with("x86_64") { 62 } else { 183 },
                "{}",
                agent.target
            );
            // Static: no program header asks for an interpreter (PT_INTERP, 3).
            let at = |offset: usize| u64::from_le_bytes(program[offset..offset + 8].try_into().unwrap());
            let (start, size) = (at(32) as usize, u16::from_le_bytes([program[54], program[55]]) as usize);
            let count = u16::from_le_bytes([program[56], program[57]]) as usize;
            assert!((0..count).all(|i| program[start + i * size] != 3), "{} is not static", agent.target);
        }
    }

    #[test]
    fn an_unknown_machine_is_said_with_those_that_are_known() {
        let error = EmbeddedAgent::for_machine("sparc64").unwrap_err().to_string();
        assert!(
            error.starts_with("this build of windlass has no agent for machines of type sparc64 (it has: ")
        );
    }

    #[test]
    fn a_damaged_agent_is_not_used() {
        let bad = Embedded { hash: "00", size: 3, compressed: b"no zstd" };
        assert!(bad.program().is_err());
        let compressed = zstd::encode_all(&b"abc"[..], 1).unwrap();
        let bad = Embedded { hash: "00", size: 3, compressed: compressed.leak() };
        assert_eq!(bad.program().unwrap_err().to_string(), EmbeddedError::Damaged.to_string());
    }
}
