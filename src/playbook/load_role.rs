//! Reads a role's folder.

use super::attrs::Attrs;
use super::keywords;
use super::load::{Loader, Made, Under};
use super::problems::{Problems, nearest};
use super::role::{Dependent, LoadedRole, Role, RoleFrom, identity};
use super::task::{Block, Node, Task};
use crate::actions;
use crate::vars::value::truthy;
use crate::vars::{Key, Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use windlass_yaml::diagnostic::Diagnostic;
use windlass_yaml::{Node as Yaml, Span};

/// Where and how a role is used.
pub struct Site<'a> {
    /// Keywords at that place alone.
    pub own: &'a Attrs,
    /// Parameters of an entry in `roles:`.
    pub params: Map,
    /// `vars:` of an entry in `roles:`.
    pub vars: Arc<Map>,
    /// Where it stands.
    pub span: &'a Span,
}

impl Loader {
    /// An entry of `roles:` or of `dependencies:`.
    pub(super) fn role_entry(
        &self,
        entry: &Yaml,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> Option<LoadedRole> {
        let from = RoleFrom { public: true, validate: true, ..RoleFrom::default() };
        let empty = Attrs::default();
        if let Some(name) = entry.as_str() {
            let vars = made.statics.as_ref().map(|s| Arc::clone(&s.play_vars)).unwrap_or_default();
            let name = self
                .static_name(&self.value(entry), &vars, &entry.span, problems)
                .unwrap_or_else(|| name.to_owned());
            let site = Site { own: &empty, params: Map::new(), vars: Arc::default(), span: &entry.span };
            return Some(self.role(&name, &from, &site, under, made, problems));
        }
        let Some(map) = entry.as_map() else {
            problems.push(
                Diagnostic::error(format!("a role is a name or a mapping, this is {}", entry.kind()))
                    .at(&entry.span),
            );
            return None;
        };
        let Some(node) = map.get("role").or_else(|| map.get("name")).or_else(|| map.get("src")) else {
            problems.refuse(
                Diagnostic::error("role definitions must contain a role name")
                    .at(&entry.span)
                    .hint("write `- role: NAME`, or `- NAME` alone"),
            );
            return None;
        };
        let mut params = Map::new();
        for (key, value) in map.iter() {
            let name = key.as_str().unwrap_or_default();
            if !keywords::ROLE.contains(&name) && !matches!(name, "src" | "version" | "scm") {
                params.insert(Key::from(name), self.value(value));
            }
        }
        let vars = map.get("vars").map(|n| self.vars_of(n, problems)).unwrap_or_default();
        let own = self.attrs(map, problems);
        let play_vars = made.statics.as_ref().map(|s| Arc::clone(&s.play_vars)).unwrap_or_default();
        let name = self.static_name(&self.value(node), &play_vars, &node.span, problems)?;
        let inner = Under { attrs: own.clone().child_of(&under.attrs), ..under.clone() };
        let site = Site { own: &own, params, vars, span: &node.span };
        Some(self.role(&name, &from, &site, &inner, made, problems))
    }

    /// A role with its dependencies.
    pub fn role(
        &self,
        name: &str,
        from: &RoleFrom,
        site: &Site<'_>,
        under: &Under,
        made: &mut Made,
        problems: &mut Problems,
    ) -> LoadedRole {
        let Some(path) = self.find_role(name, under, made) else {
            problems.refuse(self.missing_role(name, under, made).at(site.span));
            return LoadedRole::default();
        };
        if under.depth > 60 {
            problems.refuse(
                Diagnostic::error(format!("the role '{name}' depends on itself without end"))
                    .at(site.span)
                    .hint("remove one of the `dependencies` that form the loop"),
            );
            return LoadedRole::default();
        }
        self.add_library(path.join("library"));
        let meta = self.role_file(&path, "meta", "main", problems);
        let defaults = self.role_vars(&path, "defaults", from.defaults.as_deref(), site.span, problems);
        let vars = self.role_vars(&path, "vars", from.vars.as_deref(), site.span, problems);
        if let Some(Some(node)) = meta.as_deref()
            && node.as_map().is_none()
            && !node.is_null()
        {
            problems.push(
                Diagnostic::error(format!(
                    "the meta file of the role '{name}' is a mapping, this is {}",
                    node.kind()
                ))
                .at(&node.span)
                .hint("as in `dependencies: [...]`"),
            );
        }
        let meta_map = meta.as_deref().and_then(|m| m.as_ref()).and_then(Yaml::as_map);
        let allow = meta_map.and_then(|m| m.get("allow_duplicates")).and_then(|n| truthy(&self.value(n)));
        let mut loaded = LoadedRole::default();
        let mut dependencies = Vec::new();
        let parents: Vec<Arc<Role>> = under.role_chain.iter().cloned().chain(under.role.clone()).collect();
        let params = Arc::new(site.params.clone());
        let seen = vars.iter().chain(site.vars.iter()).map(|(k, v)| (k.clone(), v.clone())).collect();
        let dependent = Dependent { vars: Arc::new(seen), params: Arc::clone(&params) };
        let mut dependents = under.dependents.clone();
        dependents.push(Arc::new(dependent));
        if let Some(list) = meta_map.and_then(|m| m.get("dependencies")).and_then(Yaml::as_seq) {
            for entry in list {
                let inner = Under { depth: under.depth + 1, dependents: dependents.clone(), ..under.clone() };
                let Some(dependency) = self.role_entry(entry, &inner, made, problems) else { continue };
                loaded.nodes.extend(dependency.nodes);
                loaded.handlers.extend(dependency.handlers);
                loaded.roles.extend(dependency.roles.iter().cloned());
                dependencies.extend(dependency.roles);
            }
        }
        let short = if name.contains('/') {
            path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
        } else {
            name.to_owned()
        };
        let role = Arc::new(Role {
            identity: identity(&path, &site.params, &site.vars, site.own, from),
            name: short,
            defaults,
            vars,
            own_vars: Arc::clone(&site.vars),
            params,
            dependents: under.dependents.clone(),
            parents,
            dependencies,
            allow_duplicates: from.allow_duplicates.or(allow).unwrap_or(false),
            public: from.public,
            path: path.clone(),
        });
        let inner = Under {
            role: Some(Arc::clone(&role)),
            dir: path.join("tasks"),
            depth: under.depth + 1,
            role_chain: role.parents.clone(),
            dependents: Vec::new(),
            ..under.clone()
        };
        let mut nodes = Vec::new();
        if from.validate {
            nodes.extend(self.argument_check(&role, from, meta_map, &inner, site.span, problems));
        }
        match self.role_file_named(&path, "tasks", from.tasks.as_deref()) {
            Some(file) => nodes.extend(self.task_file(&file, Some(site.span), &inner, made, problems)),
            None => {
                if let Some(wanted) = &from.tasks {
                    problems.push(missing_part(&path, "tasks", wanted, site.span));
                }
            }
        }
        let under_handlers = Under { handlers: true, dir: path.join("handlers"), ..inner };
        match self.role_file_named(&path, "handlers", from.handlers.as_deref()) {
            Some(file) => {
                let handlers = self.task_file(&file, Some(site.span), &under_handlers, made, problems);
                loaded.handlers.extend(handlers);
            }
            None => {
                if let Some(wanted) = &from.handlers {
                    problems.push(missing_part(&path, "handlers", wanted, site.span));
                }
            }
        }
        let block = Block { main: nodes, role_root: Some(Arc::clone(&role)), ..Block::default() };
        loaded.nodes.push(Node::Block(Arc::new(block)));
        loaded.roles.push(Arc::clone(&role));
        loaded.role = Some(role);
        loaded
    }

    fn find_role(&self, name: &str, under: &Under, made: &Made) -> Option<PathBuf> {
        let playbook_dir = made.statics.as_ref().map(|s| s.playbook_dir.clone()).unwrap_or_default();
        let parts: Vec<&str> = name.split('.').collect();
        if let [namespace, collection, role @ ..] = parts.as_slice()
            && !role.is_empty()
            && !name.contains('/')
        {
            let role = role.join("/");
            for root in [playbook_dir.join("collections")].iter().chain(&self.collections_path) {
                let path = root
                    .join("ansible_collections")
                    .join(namespace)
                    .join(collection)
                    .join("roles")
                    .join(&role);
                if path.is_dir() {
                    return Some(path);
                }
            }
        }
        let roots = self.role_roots(under, &playbook_dir);
        let find = |name: &str| roots.iter().map(|root| root.join(name)).find(|path| path.is_dir());
        let path = find(name).or_else(|| find(parts.last().filter(|_| parts.len() >= 3)?))?;
        // Modules see the path, and do not know the folder that it would be relative to.
        Some(path.canonicalize().unwrap_or(path))
    }

    /// Where roles are looked for.
    fn role_roots(&self, under: &Under, playbook_dir: &Path) -> Vec<PathBuf> {
        let mut roots = vec![playbook_dir.join("roles")];
        // Roles that are used from a role may lie beside it.
        if let Some(parent) = under.role.as_ref().and_then(|r| r.path.parent()) {
            roots.push(parent.to_owned());
        }
        roots.extend(self.roles_path.iter().cloned());
        roots.push(playbook_dir.to_owned());
        roots
    }

    fn missing_role(&self, name: &str, under: &Under, made: &Made) -> Diagnostic {
        let playbook_dir = made.statics.as_ref().map(|s| s.playbook_dir.clone()).unwrap_or_default();
        let roots = self.role_roots(under, &playbook_dir);
        let names: Vec<String> = roots
            .iter()
            .take(roots.len().saturating_sub(1))
            .filter_map(|r| std::fs::read_dir(r).ok())
            .flat_map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()))
            .collect();
        let shown = roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(":");
        let diagnostic = Diagnostic::error(format!("the role '{name}' was not found in {shown}"));
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic
                .hint("set roles_path in ansible.cfg, or put the role into roles/ beside the playbook"),
        }
    }

    fn role_file_named(&self, role: &Path, folder: &str, name: Option<&str>) -> Option<PathBuf> {
        let dir = role.join(folder);
        let name = name.unwrap_or("main");
        let exact = dir.join(name);
        if exact.is_file() {
            return Some(exact);
        }
        ["yml", "yaml", "json"].iter().map(|e| dir.join(format!("{name}.{e}"))).find(|p| p.is_file())
    }

    fn role_file(
        &self,
        role: &Path,
        folder: &str,
        name: &str,
        problems: &mut Problems,
    ) -> Option<Arc<Option<Yaml>>> {
        let path = self.role_file_named(role, folder, Some(name))?;
        self.document(&path, None, problems)
    }

    /// `defaults/` or `vars/`: a file `main`, or all files of a folder `main`.
    fn role_vars(
        &self,
        role: &Path,
        folder: &str,
        name: Option<&str>,
        span: &Span,
        problems: &mut Problems,
    ) -> Arc<Map> {
        if let Some(file) = self.role_file_named(role, folder, name) {
            return self.vars_file(&file, Some(span), problems);
        }
        let dir = role.join(folder).join(name.unwrap_or("main"));
        if !dir.is_dir() {
            if let Some(name) = name {
                problems.push(missing_part(role, folder, name, span));
            }
            return Arc::default();
        }
        let mut files: Vec<PathBuf> = walkdir::WalkDir::new(&dir)
            .sort_by_file_name()
            .into_iter()
            .flatten()
            .map(walkdir::DirEntry::into_path)
            .filter(|p| p.is_file() && p.extension().is_none_or(|e| e == "yml" || e == "yaml" || e == "json"))
            .collect();
        files.sort();
        let mut all = Map::new();
        for file in files {
            all.extend(
                self.vars_file(&file, Some(span), problems).iter().map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        Arc::new(all)
    }

    /// A task that checks the role's arguments, if it describes them.
    fn argument_check(
        &self,
        role: &Arc<Role>,
        from: &RoleFrom,
        meta: Option<&windlass_yaml::Mapping>,
        under: &Under,
        span: &Span,
        problems: &mut Problems,
    ) -> Option<Node> {
        let document = ["argument_specs.yml", "argument_specs.yaml"]
            .iter()
            .map(|f| role.path.join("meta").join(f))
            .find(|p| p.is_file())
            .and_then(|p| self.document(&p, None, problems));
        // The file of its own counts alone where there is one, even if it is empty.
        let specs = match document.as_deref() {
            Some(node) => node
                .as_ref()
                .and_then(Yaml::as_map)
                .and_then(|m| m.get("argument_specs"))
                .map(|n| self.value(n)),
            None => meta.and_then(|m| m.get("argument_specs")).map(|n| self.value(n)),
        }?;
        let entry = from.tasks.as_deref().unwrap_or("main");
        let spec = specs.get(entry).filter(|spec| spec.as_map().is_some_and(|map| !map.is_empty()))?;
        let options = spec.get("options").cloned().unwrap_or_else(|| Value::map(Map::new()));
        let about = spec.get("short_description").and_then(Value::as_str).unwrap_or_default();
        let mut name = format!("Validating arguments against arg spec '{entry}'");
        if !about.is_empty() {
            name = format!("{name} - {about}");
        }
        let action = actions::resolve("ansible.builtin.validate_argument_spec")?;
        let mut args = Map::new();
        args.insert(Key::from("argument_spec"), options);
        args.insert(Key::from("provided_arguments"), Value::Map(Arc::clone(&role.params)));
        let path = role.path.to_string_lossy();
        // A role of a collection goes by its own name here.
        let collected = role.path.components().any(|c| c.as_os_str() == "ansible_collections");
        let short = role.name.rsplit('.').next().filter(|_| collected).unwrap_or(&role.name);
        let context = [("type", "role"), ("name", short), ("argument_spec_name", entry), ("path", &*path)];
        let context = context.into_iter().map(|(key, text)| (Key::from(key), Value::text(text))).collect();
        args.insert(Key::from("validate_args_context"), Value::map(context));
        let mut own = Attrs::default();
        own.set("tags", Value::list(vec![Value::text("always")]));
        let role = Some(Arc::clone(role));
        Some(Node::Task(Arc::new(Task {
            role,
            name: Some(Value::text(name)),
            args: Arc::new(args),
            ..Task::implicit(action, own.child_of(&under.attrs), under, span)
        })))
    }
}

/// A file of a role that was asked for by name and is not there.
fn missing_part(role: &Path, folder: &str, wanted: &str, span: &Span) -> Diagnostic {
    let dir = role.join(folder);
    let stems: Vec<String> = std::fs::read_dir(&dir)
        .map(|entries| {
            let stem = |e: std::fs::DirEntry| e.path().file_stem().map(|s| s.to_string_lossy().into_owned());
            entries.flatten().filter_map(stem).collect()
        })
        .unwrap_or_default();
    let error =
        Diagnostic::error(format!("Could not find specified file in role: {folder}/{wanted}")).at(span);
    match nearest(wanted, stems.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("looked in {}", dir.display())),
    }
}

impl Task {
    /// A task that nobody wrote.
    #[must_use]
    pub fn implicit(action: actions::ActionRef, attrs: Arc<Attrs>, under: &Under, span: &Span) -> Self {
        Self {
            id: Self::next_id(),
            name: None,
            action_written: action.spec.name.to_owned(),
            action_template: None,
            action,
            args: Arc::default(),
            args_template: None,
            attrs,
            inherited: Arc::clone(&under.attrs),
            vars: under.vars.clone(),
            outer_vars: under.vars.len(),
            include_params: under.include_params.clone(),
            loop_: None,
            loop_control: super::task::LoopControl::default(),
            register: None,
            until: Vec::new(),
            retries: None,
            delay: None,
            changed_when: Vec::new(),
            failed_when: Vec::new(),
            async_seconds: None,
            poll: None,
            listen: Vec::new(),
            role: under.role.clone(),
            dir: under.dir.clone(),
            span: span.clone(),
            implicit: true,
            role_chain: under.role_chain.clone(),
        }
    }
}
