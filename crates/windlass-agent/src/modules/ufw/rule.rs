//! The command line of a rule.

use super::query;
use crate::{ModuleError, system::Observe};
use windlass_protocol::modules::ufw::UfwArgs;

/// `[route] [delete|insert N] ACTION [in|out] [on IF] [log] from A [port P] to B [port P] [proto P] [app NAME] [comment C]`.
pub fn words(args: &UfwArgs, action: &str, sys: &dyn Observe) -> Result<Vec<String>, ModuleError> {
    if !matches!(args.direction.as_deref(), None | Some("in" | "out")) {
        return Err(ModuleError::new(
            "For rules, direction must be one of \"in\" and \"out\", or direction must not be specified.",
        ));
    }
    if !args.route && args.interface_in.is_some() && args.interface_out.is_some() {
        return Err(ModuleError::new("Only route rules can combine interface_in and interface_out"));
    }
    let mut out: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| out.extend(words.iter().map(|w| (*w).to_owned()));
    if args.route {
        add(&["route"]);
    }
    if args.delete {
        add(&["delete"]);
    }
    if let Some(position) = args.insert.map(|n| position(args, n, sys)).transpose()?.flatten() {
        add(&["insert", &position.to_string()]);
    }
    add(&[action]);
    if let Some(direction) = &args.direction {
        add(&[direction]);
    }
    for (prefix, interface) in [
        (&["on"][..], &args.interface),
        (&["in", "on"], &args.interface_in),
        (&["out", "on"], &args.interface_out),
    ] {
        if let Some(interface) = interface {
            add(prefix);
            add(&[interface]);
        }
    }
    if args.log {
        add(&["log"]);
    }
    add(&["from", &args.from_ip]);
    if let Some(port) = &args.from_port {
        add(&["port", port]);
    }
    add(&["to", &args.to_ip]);
    if let Some(port) = &args.to_port {
        add(&["port", port]);
    }
    if let Some(proto) = &args.proto {
        add(&["proto", proto]);
    }
    if let Some(app) = &args.name {
        add(&["app", app]);
    }
    if let Some(comment) = &args.comment {
        add(&["comment", comment]);
    }
    Ok(out)
}

/// The number that a relative position means; none if it would lie behind the last rule.
fn position(args: &UfwArgs, number: i64, sys: &dyn Observe) -> Result<Option<i64>, ModuleError> {
    if args.insert_relative_to == "zero" {
        return Ok(Some(number));
    }
    let text = query(sys, &["status", "numbered"])?;
    let rules: Vec<(i64, bool)> = text
        .lines()
        .filter_map(|line| {
            let (index, _) = line.trim_start().strip_prefix('[')?.split_once(']')?;
            Some((index.trim().parse().ok()?, line.contains("(v6)")))
        })
        .collect();
    let last = rules.iter().map(|r| r.0).max().unwrap_or(0);
    let last_v4 = rules.iter().filter(|r| !r.1).map(|r| r.0).max();
    let has_v6 = rules.iter().any(|r| r.1);
    let base = match args.insert_relative_to.as_str() {
        "first-ipv4" => 1,
        "last-ipv4" => last_v4.unwrap_or(1),
        "first-ipv6" => last_v4.map_or(1, |n| n + 1),
        _ if has_v6 => last,
        _ => last + 1,
    };
    Ok(Some(number + base).filter(|n| *n <= last))
}
