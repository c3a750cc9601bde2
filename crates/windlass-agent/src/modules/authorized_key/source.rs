//! Where keys come from: the task itself, a web address, or a file on the target.

use crate::system::Observe;
use crate::web;
use crate::{Context, ModuleError};
use std::path::Path;
use windlass_protocol::modules::authorized_key::AuthorizedKeyArgs;
use windlass_protocol::{FileKind, HttpRequest};

/// The lines of keys that a task means.
pub(super) fn keys(
    args: &AuthorizedKeyArgs,
    cx: &Context<'_>,
    sys: &dyn Observe,
) -> Result<String, ModuleError> {
    if args.key.starts_with("http") {
        return download(args, cx, sys);
    }
    match args.key.strip_prefix("file:") {
        Some(address) => read(address, sys),
        None => Ok(args.key.clone()),
    }
}

fn download(args: &AuthorizedKeyArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<String, ModuleError> {
    let failed = || ModuleError::new(format!("Error getting key from: {}", args.key));
    let request = HttpRequest { decompress: true, ..web::download(&args.key, args.validate_certs, cx, sys) };
    let response = sys.http(&request).map_err(|_| failed())?;
    if response.status != 200 {
        return Err(failed());
    }
    String::from_utf8(response.body).map_err(|_| failed())
}

fn read(address: &str, sys: &dyn Observe) -> Result<String, ModuleError> {
    let path = match address.strip_prefix("//") {
        // What stands before the path is a host.
        Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => address,
    };
    let file = Path::new(path);
    match sys.stat(file)? {
        None => Err(ModuleError::new(format!("Path to a key file not found: {path}"))),
        Some(meta) if meta.kind != FileKind::File => {
            Err(ModuleError::new(format!("Path to a key is a directory and must be a file: {path}")))
        }
        Some(_) => Ok(String::from_utf8_lossy(&sys.read(file)?).into_owned()),
    }
}
