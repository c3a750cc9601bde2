//! `slurp`: reads a file into a variable.

use crate::paths::of_path;
use crate::system::Observe;
use crate::{Context, Module, ModuleError, Plan};
use base64::Engine as _;
use std::io;
use std::path::Path;
use windlass_protocol::modules::slurp::SlurpArgs;

/// The module.
pub struct Slurp;

impl Module for Slurp {
    type Args = SlurpArgs;

    fn plan(args: &SlurpArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let path = Path::new(&*args.src);
        let bytes = sys.read(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ModuleError::new(format!("File not found: {}", &*args.src))
            }
            io::ErrorKind::PermissionDenied => {
                ModuleError::new(format!("File is not readable: {}", &*args.src))
            }
            io::ErrorKind::IsADirectory => {
                ModuleError::new(format!("Source is a directory and must be a file: {}", &*args.src))
            }
            _ => of_path(path, &error),
        })?;
        let mut plan = Plan::default();
        plan.set("content", base64::engine::general_purpose::STANDARD.encode(bytes));
        plan.set("source", args.src.to_string());
        plan.set("encoding", "base64");
        Ok(plan)
    }
}
