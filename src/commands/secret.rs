//! `windlass secret`.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_yaml::diagnostic::Diagnostic;
use zeroize::Zeroizing;

use super::console::Console;
use super::editor::{EditorError, edit};
use super::secret_files::{FileError, overwrite, put, read, write};
use crate::cli::secret::{RecipientArgs, SecretCommand, SecretCommandArgs};
use crate::cli::secret_options::SecretArgs;
use crate::config::Config;
use crate::secrets::{
    AgeError, AgeKeys, AskError, DEFAULT_IDENTITY, Recipients, SecretError, Secrets, generate_identity,
    is_age, recipient_count,
};

/// Why a secret command fails.
#[derive(Debug, thiserror::Error)]
pub enum SecretCommandError {
    /// age.
    #[error(transparent)]
    Age(#[from] AgeError),
    /// A password or identity.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is an identity already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// It is encrypted already.
    #[error("{} is already encrypted", .0.display())]
    Encrypted(PathBuf),
    /// It is not encrypted.
    #[error("{} is not encrypted", .0.display())]
    NotEncrypted(PathBuf),
    /// Writing it back would shut somebody out.
    #[error("{} was encrypted for {had} recipients, and only {known} are known", path.display())]
    WouldShutOut {
        /// The file.
        path: PathBuf,
        /// How many it was encrypted for.
        had: usize,
        /// How many are known.
        known: usize,
    },
    /// `--output` with several files.
    #[error("--output can be used with one file only")]
    ManyInputs,
    /// The two answers differ.
    #[error("the passphrases do not match")]
    Mismatch,
    /// Nobody could be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Nobody's home.
    #[error("there is no home folder to put the identity into")]
    NoHome,
    /// The editor.
    #[error(transparent)]
    Editor(#[from] EditorError),
    /// Standard output.
    #[error("{0}")]
    Stream(#[from] io::Error),
}

impl SecretCommandError {
    /// The error as it is shown.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let hint = match self {
            Self::Age(error) => error.hint(),
            Self::Secret(error) => error.hint(),
            Self::File(error) => error.hint(),
            Self::Exists(_) => Some(
                "it is your key to everything encrypted for it; remove it yourself if you mean to".into(),
            ),
            Self::WouldShutOut { .. } => Some(
                "list all of them in age-recipients.txt beside the file, or name them with --recipient"
                    .into(),
            ),
            _ => None,
        };
        let mut out = Diagnostic::error(self.to_string());
        out.hint = hint;
        out
    }
}

/// Runs the command; the result is its exit code.
pub fn run(args: &SecretCommandArgs, config: &Config, console: &mut Console<'_>) -> u8 {
    match execute(&args.command, config, console) {
        Ok(()) => 0,
        Err(error) => {
            console.report(&error.to_diagnostic());
            1
        }
    }
}

fn execute(
    command: &SecretCommand,
    config: &Config,
    console: &mut Console<'_>,
) -> Result<(), SecretCommandError> {
    match command {
        SecretCommand::Init { path } => init(path.as_deref(), console),
        SecretCommand::Encrypt { files, output, recipients, secrets } => {
            one_output(files, output.as_deref())?;
            let age = AgeKeys::new(secrets.age_identities.clone(), Arc::clone(&console.ask));
            for path in files {
                let text = read(path)?;
                if is_age(&text) {
                    return Err(SecretCommandError::Encrypted(path.clone()));
                }
                let sealed = Lock::new(recipients, path, &age, console)?.seal(&text)?;
                put(console, Some(path), output.as_deref(), &sealed)?;
            }
            Ok(())
        }
        SecretCommand::Decrypt { files, output, secrets } => {
            one_output(files, output.as_deref())?;
            let secrets = open_secrets(secrets, config, console)?;
            let mut plain = Vec::new();
            for path in files {
                plain.push((path, open(&secrets, path)?));
            }
            for (path, text) in plain {
                put(console, Some(path), output.as_deref(), &text)?;
            }
            Ok(())
        }
        SecretCommand::View { files, secrets } => {
            let secrets = open_secrets(secrets, config, console)?;
            for path in files {
                console.out.write_all(&open(&secrets, path)?)?;
            }
            Ok(console.out.flush()?)
        }
        SecretCommand::Edit { file, recipients, secrets } => {
            let opened = open_secrets(secrets, config, console)?;
            let old = if file.exists() { Some(read(file)?) } else { None };
            let plain = match &old {
                Some(_) => open(&opened, file)?,
                None => Zeroizing::new(Vec::new()),
            };
            // Whom to encrypt for is settled before anything is typed.
            let lock = Lock::new(recipients, file, opened.age(), console)?;
            let explicit = !recipients.recipients.is_empty() || !recipients.recipients_files.is_empty();
            if let (Some(old), Lock::Recipients(known)) = (&old, &lock)
                && let Some(had) = recipient_count(old)
                && had > known.len()
                && !explicit
            {
                return Err(SecretCommandError::WouldShutOut { path: file.clone(), had, known: known.len() });
            }
            let changed = edit(&plain, file)?;
            if old.is_some() && *changed == *plain {
                return Ok(());
            }
            let sealed = lock.seal(&changed)?;
            if old.is_some() {
                overwrite(file, &sealed)?
            } else {
                write(file, &sealed)?
            }
            Ok(())
        }
    }
}

fn init(path: Option<&Path>, console: &mut Console<'_>) -> Result<(), SecretCommandError> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => {
            let config = std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
            let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
            config.or_else(home).ok_or(SecretCommandError::NoHome)?.join(DEFAULT_IDENTITY)
        }
    };
    if path.exists() {
        return Err(SecretCommandError::Exists(path));
    }
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(FileError::write(&path))?;
    }
    let (text, recipient) = generate_identity();
    write(&path, text.as_bytes())?;
    console.say(&format!("The identity lies in {}: keep it safe, and keep a copy of it.", path.display()));
    console.print(&format!("{recipient}\n"))?;
    Ok(())
}

/// With what a file is encrypted.
enum Lock {
    Recipients(Recipients),
    Passphrase(Zeroizing<String>),
}

impl Lock {
    fn new(
        args: &RecipientArgs,
        path: &Path,
        age: &AgeKeys,
        console: &Console<'_>,
    ) -> Result<Self, SecretCommandError> {
        if args.passphrase {
            let passphrase = console.ask.secret("New passphrase: ")?;
            if *console.ask.secret("Once more: ")? != *passphrase {
                return Err(SecretCommandError::Mismatch);
            }
            return Ok(Self::Passphrase(passphrase));
        }
        let mut out = Recipients::default();
        for recipient in &args.recipients {
            out.add(recipient)?;
        }
        for file in &args.recipients_files {
            out.add_file(file)?;
        }
        if out.is_empty() {
            match Recipients::file_for(path) {
                Some(file) => out.add_file(&file)?,
                None => out = age.own_recipients()?,
            }
        }
        if out.is_empty() { Err(AgeError::NoRecipients.into()) } else { Ok(Self::Recipients(out)) }
    }

    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, AgeError> {
        match self {
            Self::Recipients(recipients) => recipients.seal(plain),
            Self::Passphrase(passphrase) => Recipients::seal_with_passphrase(plain, passphrase),
        }
    }
}

fn open_secrets(
    args: &SecretArgs,
    config: &Config,
    console: &Console<'_>,
) -> Result<Secrets, SecretCommandError> {
    let options = super::setup::secret_options(args, config);
    Ok(Secrets::new(&options, Arc::clone(&console.ask), Arc::clone(&console.redactor))?)
}

fn open(secrets: &Secrets, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretCommandError> {
    let text = read(path)?;
    let opened = secrets.open_bytes(text.to_vec()).map_err(FileError::open(path))?;
    if opened.encrypted { Ok(opened.plain) } else { Err(SecretCommandError::NotEncrypted(path.to_owned())) }
}

fn one_output(files: &[PathBuf], output: Option<&Path>) -> Result<(), SecretCommandError> {
    if output.is_some() && files.len() > 1 { Err(SecretCommandError::ManyInputs) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::secrets::{NoTerminal, Redactor};
    use clap::Parser;
    use std::os::unix::fs::PermissionsExt;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SecretCommandArgs,
    }

    fn secret(dir: &Path, args: &[&str]) -> (u8, String, String) {
        let args: Vec<String> =
            args.iter().map(|arg| arg.replace("DIR", &dir.display().to_string())).collect();
        let cli = Cli::try_parse_from(std::iter::once("secret".to_owned()).chain(args)).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console {
            input: &mut io::empty(),
            out: &mut out,
            err: &mut err,
            color: false,
            interactive: false,
            ask: Arc::new(NoTerminal),
            redactor: Redactor::new(),
        };
        let code = run(&cli.args, &Config::default(), &mut console);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn init_encrypt_view_decrypt() {
        let dir = tempfile::tempdir().unwrap();
        let (code, recipient, _) = secret(dir.path(), &["init", "--path", "DIR/keys/age.txt"]);
        assert_eq!(code, 0);
        assert!(recipient.starts_with("age1"));
        let identity = dir.path().join("keys/age.txt");
        assert_eq!(fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
        let (code, _, err) = secret(dir.path(), &["init", "--path", "DIR/keys/age.txt"]);
        assert!(code == 1 && err.contains("exists already"), "{err}");
        let file = dir.path().join("vars.yml");
        fs::write(&file, "a: 1\n").unwrap();
        fs::write(dir.path().join("age-recipients.txt"), format!("# us\n{recipient}")).unwrap();
        let (code, _, err) = secret(dir.path(), &["encrypt", "DIR/vars.yml"]);
        assert_eq!(code, 0, "{err}");
        assert!(is_age(&fs::read(&file).unwrap()));
        assert_eq!(secret(dir.path(), &["encrypt", "DIR/vars.yml"]).0, 1);
        let with = ["--age-identity", "DIR/keys/age.txt"];
        let (_, out, err) = secret(dir.path(), &[&["view", "DIR/vars.yml"][..], &with].concat());
        assert_eq!(out, "a: 1\n", "{err}");
        assert_eq!(secret(dir.path(), &[&["decrypt", "DIR/vars.yml"][..], &with].concat()).0, 0);
        assert_eq!(fs::read_to_string(&file).unwrap(), "a: 1\n");
        let (_, _, err) = secret(dir.path(), &[&["view", "DIR/vars.yml"][..], &with].concat());
        assert!(err.contains("is not encrypted"), "{err}");
    }

    #[test]
    fn editing_shuts_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let (_, one, _) = secret(dir.path(), &["init", "--path", "DIR/one.txt"]);
        let (_, two, _) = secret(dir.path(), &["init", "--path", "DIR/two.txt"]);
        fs::write(dir.path().join("vars.yml"), "a: 1\n").unwrap();
        let (code, ..) = secret(dir.path(), &["encrypt", "DIR/vars.yml", "-r", one.trim(), "-r", two.trim()]);
        assert_eq!(code, 0);
        fs::write(dir.path().join("age-recipients.txt"), &one).unwrap();
        let (code, _, err) = secret(dir.path(), &["edit", "DIR/vars.yml", "--age-identity", "DIR/one.txt"]);
        assert_eq!(code, 1);
        assert!(err.contains("was encrypted for 2 recipients, and only 1 are known"), "{err}");
    }
}
