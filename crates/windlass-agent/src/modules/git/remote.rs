//! What the remote repository has, by one look.

use super::command::Git;
use crate::module::ModuleError;

/// What the wanted version is over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The default branch.
    Head,
    Branch,
    Tag,
    /// Neither: a commit, or some other expression that only the clone can resolve.
    Other,
}

/// The wanted version on the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) kind: Kind,
    /// Its commit; of [`Kind::Other`] the version as it was written.
    pub(super) commit: String,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Other => "other",
        }
    }
    pub(super) fn named(text: &str) -> Self {
        match text {
            "head" => Self::Head,
            "branch" => Self::Branch,
            "tag" => Self::Tag,
            _ => Self::Other,
        }
    }
}

/// Asks the remote for a version. `branch` is the local one that stands for `HEAD`, if there is a clone.
pub(super) fn look(
    git: &Git<'_>,
    remote: &str,
    branch: Option<&str>,
    cwd: Option<&str>,
) -> Result<Remote, ModuleError> {
    let version = git.args.version.as_str();
    if version == "HEAD" {
        let wanted = branch.map_or_else(|| "HEAD".to_owned(), |b| format!("refs/heads/{b}"));
        let out = git.must(&["ls-remote", remote, &wanted], cwd)?;
        let commit = find(&out, &wanted).ok_or_else(|| {
            ModuleError::new(format!("Could not determine remote revision for {version}"))
                .with("stdout", out.clone())
        })?;
        return Ok(Remote { kind: Kind::Head, commit });
    }
    let (head, tag) = (format!("refs/heads/{version}"), format!("refs/tags/{version}"));
    let peeled = format!("{tag}^{{}}");
    let out = git.must(&["ls-remote", remote, &head, &tag, &peeled], cwd)?;
    let found = |name: &str| find(&out, name);
    Ok(if let Some(commit) = found(&head) {
        Remote { kind: Kind::Branch, commit }
    } else if let Some(commit) = found(&peeled).or_else(|| found(&tag)) {
        Remote { kind: Kind::Tag, commit }
    } else {
        Remote { kind: Kind::Other, commit: version.to_owned() }
    })
}

/// The commit of a reference in the output of `ls-remote`.
fn find(out: &str, name: &str) -> Option<String> {
    out.lines()
        .filter_map(|line| line.split_once('\t'))
        .find(|(_, n)| *n == name)
        .map(|(commit, _)| commit.to_owned())
}
