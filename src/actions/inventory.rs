//! `add_host` and `group_by`.

use super::{Cx, text_list};
use crate::engine::result::TaskOutcome;
use crate::vars::{Key, Map, Value};

pub(super) fn add_host(cx: &Cx<'_>) -> TaskOutcome {
    if cx.args.contains_key("_raw_params") {
        return TaskOutcome::failure("Invalid raw parameters passed, requires a dictionary/mapping");
    }
    let Some(written) = ["name", "hostname", "host"].iter().find_map(|n| cx.text(n)) else {
        return TaskOutcome::failure("name, host or hostname needs to be provided");
    };
    let (name, port) = match written.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => {
            (host.to_owned(), port.parse::<i64>().ok())
        }
        _ => (written.clone(), None),
    };
    let groups = ["groups", "group", "groupname"].iter().find_map(|n| cx.args.get(*n));
    let groups = text_list(groups);
    let mut vars = Map::new();
    for (key, value) in &cx.args {
        let known = ["name", "hostname", "host", "groups", "group", "groupname"];
        if !key.as_str().is_some_and(|k| known.contains(&k)) {
            vars.insert(key.clone(), value.clone());
        }
    }
    if let Some(port) = port {
        vars.insert(Key::from("ansible_ssh_port"), Value::Int(port));
    }
    let added = {
        let (name, groups, vars) = (name.clone(), groups.clone(), vars.clone());
        cx.exec.shared.store.add(Box::new(move |inventory| {
            let mut changed = inventory.add_host(&name, None)?;
            for group in &groups {
                inventory.add_group(group)?;
                changed |= inventory.add_host(&name, Some(group))?;
            }
            for (key, value) in &vars {
                changed |= inventory.hosts.get(&name).and_then(|h| h.vars.get(key)) != Some(value);
                inventory.set_host_var(&name, key.clone(), value.clone());
            }
            inventory.reconcile();
            Ok(changed)
        }))
    };
    let changed = match added {
        Ok(changed) => changed,
        Err(error) => return TaskOutcome::failure(error.to_string()),
    };
    let mut info = Map::new();
    info.insert(Key::from("host_name"), Value::text(name));
    info.insert(Key::from("groups"), Value::list(groups.into_iter().map(Value::from).collect()));
    info.insert(Key::from("host_vars"), Value::map(vars));
    let mut out = TaskOutcome { changed, ..TaskOutcome::default() };
    out.set("add_host", Value::map(info));
    out
}

pub(super) fn group_by(cx: &Cx<'_>) -> TaskOutcome {
    let Some(key) = cx.text("key") else {
        return TaskOutcome::failure("the 'key' param is required when using group_by");
    };
    let group = key.replace(' ', "-");
    let parents: Vec<String> = match cx.args.get("parents") {
        Some(value) => text_list(Some(value)),
        None => vec!["all".to_owned()],
    }
    .iter()
    .map(|p| p.replace(' ', "-"))
    .collect();
    let added = {
        let (group, parents, host) = (group.clone(), parents.clone(), cx.exec.host.clone());
        let done = std::sync::atomic::AtomicBool::new(false);
        cx.exec.shared.store.add(Box::new(move |inventory| {
            // A host that is gone when the inventory was read again is grouped no more.
            let again = done.swap(true, std::sync::atomic::Ordering::Relaxed);
            if again && !inventory.hosts.contains_key(&host) {
                return Ok(false);
            }
            let mut changed = !inventory.groups.contains_key(&group);
            inventory.add_group(&group)?;
            for parent in &parents {
                inventory.add_group(parent)?;
                changed |= inventory.add_child(parent, &group)?;
            }
            changed |= inventory.add_host(&host, Some(&group))?;
            inventory.reconcile();
            Ok(changed)
        }))
    };
    let changed = match added {
        Ok(changed) => changed,
        Err(error) => return TaskOutcome::failure(error.to_string()),
    };
    let mut out = TaskOutcome { changed, ..TaskOutcome::default() };
    out.set("add_group", group);
    out.set("parent_groups", Value::list(parents.into_iter().map(Value::from).collect()));
    out
}
