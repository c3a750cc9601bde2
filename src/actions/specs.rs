//! Descriptions of the actions that run on the controller.

use super::{ActionRef, Kind};
use serde_json::Value as Json;
use windlass_protocol::{ModuleArgs, ModuleSpec, module_args, spec::PathArg, spec::Support};

module_args! {
    /// Prints a message or a variable while the play runs.
    pub struct DebugArgs for "ansible.builtin.debug" {
        /// What to print.
        msg: Json => default("Hello world!"),
        /// A variable or expression whose value is printed.
        var: Option<Json>,
        /// Print only from this many `-v` on.
        verbosity: i64 => default("0"),
    }
}

module_args! {
    /// Fails with a message.
    pub struct FailArgs for "ansible.builtin.fail" {
        /// The message.
        msg: String => default("Failed as requested from task"),
    }
}

module_args! {
    /// Fails unless all conditions hold.
    pub struct AssertArgs for "ansible.builtin.assert" {
        /// Conditions, as in `when`.
        that: Vec<Json> => required(),
        /// Message when one fails.
        fail_msg: Option<Json> => aliases(&["msg"]),
        /// Message when all hold.
        success_msg: Option<Json>,
        /// Say nothing of those that hold.
        quiet: bool => default("false"),
    }
}

module_args! {
    /// Sets variables of the host.
    pub struct SetFactArgs for "ansible.builtin.set_fact" {
        /// Keep them in the fact cache too.
        cacheable: bool => default("false"),
    }
    settings { open: true, free_form: Some("_raw_params") }
}

module_args! {
    /// Adds values to the statistics at the end of the run.
    pub struct SetStatsArgs for "ansible.builtin.set_stats" {
        /// The values.
        data: Json => required(),
        /// For each host on its own.
        per_host: Json => default("false"),
        /// Add to what is there.
        aggregate: Json => default("true"),
    }
}

module_args! {
    /// Loads variables from files.
    pub struct IncludeVarsArgs for "ansible.builtin.include_vars" {
        /// A file.
        file: Option<String>,
        /// A folder whose files are loaded in order.
        dir: Option<String>,
        /// Put the variables under this name.
        name: Option<String>,
        /// How deep to go below `dir`; 0 is without limit.
        depth: i64 => default("0"),
        /// Only files that match this pattern.
        files_matching: Option<String>,
        /// Files to leave out.
        ignore_files: Option<Vec<String>>,
        /// File name extensions to load.
        extensions: Vec<String> => default("json,yaml,yml"),
        /// Do not fail on files with other extensions.
        ignore_unknown_extensions: bool => default("false"),
        /// Merge into what is there, or replace it.
        hash_behaviour: Option<String> => choices(&["replace", "merge"]),
    }
    settings { free_form: Some("_raw_params") }
}

module_args! {
    /// Adds a host to the inventory of this run.
    pub struct AddHostArgs for "ansible.builtin.add_host" {
        /// Its name, with a port if need be.
        name: String => required().aliases(&["host", "hostname"]),
        /// Groups to put it into.
        groups: Option<Json> => aliases(&["group", "groupname"]),
    }
    settings { open: true }
}

module_args! {
    /// Makes groups out of a value that hosts differ in.
    pub struct GroupByArgs for "ansible.builtin.group_by" {
        /// Name of the group.
        key: String => required(),
        /// Groups that it becomes a child of.
        parents: Vec<String> => default("all"),
    }
}

module_args! {
    /// Waits for a time, or for a key.
    pub struct PauseArgs for "ansible.builtin.pause" {
        /// Seconds to wait.
        seconds: Option<Json>,
        /// Minutes to wait.
        minutes: Option<Json>,
        /// Text to ask with.
        prompt: Option<String>,
        /// Show what is typed.
        echo: bool => default("true"),
    }
    settings { free_form: Some("_raw_params") }
}

module_args! {
    /// Instructs the engine: flush_handlers, end_play, end_host and others.
    pub struct MetaArgs for "ansible.builtin.meta" {
        /// The instruction.
        free_form: Option<String>,
    }
    settings { free_form: Some("_raw_params"), check: Support::None }
}

module_args! {
    /// Runs the tasks of a file, chosen while the play runs.
    pub struct IncludeTasksArgs for "ansible.builtin.include_tasks" {
        /// The file.
        file: Option<String>,
        /// Keywords for the included tasks.
        apply: Option<Json>,
    }
    settings { free_form: Some("_raw_params") }
}

module_args! {
    /// Puts the tasks of a file in its place when the playbook is read.
    pub struct ImportTasksArgs for "ansible.builtin.import_tasks" {
        /// The file.
        file: Option<String>,
    }
    settings { free_form: Some("_raw_params") }
}

module_args! {
    /// Runs a role, chosen while the play runs.
    pub struct IncludeRoleArgs for "ansible.builtin.include_role" {
        /// The role.
        name: String => required().aliases(&["role"]),
        /// File of tasks instead of `main`.
        tasks_from: String => default("main"),
        /// File of vars instead of `main`.
        vars_from: String => default("main"),
        /// File of defaults instead of `main`.
        defaults_from: String => default("main"),
        /// File of handlers instead of `main`.
        handlers_from: String => default("main"),
        /// Keywords for the role's tasks.
        apply: Option<Json>,
        /// Run it even if it ran with the same parameters.
        allow_duplicates: bool => default("true"),
        /// Let the play see its defaults and vars.
        public: bool => default("false"),
        /// Check its arguments by its argument_specs.
        rolespec_validate: bool => default("true"),
    }
}

module_args! {
    /// Puts a role in its place when the playbook is read.
    pub struct ImportRoleArgs for "ansible.builtin.import_role" {
        /// The role.
        name: String => required().aliases(&["role"]),
        /// File of tasks instead of `main`.
        tasks_from: String => default("main"),
        /// File of vars instead of `main`.
        vars_from: String => default("main"),
        /// File of defaults instead of `main`.
        defaults_from: String => default("main"),
        /// File of handlers instead of `main`.
        handlers_from: String => default("main"),
        /// Run it even if it ran with the same parameters.
        allow_duplicates: bool => default("true"),
        /// Let the play see its defaults and vars.
        public: bool => default("true"),
        /// Check its arguments by its argument_specs.
        rolespec_validate: bool => default("true"),
    }
}

module_args! {
    /// Checks arguments by a description, as at the start of a role.
    pub struct ValidateArgs for "ansible.builtin.validate_argument_spec" {
        /// The description: options by name.
        argument_spec: Json => required(),
        /// The arguments; by default the host's variables.
        provided_arguments: Json => default("{}"),
        /// What is checked, for messages.
        validate_args_context: Option<Json>,
    }
}

module_args! {
    /// Puts a rendered template on the target.
    pub struct TemplateArgs for "ansible.builtin.template" {
        /// The template on the controller.
        src: String => required(),
        /// Where it goes.
        dest: windlass_protocol::spec::PathArg => required(),
        /// Keep a copy of what was there.
        backup: bool => default("false"),
        /// A command that has to accept the new file, with `%s` for its name.
        validate: Option<String>,
        /// Replace a file that is there already.
        force: bool => default("true"),
        /// Follow a symbolic link at `dest`.
        follow: bool => default("false"),
        /// Remove the first line break after a block.
        trim_blocks: bool => default("true"),
        /// Remove blanks before a block at the start of a line.
        lstrip_blocks: bool => default("false"),
        /// Line ends of the result.
        newline_sequence: String => default("\n"),
        /// Encoding of the result.
        output_encoding: String => default("utf-8"),
        /// Start of a block.
        block_start_string: String => default("{%"),
        /// End of a block.
        block_end_string: String => default("%}"),
        /// Start of an expression.
        variable_start_string: String => default("{{"),
        /// End of an expression.
        variable_end_string: String => default("}}"),
        /// Start of a comment.
        comment_start_string: String => default("{#"),
        /// End of a comment.
        comment_end_string: String => default("#}"),
    }
    flatten { file: windlass_protocol::modules::FileCommon }
    settings { diff: Support::Full }
}

module_args! {
    /// Does what gathering facts at the start of a play does.
    pub struct GatherFactsArgs for "ansible.builtin.gather_facts" {
        /// Accepted: there is one module, `setup`.
        parallel: Option<bool>,
        /// Which groups of facts to gather, as for `setup`.
        gather_subset: Option<Vec<String>>,
        /// Seconds after which one slow fact is given up, as for `setup`.
        gather_timeout: Option<i64>,
        /// Patterns of facts, as for `setup`.
        filter: Option<Vec<String>>,
        /// Folder with the host's own facts, as for `setup`.
        fact_path: Option<PathArg>,
    }
}

const fn controller(spec: &'static ModuleSpec) -> ActionRef {
    ActionRef { spec, kind: Kind::Controller }
}

const fn kind(spec: &'static ModuleSpec, kind: Kind) -> ActionRef {
    ActionRef { spec, kind }
}

/// Modules that run on the target, but whose task is prepared on the controller.
const PREPARED: &[&str] = &[
    "ansible.builtin.copy",
    "ansible.builtin.fetch",
    "ansible.builtin.script",
    "ansible.builtin.assemble",
    "ansible.posix.synchronize",
    "ansible.builtin.unarchive",
    "ansible.builtin.raw",
    "ansible.builtin.service",
    "ansible.builtin.package",
    "ansible.builtin.reboot",
    "ansible.builtin.uri",
    "ansible.builtin.setup",
    "ansible.builtin.command",
    "ansible.builtin.shell",
];

/// All of them.
pub fn all() -> impl Iterator<Item = ActionRef> {
    const OWN: &[ActionRef] = &[
        controller(&DebugArgs::SPEC),
        controller(&FailArgs::SPEC),
        controller(&AssertArgs::SPEC),
        controller(&SetFactArgs::SPEC),
        controller(&SetStatsArgs::SPEC),
        controller(&IncludeVarsArgs::SPEC),
        controller(&AddHostArgs::SPEC),
        controller(&GroupByArgs::SPEC),
        controller(&PauseArgs::SPEC),
        controller(&ValidateArgs::SPEC),
        controller(&TemplateArgs::SPEC),
        controller(&GatherFactsArgs::SPEC),
        kind(&MetaArgs::SPEC, Kind::Meta),
        kind(&IncludeTasksArgs::SPEC, Kind::IncludeTasks),
        kind(&ImportTasksArgs::SPEC, Kind::ImportTasks),
        kind(&IncludeRoleArgs::SPEC, Kind::IncludeRole),
        kind(&ImportRoleArgs::SPEC, Kind::ImportRole),
    ];
    let prepared = windlass_agent::registry::MODULES
        .iter()
        .filter(|e| PREPARED.contains(&e.spec.name))
        .map(|e| controller(e.spec));
    OWN.iter().copied().chain(prepared)
}
