//! Arguments of `community.general.django_manage`.

use crate::spec::{PathArg, Support};

module_args! {
    /// Runs a management command of a Django project.
    pub struct DjangoManageArgs for "community.general.django_manage" {
        /// The command, with its own arguments if it needs some, such as `migrate` or `createsuperuser --noinput`.
        command: String => required(),
        /// Folder of the project, where `manage.py` is.
        project_path: PathArg => required().aliases(&["app_path", "chdir"]),
        /// Python path of the settings module.
        settings: Option<PathArg>,
        /// A folder to add to Python's search path.
        pythonpath: Option<PathArg> => aliases(&["python_path"]),
        /// A virtual environment to run in; it has to exist.
        virtualenv: Option<PathArg> => aliases(&["virtual_env"]),
        /// Apps to work on, separated by blanks (`test`, `migrate`).
        apps: Option<String>,
        /// Name of the table (`createcachetable`).
        cache_table: Option<String>,
        /// Removes what was collected before (`collectstatic`).
        clear: bool => default("false"),
        /// The database (`createcachetable`, `flush`, `loaddata`, `migrate`).
        database: Option<String>,
        /// Stops at the first failure (`test`).
        failfast: bool => default("false").aliases(&["fail_fast"]),
        /// Fixtures to load, separated by blanks (`loaddata`).
        fixtures: Option<String>,
        /// Class of the test runner (`test`).
        testrunner: Option<String> => aliases(&["test_runner"]),
        /// Leaves out migrations that are missing in the middle (`migrate` of old releases).
        skip: Option<bool>,
        /// Runs migrations that are missing in the middle (`migrate` of old releases).
        merge: Option<bool>,
        /// Makes links in place of copies (`collectstatic`).
        link: Option<bool>,
    }
    settings { check: Support::Partial }
}
