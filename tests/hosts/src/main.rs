//! Throwaway hosts by hand: `test-hosts up|list|exec|down|gc|clean`.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use windlass_test_hosts::{Error, Host, Sudo, Suite, clean_cache, gc, leases, release};

const USAGE: &str = "usage:
  test-hosts up [--name NAME] [--suite bookworm|trixie] [--python] [--user NAME[:PASSWORD]] [--package NAME]...
                               boots a host that stays, and prints its inventory line
  test-hosts list              the hosts of this machine
  test-hosts exec NAME CMD...  runs a program in a host as root
  test-hosts down NAME...      stops hosts (`--all`: every one)
  test-hosts gc                reaps the hosts whose owner is gone
  test-hosts clean             stops every host and removes the cached base systems";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(Some(code)) => code,
        Ok(None) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<Option<ExitCode>, Error> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["up", rest @ ..] => {
            let Some(builder) = builder(rest) else { return Ok(None) };
            let host = builder.keep(true).boot()?;
            println!("{}", host.inventory_line());
        }
        ["list"] => {
            for lease in leases()? {
                let owner =
                    if lease.owner == 0 { "kept".to_owned() } else { format!("process {}", lease.owner) };
                println!("{:<8} {:<20} {:<15} {owner}", lease.id, lease.name, lease.address);
            }
        }
        ["exec", name, command @ ..] if !command.is_empty() => {
            let found = leases()?.into_iter().find(|l| l.id == *name || l.name == *name);
            let out = found.ok_or_else(|| Error::NoHost((*name).to_owned()))?.exec(command)?;
            print!("{}", out.stdout);
            eprint!("{}", out.stderr);
            return Ok(Some(ExitCode::from(u8::try_from(out.code).unwrap_or(1))));
        }
        ["down", "--all"] => leases()?.iter().try_for_each(|lease| release(&lease.id))?,
        ["down", names @ ..] if !names.is_empty() => names.iter().try_for_each(|name| release(name))?,
        ["gc"] => gc()?.iter().for_each(|name| println!("reaped {name}")),
        ["clean"] => clean_cache()?,
        _ => return Ok(None),
    }
    Ok(Some(ExitCode::SUCCESS))
}

fn builder(args: &[&str]) -> Option<windlass_test_hosts::Builder> {
    let mut builder = Host::builder();
    let mut args = args.iter();
    while let Some(option) = args.next() {
        builder = match *option {
            "--python" => builder.python(true),
            "--name" => builder.name(args.next()?),
            "--package" => builder.packages(&[args.next()?]),
            "--suite" => match *args.next()? {
                "bookworm" => builder.suite(Suite::Bookworm),
                "trixie" => builder.suite(Suite::Trixie),
                _ => return None,
            },
            "--user" => {
                let user = args.next()?;
                match user.split_once(':') {
                    Some((name, password)) => builder.user(name, Sudo::Password(password.to_owned())),
                    None => builder.user(user, Sudo::Passwordless),
                }
            }
            _ => return None,
        };
    }
    Some(builder)
}
