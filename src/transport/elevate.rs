//! Becoming another user: the command that does it, and understanding what it says.

use super::error::{BecomeError, BecomeFailure, ConnectError};
use super::process::Exit;
use super::target::{Become, BecomeMethod};

/// A command by which a shell command is run as another user.
#[derive(Debug)]
pub(crate) struct Elevation {
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// How to recognize that it asks for the password, if we have one.
    pub(crate) prompt: Option<PromptMark>,
    /// It reads the password from a terminal only.
    pub(crate) terminal: bool,
}

/// How a password prompt is recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PromptMark {
    /// By this text, which we told the program to print.
    Exact(String),
    /// An unfinished line that ends in a colon, whatever the language.
    Colon,
    /// One of these with a colon behind it, capitals or not.
    Words(Vec<String>),
}

impl PromptMark {
    /// Whether the text, what has come since the last answer, ends in a prompt.
    pub(crate) fn is_at_end_of(&self, text: &str) -> bool {
        match self {
            Self::Exact(mark) => text.contains(mark.as_str()),
            Self::Colon => {
                let line = text.rsplit(['\n', '\r']).next().unwrap_or_default().trim_end();
                line.ends_with(':') || line.ends_with('：')
            }
            Self::Words(words) => {
                let text = text.to_lowercase();
                words.iter().any(|word| {
                    let word = word.to_lowercase();
                    text.match_indices(&word)
                        .any(|(at, _)| text[at + word.len()..].trim_start().starts_with([':', '：']))
                })
            }
        }
    }
}

/// Wraps a command for `/bin/sh -c`. `nonce` makes the prompt unmistakable.
pub(crate) fn wrap(become_: &Become, script: &str, nonce: &str) -> Elevation {
    let exe = become_.exe.clone().unwrap_or_else(|| become_.method.name().to_owned());
    let flags: Option<Vec<String>> =
        become_.flags.as_deref().map(|flags| shlex::split(flags).unwrap_or_else(|| vec![flags.to_owned()]));
    let mut argv = vec![exe];
    let mut prompt = None;
    let mut terminal = false;
    let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
    match become_.method {
        BecomeMethod::Sudo => {
            // -H: the other user's own home, where its agent is cached.
            let flags = flags.unwrap_or_else(|| owned(&["-H", "-S", "-n"]));
            if become_.password.is_some() {
                let flags: Vec<String> =
                    flags.iter().filter_map(|flag| without(flag, 'n', "--non-interactive")).collect();
                if !flags.iter().any(|flag| has(flag, 'S', "--stdin")) {
                    argv.push("-S".to_owned());
                }
                argv.extend(flags);
                let mark = format!("[windlass {nonce}] password: ");
                argv.extend(["-p".to_owned(), mark.clone()]);
                prompt = Some(PromptMark::Exact(mark));
            } else {
                // Without an answer it may not ask.
                if !flags.iter().any(|flag| has(flag, 'n', "--non-interactive")) {
                    argv.push("-n".to_owned());
                }
                argv.extend(flags);
            }
            argv.extend(["-u".to_owned(), become_.user.clone()]);
            argv.extend(owned(&["--", "/bin/sh", "-c", script]));
        }
        BecomeMethod::Su => {
            argv.extend(flags.unwrap_or_default());
            // A service account has no login shell, and the script is for a POSIX one.
            argv.extend(owned(&["-s", "/bin/sh", &become_.user, "-c", script]));
            // It asks without being told that we have an answer; then we know that one is needed.
            prompt = Some(if become_.prompts.is_empty() {
                PromptMark::Colon
            } else {
                PromptMark::Words(become_.prompts.clone())
            });
        }
        BecomeMethod::Doas => {
            argv.extend(flags.unwrap_or_default());
            if become_.password.is_some() {
                prompt = Some(PromptMark::Colon);
                // doas opens /dev/tty.
                terminal = true;
            } else if !argv.iter().any(|flag| flag == "-n") {
                argv.push("-n".to_owned());
            }
            argv.extend(owned(&["-u", &become_.user, "--", "/bin/sh", "-c", script]));
        }
    }
    if let Some(folder) = &become_.chdir {
        let inside = owned(&["/bin/sh", "-c", "cd -- \"$1\" && shift && exec \"$@\"", "sh", folder]);
        argv.splice(0..0, inside);
    }
    Elevation { argv, prompt, terminal }
}

/// sudo's options of one letter that take no value.
const LETTERS: &str = "ABbEeHiKklNnPSsVv";

/// Whether a flag is an option, or several in one that have it among them.
fn has(flag: &str, letter: char, long: &str) -> bool {
    let short = flag.strip_prefix('-').filter(|letters| letters.chars().all(|c| LETTERS.contains(c)));
    flag == long || short.is_some_and(|letters| letters.contains(letter))
}

/// A flag without an option; nothing if nothing else is in it.
fn without(flag: &str, letter: char, long: &str) -> Option<String> {
    if !has(flag, letter, long) {
        return Some(flag.to_owned());
    }
    let left = flag.strip_prefix('-').filter(|_| flag != long)?.replace(letter, "");
    (!left.is_empty()).then(|| format!("-{left}"))
}

/// The program said nothing for too long.
pub(crate) fn silent(
    become_: &Become,
    host: &str,
    local: bool,
    asked: u32,
    waited: std::time::Duration,
) -> BecomeError {
    let unanswered = if become_.password.is_some() && asked == 0 { " or become password prompt" } else { "" };
    let text = if local {
        format!("Timed out waiting for become success{unanswered}.")
    } else {
        format!("Timeout ({}s) waiting for privilege escalation prompt", waited.as_secs())
    };
    BecomeError {
        host: host.to_owned(),
        method: become_.method.name(),
        user: become_.user.clone(),
        kind: BecomeFailure::Silent(text),
        said: String::new(),
    }
}

/// An error from starting the program: where this machine itself is the host, the become program may not be there.
pub(crate) fn unstarted(become_: Option<&Become>, host: &str, error: ConnectError) -> ConnectError {
    let (become_, program, reason, kind) = match (become_, error) {
        (Some(become_), ConnectError::Program { program, reason, kind })
            if program == become_.exe.as_deref().unwrap_or(become_.method.name()) =>
        {
            (become_, program, reason, kind)
        }
        (_, error) => return error,
    };
    let kind = match kind {
        Some(std::io::ErrorKind::NotFound) => BecomeFailure::NoProgram(program),
        _ => BecomeFailure::Other(reason),
    };
    BecomeError {
        host: host.to_owned(),
        method: become_.method.name(),
        user: become_.user.clone(),
        kind,
        said: String::new(),
    }
    .into()
}

/// Makes an error of what the program said before it ended.
pub(crate) fn failure(
    become_: &Become,
    host: &str,
    said: &str,
    exit: Option<&Exit>,
    asked: u32,
) -> BecomeError {
    let exe = become_.exe.as_deref().unwrap_or(become_.method.name());
    let lower = said.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let line = |texts: &[&str]| {
        let found = said.lines().find(|line| texts.iter().any(|text| line.to_lowercase().contains(text)));
        found.unwrap_or(said).trim().to_owned()
    };
    let denied = [
        "not in the sudoers",
        "is not allowed to",
        "may not run sudo",
        "operation not permitted",
        "not permitted",
        "not allowed to run",
    ];
    let nobody = ["unknown user", "does not exist", "no passwd entry", "unknown id", "user not found"];
    let kind = if has(&denied) {
        BecomeFailure::NotPermitted(line(&denied))
    } else if has(&nobody) {
        BecomeFailure::NoSuchUser(become_.user.clone())
    } else if asked > 1
        || has(&["incorrect password", "sorry, try again", "authentication fail", "incorrect authentication"])
    {
        if become_.password.is_some() {
            BecomeFailure::WrongPassword
        } else {
            BecomeFailure::PasswordRequired
        }
    } else if has(&[
        "a password is required",
        "no password was provided",
        "authentication required",
        "must be run from a terminal to ask",
    ]) || (asked > 0 && become_.password.is_none())
    {
        BecomeFailure::PasswordRequired
    } else if has(&[
        "must have a tty",
        "a terminal is required",
        "must be run from a terminal",
        "a tty is required",
    ]) {
        if become_.password.is_none() && become_.method == BecomeMethod::Su {
            BecomeFailure::PasswordRequired
        } else {
            BecomeFailure::NeedsTerminal
        }
    } else if matches!(exit, Some(Exit::Code(127)))
        || has(&[
            &format!("{exe}: not found"),
            &format!("{exe}: command not found"),
            "no such file or directory",
        ])
    {
        BecomeFailure::NoProgram(exe.to_owned())
    } else {
        let said = said.trim();
        BecomeFailure::Other(match (said.is_empty(), exit) {
            (false, _) => said.lines().last().unwrap_or_default().to_owned(),
            (true, Some(exit)) => exit.to_string(),
            (true, None) => "the connection ended".to_owned(),
        })
    };
    BecomeError {
        host: host.to_owned(),
        method: become_.method.name(),
        user: become_.user.clone(),
        kind,
        said: said.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::transport::Secret;

    fn kind(become_: &Become, said: &str, code: u32) -> BecomeFailure {
        failure(become_, "h", said, Some(&Exit::Code(code)), 0).kind
    }

    #[test]
    fn commands() {
        let mut sudo = Become::sudo("www-data");
        assert_eq!(
            wrap(&sudo, "S", "n").argv,
            ["sudo", "-H", "-S", "-n", "-u", "www-data", "--", "/bin/sh", "-c", "S"]
        );
        sudo.flags = Some("-E --intermediate x".into());
        assert_eq!(wrap(&sudo, "S", "n").argv[..5], ["sudo", "-n", "-E", "--intermediate", "x"]);
        sudo.password = Some(Secret::new("pw"));
        sudo.flags = Some("-H -S -n -E".into());
        let elevation = wrap(&sudo, "S", "n");
        assert_eq!(elevation.argv[..6], ["sudo", "-H", "-S", "-E", "-p", "[windlass n] password: "]);
        for (flags, left) in [
            ("-HSn -u", &["-HS", "-u"][..]),
            ("--set-home --stdin --non-interactive", &["--set-home", "--stdin"]),
            ("-n", &["-S"]),
            ("-unobody", &["-S", "-unobody"]),
        ] {
            let words = wrap(&Become { flags: Some(flags.into()), ..sudo.clone() }, "S", "n").argv;
            assert_eq!(words[1..=left.len()], *left, "{flags}");
            assert_eq!(words[left.len() + 1], "-p", "{flags}");
        }
        let inside = wrap(&Become { chdir: Some("/a b".into()), ..Become::sudo("root") }, "S", "n").argv;
        assert_eq!(inside[3..7], ["sh", "/a b", "sudo", "-H"]);
        assert!(elevation.prompt.unwrap().is_at_end_of("noise\n[windlass n] password: "));
        assert!(!format!("{:?}", elevation.argv).contains("pw"));
        let su = Become { method: BecomeMethod::Su, ..sudo.clone() };
        let elevation = wrap(&Become { flags: None, ..su }, "S", "n");
        assert_eq!(elevation.argv, ["su", "-s", "/bin/sh", "www-data", "-c", "S"]);
        assert!(elevation.prompt.unwrap().is_at_end_of("Mot de passe : "));
        let words = PromptMark::Words(vec!["Parole".into()]);
        assert!(words.is_at_end_of("noise PAROLE : ") && !words.is_at_end_of("Password: "));
        let doas = wrap(&Become { method: BecomeMethod::Doas, flags: None, ..sudo }, "S", "n");
        assert!(doas.terminal);
        assert_eq!(doas.argv, ["doas", "-u", "www-data", "--", "/bin/sh", "-c", "S"]);
    }

    #[test]
    fn a_missing_become_program_is_no_missing_host() {
        let sudo = Become::sudo("root");
        let error = |program: &str| ConnectError::Program {
            program: program.to_owned(),
            reason: "No such file or directory".to_owned(),
            kind: Some(std::io::ErrorKind::NotFound),
        };
        let failed = unstarted(Some(&sudo), "h", error("sudo"));
        assert!(!failed.is_unreachable(), "{failed}");
        assert!(unstarted(Some(&sudo), "h", error("ssh")).is_unreachable());
        assert!(unstarted(None, "h", error("sudo")).is_unreachable());
    }

    #[test]
    fn what_sudo_says_is_understood() {
        let mut sudo = Become::sudo("root");
        assert_eq!(kind(&sudo, "sudo: a password is required\n", 1), BecomeFailure::PasswordRequired);
        assert_eq!(kind(&sudo, "sh: 1: sudo: not found\n", 127), BecomeFailure::NoProgram("sudo".into()));
        assert_eq!(kind(&sudo, "sudo: unknown user root\n", 1), BecomeFailure::NoSuchUser("root".into()));
        assert!(matches!(
            kind(&sudo, "bob is not in the sudoers file.\n", 1),
            BecomeFailure::NotPermitted(_)
        ));
        assert_eq!(
            kind(&sudo, "sudo: sorry, you must have a tty to run sudo\n", 1),
            BecomeFailure::NeedsTerminal
        );
        sudo.password = Some(Secret::new("pw"));
        assert_eq!(kind(&sudo, "Sorry, try again.\n", 1), BecomeFailure::WrongPassword);
        assert_eq!(failure(&sudo, "h", "Désolé\n", None, 2).kind, BecomeFailure::WrongPassword);
    }
}
