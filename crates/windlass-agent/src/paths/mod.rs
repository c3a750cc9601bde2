//! What the modules that make paths have in common: reading modes, comparing attributes with the wanted ones,
//! describing a path in a result.

mod digest;
mod info;
mod mode;
mod wish;

pub use digest::{blake3_bytes, blake3_of, checksum};
pub use info::{add_path_info, mode_text, owner_text, state_of, with_attrs};
pub use mode::{ModeError, parse_mode, parse_umask};
pub use wish::{Difference, Wish, behind_link, forgive_unknown};

use crate::module::{ModuleError, Plan};
use crate::system::Observe;
use std::path::{Path, PathBuf};
use windlass_protocol::{FileAttrs, FileKind, Op, What};

/// Plans the folders of `folder` that are missing, topmost first, and names them.
///
/// # Errors
/// If one of them cannot be looked at, or is something else than a folder.
pub fn plan_missing_folders(
    plan: &mut Plan,
    folder: &Path,
    attrs: impl Fn(&Path) -> Result<FileAttrs, ModuleError>,
    sys: &dyn Observe,
) -> Result<Vec<PathBuf>, ModuleError> {
    let mut missing = Vec::new();
    let mut at = Some(folder);
    while let Some(path) = at.filter(|path| !path.as_os_str().is_empty()) {
        match sys.stat(path).map_err(|error| of_path(path, &error))? {
            Some(meta) if meta.kind == FileKind::Directory => break,
            Some(_) => {
                let text = path.display().to_string();
                return Err(ModuleError::new(format!("{text} is not a directory")).with("path", text));
            }
            None => missing.push(path.to_owned()),
        }
        at = path.parent();
    }
    missing.reverse();
    for path in &missing {
        let text = path.to_string_lossy().into_owned();
        plan.push(
            What::DirectoryMade { path: text.clone() },
            Op::MakeDirectory { path: text, attrs: attrs(path)? },
        );
    }
    Ok(missing)
}

/// An error of the system at a path, as a failure of the module.
#[must_use]
pub fn of_path(path: &Path, error: &std::io::Error) -> ModuleError {
    let path = path.to_string_lossy().into_owned();
    ModuleError::new(format!("{path}: {error}")).with("path", path)
}

/// The file that a path leads to; where a link leads to nothing yet, what would be made there.
#[must_use]
pub fn followed(path: &str, sys: &dyn Observe) -> String {
    // As many links in a row as the system follows.
    const MOST: usize = 40;
    let mut at = PathBuf::from(path);
    for _ in 0..MOST {
        match (sys.canonicalize(&at), sys.read_link(&at)) {
            (Ok(real), _) => return real,
            (Err(_), Ok(target)) => at = at.parent().unwrap_or(Path::new("/")).join(target),
            (Err(_), Err(_)) => break,
        }
    }
    at.to_string_lossy().into_owned()
}

/// The path with `.` and empty parts left out; links are not looked at, `..` stays.
#[must_use]
pub fn tidy(path: &str) -> String {
    let absolute = path.starts_with('/');
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    match (absolute, parts.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".into(),
        (false, rest) => rest,
    }
}
