//! A command that is run past the agent: what `raw` needs on a host where no agent can be.

use super::bootstrap::{Exec, Line, nonce};
use super::connection::RawOutput;
use super::elevate::{self, PromptMark};
use super::error::ConnectError;
use super::process::{Event, Exit, Process};
use super::target::Become;
use windlass_protocol::frame::MAX_FRAME;

/// Runs it and collects what it prints.
pub(crate) async fn run(
    way: &(impl Exec + Sync),
    command: &str,
    stdin: &[u8],
    become_: Option<&Become>,
) -> Result<RawOutput, ConnectError> {
    let elevation = become_.map(|become_| elevate::wrap(become_, command, &nonce()));
    let mut process = match &elevation {
        Some(elevation) => way
            .exec(Line::Words(&elevation.argv), elevation.terminal)
            .await
            .map_err(|error| elevate::unstarted(become_, way.name(), error))?,
        None => way.exec(Line::Text(command), false).await?,
    };
    let terminal = elevation.as_ref().is_some_and(|elevation| elevation.terminal);
    let mut output = RawOutput::default();
    let mut early = None;
    if let (Some(become_), Some(prompt)) = (become_, elevation.as_ref().and_then(|e| e.prompt.as_ref())) {
        early = answer(&mut process, become_, prompt, way.name(), terminal, &mut output).await?;
    }
    let Process { mut input, mut events } = process;
    // Written while output is read: neither waits for the other.
    let write = async {
        let _ = input.send(stdin).await;
        input.close().await;
    };
    let read = async {
        let mut exit = early;
        let mut total = output.stdout.len() + output.stderr.len();
        while exit.is_none() {
            match events.recv().await {
                Some(Event::Stdout(bytes)) => {
                    total += bytes.len();
                    keep(&mut output.stdout, &bytes, total);
                }
                Some(Event::Stderr(bytes)) => {
                    total += bytes.len();
                    keep(&mut output.stderr, &bytes, total);
                }
                Some(Event::Exit(end)) => exit = Some(end),
                None => break,
            }
        }
        exit
    };
    let ((), exit) = tokio::join!(write, read);
    output.code = match exit {
        Some(Exit::Code(code)) => i32::try_from(code).unwrap_or(255),
        Some(Exit::Signal(name)) => 128 + signal_number(&name),
        None => {
            let reason = "while a command ran".to_owned();
            return Err(ConnectError::Lost { host: way.name().to_owned(), reason });
        }
    };
    Ok(output)
}

/// Keeps output as long as all of it together is no more than a result may have. The rest is read, so that the command ends,
/// and passed over; the end that is cut off says so.
fn keep(kept: &mut Vec<u8>, bytes: &[u8], total: usize) {
    const CUT: &[u8] = b"\n[the rest of the output is left out: it is too large]\n";
    if total <= MAX_FRAME {
        kept.extend_from_slice(bytes);
    } else if !kept.ends_with(CUT) {
        kept.extend_from_slice(CUT);
    }
}

/// The number of a signal that is told by number or by name, without `SIG`.
fn signal_number(name: &str) -> i32 {
    const NAMES: [(&str, i32); 13] = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("ABRT", 6),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    let known = || NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    // Of one that nobody knows only this much is said: it was a signal.
    name.parse().ok().or_else(known).unwrap_or(0)
}

/// Waits for the prompt and answers it. Output of the command itself shows that there is none to come.
async fn answer(
    process: &mut Process,
    become_: &Become,
    prompt: &PromptMark,
    host: &str,
    terminal: bool,
    output: &mut RawOutput,
) -> Result<Option<Exit>, ConnectError> {
    let mut said = String::new();
    let mut asked = 0;
    // After the answer only a second prompt or an end tells that it was wrong; sudo takes a moment for that.
    let patience = std::time::Duration::from_secs(3);
    loop {
        let event = match tokio::time::timeout(patience, process.events.recv()).await {
            Ok(event) => event,
            Err(_) => {
                output.stderr.extend_from_slice(said.as_bytes());
                return Ok(None);
            }
        };
        let bytes = match event {
            Some(Event::Stderr(bytes)) => bytes,
            Some(Event::Stdout(bytes)) if terminal => bytes,
            Some(Event::Stdout(bytes)) => {
                output.stderr.extend_from_slice(said.as_bytes());
                output.stdout.extend_from_slice(&bytes);
                return Ok(None);
            }
            Some(Event::Exit(exit)) => {
                let failed = matches!(exit, Exit::Code(code) if code != 0) && output.stdout.is_empty();
                if failed && said.to_lowercase().contains("password") {
                    return Err(elevate::failure(become_, host, &said, Some(&exit), asked).into());
                }
                output.stderr.extend_from_slice(said.as_bytes());
                return Ok(Some(exit));
            }
            None => return Ok(None),
        };
        said.push_str(&String::from_utf8_lossy(&bytes));
        if prompt.is_at_end_of(&said) {
            asked += 1;
            if asked > 1 || become_.password.is_none() {
                return Err(elevate::failure(become_, host, &said, None, asked).into());
            }
            said.clear();
            if let Some(password) = &become_.password {
                let line = zeroize::Zeroizing::new(format!("{}\n", password.expose()));
                let _ = process.input.send(line.as_bytes()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_numbers() {
        assert_eq!(["9", "TERM", "SEGV", "15"].map(signal_number), [9, 15, 11, 15]);
        assert_eq!(signal_number("STRANGE@example.org"), 0);
    }

    #[test]
    fn output_without_end_is_not_kept() {
        let mut kept = Vec::new();
        let piece = vec![b'x'; 1 << 20];
        for count in 1..=100 {
            keep(&mut kept, &piece, count << 20);
        }
        assert!(kept.len() < MAX_FRAME + 100);
        assert!(kept.ends_with(b"it is too large]\n"));
    }
}
