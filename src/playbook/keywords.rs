//! Which keywords there are, and where.

/// Keywords that a task, block, role or play may have and that its children inherit.
pub const INHERITED: &[&str] = &[
    "any_errors_fatal", "become", "become_exe", "become_flags", "become_method", "become_user", "check_mode",
    "collections", "connection", "debugger", "delegate_facts", "delegate_to", "diff", "environment",
    "ignore_errors", "ignore_unreachable", "module_defaults", "no_log", "notify", "port", "remote_user", "run_once", "tags", "throttle", "timeout",
    "when",
];

/// Keywords of a play.
pub const PLAY: &[&str] = &[
    "any_errors_fatal", "become", "become_exe", "become_flags", "become_method", "become_user", "check_mode", "collections",
    "connection", "debugger", "diff", "environment", "fact_path", "force_handlers", "gather_facts", "gather_subset", "gather_timeout",
    "handlers", "hosts", "ignore_errors", "ignore_unreachable", "max_fail_percentage", "module_defaults", "name", "no_log", "order",
    "port", "post_tasks", "pre_tasks", "remote_user", "roles", "run_once", "serial", "strategy", "tags", "tasks", "throttle", "timeout",
    "vars", "vars_files", "vars_prompt", "user",
];

/// Keywords of a block.
pub const BLOCK: &[&str] = &[
    "always", "any_errors_fatal", "become", "become_exe", "become_flags", "become_method", "become_user", "block", "check_mode",
    "collections", "connection", "debugger", "delegate_facts", "delegate_to", "diff", "environment", "ignore_errors",
    "ignore_unreachable", "module_defaults", "name", "no_log", "notify", "port", "remote_user", "rescue", "run_once", "tags",
    "throttle", "timeout", "vars", "when",
];

/// Keywords of a task.
pub const TASK: &[&str] = &[
    "action", "any_errors_fatal", "args", "async", "become", "become_exe", "become_flags", "become_method", "become_user",
    "changed_when", "check_mode", "collections", "connection", "debugger", "delay", "delegate_facts", "delegate_to", "diff",
    "environment", "failed_when", "ignore_errors", "ignore_unreachable", "local_action", "loop", "loop_control", "module_defaults",
    "name", "no_log", "notify", "poll", "port", "register", "remote_user", "retries", "run_once", "tags", "throttle", "timeout",
    "until", "vars", "when",
];

/// Keywords that a handler has beyond those of a task.
pub const HANDLER: &[&str] = &["listen"];

/// Keywords of an entry of `roles:` or of a role's dependencies. Others are parameters of the role.
pub const ROLE: &[&str] = &[
    "any_errors_fatal", "become", "become_exe", "become_flags", "become_method", "become_user", "check_mode", "collections",
    "connection", "debugger", "delegate_facts", "delegate_to", "diff", "environment", "ignore_errors", "ignore_unreachable",
    "module_defaults", "name", "no_log", "port", "remote_user", "role", "run_once", "tags", "throttle", "timeout", "vars", "when",
];

/// Keywords that a dynamic include may have.
pub const INCLUDE: &[&str] = &[
    "action", "args", "collections", "debugger", "ignore_errors", "loop", "loop_control", "name", "no_log", "register", "run_once",
    "tags", "timeout", "vars", "when", "listen", "local_action",
];

/// Keywords of `loop_control`.
pub const LOOP_CONTROL: &[&str] =
    &["break_when", "extended", "extended_allitems", "index_var", "label", "loop_var", "pause"];
