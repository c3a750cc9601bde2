//! The user's SSH key, by `ssh-keygen`.

use super::{json_text, step};
use crate::system::{Observe, User as Account};
use crate::{Context, ModuleError, Plan};
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::modules::user::UserArgs;
use windlass_protocol::{FileAttrs, Op, RunSpec, What};

/// The key's file: absolute, or in the user's home directory.
fn file(args: &UserArgs, home: &str) -> String {
    let given = match args.ssh_key_file.as_deref() {
        Some(path) => path.to_owned(),
        None => format!(".ssh/id_{}", args.ssh_key_type),
    };
    if given.starts_with('/') { given } else { format!("{}/{given}", home.trim_end_matches('/')) }
}

/// Makes the key if there is none.
pub fn plan(
    args: &UserArgs,
    user: Option<&Account>,
    cx: &Context<'_>,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    let known = args.home.as_deref().or(user.map(|u| u.home.as_str()));
    let home = known.map_or_else(|| format!("/home/{}", args.name), str::to_owned);
    let path = file(args, &home);
    plan.set("ssh_key_file", path.as_str());
    if sys.stat(Path::new(&path))?.is_some() {
        plan.warnings.push(format!(
            "Found existing ssh key private file \"{path}\", no force, so skipping ssh-keygen generation"
        ));
        return Ok(());
    }
    let folder = Path::new(&path).parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
    let makes_folder = sys.stat(Path::new(&folder))?.is_none();
    if makes_folder {
        // The user may not exist yet, so the owner is set by name at the end.
        let what = What::DirectoryMade { path: folder.clone() };
        let attrs = FileAttrs { mode: Some(0o700), ..FileAttrs::default() };
        plan.push(what, Op::MakeDirectory { path: folder.clone(), attrs });
    }
    let mut argv = vec!["ssh-keygen".to_owned(), "-t".into(), args.ssh_key_type.clone()];
    if let Some(bits) = args.ssh_key_bits.filter(|b| *b > 0) {
        argv.extend(["-b".into(), bits.to_string()]);
    }
    let comment = args.ssh_key_comment.clone();
    let comment = comment.unwrap_or_else(|| format!("ansible-generated on {}", sys.hostname()));
    argv.extend(["-C".into(), comment, "-f".into(), path.clone()]);
    let mut run = RunSpec::new(argv);
    match args.ssh_key_passphrase.as_deref().filter(|p| !p.is_empty()) {
        None => run.argv.extend(["-N".to_owned(), String::new()]),
        Some(passphrase) => {
            // The passphrase must not be in the list of processes: ssh-keygen asks a helper, which has it
            // in its environment.
            let helper = cx.scratch.join("askpass").to_string_lossy().into_owned();
            let attrs = FileAttrs { mode: Some(0o700), ..FileAttrs::default() };
            let content = Content::Bytes(b"#!/bin/sh\nprintf '%s\\n' \"$WINDLASS_ASKPASS\"\n".to_vec());
            let what = What::Command { text: "ssh-keygen's helper".into() };
            plan.push(
                what,
                Op::Write {
                    path: helper.clone(),
                    content,
                    attrs,
                    backup: false,
                    validate: None,
                    in_place: false,
                },
            );
            run.env = vec![
                ("SSH_ASKPASS".into(), helper),
                ("SSH_ASKPASS_REQUIRE".into(), "force".into()),
                ("DISPLAY".into(), ":0".into()),
                ("WINDLASS_ASKPASS".into(), passphrase.to_owned()),
            ];
            run.secret = true;
        }
    }
    step(plan, args, "make an SSH key for", run);
    let owner = format!("{}:", args.name);
    let public = format!("{path}.pub");
    // A folder that was there has its owner. What stands here by now need not be what was made: links are not followed.
    let folder = makes_folder.then_some(folder.as_str());
    let argv = ["chown", "-h", &owner].into_iter().chain(folder).chain([path.as_str(), &public]);
    step(plan, args, "hand the SSH key to", RunSpec::new(argv));
    Ok(())
}

/// Return values: fingerprint and public key.
pub fn describe(
    _args: &UserArgs,
    _cx: &Context<'_>,
    sys: &dyn Observe,
    plan: &mut Plan,
) -> Result<(), ModuleError> {
    let path = json_text(plan.values.get("ssh_key_file")).to_owned();
    let public = format!("{path}.pub");
    let output = sys.query(&RunSpec {
        argv: vec!["ssh-keygen".into(), "-l".into(), "-f".into(), path],
        ..RunSpec::default()
    })?;
    let said = if output.code == 0 { output.out() } else { output.err() };
    plan.set("ssh_fingerprint", said.trim());
    let key = sys.read(Path::new(&public)).unwrap_or_default();
    plan.set("ssh_public_key", String::from_utf8_lossy(&key).trim());
    Ok(())
}
