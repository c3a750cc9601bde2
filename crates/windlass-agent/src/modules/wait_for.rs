//! `wait_for`: looks again and again until something is so.

use crate::text::{self, pattern, pattern::gave_up};
use crate::{Context, Module, ModuleError, Plan, system::Observe};
use fancy_regex::Regex;
use serde_json::json;
use std::net::IpAddr;
use std::path::Path;
use windlass_protocol::modules::wait_for::{WaitForArgs, WaitState};
use windlass_protocol::{Json, JsonMap};

/// The module.
pub struct WaitFor;

/// What one look found.
enum Look {
    /// Not yet.
    No,
    /// It is so; with the groups of the regular expression.
    Yes(Vec<Json>, JsonMap),
}

fn yes() -> Look {
    Look::Yes(Vec::new(), JsonMap::new())
}

impl Module for WaitFor {
    type Args = WaitForArgs;

    fn plan(args: &WaitForArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if cx.check {
            let msg = "remote module (ansible.builtin.wait_for) does not support check mode";
            return Ok(Plan { skipped: true, msg: Some(msg.to_owned()), ..Plan::default() });
        }
        if args.port.is_some() && args.path.is_some() {
            return Err(ModuleError::new("port and path parameter can not both be passed to wait_for"));
        }
        if args.path.is_some() && matches!(args.state, WaitState::Stopped | WaitState::Drained) {
            let state = args.state.as_str();
            return Err(ModuleError::new(format!(
                "state={state} should only be used for checking a port in the wait_for module"
            )));
        }
        if args.exclude_hosts.is_some() && args.state != WaitState::Drained {
            return Err(ModuleError::new("exclude_hosts should only be with state=drained"));
        }
        if let Some(unknown) = args.active_connection_states.iter().find(|state| code(state).is_none()) {
            return Err(ModuleError::new(format!("unknown active_connection_state ({unknown}) defined")));
        }
        let regex = args.search_regex.as_deref().map(|text| pattern::compile(text, "m")).transpose()?;
        let mut plan = Plan::default();
        let start = sys.ticks();
        let passed = || sys.ticks().saturating_sub(start);
        let elapsed = || i64::try_from(passed() / 1000).unwrap_or(i64::MAX);
        let whole = u64::try_from(args.timeout).unwrap_or(0).saturating_mul(1000);
        pause(sys, args.delay)?;
        let mut found = yes();
        if args.port.is_none() && args.path.is_none() && args.state != WaitState::Drained {
            pause(sys, args.timeout)?;
        } else {
            loop {
                found = look(args, regex.as_ref(), whole.saturating_sub(passed()), sys)?;
                if matches!(found, Look::Yes(..)) {
                    break;
                }
                if elapsed() >= args.timeout {
                    let msg = args.msg.clone().unwrap_or_else(|| timed_out(args));
                    return Err(ModuleError::new(msg).with("elapsed", elapsed()));
                }
                pause(sys, args.sleep.max(0))?;
            }
        }
        let Look::Yes(groups, named) = found else { return Ok(plan) };
        plan.set("state", args.state.as_str());
        plan.set("port", json!(args.port));
        plan.set("search_regex", json!(args.search_regex));
        plan.set("match_groups", Json::Array(groups));
        plan.set("match_groupdict", Json::Object(named));
        plan.set("path", json!(args.path));
        plan.set("elapsed", elapsed());
        crate::paths::add_path_info(&mut plan.values, sys);
        Ok(plan)
    }
}

/// Waits; fails if the task was ended meanwhile.
fn pause(sys: &dyn Observe, seconds: i64) -> Result<(), ModuleError> {
    let Ok(ms) = u64::try_from(seconds.saturating_mul(1000)) else { return Ok(()) };
    if ms == 0 {
        // Never a loop at full speed.
        sys.sleep(50);
        return Ok(());
    }
    let before = sys.ticks();
    sys.sleep(ms);
    if sys.ticks().saturating_sub(before) < ms / 2 {
        return Err(ModuleError::new("the task was ended while it waited"));
    }
    Ok(())
}

fn timed_out(args: &WaitForArgs) -> String {
    let place = match (&args.path, args.port) {
        (Some(path), _) => path.to_string(),
        (None, Some(port)) => format!("{}:{port}", args.host),
        (None, None) => args.host.clone(),
    };
    match (args.state, &args.search_regex, &args.path) {
        (WaitState::Absent, _, Some(_)) => format!("Timeout when waiting for {place} to be absent."),
        (WaitState::Absent | WaitState::Stopped, ..) => format!("Timeout when waiting for {place} to stop."),
        (WaitState::Drained, ..) => format!("Timeout when waiting for {place} to drain"),
        (_, Some(regex), _) => format!("Timeout when waiting for search string {regex} in {place}"),
        (_, None, Some(_)) => format!("Timeout when waiting for file {place}"),
        (_, None, None) => format!("Timeout when waiting for {place}"),
    }
}

/// One look; `left` are the milliseconds until the time is over.
fn look(
    args: &WaitForArgs,
    regex: Option<&Regex>,
    left: u64,
    sys: &dyn Observe,
) -> Result<Look, ModuleError> {
    let gone = matches!(args.state, WaitState::Absent | WaitState::Stopped);
    if args.state == WaitState::Drained {
        return Ok(if connections(args, sys) == 0 { yes() } else { Look::No });
    }
    if let Some(path) = args.path.as_deref() {
        let exists = sys.stat(Path::new(path))?.is_some();
        if gone {
            // Whatever is in the file: it has to go.
            return Ok(if exists { Look::No } else { yes() });
        }
        return match regex {
            _ if !exists => Ok(Look::No),
            None => Ok(yes()),
            Some(regex) => search(regex, &sys.read(Path::new(path)).unwrap_or_default()),
        };
    }
    let Some(port) = args.port else { return Ok(yes()) };
    let host = if args.host.contains(':') { format!("[{}]", args.host) } else { args.host.clone() };
    let address = format!("{host}:{port}");
    let timeout = u64::try_from(args.connect_timeout).unwrap_or(5).max(1) * 1000;
    let Some(regex) = regex.filter(|_| !gone) else {
        let listens = sys.connect(&address, timeout).is_ok();
        return Ok(if listens != gone { yes() } else { Look::No });
    };
    let mut failure = None;
    let heard = sys.hear(&address, timeout, left.max(1000), &mut |bytes| {
        regex.is_match(&text::decode(bytes)).unwrap_or_else(|error| {
            failure = Some(gave_up(error));
            true
        })
    });
    match (failure, heard) {
        (Some(error), _) => Err(error),
        // Groups are told of files only.
        (None, Ok(true)) => Ok(yes()),
        (None, _) => Ok(Look::No),
    }
}

fn search(regex: &Regex, bytes: &[u8]) -> Result<Look, ModuleError> {
    let content = text::decode(bytes);
    let Some(found) = regex.captures(&content).map_err(gave_up)? else {
        return Ok(Look::No);
    };
    let group = |m: Option<fancy_regex::Match<'_>>| match m {
        Some(m) => Json::from(String::from_utf8_lossy(&text::encode(m.as_str())).into_owned()),
        None => Json::Null,
    };
    let groups = found.iter().skip(1).map(group).collect();
    let names = regex.capture_names().flatten();
    let named = names.map(|name| (name.to_owned(), group(found.name(name)))).collect();
    Ok(Look::Yes(groups, named))
}

/// Open connections to the port.
fn connections(args: &WaitForArgs, sys: &dyn Observe) -> usize {
    let own = sys.resolve(&args.host);
    let excluded: Vec<IpAddr> =
        args.exclude_hosts.iter().flatten().flat_map(|host| sys.resolve(host)).collect();
    let codes: Vec<&str> = args.active_connection_states.iter().filter_map(|s| code(s)).collect();
    let mut count = 0;
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let bytes = sys.read(Path::new(file)).unwrap_or_default();
        for line in String::from_utf8_lossy(&bytes).lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, local, remote, state, ..] = words.as_slice() else { continue };
            let (Some((ip, port)), Some((other, _))) = (socket(local), socket(remote)) else { continue };
            let here = own.iter().any(|o| o.is_unspecified() || *o == ip) || ip.is_unspecified();
            if here
                && args.port == Some(i64::from(port))
                && codes.contains(state)
                && !excluded.contains(&other)
            {
                count += 1;
            }
        }
    }
    count
}

fn code(state: &str) -> Option<&'static str> {
    Some(match state {
        "ESTABLISHED" => "01",
        "SYN_SENT" => "02",
        "SYN_RECV" => "03",
        "FIN_WAIT1" => "04",
        "FIN_WAIT2" => "05",
        "TIME_WAIT" => "06",
        _ => return None,
    })
}

/// `0100007F:1F90`: words of four bytes, each in the machine's order.
fn socket(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Option<Vec<u32>> = (0..address.len() / 8)
        .map(|at| address.get(at * 8..at * 8 + 8).and_then(|w| u32::from_str_radix(w, 16).ok()))
        .collect();
    let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes.as_slice()).ok()?),
        16 => {
            let v6 = std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
            v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
        }
        _ => return None,
    };
    Some((ip, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn sockets_of_the_kernels_table() {
        assert_eq!(socket("0100007F:1F90").unwrap(), ("127.0.0.1".parse().unwrap(), 8080));
        assert_eq!(
            socket("0000000000000000FFFF00000100007F:0016").unwrap(),
            ("127.0.0.1".parse().unwrap(), 22)
        );
    }

    #[test]
    fn a_port_a_file_and_a_timeout() {
        let fake = Fake::new();
        fake.listen("127.0.0.1:22", b"SSH-2.0-OpenSSH_9.2\r\n");
        let run = |args: Json| fake.run_module("wait_for", args);
        let up = run(json!({"port": 22, "search_regex": "OpenSSH_(?P<version>\\S+)"}));
        assert!(!up.failed, "{up:?}");
        let down = run(json!({"port": 23, "timeout": 3}));
        assert_eq!(down.msg.as_deref(), Some("Timeout when waiting for 127.0.0.1:23"));
        assert_eq!(down.values()["elapsed"], 3);
        assert!(!run(json!({"port": 23, "state": "stopped"})).failed);
        fake.file("/run/ready", "state: done\n");
        let ready = run(json!({"path": "/run/ready", "search_regex": "^state: (?P<word>done)$"}));
        assert_eq!(ready.values()["match_groupdict"], json!({"word": "done"}));
        assert_eq!(ready.values()["match_groups"], json!(["done"]));
        let text = run(json!({"path": "/run/ready", "search_regex": "nothing", "timeout": 1}));
        assert_eq!(text.msg.as_deref(), Some("Timeout when waiting for search string nothing in /run/ready"));
        let stays = run(json!({"path": "/run/ready", "state": "absent", "timeout": 1}));
        assert_eq!(stays.msg.as_deref(), Some("Timeout when waiting for /run/ready to be absent."));
        assert!(run(json!({"path": "/x", "port": 1})).failed);
    }

    #[test]
    fn all_that_a_port_says_is_searched_by_python_rules() {
        let fake = Fake::new();
        fake.listen("127.0.0.1:25", b"220-first\r\n220 second\xff\r\n");
        let run = |regex: &str| {
            fake.run_module("wait_for", json!({"port": 25, "timeout": 2, "search_regex": regex}))
        };
        for regex in ["^220 sec", r"second(?=.\s)", r"(second)"] {
            assert!(!run(regex).failed, "{regex}");
        }
        let missing = run("third");
        assert_eq!(
            missing.msg.as_deref(),
            Some("Timeout when waiting for search string third in 127.0.0.1:25")
        );
        assert_eq!(missing.values()["elapsed"], 2);
        assert!(run("(a").failed);
    }

    #[test]
    fn a_clock_that_is_set_does_not_matter() {
        let fake = Fake::new();
        for step in [-7200, 7200] {
            fake.step_clock(step);
            let outcome = fake.run_module("wait_for", json!({"path": "/run/no", "timeout": 3}));
            assert_eq!(outcome.msg.as_deref(), Some("Timeout when waiting for file /run/no"));
            assert_eq!(outcome.values()["elapsed"], 3);
        }
    }

    #[test]
    fn connections_of_other_hosts_are_waited_for() {
        let fake = Fake::new();
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:0050 0200007F:9999 01\n";
        fake.file("/proc/net/tcp", table);
        let run = |more: Json| {
            let mut args = json!({"port": 80, "host": "localhost", "state": "drained", "timeout": 1});
            args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fake.run_module("wait_for", args)
        };
        assert!(run(json!({})).failed);
        assert!(!run(json!({"exclude_hosts": ["127.0.0.2"]})).failed);
    }
}
