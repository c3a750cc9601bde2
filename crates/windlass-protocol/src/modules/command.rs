//! Arguments of `command`, `shell`, `raw` and `script`.

use crate::spec::{Constraint, PathArg, Support};

module_args! {
    /// Runs a program without a shell.
    pub struct CommandArgs for "ansible.builtin.command" {
        /// Program and arguments as one text, split like a shell splits words, but without variables, pipes and redirections of a shell.
        #[serde(rename = "_raw_params")]
        raw_params: Option<String> => named("_raw_params"),
        /// The same, as a named argument.
        cmd: Option<String>,
        /// Program and arguments as a list.
        argv: Option<Vec<String>>,
        /// Folder to run in.
        chdir: Option<PathArg>,
        /// A path or pattern; if it exists, nothing is run.
        creates: Option<PathArg>,
        /// A path or pattern; if it does not exist, nothing is run.
        removes: Option<PathArg>,
        /// Has no effect here; see `shell`.
        executable: Option<String>,
        /// Text for the program's standard input.
        stdin: Option<String>,
        /// End that text with a newline.
        stdin_add_newline: bool => default("true"),
        /// Drop newlines from the end of what the program printed.
        strip_empty_ends: bool => default("true"),
        /// Expand `$NAME` and `~` in the arguments.
        expand_argument_vars: bool => default("true"),
    }
    settings { free_form: Some("_raw_params"), check: Support::Partial, aliases: &["ansible.legacy.command"] }
    constraints [
        Constraint::RequiredOneOf(&["_raw_params", "cmd", "argv"]),
        Constraint::MutuallyExclusive(&["_raw_params", "cmd", "argv"]),
    ]
}

module_args! {
    /// Runs a text by a shell.
    pub struct ShellArgs for "ansible.builtin.shell" {
        /// What to run.
        #[serde(rename = "_raw_params")]
        raw_params: Option<String> => named("_raw_params"),
        /// The same, as a named argument.
        cmd: Option<String>,
        /// Words, each quoted for the shell.
        argv: Option<Vec<String>>,
        /// Folder to run in.
        chdir: Option<PathArg>,
        /// A path or pattern; if it exists, nothing is run.
        creates: Option<PathArg>,
        /// A path or pattern; if it does not exist, nothing is run.
        removes: Option<PathArg>,
        /// The shell; `/bin/sh` if not given.
        executable: Option<String>,
        /// Text for the program's standard input.
        stdin: Option<String>,
        /// End that text with a newline.
        stdin_add_newline: bool => default("true"),
        /// Drop newlines from the end of what the program printed.
        strip_empty_ends: bool => default("true"),
        /// Has no effect here: the shell expands.
        expand_argument_vars: bool => default("true"),
    }
    settings { free_form: Some("_raw_params"), check: Support::Partial, aliases: &["ansible.legacy.shell"] }
    constraints [
        Constraint::RequiredOneOf(&["_raw_params", "cmd", "argv"]),
        Constraint::MutuallyExclusive(&["_raw_params", "cmd", "argv"]),
    ]
}

module_args! {
    /// Runs a text as it is by the user's shell, and hands back what it printed unchanged.
    pub struct RawArgs for "ansible.builtin.raw" {
        /// What to run.
        #[serde(rename = "_raw_params")]
        raw_params: String => named("_raw_params").required(),
        /// The shell; `/bin/sh` if not given.
        executable: Option<String>,
    }
    settings { free_form: Some("_raw_params"), check: Support::None }
}

module_args! {
    /// Copies a script of the controller to the host, runs it there and removes it.
    pub struct ScriptArgs for "ansible.builtin.script" {
        /// The script's path on the controller, and arguments for it.
        #[serde(rename = "_raw_params")]
        raw_params: Option<String> => named("_raw_params"),
        /// The same, as a named argument.
        cmd: Option<String>,
        /// Folder on the host to run in.
        chdir: Option<PathArg>,
        /// A path on the host; if it exists, nothing is run.
        creates: Option<PathArg>,
        /// A path on the host; if it does not exist, nothing is run.
        removes: Option<PathArg>,
        /// Interpreter for the script.
        executable: Option<String>,
    }
    settings { free_form: Some("_raw_params"), check: Support::Partial }
    constraints [
        Constraint::RequiredOneOf(&["_raw_params", "cmd"]),
        Constraint::MutuallyExclusive(&["_raw_params", "cmd"]),
    ]
}

module_args! {
    /// Runs a module that the playbook brings along, and hands back what it printed. Playbooks call it by that module's name.
    pub struct OwnModuleArgs for "windlass.own_module" {
        /// The module's name.
        name: String => required(),
        /// Its interpreter; without one it is executed itself.
        interpreter: Option<Vec<String>>,
    }
    settings { check: Support::None }
}
