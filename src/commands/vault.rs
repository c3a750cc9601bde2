//! `windlass vault`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_yaml::diagnostic::Diagnostic;
use zeroize::Zeroizing;

use super::console::Console;
use super::editor::{EditorError, edit};
use super::secret_files::{FileError, overwrite, put, read, write};
use super::setup::secret_options;
use crate::cli::secret_options::SecretArgs;
use crate::cli::vault::{EncryptArgs, VaultArgs, VaultCommand};
use crate::config::Config;
use crate::secrets::vault::{VaultError, is_vault, seal};
use crate::secrets::{AskError, SecretError, SecretOptions, Secrets, VaultSecret};

/// Why a vault command fails.
#[derive(Debug, thiserror::Error)]
pub enum VaultCommandError {
    /// A password or an envelope.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Encryption failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is encrypted already.
    #[error("{0} is already encrypted")]
    Encrypted(String),
    /// It is not encrypted.
    #[error("{0} is not encrypted with ansible-vault")]
    NotEncrypted(String),
    /// It exists.
    #[error("{} exists, please use 'edit' instead", .0.display())]
    Exists(PathBuf),
    /// Several passwords, and no word on which to use.
    #[error("the vault ids {0} are available to encrypt with")]
    Ambiguous(String),
    /// The label that is to encrypt has no password.
    #[error("there is no vault password with the label `{0}`")]
    NoLabel(String),
    /// `--output` with several files.
    #[error("--output can be used with one input only")]
    ManyInputs,
    /// A label that would break the header.
    #[error("`{0}` is no valid vault id: it must not hold a `;` or a line end")]
    BadLabel(String),
    /// An editor without a terminal.
    #[error("an editor needs a terminal")]
    NoTerminal,
    /// The prompt was left empty, or could not be shown.
    #[error("no text to encrypt was given")]
    NoText,
    /// Nobody could be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The editor.
    #[error(transparent)]
    Editor(#[from] EditorError),
    /// Standard input or output.
    #[error("{0}")]
    Stream(#[from] io::Error),
}

impl VaultCommandError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let hint = match self {
            Self::Secret(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::Ambiguous(_) => Some("say which with --encrypt-vault-id".into()),
            Self::NoTerminal => Some("with --skip-tty-check it is opened all the same".into()),
            _ => None,
        };
        let mut out = Diagnostic::error(self.to_string());
        out.hint = hint;
        out
    }

    /// The exit code: Ansible's for wrong options is 5, for everything else 1.
    fn code(&self) -> u8 {
        match self {
            Self::Ambiguous(_) | Self::ManyInputs | Self::BadLabel(_) => 5,
            _ => 1,
        }
    }
}

/// Runs the command; the result is its exit code.
pub fn run(args: &VaultArgs, config: &Config, console: &mut Console<'_>) -> u8 {
    match execute(&args.command, config, console) {
        Ok(()) => 0,
        Err(error) => {
            console.report(&error.to_diagnostic());
            error.code()
        }
    }
}

fn execute(
    command: &VaultCommand,
    config: &Config,
    console: &mut Console<'_>,
) -> Result<(), VaultCommandError> {
    match command {
        VaultCommand::Encrypt { files, output, encrypt, secrets } => {
            one_output(files, output.output.as_deref())?;
            let secrets = open_secrets(secrets, config, console, true)?;
            let with = choose(&secrets, encrypt)?;
            for (path, text) in inputs(files, console)? {
                if is_vault(&text) {
                    return Err(VaultCommandError::Encrypted(shown(path.as_deref())));
                }
                let sealed = seal(&text, &with.password, Some(&with.label))?;
                put(console, path.as_deref(), output.output.as_deref(), sealed.as_bytes())?;
            }
            done(console, "Encryption successful");
        }
        VaultCommand::Decrypt { files, output, secrets } => {
            one_output(files, output.output.as_deref())?;
            let secrets = open_secrets(secrets, config, console, false)?;
            for (path, text) in inputs(files, console)? {
                let (plain, _) = decrypt(&secrets, path.as_deref(), &text)?;
                put(console, path.as_deref(), output.output.as_deref(), &plain)?;
            }
            done(console, "Decryption successful");
        }
        VaultCommand::View { files, secrets } => {
            let secrets = open_secrets(secrets, config, console, false)?;
            for (path, text) in inputs(files, console)? {
                let (plain, _) = decrypt(&secrets, path.as_deref(), &text)?;
                console.out.write_all(&plain)?;
                if !plain.ends_with(b"\n") {
                    console.out.write_all(b"\n")?;
                }
            }
            console.out.flush()?;
        }
        VaultCommand::Edit { files, encrypt, secrets } => {
            let secrets = open_secrets(secrets, config, console, false)?;
            for path in files {
                let text = read(path)?;
                let (plain, opened_with) = decrypt(&secrets, Some(path), &text)?;
                let changed = edit(&plain, path)?;
                if *changed == *plain {
                    continue;
                }
                // The password and the label stay, unless another one is asked for.
                let with = match &encrypt.encrypt_vault_id {
                    Some(label) => find(&secrets, label)?.clone(),
                    None => opened_with,
                };
                let sealed = seal(&changed, &with.password, Some(&with.label))?;
                overwrite(path, sealed.as_bytes())?;
            }
        }
        VaultCommand::Create { file, skip_tty_check, encrypt, secrets } => {
            if !console.interactive && !skip_tty_check {
                return Err(VaultCommandError::NoTerminal);
            }
            if file.exists() {
                return Err(VaultCommandError::Exists(file.clone()));
            }
            let secrets = open_secrets(secrets, config, console, true)?;
            let with = choose(&secrets, encrypt)?;
            let text = edit(b"", file)?;
            let sealed = seal(&text, &with.password, Some(&with.label))?;
            write(file, sealed.as_bytes())?;
        }
        VaultCommand::Rekey { files, new_vault_password_file, new_vault_id, encrypt, secrets } => {
            let old = open_secrets(secrets, config, console, false)?;
            let new = new_secrets(new_vault_id.as_deref(), new_vault_password_file.as_deref(), console)?;
            let with = choose(&new, encrypt)?;
            // All of them are opened before the first is written.
            let mut plain = Vec::new();
            for path in files {
                plain.push((path, decrypt(&old, Some(path), &read(path)?)?.0));
            }
            for (path, text) in plain {
                let sealed = seal(&text, &with.password, Some(&with.label))?;
                overwrite(path, sealed.as_bytes())?;
            }
            done(console, "Rekey successful");
        }
        VaultCommand::EncryptString {
            strings,
            prompt,
            show_input,
            names,
            stdin_name,
            output,
            encrypt,
            secrets,
        } => {
            let secrets = open_secrets(secrets, config, console, true)?;
            let with = choose(&secrets, encrypt)?;
            let request = Strings {
                strings,
                prompt: *prompt,
                show: *show_input,
                names,
                stdin_name: stdin_name.as_deref(),
            };
            let mut lines = Vec::new();
            for (name, text) in request.collect(console)? {
                lines.push(inline(name.as_deref(), &seal(&text, &with.password, Some(&with.label))?));
            }
            let text = lines.join("\n") + "\n";
            put(console, None, output.output.as_deref(), text.as_bytes())?;
            done(console, "Encryption successful");
        }
    }
    Ok(())
}

/// The passwords; asks for one if none was given, and twice if it is to encrypt.
fn open_secrets(
    args: &SecretArgs,
    config: &Config,
    console: &Console<'_>,
    new: bool,
) -> Result<Secrets, VaultCommandError> {
    let mut options = secret_options(args, config);
    if let Some(bad) = options.vault_ids.iter().find(|id| id.contains([';', '\n'])) {
        return Err(VaultCommandError::BadLabel(bad.clone()));
    }
    if options.vault_ids.is_empty() && options.password_files.is_empty() {
        options.ask = true;
    }
    let gather = if new { Secrets::to_encrypt } else { Secrets::new };
    Ok(gather(&options, Arc::clone(&console.ask), Arc::clone(&console.redactor))?)
}

fn new_secrets(
    id: Option<&str>,
    file: Option<&Path>,
    console: &Console<'_>,
) -> Result<Secrets, VaultCommandError> {
    let options = SecretOptions {
        vault_ids: id.into_iter().map(str::to_owned).collect(),
        password_files: file.into_iter().map(Path::to_owned).collect(),
        ask: id.is_none() && file.is_none(),
        ..SecretOptions::default()
    };
    if let Some(bad) = options.vault_ids.iter().find(|id| id.contains([';', '\n'])) {
        return Err(VaultCommandError::BadLabel(bad.clone()));
    }
    Ok(Secrets::to_encrypt(&options, Arc::clone(&console.ask), Arc::clone(&console.redactor))?)
}

/// The password to encrypt with.
fn choose<'s>(secrets: &'s Secrets, args: &EncryptArgs) -> Result<&'s VaultSecret, VaultCommandError> {
    let wanted = args
        .encrypt_vault_id
        .clone()
        .or_else(|| std::env::var("ANSIBLE_VAULT_ENCRYPT_IDENTITY").ok().filter(|label| !label.is_empty()));
    match (wanted, secrets.vault_secrets()) {
        (Some(label), _) => find(secrets, &label),
        (None, [one]) => Ok(one),
        (None, all) => {
            let labels: Vec<&str> = all.iter().map(|secret| secret.label.as_str()).collect();
            Err(VaultCommandError::Ambiguous(labels.join(", ")))
        }
    }
}

fn find<'s>(secrets: &'s Secrets, label: &str) -> Result<&'s VaultSecret, VaultCommandError> {
    let found = secrets.vault_secrets().iter().find(|secret| secret.label == label);
    found.ok_or_else(|| VaultCommandError::NoLabel(label.to_owned()))
}

fn decrypt(
    secrets: &Secrets,
    path: Option<&Path>,
    text: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, VaultSecret), VaultCommandError> {
    let text = text.trim_ascii_start();
    if !is_vault(text) {
        return Err(VaultCommandError::NotEncrypted(shown(path)));
    }
    let (plain, with) = secrets.open_vault(text).map_err(|source| match path {
        Some(path) => VaultCommandError::File(FileError::open(path)(source)),
        None => source.into(),
    })?;
    let mut with = with.clone();
    // The label that the file had stays, whichever password opened it.
    if let Ok(envelope) = crate::secrets::vault::Envelope::parse(text) {
        with.label = envelope.label.unwrap_or_else(|| "default".to_owned());
    }
    Ok((plain, with))
}

fn shown(path: Option<&Path>) -> String {
    path.map_or_else(|| "the input".to_owned(), |path| path.display().to_string())
}

fn one_output(files: &[PathBuf], output: Option<&Path>) -> Result<(), VaultCommandError> {
    if output.is_some() && files.len() > 1 { Err(VaultCommandError::ManyInputs) } else { Ok(()) }
}

type Input = (Option<PathBuf>, Zeroizing<Vec<u8>>);

/// The files, or standard input. All are read before anything is written.
fn inputs(files: &[PathBuf], console: &mut Console<'_>) -> Result<Vec<Input>, VaultCommandError> {
    if files.is_empty() {
        return Ok(vec![(None, standard_input(console)?)]);
    }
    let mut out = Vec::new();
    for path in files {
        if path.as_os_str() == "-" {
            out.push((None, standard_input(console)?));
        } else {
            out.push((Some(path.clone()), read(path)?));
        }
    }
    Ok(out)
}

fn standard_input(console: &mut Console<'_>) -> Result<Zeroizing<Vec<u8>>, VaultCommandError> {
    let mut text = Zeroizing::new(Vec::new());
    console.input.read_to_end(&mut text)?;
    Ok(text)
}

fn done(console: &mut Console<'_>, message: &str) {
    if console.interactive {
        console.say(message);
    }
}

/// A variable with its encrypted value, ready to be pasted.
fn inline(name: Option<&str>, sealed: &str) -> String {
    let mut out = name.map(|name| format!("{name}: ")).unwrap_or_default();
    out.push_str("!vault |");
    for line in sealed.lines() {
        out.push_str("\n          ");
        out.push_str(line);
    }
    out
}

/// What `encrypt_string` is to encrypt.
struct Strings<'a> {
    strings: &'a [String],
    prompt: bool,
    show: bool,
    names: &'a [String],
    stdin_name: Option<&'a str>,
}

type Named = (Option<String>, Zeroizing<Vec<u8>>);

impl Strings<'_> {
    fn collect(&self, console: &mut Console<'_>) -> Result<Vec<Named>, VaultCommandError> {
        let mut names = self.names.iter().cloned();
        let mut out: Vec<Named> = Vec::new();
        if self.prompt {
            let name = names.next().or_else(|| {
                let answer = console.ask.visible("Variable name (enter for no name): ").ok()?;
                Some(answer.trim().to_owned()).filter(|name| !name.is_empty())
            });
            let text = if self.show {
                Zeroizing::new(console.ask.visible("String to encrypt: ")?)
            } else {
                let text = console.ask.secret("String to encrypt (hidden): ")?;
                if *console.ask.secret("Once more: ")? != *text {
                    return Err(SecretError::from(crate::secrets::PasswordError::Mismatch).into());
                }
                text
            };
            if text.is_empty() {
                return Err(VaultCommandError::NoText);
            }
            out.push((name, Zeroizing::new(text.as_bytes().to_vec())));
        }
        let stdin = self.strings.iter().any(|text| text == "-")
            || self.stdin_name.is_some()
            || (self.strings.is_empty() && !self.prompt);
        if stdin {
            if console.interactive {
                console.say("Reading plaintext input from stdin. (ctrl-d to end input, twice if your content does not already have a newline)");
            }
            let text = standard_input(console)?;
            if text.is_empty() {
                return Err(VaultCommandError::NoText);
            }
            out.push((self.stdin_name.map(str::to_owned), text));
        }
        for text in self.strings.iter().filter(|text| *text != "-") {
            out.push((names.next(), Zeroizing::new(text.as_bytes().to_vec())));
        }
        Ok(out)
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
