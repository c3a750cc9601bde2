//! A command that is run past the agent: what `raw` needs on a host where no agent can be.

use super::bootstrap::{Exec, Line, nonce};
use super::connection::RawOutput;
use super::elevate::{self, Elevation};
use super::error::ConnectError;
use super::process::{Event, Exit, Process};
use super::target::{Become, Settings};
use std::time::Duration;
use windlass_protocol::frame::MAX_FRAME;

/// How long another user's command may not begin, if nobody says how long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it and collects what it prints.
pub(crate) async fn run(
    way: &(impl Exec + Sync),
    command: &str,
    stdin: &[u8],
    become_: Option<&Become>,
    settings: &Settings,
) -> Result<RawOutput, ConnectError> {
    let mut output = RawOutput::default();
    let process = match become_ {
        Some(become_) => {
            let nonce = nonce();
            // What is printed before this is not the command's.
            let mark = format!("BECOME-SUCCESS-{nonce}");
            let elevation = elevate::wrap(become_, &format!("echo {mark}; {command}"), &nonce);
            settings.tell_program(way.name(), &elevation.argv);
            let mut process = way
                .exec(Line::Words(&elevation.argv), elevation.terminal)
                .await
                .map_err(|error| elevate::unstarted(Some(become_), way.name(), error))?;
            begin(&mut process, become_, &elevation, &mark, way, &mut output).await?;
            process
        }
        None => way.exec(Line::Text(command), false).await?,
    };
    let Process { mut input, mut events } = process;
    // Written while output is read: neither waits for the other.
    let write = async {
        let _ = input.send(stdin).await;
        input.close().await;
    };
    let read = async {
        let mut exit = None;
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

/// Waits until the command begins, and answers the prompt if one comes. What the command has printed by then is kept.
async fn begin(
    process: &mut Process,
    become_: &Become,
    elevation: &Elevation,
    mark: &str,
    way: &(impl Exec + Sync),
    output: &mut RawOutput,
) -> Result<(), ConnectError> {
    let host = way.name();
    let patience = become_.patience.unwrap_or(PATIENCE);
    let (mut out, mut err) = (Vec::new(), String::new());
    // All that was said, and what was said since the last answer.
    let (mut said, mut unanswered) = (String::new(), String::new());
    let mut asked = 0;
    loop {
        let Ok(event) = tokio::time::timeout(patience, process.events.recv()).await else {
            return Err(elevate::silent(become_, host, way.is_local(), asked, patience).into());
        };
        let text = match event {
            Some(Event::Stdout(bytes)) => {
                out.extend_from_slice(&bytes);
                if let Some(rest) = behind(&out, mark) {
                    output.stdout = rest.to_vec();
                    output.stderr = err.into_bytes();
                    return Ok(());
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Some(Event::Stderr(bytes)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                err.push_str(&text);
                text
            }
            Some(Event::Exit(exit)) => {
                return Err(elevate::failure(become_, host, &said, Some(&exit), asked).into());
            }
            None => {
                let reason = "while a command ran".to_owned();
                return Err(ConnectError::Lost { host: host.to_owned(), reason });
            }
        };
        said.push_str(&text);
        unanswered.push_str(&text);
        if said.len() > MAX_FRAME {
            return Err(elevate::failure(become_, host, "it prints without end", None, asked).into());
        }
        let Some(prompt) = &elevation.prompt else { continue };
        if prompt.is_at_end_of(&unanswered) {
            asked += 1;
            let Some(password) = become_.password.as_ref().filter(|_| asked == 1) else {
                return Err(elevate::failure(become_, host, &said, None, asked).into());
            };
            unanswered.clear();
            err.clear();
            let line = zeroize::Zeroizing::new(format!("{}\n", password.expose()));
            let _ = process.input.send(line.as_bytes()).await;
        }
    }
}

/// What stands behind the line with the mark, if that line is there.
fn behind<'o>(out: &'o [u8], mark: &str) -> Option<&'o [u8]> {
    let at = out.windows(mark.len()).position(|window| window == mark.as_bytes())?;
    let rest = &out[at + mark.len()..];
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    Some(&rest[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_begins_behind_the_mark() {
        assert_eq!(behind(b"Password: \r\nMARK-1\r\nout\n", "MARK-1"), Some(&b"out\n"[..]));
        assert_eq!(behind(b"MARK-1", "MARK-1"), None);
        assert_eq!(behind(b"MARK-2\nout", "MARK-1"), None);
    }

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
