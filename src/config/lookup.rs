//! Settings as the lookup `config` gives them: typed, and those of the plugins that Windlass stands in for.

use super::{Config, SETTINGS};
use crate::template::{Asked, Setting, SettingError};
use crate::vars::Value;

#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// A text that is empty, not nothing, where it is not set.
    Empty,
    Whole,
    Flag,
    /// With commas.
    List,
    /// With colons.
    Paths,
}

fn kind(name: &str) -> Kind {
    match name {
        "DEFAULT_FORKS" | "DEFAULT_REMOTE_PORT" | "DEFAULT_TIMEOUT" | "DEFAULT_VERBOSITY" => Kind::Whole,
        "DEFAULT_BECOME_FLAGS" => Kind::Empty,
        "DEFAULT_HOST_LIST"
        | "DEFAULT_VAULT_IDENTITY_LIST"
        | "TAGS_RUN"
        | "TAGS_SKIP"
        | "CALLBACKS_ENABLED" => Kind::List,
        "DEFAULT_ROLES_PATH"
        | "COLLECTIONS_PATHS"
        | "DEFAULT_CALLBACK_PLUGIN_PATH"
        | "DEFAULT_MODULE_PATH" => Kind::Paths,
        "HOST_KEY_CHECKING" | "ANSIBLE_NOCOLOR" | "ANSIBLE_FORCE_COLOR" | "CHECK_MODE_MARKERS" => Kind::Flag,
        _ => {
            let default = SETTINGS.iter().find(|s| s.name == name).map_or("", |s| s.default);
            if matches!(default, "true" | "false") { Kind::Flag } else { Kind::Text }
        }
    }
}

/// An option of a plugin: its default, the setting that stands for it, and the variables that go over both.
struct PluginOption {
    plugin: (&'static str, &'static str),
    name: &'static str,
    default: &'static str,
    kind: Kind,
    setting: &'static str,
    variables: &'static [&'static str],
}

macro_rules! options {
    ($($type:literal / $plugin:literal: $name:literal, $default:literal, $kind:ident, $setting:literal, $variables:expr;)*) => {
        const OPTIONS: &[PluginOption] = &[ $( PluginOption {
            plugin: ($type, $plugin), name: $name, default: $default, kind: Kind::$kind, setting: $setting, variables: &$variables,
        } ),* ];
    };
}

options! {
    "become"/"sudo": "become_user", "root", Text, "DEFAULT_BECOME_USER", ["ansible_become_user", "ansible_sudo_user"];
    "become"/"sudo": "become_exe", "sudo", Text, "DEFAULT_BECOME_EXE", ["ansible_become_exe", "ansible_sudo_exe"];
    "become"/"sudo": "become_flags", "-H -S -n", Text, "DEFAULT_BECOME_FLAGS", ["ansible_become_flags", "ansible_sudo_flags"];
    "become"/"su": "become_user", "root", Text, "DEFAULT_BECOME_USER", ["ansible_become_user", "ansible_su_user"];
    "become"/"su": "become_exe", "su", Text, "DEFAULT_BECOME_EXE", ["ansible_become_exe", "ansible_su_exe"];
    "become"/"su": "become_flags", "", Empty, "DEFAULT_BECOME_FLAGS", ["ansible_become_flags", "ansible_su_flags"];
    "connection"/"ssh": "remote_user", "", Text, "DEFAULT_REMOTE_USER", ["ansible_user", "ansible_ssh_user"];
    "connection"/"ssh": "port", "", Whole, "DEFAULT_REMOTE_PORT", ["ansible_port", "ansible_ssh_port"];
    "connection"/"ssh": "timeout", "10", Whole, "DEFAULT_TIMEOUT", ["ansible_ssh_timeout"];
    "connection"/"ssh": "host_key_checking", "true", Flag, "HOST_KEY_CHECKING", ["ansible_host_key_checking", "ansible_ssh_host_key_checking"];
    "connection"/"ssh": "private_key_file", "", Text, "DEFAULT_PRIVATE_KEY_FILE", ["ansible_private_key_file", "ansible_ssh_private_key_file"];
    "connection"/"ssh": "ssh_args", "-C -o ControlMaster=auto -o ControlPersist=60s", Empty, "ANSIBLE_SSH_ARGS", ["ansible_ssh_args"];
    "connection"/"ssh": "ssh_common_args", "", Empty, "ANSIBLE_SSH_COMMON_ARGS", ["ansible_ssh_common_args"];
    "connection"/"ssh": "ssh_extra_args", "", Empty, "ANSIBLE_SSH_EXTRA_ARGS", ["ansible_ssh_extra_args"];
}

/// An option of a plugin that nothing here heeds, and that playbooks may ask for nevertheless.
struct BareOption {
    plugin: (&'static str, &'static str),
    name: &'static str,
    default: &'static str,
    kind: Kind,
    env: &'static [&'static str],
    ini: &'static [(&'static str, &'static str)],
    variables: &'static [&'static str],
}

macro_rules! bare {
    ($($type:literal / $plugin:literal: $name:literal, $default:literal, $kind:ident, $env:expr, $ini:expr, $variables:expr;)*) => {
        const BARE: &[BareOption] = &[ $( BareOption {
            plugin: ($type, $plugin), name: $name, default: $default, kind: Kind::$kind, env: &$env, ini: &$ini, variables: &$variables,
        } ),* ];
    };
}

bare! {
    "become"/"sudo": "sudo_chdir", "", Text, ["ANSIBLE_SUDO_CHDIR"], [("sudo_become_plugin", "chdir")], ["ansible_sudo_chdir"];
    "become"/"su": "prompt_l10n", "", List, ["ANSIBLE_SU_PROMPT_L10N"], [("su_become_plugin", "localized_prompts")], ["ansible_su_prompt_l10n"];
    "connection"/"ssh": "host", "inventory_hostname", Text, [], [], ["inventory_hostname", "ansible_host", "ansible_ssh_host"];
    "connection"/"ssh": "password_mechanism", "ssh_askpass", Text, ["ANSIBLE_SSH_PASSWORD_MECHANISM"], [("ssh_connection", "password_mechanism")], ["ansible_ssh_password_mechanism"];
    "connection"/"ssh": "sshpass_prompt", "", Empty, ["ANSIBLE_SSHPASS_PROMPT"], [("ssh_connection", "sshpass_prompt")], ["ansible_sshpass_prompt"];
    "connection"/"ssh": "ssh_executable", "ssh", Text, ["ANSIBLE_SSH_EXECUTABLE"], [("ssh_connection", "ssh_executable")], ["ansible_ssh_executable"];
    "connection"/"ssh": "sftp_executable", "sftp", Text, ["ANSIBLE_SFTP_EXECUTABLE"], [("ssh_connection", "sftp_executable")], ["ansible_sftp_executable"];
    "connection"/"ssh": "scp_executable", "scp", Text, ["ANSIBLE_SCP_EXECUTABLE"], [("ssh_connection", "scp_executable")], ["ansible_scp_executable"];
    "connection"/"ssh": "scp_extra_args", "", Empty, ["ANSIBLE_SCP_EXTRA_ARGS"], [("ssh_connection", "scp_extra_args")], ["ansible_scp_extra_args"];
    "connection"/"ssh": "sftp_extra_args", "", Empty, ["ANSIBLE_SFTP_EXTRA_ARGS"], [("ssh_connection", "sftp_extra_args")], ["ansible_sftp_extra_args"];
    "connection"/"ssh": "sftp_batch_mode", "true", Flag, ["ANSIBLE_SFTP_BATCH_MODE"], [("ssh_connection", "sftp_batch_mode")], ["ansible_sftp_batch_mode"];
    "connection"/"ssh": "ssh_transfer_method", "smart", Text, ["ANSIBLE_SSH_TRANSFER_METHOD"], [("ssh_connection", "transfer_method")], ["ansible_ssh_transfer_method"];
    "connection"/"ssh": "reconnection_retries", "0", Whole, ["ANSIBLE_SSH_RETRIES"], [("connection", "retries"), ("ssh_connection", "retries")], ["ansible_ssh_retries"];
    "connection"/"ssh": "pipelining", "false", Flag, ["ANSIBLE_PIPELINING", "ANSIBLE_SSH_PIPELINING"], [("defaults", "pipelining"), ("connection", "pipelining"), ("ssh_connection", "pipelining")], ["ansible_pipelining", "ansible_ssh_pipelining"];
    "connection"/"ssh": "control_path", "", Text, ["ANSIBLE_SSH_CONTROL_PATH"], [("ssh_connection", "control_path")], ["ansible_control_path"];
    "connection"/"ssh": "control_path_dir", "~/.ansible/cp", Text, ["ANSIBLE_SSH_CONTROL_PATH_DIR"], [("ssh_connection", "control_path_dir")], ["ansible_control_path_dir"];
    "connection"/"ssh": "use_tty", "true", Flag, ["ANSIBLE_SSH_USETTY"], [("ssh_connection", "usetty")], ["ansible_ssh_use_tty"];
    "connection"/"ssh": "pkcs11_provider", "", Empty, ["ANSIBLE_PKCS11_PROVIDER"], [("ssh_connection", "pkcs11_provider")], ["ansible_ssh_pkcs11_provider"];
    "connection"/"ssh": "verbosity", "0", Whole, ["ANSIBLE_SSH_VERBOSITY"], [("ssh_connection", "verbosity")], ["ansible_ssh_verbosity"];
    "connection"/"local": "pipelining", "false", Flag, ["ANSIBLE_PIPELINING"], [("defaults", "pipelining"), ("connection", "pipelining")], ["ansible_pipelining"];
    "connection"/"local": "become_success_timeout", "10", Whole, [], [], ["ansible_local_become_success_timeout"];
    "connection"/"local": "become_strip_preamble", "true", Flag, [], [], ["ansible_local_become_strip_preamble"];
}

fn typed(text: &str, kind: Kind) -> Value {
    let parts = |separator: char| {
        Value::list(text.split(separator).map(str::trim).filter(|p| !p.is_empty()).map(Value::text).collect())
    };
    match kind {
        Kind::List => parts(','),
        Kind::Paths => parts(':'),
        Kind::Empty => Value::text(text),
        _ if text.is_empty() => Value::Null,
        Kind::Text => Value::text(text),
        Kind::Whole => text.trim().parse().map_or_else(|_| Value::text(text), Value::Int),
        Kind::Flag => {
            windlass_protocol::args::parse_bool(text).map_or_else(|| Value::text(text), Value::Bool)
        }
    }
}

/// A setting, or an option of a plugin.
///
/// # Errors
/// If there is none of that name.
pub fn find(config: &Config, asked: &Asked<'_>) -> Result<Setting, SettingError> {
    let Some((kind_of_plugin, plugin)) = asked.plugin else {
        let known = SETTINGS.iter().any(|s| s.name == asked.name);
        if !known {
            return Err(SettingError::Unknown(asked.name.to_owned()));
        }
        let value = match kind(asked.name) {
            Kind::Paths => {
                let paths = config.paths(asked.name);
                Value::list(paths.iter().map(|p| Value::text(p.display().to_string())).collect())
            }
            kind => typed(&config.text(asked.name), kind),
        };
        return Ok(Setting { value, origin: config.origin(asked.name).to_owned(), variables: &[] });
    };
    let mut bare = BARE.iter().filter(|o| o.plugin == (kind_of_plugin, plugin)).peekable();
    if bare.peek().is_none() && !OPTIONS.iter().any(|o| o.plugin == (kind_of_plugin, plugin)) {
        return Err(SettingError::NoPlugin { kind: kind_of_plugin.to_owned(), plugin: plugin.to_owned() });
    }
    if let Some(option) = bare.find(|o| o.name == asked.name) {
        let env =
            option.env.iter().find_map(|name| Some((std::env::var(name).ok()?, format!("env: {name}"))));
        let place = || config.file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
        let ini = || option.ini.iter().find_map(|at| Some((config.in_file(*at)?.to_owned(), place())));
        let (text, origin) =
            env.or_else(ini).unwrap_or_else(|| (option.default.to_owned(), "default".to_owned()));
        return Ok(Setting { value: typed(&text, option.kind), origin, variables: option.variables });
    }
    let option = OPTIONS.iter().find(|o| o.plugin == (kind_of_plugin, plugin) && o.name == asked.name);
    let Some(option) = option else {
        return Err(SettingError::NoOption {
            option: asked.name.to_owned(),
            kind: kind_of_plugin.to_owned(),
            plugin: plugin.to_owned(),
        });
    };
    let (text, origin) = match config.given(option.setting) {
        Some(text) => (text, config.origin(option.setting)),
        None => (option.default.to_owned(), "default"),
    };
    let value = typed(&text, option.kind);
    Ok(Setting { value, origin: origin.to_owned(), variables: option.variables })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str, plugin: Option<(&str, &str)>) -> Result<Value, SettingError> {
        find(&Config::default(), &Asked { name, plugin }).map(|setting| setting.value)
    }

    fn refusal(name: &str, plugin: Option<(&str, &str)>) -> Option<String> {
        ask(name, plugin).err().map(|error| error.to_string())
    }

    #[test]
    fn settings_have_types() {
        assert_eq!(ask("DEFAULT_FORKS", None), Ok(Value::Int(5)));
        assert_eq!(ask("HOST_KEY_CHECKING", None), Ok(Value::Bool(true)));
        assert_eq!(ask("DEFAULT_BECOME_FLAGS", None), Ok(Value::text("")));
        assert_eq!(ask("DEFAULT_REMOTE_USER", None), Ok(Value::Null));
        assert_eq!(
            refusal("default_forks", None).as_deref(),
            Some("No config definition exists for 'default_forks'.")
        );
    }

    #[test]
    fn plugins_have_options() {
        assert_eq!(ask("become_flags", Some(("become", "sudo"))), Ok(Value::text("-H -S -n")));
        assert_eq!(ask("become_exe", Some(("become", "su"))), Ok(Value::text("su")));
        assert_eq!(ask("port", Some(("connection", "ssh"))), Ok(Value::Null));
        assert_eq!(ask("ssh_transfer_method", Some(("connection", "ssh"))), Ok(Value::text("smart")));
        assert_eq!(ask("sftp_batch_mode", Some(("connection", "ssh"))), Ok(Value::Bool(true)));
        assert_eq!(ask("reconnection_retries", Some(("connection", "ssh"))), Ok(Value::Int(0)));
        assert_eq!(ask("become_success_timeout", Some(("connection", "local"))), Ok(Value::Int(10)));
        assert_eq!(
            refusal("nope", Some(("become", "sudo"))).as_deref(),
            Some("No config definition exists for 'nope' for 'sudo' become plugin.")
        );
        assert_eq!(
            refusal("x", Some(("become", "nope"))).as_deref(),
            Some("Unable to load become plugin 'nope'.")
        );
    }
}
