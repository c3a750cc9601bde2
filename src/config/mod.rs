//! `ansible.cfg` and `ANSIBLE_*`: the settings that mean something here.
//!
//! The file is looked for as Ansible does: `ANSIBLE_CONFIG`, `ansible.cfg` in the current folder (unless others may write
//! to that folder), `~/.ansible.cfg`, `/etc/ansible/ansible.cfg`. The environment goes over the file.

mod ini;
pub mod known;
pub mod lookup;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use windlass_yaml::SourceFile;
use windlass_yaml::diagnostic::Diagnostic;

/// A setting: where it stands in the file, and which environment variables set it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name as `windlass config list` shows it.
    pub name: &'static str,
    /// Section and key in the file.
    pub ini: &'static [(&'static str, &'static str)],
    /// Environment variables, the first one wins.
    pub env: &'static [&'static str],
    /// Value when it is not set.
    pub default: &'static str,
    /// One sentence.
    pub doc: &'static str,
}

macro_rules! settings {
    ($($name:literal, $ini:expr, $env:expr, $default:literal, $doc:literal;)*) => {
        /// The settings that are honoured.
        pub const SETTINGS: &[Setting] = &[ $( Setting { name: $name, ini: &$ini, env: &$env, default: $default, doc: $doc } ),* ];
    };
}

settings! {
    "DEFAULT_HOST_LIST", [("defaults", "inventory")], ["ANSIBLE_INVENTORY"], "/etc/ansible/hosts", "Inventory sources, with commas.";
    "TRANSFORM_INVALID_GROUP_CHARS", [("defaults", "force_valid_group_names")], ["ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS"], "never", "Names of groups that are no names of variables: `never` warns, `ignore` does not, `always` and `silently` put `_` into them.";
    "INVENTORY_ENABLED", [("inventory", "enable_plugins")], ["ANSIBLE_INVENTORY_ENABLED"], "host_list,script,auto,yaml,ini,toml", "What may read an inventory, in the order in which it is tried.";
    "INVENTORY_IGNORE_EXTS", [("defaults", "inventory_ignore_extensions"), ("inventory", "ignore_extensions")], ["ANSIBLE_INVENTORY_IGNORE"], ".pyc,.pyo,.swp,.bak,~,.rpm,.md,.txt,.rst,.orig,.cfg,.retry", "Ends of names of files in a folder of inventories that are none.";
    "INVENTORY_IGNORE_PATTERNS", [("defaults", "inventory_ignore_patterns"), ("inventory", "ignore_patterns")], ["ANSIBLE_INVENTORY_IGNORE_REGEX"], "", "Regular expressions for such names.";
    "INVENTORY_UNPARSED_IS_FAILED", [("inventory", "unparsed_is_failed")], ["ANSIBLE_INVENTORY_UNPARSED_FAILED"], "false", "It is an error if no inventory can be read.";
    "INVENTORY_ANY_UNPARSED_IS_FAILED", [("inventory", "any_unparsed_is_failed")], ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"], "false", "It is an error if any inventory cannot be read.";
    "INVENTORY_UNPARSED_WARNING", [("inventory", "inventory_unparsed_warning")], ["ANSIBLE_INVENTORY_UNPARSED_WARNING"], "true", "A warning where no inventory was read.";
    "INVENTORY_USE_EXTRA_VARS", [("inventory_plugins", "use_extra_vars")], ["ANSIBLE_INVENTORY_USE_EXTRA_VARS"], "false", "Expressions of inventory plugins see the variables of `-e`.";
    "INVENTORY_EXPORT", [("inventory", "export")], ["ANSIBLE_INVENTORY_EXPORT"], "false", "`windlass inventory --list` prints as with `--export`.";
    "HOST_PATTERN_MISMATCH", [("inventory", "host_pattern_mismatch")], ["ANSIBLE_HOST_PATTERN_MISMATCH"], "warning", "What a host pattern that matches nothing is: `warning`, `error` or `ignore`.";
    "LOCALHOST_WARNING", [("defaults", "localhost_warning")], ["ANSIBLE_LOCALHOST_WARNING"], "true", "A warning where the inventory has no hosts.";
    "INVENTORY_PLUGIN_SCRIPT_STDERR", [("inventory_plugin_script", "stderr")], ["ANSIBLE_INVENTORY_PLUGIN_SCRIPT_STDERR"], "false", "Show what inventory scripts say on their standard error.";
    "DEFAULT_HASH_BEHAVIOUR", [("defaults", "hash_behaviour")], ["ANSIBLE_HASH_BEHAVIOUR"], "replace", "What a mapping does to one of the same name and less precedence: `replace` or `merge`.";
    "INJECT_FACTS_AS_VARS", [("defaults", "inject_facts_as_vars")], ["ANSIBLE_INJECT_FACT_VARS"], "true", "Facts are variables as well, with `ansible_` in front.";
    "DEFAULT_MODULE_NAME", [("defaults", "module_name")], [], "command", "The module of `windlass adhoc` without `-m`.";
    "DEFAULT_MODULE_ARGS", [("defaults", "module_args")], ["ANSIBLE_MODULE_ARGS"], "", "Its arguments without `-a`.";
    "DEFAULT_ROLES_PATH", [("defaults", "roles_path")], ["ANSIBLE_ROLES_PATH"], "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles", "Folders of roles.";
    "COLLECTIONS_PATHS", [("defaults", "collections_path"), ("defaults", "collections_paths")], ["ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_COLLECTIONS_PATHS"], "~/.ansible/collections:/usr/share/ansible/collections", "Folders of collections.";
    "DEFAULT_MODULE_PATH", [("defaults", "library")], ["ANSIBLE_LIBRARY"], "~/.ansible/plugins/modules:/usr/share/ansible/plugins/modules", "Folders of modules that are no part of Windlass, besides `library` of the playbook and of roles.";
    "PLAYBOOK_DIR", [("defaults", "playbook_dir")], ["ANSIBLE_PLAYBOOK_DIR"], "", "The folder of the playbook for commands that have none.";
    "DEFAULT_FORKS", [("defaults", "forks")], ["ANSIBLE_FORKS"], "5", "How many hosts work at once.";
    "DEFAULT_STRATEGY", [("defaults", "strategy")], ["ANSIBLE_STRATEGY"], "linear", "How the hosts of a play wait for one another: linear, free, host_pinned or debug.";
    "DEFAULT_REMOTE_USER", [("defaults", "remote_user")], ["ANSIBLE_REMOTE_USER"], "", "Login name.";
    "DEFAULT_REMOTE_PORT", [("defaults", "remote_port")], ["ANSIBLE_REMOTE_PORT"], "", "SSH port.";
    "DEFAULT_PRIVATE_KEY_FILE", [("defaults", "private_key_file")], ["ANSIBLE_PRIVATE_KEY_FILE"], "", "Private key.";
    "DEFAULT_TIMEOUT", [("defaults", "timeout")], ["ANSIBLE_TIMEOUT"], "10", "Seconds for a connection to be made.";
    "HOST_KEY_CHECKING", [("defaults", "host_key_checking")], ["ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING"], "true", "Whether host keys are checked; `accept-new` writes unknown ones down.";
    "DEFAULT_TRANSPORT", [("defaults", "transport")], ["ANSIBLE_TRANSPORT"], "ssh", "Kind of connection.";
    "ANSIBLE_SSH_ARGS", [("ssh_connection", "ssh_args")], ["ANSIBLE_SSH_ARGS"], "", "Options for ssh.";
    "ANSIBLE_SSH_COMMON_ARGS", [("ssh_connection", "ssh_common_args")], ["ANSIBLE_SSH_COMMON_ARGS"], "", "Further options for ssh.";
    "ANSIBLE_SSH_EXTRA_ARGS", [("ssh_connection", "ssh_extra_args")], ["ANSIBLE_SSH_EXTRA_ARGS"], "", "Further options for ssh.";
    "DEFAULT_BECOME", [("privilege_escalation", "become")], ["ANSIBLE_BECOME"], "false", "Become another user.";
    "DEFAULT_BECOME_METHOD", [("privilege_escalation", "become_method")], ["ANSIBLE_BECOME_METHOD"], "sudo", "How.";
    "DEFAULT_BECOME_USER", [("privilege_escalation", "become_user")], ["ANSIBLE_BECOME_USER"], "root", "Which.";
    "DEFAULT_BECOME_FLAGS", [("privilege_escalation", "become_flags")], ["ANSIBLE_BECOME_FLAGS"], "", "Flags for the become program.";
    "DEFAULT_BECOME_EXE", [("privilege_escalation", "become_exe")], ["ANSIBLE_BECOME_EXE"], "", "The become program.";
    "DEFAULT_BECOME_ASK_PASS", [("privilege_escalation", "become_ask_pass")], ["ANSIBLE_BECOME_ASK_PASS"], "false", "Ask for its password.";
    "BECOME_ALLOW_SAME_USER", [("privilege_escalation", "become_allow_same_user")], ["ANSIBLE_BECOME_ALLOW_SAME_USER"], "false", "Become a user also where that is the login user.";
    "BECOME_PASSWORD_FILE", [("defaults", "become_password_file")], ["ANSIBLE_BECOME_PASSWORD_FILE"], "", "File with its password.";
    "CONNECTION_PASSWORD_FILE", [("defaults", "connection_password_file")], ["ANSIBLE_CONNECTION_PASSWORD_FILE"], "", "File with the login password.";
    "DEFAULT_ASK_PASS", [("defaults", "ask_pass")], ["ANSIBLE_ASK_PASS"], "false", "Ask for the login password.";
    "DEFAULT_VAULT_PASSWORD_FILE", [("defaults", "vault_password_file")], ["ANSIBLE_VAULT_PASSWORD_FILE"], "", "File or program with the vault password.";
    "DEFAULT_VAULT_IDENTITY_LIST", [("defaults", "vault_identity_list")], ["ANSIBLE_VAULT_IDENTITY_LIST"], "", "Vault ids.";
    "DEFAULT_ASK_VAULT_PASS", [("defaults", "ask_vault_pass")], ["ANSIBLE_ASK_VAULT_PASS"], "false", "Ask for the vault password.";
    "DEFAULT_GATHERING", [("defaults", "gathering")], ["ANSIBLE_GATHERING"], "implicit", "Whether plays gather facts unless they say so: implicit, explicit, or smart (each host's once).";
    "CACHE_PLUGIN", [("defaults", "fact_caching")], ["ANSIBLE_CACHE_PLUGIN"], "memory", "Whether facts outlive the run: `memory`, or `jsonfile`.";
    "CACHE_PLUGIN_CONNECTION", [("defaults", "fact_caching_connection")], ["ANSIBLE_CACHE_PLUGIN_CONNECTION"], "", "The folder of `jsonfile`.";
    "CACHE_PLUGIN_PREFIX", [("defaults", "fact_caching_prefix")], ["ANSIBLE_CACHE_PLUGIN_PREFIX"], "", "What the names of its files begin with.";
    "CACHE_PLUGIN_TIMEOUT", [("defaults", "fact_caching_timeout")], ["ANSIBLE_CACHE_PLUGIN_TIMEOUT"], "86400", "Seconds after which its files count no more; 0 is never.";
    "DEFAULT_NO_LOG", [("defaults", "no_log")], ["ANSIBLE_NO_LOG"], "false", "Tasks that do not say otherwise print nothing of their results.";
    "TASK_TIMEOUT", [("defaults", "task_timeout")], ["ANSIBLE_TASK_TIMEOUT"], "0", "Seconds that a task may take; 0 is any time.";
    "DEFAULT_POLL_INTERVAL", [("defaults", "poll_interval")], ["ANSIBLE_POLL_INTERVAL"], "15", "Seconds between looks at a task that runs with `async`.";
    "ASYNC_DIR", [("defaults", "async_dir")], ["ANSIBLE_ASYNC_DIR"], "~/.ansible_async", "Where hosts keep what comes of tasks with `async`.";
    "ENABLE_TASK_DEBUGGER", [("defaults", "enable_task_debugger")], ["ANSIBLE_ENABLE_TASK_DEBUGGER"], "false", "Ask what to do wherever a task fails.";
    "TASK_DEBUGGER_IGNORE_ERRORS", [("defaults", "task_debugger_ignore_errors")], ["ANSIBLE_TASK_DEBUGGER_IGNORE_ERRORS"], "true", "Do not ask about failures that are ignored.";
    "DIFF_ALWAYS", [("diff", "always")], ["ANSIBLE_DIFF_ALWAYS"], "false", "Show diffs.";
    "ERROR_ON_MISSING_HANDLER", [("defaults", "error_on_missing_handler")], ["ANSIBLE_ERROR_ON_MISSING_HANDLER"], "true", "An unknown handler stops the run; else it is a warning.";
    "ANY_ERRORS_FATAL", [("defaults", "any_errors_fatal")], ["ANSIBLE_ANY_ERRORS_FATAL"], "false", "An error on one host ends the play for all.";
    "DEFAULT_FORCE_HANDLERS", [("defaults", "force_handlers")], ["ANSIBLE_FORCE_HANDLERS"], "false", "Run notified handlers on hosts that failed.";
    "DISPLAY_SKIPPED_HOSTS", [("defaults", "display_skipped_hosts")], ["ANSIBLE_DISPLAY_SKIPPED_HOSTS"], "true", "Lines for skipped hosts.";
    "DISPLAY_OK_HOSTS", [("defaults", "display_ok_hosts")], ["ANSIBLE_DISPLAY_OK_HOSTS"], "true", "Lines for hosts where nothing changed.";
    "ANSIBLE_NOCOLOR", [("defaults", "nocolor")], ["ANSIBLE_NOCOLOR", "NO_COLOR"], "false", "No colours.";
    "ANSIBLE_FORCE_COLOR", [("defaults", "force_color")], ["ANSIBLE_FORCE_COLOR"], "false", "Colours even without a terminal.";
    "CHECK_MODE_MARKERS", [("defaults", "check_mode_markers")], ["ANSIBLE_CHECK_MODE_MARKERS"], "false", "Name check mode in banners.";
    "SHOW_CUSTOM_STATS", [("defaults", "show_custom_stats")], ["ANSIBLE_SHOW_CUSTOM_STATS"], "false", "The values of `set_stats` at the end.";
    "DISPLAY_FAILED_STDERR", [("defaults", "display_failed_stderr")], ["ANSIBLE_DISPLAY_FAILED_STDERR"], "false", "Failures go to standard error.";
    "SHOW_PER_HOST_START", [("defaults", "show_per_host_start")], ["ANSIBLE_SHOW_PER_HOST_START"], "false", "A line when a host begins with a task.";
    "SHOW_TASK_PATH_ON_FAILURE", [("defaults", "show_task_path_on_failure")], ["ANSIBLE_SHOW_TASK_PATH_ON_FAILURE"], "false", "The task's place in front of a failure.";
    "DISPLAY_ARGS_TO_STDOUT", [("defaults", "display_args_to_stdout")], ["ANSIBLE_DISPLAY_ARGS_TO_STDOUT"], "false", "Arguments in the banners of tasks.";
    "DEFAULT_STDOUT_CALLBACK", [("defaults", "stdout_callback")], ["ANSIBLE_STDOUT_CALLBACK"], "default", "How results are printed.";
    "CALLBACKS_ENABLED", [("defaults", "callbacks_enabled")], ["ANSIBLE_CALLBACKS_ENABLED"], "", "What else listens to a run, with commas: junit, tree, timer, profile_tasks.";
    "DEFAULT_CALLBACK_PLUGIN_PATH", [("defaults", "callback_plugins")], ["ANSIBLE_CALLBACK_PLUGINS"], "~/.ansible/plugins/callback:/usr/share/ansible/plugins/callback", "Folders of callbacks in Python, which are not run: a warning tells of those that are asked for.";
    "CALLBACK_RESULT_FORMAT", [("defaults", "callback_result_format")], ["ANSIBLE_CALLBACK_RESULT_FORMAT"], "json", "How values are printed: json or yaml.";
    "CALLBACK_FORMAT_PRETTY", [("defaults", "callback_format_pretty")], ["ANSIBLE_CALLBACK_FORMAT_PRETTY"], "", "Whether values are printed on several lines.";
    "JSON_INDENT", [("defaults", "json_indent")], ["ANSIBLE_JSON_INDENT"], "4", "Blanks for each level of the callback json; 0 is one line.";
    "CALLBACK_TREE_DIR", [("callback_tree", "directory")], ["ANSIBLE_CALLBACK_TREE_DIR"], "", "The folder of the callback tree.";
    "PROFILE_TASKS_TASK_OUTPUT_LIMIT", [("callback_profile_tasks", "task_output_limit")], ["PROFILE_TASKS_TASK_OUTPUT_LIMIT"], "20", "How many tasks profile_tasks tells at the end, or all.";
    "PROFILE_TASKS_SORT_ORDER", [("callback_profile_tasks", "sort_order")], ["PROFILE_TASKS_SORT_ORDER"], "descending", "Its order: descending, ascending or none.";
    "PROFILE_TASKS_SUMMARY_ONLY", [("callback_profile_tasks", "summary_only")], ["PROFILE_TASKS_SUMMARY_ONLY"], "false", "It tells nothing before the end.";
    "JUNIT_OUTPUT_DIR", [], ["JUNIT_OUTPUT_DIR"], "", "The folder of the callback junit.";
    "JUNIT_TASK_CLASS", [], ["JUNIT_TASK_CLASS"], "False", "One class for each file.";
    "JUNIT_TASK_RELATIVE_PATH", [], ["JUNIT_TASK_RELATIVE_PATH"], "", "Places are relative to this folder.";
    "JUNIT_REPLACE_OUT_OF_TREE_PATH", [], ["JUNIT_REPLACE_OUT_OF_TREE_PATH"], "", "What stands for the folder of places outside of that one.";
    "JUNIT_FAIL_ON_CHANGE", [], ["JUNIT_FAIL_ON_CHANGE"], "False", "A change is a failure.";
    "JUNIT_FAIL_ON_IGNORE", [], ["JUNIT_FAIL_ON_IGNORE"], "False", "A failure that is ignored is one.";
    "JUNIT_INCLUDE_SETUP_TASKS_IN_REPORT", [], ["JUNIT_INCLUDE_SETUP_TASKS_IN_REPORT"], "True", "Tasks of setup are in the report.";
    "JUNIT_HIDE_TASK_ARGUMENTS", [], ["JUNIT_HIDE_TASK_ARGUMENTS"], "False", "Arguments are not in the report.";
    "JUNIT_TEST_CASE_PREFIX", [], ["JUNIT_TEST_CASE_PREFIX"], "", "What the names of tasks begin with that are test cases.";
    "DEFAULT_VERBOSITY", [("defaults", "verbosity")], ["ANSIBLE_VERBOSITY"], "0", "Verbosity.";
    "TAGS_RUN", [("tags", "run")], ["ANSIBLE_RUN_TAGS"], "", "Tags to run.";
    "TAGS_SKIP", [("tags", "skip")], ["ANSIBLE_SKIP_TAGS"], "", "Tags to skip.";
    "ALLOW_BROKEN_CONDITIONALS", [("defaults", "allow_broken_conditionals")], ["ANSIBLE_ALLOW_BROKEN_CONDITIONALS"], "false", "Conditions may give something else than a boolean.";
    "DEFAULT_MANAGED_STR", [("defaults", "ansible_managed")], ["ANSIBLE_MANAGED"], "Ansible managed", "The text of `ansible_managed`.";
}

/// Settings in force.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file that was read.
    pub file: Option<PathBuf>,
    values: BTreeMap<&'static str, (String, String)>,
    /// What the file says, by section and key.
    in_file: BTreeMap<(String, String), String>,
    /// What was hardly meant: settings that are not honoured.
    pub warnings: Vec<Diagnostic>,
    /// What is wrong with the file and the environment.
    pub errors: Vec<Diagnostic>,
}

/// What a setting's value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    Number,
    Strategy,
}

impl Setting {
    fn kind(&self) -> Kind {
        match self.default {
            "true" | "false" => Kind::Flag,
            // A number, or a word.
            _ if matches!(self.name, "JSON_INDENT" | "PROFILE_TASKS_TASK_OUTPUT_LIMIT") => Kind::Text,
            _ if self.name == "DEFAULT_STRATEGY" => Kind::Strategy,
            _ if self.name == "DEFAULT_REMOTE_PORT" || self.default.parse::<i64>().is_ok() => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// What the value is not, if it cannot be used.
    fn refuses(&self, value: &str) -> Option<&'static str> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        match self.kind() {
            Kind::Number if value.parse::<u32>().is_err() => Some("a whole number"),
            Kind::Strategy if crate::playbook::Strategy::parse(value).is_none() => Some("a strategy"),
            Kind::Flag if windlass_protocol::args::parse_bool(value).is_none() => {
                let known = self.name == "HOST_KEY_CHECKING" && value == "accept-new";
                (!known).then_some("a boolean")
            }
            _ => None,
        }
    }
}

impl Config {
    /// Reads file and environment.
    #[must_use]
    pub fn load() -> Self {
        let mut config = Self::default();
        let file = find_file(&mut config.warnings);
        config.read(file);
        config
    }

    /// Reads this file and the environment.
    #[must_use]
    pub fn load_file(file: PathBuf) -> Self {
        let mut config = Self::default();
        config.read(Some(file));
        config
    }

    /// What the file says of a section's key.
    fn in_file(&self, (section, key): (&str, &str)) -> Option<&str> {
        self.in_file.get(&(section.to_owned(), key.to_owned())).map(String::as_str)
    }

    fn read(&mut self, file: Option<PathBuf>) {
        let config = self;
        let mut from_file = BTreeMap::new();
        if let Some(file) = &file {
            match read(file) {
                Ok(found) => from_file = found,
                Err(errors) => config.errors = errors,
            }
        }
        for setting in SETTINGS {
            let env = setting.env.iter().find_map(|e| std::env::var(e).ok().map(|v| (v, *e)));
            let from = setting
                .ini
                .iter()
                .find_map(|(section, key)| from_file.get(&((*section).to_owned(), (*key).to_owned())));
            let place = file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
            let (value, origin, place) = match (env, from) {
                (Some((value, name)), _) => (value, format!("env: {name}"), Err(name)),
                (None, Some(entry)) => (known::unquoted(&entry.value).to_owned(), place, Ok(&entry.span)),
                (None, None) => continue,
            };
            if let Some(wanted) = setting.refuses(&value) {
                let error = match place {
                    Ok(span) => Diagnostic::error(format!("'{value}' is not {wanted}")).at(span),
                    Err(name) => Diagnostic::error(format!(
                        "'{value}' is not {wanted}, as {name} of the environment has to be"
                    )),
                };
                let names = crate::playbook::Strategy::NAMES;
                let hint = match setting.kind() {
                    Kind::Flag => "write true or false".to_owned(),
                    Kind::Strategy => match crate::playbook::problems::nearest(&value, names.iter().copied())
                    {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("known are {}", names.join(", ")),
                    },
                    Kind::Number | Kind::Text => "write digits only".to_owned(),
                };
                config.errors.push(error.hint(hint));
            }
            config.values.insert(setting.name, (value, origin));
        }
        let silent = known::all().iter().filter(|known| !known.is_missed()).flat_map(|known| &known.ini);
        let known: Vec<(&str, &str)> =
            SETTINGS.iter().flat_map(|s| s.ini).chain(WITHOUT_MEANING).chain(silent).copied().collect();
        for ((section, key), entry) in &from_file {
            if known.contains(&(section.as_str(), key.as_str())) {
                continue;
            }
            let warning =
                Diagnostic::warning(format!("the setting {key} in [{section}] is not honoured by windlass"))
                    .at(&entry.key);
            let elsewhere = known.iter().find(|(_, k)| k == key).map(|(s, _)| *s);
            // One that Ansible knows is no slip of the pen.
            let meant =
                known::all().iter().any(|known| known.ini.contains(&(section.as_str(), key.as_str())));
            let candidates = known.iter().filter(|(s, _)| s == section && !meant).map(|(_, k)| *k);
            let near = crate::playbook::problems::nearest(key, candidates);
            config.warnings.push(match (elsewhere, near) {
                (Some(section), _) => warning.hint(format!("it belongs into [{section}]")),
                (None, Some(near)) => warning.hint(format!("did you mean `{near}`?")),
                (None, None) => warning,
            });
        }
        let missed = known::all().iter().filter(|known| known.is_missed());
        let missed = missed.flat_map(|known| known.env.iter().map(move |name| (known, *name)));
        for (known, name) in missed {
            let Ok(value) = std::env::var(name) else { continue };
            // What says nothing else than the default is not missed.
            if value.is_empty() || known.is_idle(&value) {
                continue;
            }
            let text = format!("the setting {name} of the environment is not honoured by windlass");
            config.warnings.push(Diagnostic::warning(text));
        }
        config.in_file = from_file.into_iter().map(|(at, entry)| (at, entry.value)).collect();
        config.file = file;
    }

    /// The value of a setting, or its default.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        match self.values.get(name) {
            Some((value, _)) => value.clone(),
            None => {
                SETTINGS.iter().find(|s| s.name == name).map(|s| s.default.to_owned()).unwrap_or_default()
            }
        }
    }
    /// The value of a setting if it was set and is not empty.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|(v, _)| v.clone()).filter(|v| !v.is_empty())
    }
    /// Where the value comes from: `default`, the file, or the environment variable.
    #[must_use]
    pub fn origin(&self, name: &str) -> &str {
        self.values.get(name).map_or("default", |(_, origin)| origin)
    }
    /// A boolean setting.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        windlass_protocol::args::parse_bool(&self.text(name)).unwrap_or(!self.text(name).is_empty())
    }
    /// A path setting: relative ones are beside the file, `~` is the home folder.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.given(name).map(|p| self.absolute(name, &p))
    }
    /// A list of folders with colons.
    #[must_use]
    pub fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.text(name).split(':').filter(|p| !p.is_empty()).map(|p| self.absolute(name, p)).collect()
    }

    fn absolute(&self, name: &str, path: &str) -> PathBuf {
        let path = PathBuf::from(crate::engine::connect::expand_home(path));
        let from_file = self.file.as_ref().filter(|f| self.origin(name) == f.display().to_string());
        match from_file.and_then(|f| f.parent()) {
            Some(dir) if path.is_relative() => dir.join(path),
            _ => path,
        }
    }
}

/// What a file sets.
fn read(path: &Path) -> Result<BTreeMap<(String, String), ini::Entry>, Vec<Diagnostic>> {
    let wrong = |reason: String| vec![Diagnostic::error(format!("cannot read {}: {reason}", path.display()))];
    let bytes = std::fs::read(path).map_err(|e| wrong(crate::playbook::problems::reason_of(&e)))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?;
    ini::parse(&SourceFile::new(path, text))
}

/// Settings of plugins that have no meaning here; no warning for them.
const WITHOUT_MEANING: &[(&str, &str)] = &[
    ("ssh_connection", "pipelining"),
    ("ssh_connection", "control_path"),
    ("ssh_connection", "control_path_dir"),
    ("ssh_connection", "transfer_method"),
    ("ssh_connection", "scp_if_ssh"),
    ("defaults", "remote_tmp"),
    ("defaults", "internal_poll_interval"),
    ("defaults", "command_warnings"),
];

fn find_file(warnings: &mut Vec<Diagnostic>) -> Option<PathBuf> {
    if let Ok(given) = std::env::var("ANSIBLE_CONFIG") {
        let path = PathBuf::from(crate::engine::connect::expand_home(&given));
        let path = if path.is_dir() { path.join("ansible.cfg") } else { path };
        // One that is not there does not keep the others from being read.
        if path.is_file() {
            return Some(path);
        }
    }
    let here = Path::new("ansible.cfg");
    if here.is_file() {
        use std::os::unix::fs::MetadataExt;
        let open = std::fs::metadata(".").is_ok_and(|m| m.mode() & 0o002 != 0);
        if open {
            warnings.push(
                Diagnostic::warning(
                    "the current folder can be written to by others, so its ansible.cfg is not read",
                )
                .hint("`chmod o-w .`, or name the file by ANSIBLE_CONFIG"),
            );
        } else {
            return Some(std::env::current_dir().unwrap_or_default().join(here));
        }
    }
    let home = PathBuf::from(crate::engine::connect::expand_home("~/.ansible.cfg"));
    [home, PathBuf::from("/etc/ansible/ansible.cfg")].into_iter().find(|p| p.is_file())
}
