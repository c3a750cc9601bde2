//! OpenSSH's client configuration, as far as it says how to reach a host and how to log in.
//!
//! As in OpenSSH the first value found wins, options before the user's file before the system's, and a second pass
//! is made if `Match final` or `Match canonical` occurs. What has no meaning here (forwardings, escape characters) is passed over.

mod args;
mod error;
mod matching;
mod parse;
mod tokens;

pub use args::Args;
pub use error::{ConfigError, ConfigMistake};
pub(crate) use matching::{pattern_list, wildcard};

use matching::Candidate;
use parse::{Line, Reader};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokens::Tokens;

/// `StrictHostKeyChecking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrictHostKeyChecking {
    /// Only known keys.
    Yes,
    /// Ask; without a terminal as `yes`.
    Ask,
    /// Write down new ones.
    AcceptNew,
    /// Any.
    No,
}

/// This machine and its user, as tokens and defaults need it.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The user's name.
    pub user: String,
    /// The user's id.
    pub uid: u32,
    /// The user's home.
    pub home: PathBuf,
    /// The machine's name.
    pub hostname: String,
}

impl Machine {
    /// The one that we run on.
    #[must_use]
    pub fn own() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let account = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = account.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let account = account.into_iter().find(|fields| fields.get(2) == Some(&uid.to_string().as_str()));
        let field = |at: usize| account.as_ref().and_then(|fields| fields.get(at)).map(ToString::to_string);
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            user: field(0).or_else(|| environment("USER")).unwrap_or_else(|| uid.to_string()),
            uid,
            // OpenSSH takes the account's home, but containers and tests set HOME; both agree nearly always.
            home: environment("HOME").or_else(|| field(5)).unwrap_or_else(|| "/".to_owned()).into(),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The user's, with its folder for relative includes.
    pub user: Option<PathBuf>,
    /// The system's.
    pub system: Option<PathBuf>,
}

impl Files {
    /// Those that `ssh` reads.
    #[must_use]
    pub fn usual(machine: &Machine) -> Self {
        Self {
            user: Some(machine.home.join(".ssh/config")),
            system: Some(PathBuf::from("/etc/ssh/ssh_config")),
        }
    }
    /// Only this one (`-F`); `none` is no file at all.
    #[must_use]
    pub fn only(path: &Path) -> Self {
        let user = (path != Path::new("none")).then(|| path.to_owned());
        Self { user, system: None }
    }
}

/// How to reach one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// What was asked for.
    pub original: String,
    /// Name or address to connect to.
    pub hostname: String,
    /// Port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// Keys named by `IdentityFile`.
    pub identity_files: Vec<PathBuf>,
    /// `IdentityFile` says nothing, not even `none`: the usual keys are tried.
    pub usual_identities: bool,
    /// `RevokedHostKeys`: no host may show these.
    pub revoked_host_keys: Option<PathBuf>,
    /// Options that are set and would restrict algorithms, but do nothing here.
    pub passed_over: Vec<String>,
    /// `IdentitiesOnly`: of an agent's keys only those named.
    pub identities_only: bool,
    /// Certificates named by `CertificateFile`.
    pub certificate_files: Vec<PathBuf>,
    /// The agent's socket: `IdentityAgent`, or `SSH_AUTH_SOCK`.
    pub identity_agent: Option<PathBuf>,
    /// The user's known hosts. The first is written to.
    pub user_known_hosts: Vec<PathBuf>,
    /// The system's.
    pub global_known_hosts: Vec<PathBuf>,
    /// What to do about unknown keys.
    pub strict: StrictHostKeyChecking,
    /// Names in known hosts are written hashed.
    pub hash_known_hosts: bool,
    /// The name under which the key is known.
    pub host_key_alias: Option<String>,
    /// Hosts on the way, in order.
    pub proxy_jump: Vec<String>,
    /// A program whose input and output are the connection.
    pub proxy_command: Option<String>,
    /// Send something after this much silence.
    pub alive_interval: Option<Duration>,
    /// How many of those may stay without an answer.
    pub alive_count_max: u32,
    /// Time for the connection.
    pub connect_timeout: Option<Duration>,
    /// Methods in order, if restricted.
    pub preferred_authentications: Option<Vec<String>>,
    /// Keys may be used.
    pub pubkey_authentication: bool,
    /// Passwords may be used.
    pub password_authentication: bool,
    /// Keyboard-interactive may be used.
    pub kbd_interactive_authentication: bool,
    /// Compress.
    pub compression: bool,
    /// `inet` or `inet6` only.
    pub address_family: Option<u8>,
    /// Connect from this address.
    pub bind_address: Option<String>,
}

/// Options that restrict which algorithms are used, which is not done here.
const RESTRICTING: [&str; 7] = [
    "HostKeyAlgorithms",
    "CASignatureAlgorithms",
    "KexAlgorithms",
    "Ciphers",
    "MACs",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAcceptedKeyTypes",
];

/// The options that may occur several times.
const LISTS: [&str; 2] = ["identityfile", "certificatefile"];

/// First values, and lists.
#[derive(Debug, Default)]
struct Values {
    single: HashMap<String, Vec<String>>,
    lists: HashMap<String, Vec<String>>,
}

impl Values {
    fn set(&mut self, keyword: &str, arguments: &[String]) {
        if LISTS.contains(&keyword) {
            let list = self.lists.entry(keyword.to_owned()).or_default();
            for argument in arguments {
                if !list.contains(argument) {
                    list.push(argument.clone());
                }
            }
            return;
        }
        // Whichever comes first rules the other out.
        let rival = match keyword {
            "proxyjump" => Some("proxycommand"),
            "proxycommand" => Some("proxyjump"),
            _ => None,
        };
        if rival.is_some_and(|rival| self.single.contains_key(rival)) {
            return;
        }
        self.single.entry(keyword.to_owned()).or_insert_with(|| arguments.to_vec());
    }

    fn one(&self, keyword: &str) -> Option<&str> {
        self.single.get(keyword).and_then(|words| words.first()).map(String::as_str)
    }

    fn list(&self, keyword: &str) -> &[String] {
        self.lists.get(keyword).map_or(&[], Vec::as_slice)
    }
}

/// Looks a host up. `args` are the options that come before any file.
///
/// # Errors
/// [`ConfigError`] for a file that cannot be read as configuration, or a value that makes no sense.
pub fn resolve(host: &str, args: &Args, files: &Files, machine: &Machine) -> Result<HostConfig, ConfigError> {
    // Both may come from an inventory, and stand in commands as %h and %r: before anything is executed.
    check_hostname(host)?;
    let given = args.options.iter().filter(|(keyword, _)| keyword == "user");
    given.filter_map(|(_, values)| values.first()).try_for_each(|user| check_user(user))?;
    let mut values = Values::default();
    for (keyword, arguments) in &args.options {
        values.set(keyword, arguments);
    }
    let files = match &args.config {
        Some(path) => Files::only(&tokens::tilde(path, machine)),
        None => files.clone(),
    };
    let mut final_pass = false;
    loop {
        let mut wants_final = false;
        let usual_user = machine.home.join(".ssh/config");
        for (file, folder) in
            [(&files.user, machine.home.join(".ssh")), (&files.system, PathBuf::from("/etc/ssh"))]
        {
            let Some(file) = file else { continue };
            let explicit = args.config.is_some();
            // A file that was named is the business of who named it.
            let private = !explicit && *file == usual_user;
            let reader = Reader { folder: &folder, machine, private };
            let lines = reader.read(file, explicit)?;
            walk(&lines, host, &mut values, machine, final_pass, &mut wants_final, true)?;
        }
        if final_pass || !wants_final {
            break;
        }
        let expanded = hostname(&values, host, machine)?;
        // It is expanded once more when it is read.
        values.single.insert("hostname".to_owned(), vec![expanded.replace('%', "%%")]);
        final_pass = true;
    }
    typed(host, &values, machine)
}

/// What a shell would read as more than a name.
const SHELL: [char; 14] = ['\'', '`', '"', '$', ';', '&', '<', '>', '|', '(', ')', '{', '}', '\\'];

/// OpenSSH's rule for names of hosts.
fn check_hostname(host: &str) -> Result<(), ConfigError> {
    let bad = |c: char| SHELL.contains(&c) || c.is_whitespace() || c.is_control();
    if host.starts_with('-') || host.contains(bad) {
        return Err(ConfigMistake::Hostname.at(host.escape_debug().to_string()));
    }
    Ok(())
}

/// OpenSSH's rule for names of users: a domain's user has a backslash, and some have blanks or a `$`.
fn check_user(user: &str) -> Result<(), ConfigError> {
    let bad = |c: char| c.is_control() || SHELL.contains(&c) && c != '\\' && c != '$';
    let option = user.split(char::is_whitespace).any(|word| word.starts_with('-'));
    if option || user.contains(bad) || user.ends_with('\\') {
        return Err(ConfigMistake::Username.at(user.escape_debug().to_string()));
    }
    Ok(())
}

/// Applies the lines that hold for the host.
fn walk(
    lines: &[Line],
    host: &str,
    values: &mut Values,
    machine: &Machine,
    final_pass: bool,
    wants_final: &mut bool,
    outer: bool,
) -> Result<(), ConfigError> {
    let mut active = outer;
    for line in lines {
        match line.keyword.as_str() {
            "host" => active = outer && matching::host_line(&line.arguments, host),
            "match" => {
                let candidate = candidate(values, host, machine, final_pass)?;
                let held = matching::match_line(line, &candidate, wants_final, outer)?;
                active = outer && held;
            }
            "include" => walk(&line.included, host, values, machine, final_pass, wants_final, active)?,
            keyword if active => {
                if line.arguments.is_empty() {
                    return Err(line.error(ConfigMistake::NoValue(keyword.to_owned())));
                }
                check(line)?;
                values.set(keyword, &line.arguments);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Values that have to make sense even where another one wins, so that a mistake is found at its line.
fn check(line: &Line) -> Result<(), ConfigError> {
    let value = line.arguments.first().map_or("", String::as_str);
    let sound = match line.keyword.as_str() {
        "port" => value.parse::<u16>().is_ok_and(|port| port > 0),
        "connecttimeout" | "serveraliveinterval" => tokens::time(value).is_some(),
        "serveralivecountmax" => value.parse::<u32>().is_ok(),
        "stricthostkeychecking" => strict(value).is_some(),
        _ => true,
    };
    if sound {
        return Ok(());
    }
    Err(line.error(ConfigMistake::Value { value: value.to_owned(), keyword: line.keyword.clone() }))
}

fn strict(value: &str) -> Option<StrictHostKeyChecking> {
    Some(match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => StrictHostKeyChecking::Yes,
        "ask" => StrictHostKeyChecking::Ask,
        "accept-new" => StrictHostKeyChecking::AcceptNew,
        "no" | "off" | "false" => StrictHostKeyChecking::No,
        _ => return None,
    })
}

fn hostname(values: &Values, host: &str, machine: &Machine) -> Result<String, ConfigError> {
    let Some(name) = values.one("hostname") else { return Ok(host.to_owned()) };
    let tokens = Tokens { host, ..Tokens::empty(machine) };
    tokens.expand(name, "h").map_err(|mistake| mistake.at("HostName"))
}

fn candidate<'a>(
    values: &Values,
    host: &'a str,
    machine: &'a Machine,
    final_pass: bool,
) -> Result<Candidate<'a>, ConfigError> {
    Ok(Candidate {
        original: host,
        host: hostname(values, host, machine)?,
        user: values.one("user").unwrap_or(&machine.user).to_owned(),
        port: values.one("port").unwrap_or("22").to_owned(),
        alias: values.one("hostkeyalias").map(str::to_owned),
        tag: values.one("tag").unwrap_or_default().to_owned(),
        machine,
        final_pass,
    })
}

fn typed(original: &str, values: &Values, machine: &Machine) -> Result<HostConfig, ConfigError> {
    let wrong = |keyword: &str, value: &str| ConfigMistake::ValueHere(value.to_owned()).at(keyword);
    let flag = |keyword: &str, default: bool| match values.one(keyword).map(str::to_ascii_lowercase) {
        None => default,
        Some(value) => matches!(value.as_str(), "yes" | "true" | "ask" | "confirm"),
    };
    let hostname = hostname(values, original, machine)?;
    check_hostname(&hostname)?;
    let user = values.one("user").unwrap_or(&machine.user).to_owned();
    check_user(&user)?;
    let port = match values.one("port") {
        None => 22,
        Some(text) => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("Port", text))?,
    };
    let alias = values.one("hostkeyalias").map(str::to_owned);
    let jump = values.one("proxyjump").unwrap_or_default().to_owned();
    let tokens = Tokens {
        host: &hostname,
        original,
        port,
        user: &user,
        alias: alias.as_deref(),
        jump: &jump,
        machine,
    };
    let expand = |keyword: &str, text: &str, letters: &str| {
        tokens.expand(text, letters).map_err(|mistake| mistake.at(keyword))
    };
    let path = |keyword: &str, text: &str| -> Result<PathBuf, ConfigError> {
        let text = tokens::environment(text).map_err(|mistake| mistake.at(keyword))?;
        Ok(tokens::tilde(Path::new(&expand(keyword, &text, tokens::PATHS)?), machine))
    };
    let paths = |keyword: &str, texts: &[String]| -> Result<Vec<PathBuf>, ConfigError> {
        texts.iter().filter(|text| *text != "none").map(|text| path(keyword, text)).collect()
    };
    let known = |keyword: &str, default: &[&str]| {
        let default: Vec<String> = default.iter().map(|text| (*text).to_owned()).collect();
        paths(keyword, values.single.get(keyword).unwrap_or(&default))
    };
    let time = |keyword: &str| -> Result<Option<Duration>, ConfigError> {
        let Some(text) = values.one(keyword) else { return Ok(None) };
        let time = tokens::time(text).ok_or_else(|| wrong(keyword, text))?;
        Ok(time.filter(|time| !time.is_zero()))
    };
    let proxy_jump = match jump.as_str() {
        "" | "none" => Vec::new(),
        text => {
            let text = expand("ProxyJump", text, "hnpr")?;
            text.split(',').map(|hop| hop.trim().to_owned()).collect()
        }
    };
    let proxy_command = values.single.get("proxycommand").map(|words| words.join(" "));
    let proxy_command = match proxy_command.as_deref() {
        None | Some("" | "none") => None,
        Some(text) => Some(expand("ProxyCommand", text, "hnprk")?),
    };
    let socket = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let identity_agent = match values.one("identityagent") {
        None | Some("SSH_AUTH_SOCK") => socket("SSH_AUTH_SOCK"),
        Some("none") => None,
        Some(text) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => socket(name),
            None => Some(path("IdentityAgent", text)?),
        },
    };
    let strict_text = values.one("stricthostkeychecking");
    Ok(HostConfig {
        port,
        identity_files: paths("identityfile", values.list("identityfile"))?,
        usual_identities: values.list("identityfile").is_empty(),
        revoked_host_keys: match values.one("revokedhostkeys") {
            None | Some("none") => None,
            Some(text) => Some(path("RevokedHostKeys", text)?),
        },
        passed_over: RESTRICTING
            .iter()
            .filter(|name| values.one(&name.to_ascii_lowercase()).is_some())
            .map(|name| (*name).to_owned())
            .collect(),
        identities_only: flag("identitiesonly", false),
        certificate_files: paths("certificatefile", values.list("certificatefile"))?,
        identity_agent,
        user_known_hosts: known("userknownhostsfile", &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"])?,
        global_known_hosts: known(
            "globalknownhostsfile",
            &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        )?,
        strict: match strict_text {
            None => StrictHostKeyChecking::Ask,
            Some(text) => strict(text).ok_or_else(|| wrong("StrictHostKeyChecking", text))?,
        },
        hash_known_hosts: flag("hashknownhosts", false),
        proxy_jump,
        proxy_command,
        alive_interval: time("serveraliveinterval")?,
        alive_count_max: values.one("serveralivecountmax").and_then(|text| text.parse().ok()).unwrap_or(3),
        connect_timeout: time("connecttimeout")?,
        preferred_authentications: values
            .one("preferredauthentications")
            .map(|text| text.split(',').map(|method| method.trim().to_owned()).collect()),
        pubkey_authentication: values.one("pubkeyauthentication").is_none_or(|value| value != "no"),
        password_authentication: flag("passwordauthentication", true),
        kbd_interactive_authentication: flag(
            "kbdinteractiveauthentication",
            flag("challengeresponseauthentication", true),
        ),
        compression: flag("compression", false),
        address_family: match values.one("addressfamily") {
            Some("inet") => Some(4),
            Some("inet6") => Some(6),
            _ => None,
        },
        bind_address: values.one("bindaddress").map(str::to_owned),
        host_key_alias: alias,
        original: original.to_owned(),
        hostname,
        user,
    })
}

#[cfg(test)]
mod tests;
