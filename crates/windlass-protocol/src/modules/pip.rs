//! Arguments of `ansible.builtin.pip`.

use crate::Constraint;
use crate::spec::PathArg;

arg_choices! {
    /// What becomes of the packages.
    pub enum PipState {
        /// Installed.
        Present = "present",
        /// Not installed.
        Absent = "absent",
        /// Installed in the newest version.
        Latest = "latest",
        /// Installed anew.
        ForceReinstall = "forcereinstall",
    }
}

module_args! {
    /// Installs and removes Python packages.
    pub struct PipArgs for "ansible.builtin.pip" {
        /// What becomes of the packages.
        state: PipState => default("present"),
        /// The packages: names with version specifiers and extras, paths, URLs.
        name: Option<Vec<String>>,
        /// The version of the one package in `name`.
        version: Option<String>,
        /// A file of requirements on the target; relative to `chdir`.
        requirements: Option<String>,
        /// A virtual environment to install into; it is made if there is none.
        virtualenv: Option<PathArg>,
        /// A new virtual environment sees the packages of the system.
        virtualenv_site_packages: bool => default("false"),
        /// What makes a virtual environment, such as `virtualenv` or `python3 -m venv`.
        virtualenv_command: PathArg => default("virtualenv"),
        /// The Python of a new virtual environment; not with `python3 -m venv`.
        virtualenv_python: Option<String>,
        /// More arguments for pip.
        extra_args: Option<String>,
        /// Installs in editable mode.
        editable: bool => default("false"),
        /// The folder in which pip runs.
        chdir: Option<PathArg>,
        /// The pip to use, a path or a name.
        executable: Option<PathArg>,
        /// The umask while pip runs, an octal number.
        umask: Option<String>,
        /// Lets pip change an environment that the system's package manager looks after.
        break_system_packages: bool => default("false"),
    }
    constraints [
        Constraint::RequiredOneOf(&["name", "requirements"]),
        Constraint::MutuallyExclusive(&["name", "requirements"]),
        Constraint::MutuallyExclusive(&["executable", "virtualenv"]),
    ]
}
