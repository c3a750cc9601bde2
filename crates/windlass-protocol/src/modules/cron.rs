//! Arguments of `cron`.

use crate::modules::user::AccountState;
use crate::spec::{Constraint, PathArg, Support};

module_args! {
    /// Manages jobs and variables of crontabs.
    pub struct CronArgs for "ansible.builtin.cron" {
        /// Name of the job, in a comment before it; or of the variable.
        name: String => required(),
        /// What to run; or the variable's value.
        job: Option<String> => aliases(&["value"]),
        /// Whether it is there.
        state: AccountState => default("present"),
        /// Whose crontab; with `cron_file`, who runs the job.
        user: Option<String>,
        /// A file of its own, in `/etc/cron.d` if the path is not absolute.
        cron_file: Option<PathArg>,
        /// Minute.
        minute: String => default("*"),
        /// Hour.
        hour: String => default("*"),
        /// Day of the month.
        day: String => default("*").aliases(&["dom"]),
        /// Month.
        month: String => default("*"),
        /// Day of the week.
        weekday: String => default("*").aliases(&["dow"]),
        /// A time with a name, instead of the five fields.
        special_time: Option<String> => choices(&["annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly"]),
        /// Keep the job, but as a comment.
        disabled: bool => default("false"),
        /// It is a variable.
        env: bool => default("false"),
        /// Put the variable after this one.
        insertafter: Option<String>,
        /// Put the variable before this one.
        insertbefore: Option<String>,
        /// Keep a copy of the crontab as it was.
        backup: bool => default("false"),
    }
    settings { diff: Support::Full }
    constraints [ Constraint::MutuallyExclusive(&["insertafter", "insertbefore"]) ]
}
