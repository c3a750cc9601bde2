//! Arguments of `user`, `group` and `getent`.

use crate::spec::{Constraint, PathArg};

arg_choices! {
    /// Whether it exists.
    pub enum AccountState { Absent = "absent", Present = "present" }
}
arg_choices! {
    /// When a password is set.
    pub enum UpdatePassword { Always = "always", OnCreate = "on_create" }
}

module_args! {
    /// Manages users.
    pub struct UserArgs for "ansible.builtin.user" {
        /// Login name.
        name: String => required().aliases(&["user"]),
        /// Whether the user exists.
        state: AccountState => default("present"),
        /// User id.
        uid: Option<i64>,
        /// The user id may be another user's too.
        non_unique: bool => default("false").aliases(&["nonunique"]),
        /// Smallest id for a new user.
        uid_min: Option<i64>,
        /// Largest id for a new user.
        uid_max: Option<i64>,
        /// Primary group.
        group: Option<String>,
        /// Further groups; an empty list takes the user out of all of them.
        groups: Option<Vec<String>>,
        /// Add the groups to those that the user has, instead of replacing them.
        append: bool => default("false"),
        /// Full name or remark.
        comment: Option<String>,
        /// Home directory.
        home: Option<PathArg>,
        /// Login shell.
        shell: Option<PathArg>,
        /// Password as its crypt hash.
        password: Option<String> => no_log(),
        /// Set the password always, or only for a new user.
        update_password: UpdatePassword => default("always"),
        /// Lock or unlock the password.
        password_lock: Option<bool>,
        /// Days after which the password has to be changed.
        password_expire_max: Option<i64>,
        /// Days before the password may be changed again.
        password_expire_min: Option<i64>,
        /// Days of warning before it ends.
        password_expire_warn: Option<i64>,
        /// Days after its end when the account is closed.
        password_expire_account_disable: Option<i64>,
        /// When the account ends, in seconds since the epoch; a negative number means never.
        expires: Option<f64>,
        /// A system user. Only for a new one.
        system: bool => default("false"),
        /// Make the home directory.
        create_home: bool => default("true").aliases(&["createhome"]),
        /// Folder whose files a new home directory gets.
        skeleton: Option<String>,
        /// Move the old home directory to the new place.
        move_home: bool => default("false"),
        /// Umask for the home directory.
        umask: Option<String>,
        /// With `state: absent`, remove the home directory and mail too.
        remove: bool => default("false"),
        /// With `state: absent`, remove even if the user is logged in.
        force: bool => default("false"),
        /// Make an SSH key if there is none.
        generate_ssh_key: bool => default("false"),
        /// Bits of the key.
        ssh_key_bits: Option<i64>,
        /// Type of the key.
        ssh_key_type: String => default("rsa"),
        /// File of the key, absolute or in the home directory.
        ssh_key_file: Option<PathArg>,
        /// Remark in the key.
        ssh_key_comment: Option<String>,
        /// Passphrase of the key.
        ssh_key_passphrase: Option<String> => no_log(),
        /// SELinux user.
        seuser: Option<String>,
        /// Only local accounts count, also where a directory service has others.
        local: bool => default("false"),
        /// For other systems than Linux.
        login_class: Option<String>,
        /// For other systems than Linux.
        profile: Option<String>,
        /// For other systems than Linux.
        authorization: Option<String>,
        /// For other systems than Linux.
        role: Option<String>,
        /// For other systems than Linux.
        hidden: Option<bool>,
    }
}

module_args! {
    /// Manages groups.
    pub struct GroupArgs for "ansible.builtin.group" {
        /// Name.
        name: String => required(),
        /// Whether the group exists.
        state: AccountState => default("present"),
        /// Group id.
        gid: Option<i64>,
        /// The id may be another group's too.
        non_unique: bool => default("false"),
        /// A system group. Only for a new one.
        system: bool => default("false"),
        /// Only local groups count.
        local: bool => default("false"),
        /// Remove it even if it is the primary group of a user.
        force: bool => default("false"),
        /// Smallest id for a new group.
        gid_min: Option<i64>,
        /// Largest id for a new group.
        gid_max: Option<i64>,
    }
    constraints [ Constraint::RequiredIf { key: "non_unique", value: "true", needs: &["gid"], any: false } ]
}

module_args! {
    /// Looks up entries of the system's databases (users, groups, hosts, services, ...) as facts.
    pub struct GetentArgs for "ansible.builtin.getent" {
        /// Name of the database.
        database: String => required(),
        /// Name of the entry; all entries if not given.
        key: Option<String>,
        /// Service that is asked, where the database has several.
        service: Option<String>,
        /// Character between the fields.
        split: Option<String>,
        /// A key that is not found is a failure.
        fail_key: bool => default("true"),
    }
}
