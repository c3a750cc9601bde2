//! Arguments of `ansible.builtin.async_status`.

use crate::spec::PathArg;

arg_choices! {
    /// What is done with a job's file.
    pub enum AsyncMode { Status = "status", Cleanup = "cleanup" }
}

module_args! {
    /// Tells how far a task is that runs with `async`, and what came of it.
    pub struct AsyncStatusArgs for "ansible.builtin.async_status" {
        /// The number of the job: `ansible_job_id` of what the task registered.
        jid: String => required(),
        /// Whether the job's state is told, or its file removed.
        mode: AsyncMode => default("status"),
        /// The folder of the jobs; the task's `ansible_async_dir` or the configuration say it.
        #[serde(rename = "_async_dir")]
        folder: Option<PathArg> => named("_async_dir"),
    }
}
