//! This machine as a host: the same agent, started the same way, without a connection.

use super::bootstrap::{Exec, Line};
use super::error::ConnectError;
use super::process::{self, Process};
use tokio::process::Command;

/// The way to this machine.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) name: String,
}

impl Exec for Local {
    async fn exec(&self, line: Line<'_>, terminal: bool) -> Result<Process, ConnectError> {
        let own;
        let argv = match line {
            Line::Words(argv) => argv,
            Line::Text(text) => {
                own = ["/bin/sh", "-c", text].map(str::to_owned);
                &own
            }
        };
        if terminal {
            // Only doas with a password comes here.
            return Err(ConnectError::Program {
                program: argv.first().cloned().unwrap_or_default(),
                reason:
                    "it wants a terminal to read a password from, which a local connection does not have; \
                         use sudo, or let it do without a password"
                        .to_owned(),
                kind: None,
            });
        }
        let Some((program, arguments)) = argv.split_first() else {
            let reason = "no program".to_owned();
            return Err(ConnectError::Program { program: String::new(), reason, kind: None });
        };
        let mut command = Command::new(program);
        command.args(arguments);
        process::spawn(command)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_local(&self) -> bool {
        true
    }
}
