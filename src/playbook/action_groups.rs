//! `module_defaults` and the groups of modules that they may name: those of ansible-core, and those that a collection has in its
//! `meta/runtime.yml`.

use super::Loader;
use super::problems::Problems;
use crate::actions;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Mapping, Node as Yaml};

/// The groups of ansible-core. Each has the modules of other groups.
const CORE: &[(&str, &[&str])] = &[
    ("acme", &["community.crypto.acme"]),
    ("aws", &["amazon.aws.aws", "community.aws.aws"]),
    ("azure", &["azure.azcollection.azure"]),
    ("cpm", &["wti.remote.cpm"]),
    ("docker", &["community.general.docker", "community.docker.docker"]),
    ("gcp", &["google.cloud.gcp"]),
    (
        "k8s",
        &[
            "community.kubernetes.k8s",
            "community.general.k8s",
            "community.kubevirt.k8s",
            "community.okd.k8s",
            "kubernetes.core.k8s",
        ],
    ),
    ("os", &["openstack.cloud.os"]),
    ("ovirt", &["ovirt.ovirt.ovirt", "community.general.ovirt"]),
    ("vmware", &["community.vmware.vmware"]),
];

/// Where a group's modules are known from.
enum Source {
    /// From ansible-core.
    Core(&'static [&'static str]),
    /// From a collection that is there.
    Collection(Arc<Option<Yaml>>),
    /// Its collection is not there.
    Nowhere,
}

/// The name of a group with its collection: one without belongs to ansible-core.
#[must_use]
pub fn full_name(group: &str) -> String {
    if group.matches('.').count() >= 2 { group.to_owned() } else { format!("ansible.builtin.{group}") }
}

/// The name of what stands in a collection's group.
fn within(collection: &str, name: &str) -> String {
    if name.matches('.').count() >= 2 { name.to_owned() } else { format!("{collection}.{name}") }
}

impl Loader {
    /// Whether a module takes the `module_defaults` of a group.
    #[must_use]
    pub fn is_in_group(&self, module: &str, group: &str) -> bool {
        let known = self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(group).cloned();
        let members = known.unwrap_or_else(|| {
            let mut members = HashSet::new();
            self.members(group, &mut HashSet::new(), &mut members);
            let members = Arc::new(members);
            let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
            groups.insert(group.to_owned(), Arc::clone(&members));
            members
        });
        members.contains(module) || actions::built_in_group(group).is_some_and(|has| has(module))
    }

    /// The modules of a group and of those that it extends, by their canonical names.
    fn members(&self, group: &str, seen: &mut HashSet<String>, members: &mut HashSet<String>) {
        if !seen.insert(group.to_owned()) {
            return;
        }
        match self.source(group) {
            Source::Nowhere => {}
            Source::Core(extended) => extended.iter().for_each(|group| self.members(group, seen, members)),
            Source::Collection(runtime) => {
                let (collection, _) = parts(group);
                for entry in entries(&runtime, group).unwrap_or_default() {
                    if let Some(name) = entry.as_str() {
                        let name = within(&collection, name);
                        let known = actions::resolve(&name).map(|action| action.spec.name.to_owned());
                        members.insert(known.unwrap_or(name));
                    } else {
                        for extended in extended(entry) {
                            self.members(&within(&collection, extended), seen, members);
                        }
                    }
                }
            }
        }
    }

    fn source(&self, group: &str) -> Source {
        let (collection, name) = parts(group);
        if collection == "ansible.builtin" {
            return CORE
                .iter()
                .find(|(core, _)| *core == name)
                .map_or(Source::Nowhere, |(_, e)| Source::Core(e));
        }
        let Some((namespace, collection)) = collection.split_once('.') else { return Source::Nowhere };
        let adjacent = self.adjacent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut roots = adjacent.iter().chain(&self.collections_path);
        let folder = roots.find_map(|root| {
            let folder = root.join("ansible_collections").join(namespace).join(collection);
            folder.is_dir().then_some(folder)
        });
        let Some(folder) = folder else { return Source::Nowhere };
        let path = folder.join("meta/runtime.yml");
        // A collection without that file has no groups.
        let runtime = path.is_file().then(|| self.document(&path, None, &mut Problems::default())).flatten();
        Source::Collection(runtime.unwrap_or_default())
    }

    /// Says what is wrong with `module_defaults`: their form, and groups that there are none of. Of collections that are not
    /// there nothing is known.
    pub(super) fn check_defaults(&self, node: &Yaml, problems: &mut Problems) {
        let items = match node.as_seq() {
            Some(items) => items.iter().collect(),
            None => vec![node],
        };
        for item in items {
            let Some(map) = item.as_map() else {
                problems.push(
                    Diagnostic::error(format!(
                        "The field 'module_defaults' is a mapping or a list of mappings, this is {}",
                        item.kind()
                    ))
                    .at(&item.span)
                    .hint(
                        "names are written out, only their values may be templates: `MODULE: \"{{ ... }}\"`",
                    ),
                );
                continue;
            };
            for (key, _) in map.iter() {
                let Some(group) = key.as_str().and_then(|key| key.strip_prefix("group/")) else { continue };
                let group = full_name(group);
                let known = actions::built_in_group(&group).is_some()
                    || match self.source(&group) {
                        Source::Core(_) => true,
                        Source::Nowhere => !group.starts_with("ansible.builtin."),
                        Source::Collection(runtime) => {
                            warn_of(&runtime, &group, problems);
                            entries(&runtime, &group).is_some()
                        }
                    };
                if !known {
                    let text = format!(
                        "Error loading module_defaults: could not resolve the module_defaults group {group}"
                    );
                    problems.push(Diagnostic::error(text).at(&key.span).hint("name the modules instead"));
                }
            }
        }
    }
}

/// A group's collection, and its name there.
fn parts(group: &str) -> (String, String) {
    let mut parts = group.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default();
    (format!("{}.{}", part(), part()), part().to_owned())
}

fn map_at<'y>(map: &'y Mapping, key: &str) -> Option<&'y Mapping> {
    map.get(key).and_then(Yaml::as_map)
}

/// What a collection says of its group, under its short or its full name.
fn entries<'y>(runtime: &'y Option<Yaml>, group: &str) -> Option<&'y [Yaml]> {
    let groups = map_at(runtime.as_ref()?.as_map()?, "action_groups")?;
    let (_, name) = parts(group);
    let node = groups.get(group).or_else(|| groups.get(&name))?;
    Some(node.as_seq().unwrap_or_default())
}

/// The groups that an entry of a group names: `metadata: {extend_group: ...}`.
fn extended(entry: &Yaml) -> Vec<&str> {
    let Some(metadata) = entry.as_map().and_then(|map| map_at(map, "metadata")) else { return Vec::new() };
    match metadata.get("extend_group") {
        Some(node) => match node.as_str() {
            Some(name) => vec![name],
            None => node.as_seq().unwrap_or_default().iter().filter_map(Yaml::as_str).collect(),
        },
        None => Vec::new(),
    }
}

/// Warns of entries of a group that are neither modules nor what extends it.
fn warn_of(runtime: &Option<Yaml>, group: &str, problems: &mut Problems) {
    let mut found = false;
    for entry in entries(runtime, group).unwrap_or_default() {
        let Some(map) = entry.as_map() else { continue };
        let keys = || map.iter().filter_map(|(key, _)| key.as_str());
        let mut said = Vec::new();
        match map.get("metadata").filter(|_| keys().count() == 1) {
            None => {
                let mut keys: Vec<&str> = keys().collect();
                keys.sort_unstable();
                said.push(format!("The only expected key is metadata, but got keys: {}", keys.join(", ")));
            }
            Some(metadata) => {
                if found {
                    said.push("The group contains multiple metadata entries.".to_owned());
                }
                match metadata.as_map() {
                    None => said.push(format!("The metadata is not a dictionary but {}.", metadata.kind())),
                    Some(options) => {
                        let others = options.iter().filter_map(|(key, _)| key.as_str());
                        let others: Vec<&str> = others.filter(|key| *key != "extend_group").collect();
                        if !others.is_empty() {
                            said.push(format!(
                                "The metadata contains unexpected keys: {}",
                                others.join(", ")
                            ));
                        }
                        let extends = options.get("extend_group");
                        if let Some(node) = extends.filter(|n| n.as_str().is_none() && n.as_seq().is_none()) {
                            said.push(format!(
                                "The metadata contains unexpected key types: extend_group is {} (expected type list)",
                                node.kind()
                            ));
                        }
                    }
                }
            }
        }
        found |= map.get("metadata").is_some_and(|node| node.as_map().is_some());
        if !said.is_empty() {
            problems.push(
                Diagnostic::warning(format!(
                    "Invalid metadata was found for action_group {group} while loading module_defaults. {}",
                    said.join(" ")
                ))
                .at(&entry.span),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::secrets::Secrets;
    use crate::template::{Templar, TemplarSettings};

    #[test]
    fn groups_of_collections_and_what_they_extend() {
        let dir = tempfile::tempdir().unwrap();
        let collection = |name: &str, text: &str| {
            let meta = dir.path().join("ansible_collections").join(name).join("meta");
            std::fs::create_dir_all(&meta).unwrap();
            std::fs::write(meta.join("runtime.yml"), text).unwrap();
        };
        collection(
            "one/a",
            "action_groups:\n  web:\n    - metadata: {extend_group: [round, two.b.more]}\n    - ansible.builtin.uri\n    - own\n  \
             round:\n    - metadata: {extend_group: web}\n    - ansible.builtin.ping\n",
        );
        collection("two/b", "action_groups:\n  two.b.more: [one.a.other, ansible.builtin.nothing]\n");
        let templar = std::sync::Arc::new(Templar::new(TemplarSettings::default()));
        let secrets = std::sync::Arc::new(Secrets::none());
        let mut loader = super::Loader::new(secrets, templar, std::sync::Arc::default());
        loader.collections_path = vec![dir.path().to_owned()];
        for module in ["ansible.builtin.uri", "one.a.own", "ansible.builtin.ping", "one.a.other"] {
            assert!(loader.is_in_group(module, "one.a.web"), "{module}");
            assert!(loader.is_in_group(module, "one.a.round"), "{module}");
        }
        assert!(loader.is_in_group("one.a.other", "two.b.more"));
        for (module, group) in [
            ("ansible.builtin.ping", "two.b.more"),
            ("ansible.builtin.debug", "one.a.web"),
            ("one.a.own", "one.a.none"),
            ("one.a.own", "three.c.web"),
        ] {
            assert!(!loader.is_in_group(module, group), "{module} {group}");
        }
        assert!(loader.is_in_group("community.proxmox.proxmox_kvm", "community.general.proxmox"));
    }
}
