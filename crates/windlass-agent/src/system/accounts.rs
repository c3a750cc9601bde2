//! Users and groups, as the files in `/etc` name them.

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Password field, mostly `x`.
    pub password: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Comment.
    pub gecos: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    /// Names of its members, primary members not among them.
    pub members: Vec<String>,
}

/// Reads a line of `/etc/passwd`; `None` if it is none.
#[must_use]
pub fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    Some(User {
        name: fields.next()?.to_owned(),
        password: fields.next()?.to_owned(),
        uid: fields.next()?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
        gecos: fields.next()?.to_owned(),
        home: fields.next()?.to_owned(),
        shell: fields.next()?.to_owned(),
    })
}

/// Reads a line of `/etc/group`; `None` if it is none.
#[must_use]
pub fn parse_group(line: &str) -> Option<Group> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    fields.next()?;
    let gid = fields.next()?.parse().ok()?;
    let members = fields.next()?.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
    Some(Group { name, gid, members })
}
