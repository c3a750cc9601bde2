//! The parts of modules that run on the controller, and the names under which playbooks call modules.
//!
//! [`resolve`] turns a name into an [`ActionRef`]. What runs only on the target has [`Kind::Agent`]; the others are
//! dispatched by the engine's task executor to one file here each.

mod argument_spec;
mod argument_types;
mod assert;
mod async_status;
mod content;
mod copy;
mod copy_tree;
mod debug;
mod facts;
mod fetch;
mod include;
mod include_vars;
mod inventory;
mod lacking;
pub mod library;
mod pause;
pub mod proxmox;
mod script;
mod set;
pub mod specs;
pub mod synchronize;
mod template;
mod uri;
mod validate;

use crate::engine::delegate::Remote;
use crate::engine::exec::Exec;
use crate::engine::keywords::Keywords;
use crate::engine::result::TaskOutcome;
use crate::vars::scope::Layers;
use crate::vars::{Key, Map, Value};
use std::collections::HashMap;
use std::sync::OnceLock;
use windlass_protocol::ModuleSpec;
use windlass_protocol::spec::ArgKind;

/// What a task calls.
#[derive(Debug, Clone, Copy)]
pub struct ActionRef {
    /// Its description.
    pub spec: &'static ModuleSpec,
    /// Where it runs.
    pub kind: Kind,
}

impl ActionRef {
    /// Whether a free-form text is a command (quotes kept, only some `k=v` taken out).
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(
            self.spec.name,
            "ansible.builtin.command"
                | "ansible.builtin.shell"
                | "ansible.builtin.script"
                | "ansible.builtin.raw"
        )
    }
    /// Whether this is the action of that canonical name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.spec.name == name
    }
}

/// Where an action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On the target alone.
    Agent,
    /// On the controller, with or without requests to the target.
    Controller,
    /// Resolved when the playbook is read.
    ImportTasks,
    /// Resolved when the playbook is read.
    ImportRole,
    /// Resolved while the play runs.
    IncludeTasks,
    /// Resolved while the play runs.
    IncludeRole,
    /// An instruction to the engine.
    Meta,
    /// Ansible has it and Windlass does not: it fails when it runs.
    Lacking,
    /// A template names it when the task runs.
    ByTemplate,
    /// A program of a folder `library`, which is sent to the target.
    Own(&'static std::path::Path),
}

/// Names of modules that are the same thing under another name.
const SYNONYMS: &[(&str, &str)] = &[("ansible.builtin.systemd_service", "ansible.builtin.systemd")];

fn table() -> &'static HashMap<String, ActionRef> {
    static TABLE: OnceLock<HashMap<String, ActionRef>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = HashMap::new();
        let agent =
            windlass_agent::registry::MODULES.iter().map(|e| ActionRef { spec: e.spec, kind: Kind::Agent });
        // What the controller has goes over what the agent has: `copy` is both.
        for action in lacking::all().chain(agent).chain(specs::all()).chain(proxmox::specs::all()) {
            let spec = action.spec;
            // Called by other names.
            if spec.name.starts_with("windlass.") {
                continue;
            }
            for name in std::iter::once(&spec.name).chain(spec.aliases) {
                table.insert((*name).to_owned(), action);
                let short = name.rsplit('.').next().unwrap_or(name);
                table.insert(short.to_owned(), action);
                if name.starts_with("ansible.builtin.") {
                    table.insert(format!("ansible.legacy.{short}"), action);
                }
            }
        }
        for (name, same) in SYNONYMS {
            if let Some(action) = table.get(*same).copied()
                && !table.contains_key(*name)
            {
                table.insert((*name).to_owned(), action);
                table.insert(name.rsplit('.').next().unwrap_or(name).to_owned(), action);
            }
        }
        table
    })
}

/// The action of a name: short, or with its collection.
#[must_use]
pub fn resolve(name: &str) -> Option<ActionRef> {
    table().get(name).copied()
}

/// What stands for an action while its template is not rendered yet.
#[must_use]
pub fn by_template() -> ActionRef {
    ActionRef { spec: &lacking::BY_TEMPLATE, kind: Kind::ByTemplate }
}

/// Whether a group of `module_defaults` is known without its collection, and what modules it has.
#[must_use]
pub fn built_in_group(group: &str) -> Option<fn(&str) -> bool> {
    matches!(group, "community.proxmox.proxmox" | "community.general.proxmox")
        .then_some(proxmox::is_one as fn(&str) -> bool)
}

/// Whether an argument of a module is a secret. Of a group (`group/NAME`) those are that are one of any module.
#[must_use]
pub fn is_secret(module: &str, argument: &str) -> bool {
    let secret = |spec: &ModuleSpec| spec.field(argument).is_some_and(|field| field.no_log);
    if module.starts_with("group/") {
        return table().values().any(|action| secret(action.spec));
    }
    resolve(module).is_some_and(|action| secret(action.spec))
}

/// Every name that [`resolve`] knows and Windlass can run.
#[must_use]
pub fn all_names() -> Vec<String> {
    table().iter().filter(|(_, action)| action.kind != Kind::Lacking).map(|(name, _)| name.clone()).collect()
}

/// What an action gets to work with.
pub struct Cx<'a> {
    /// The task and what the run shares.
    pub exec: &'a Exec,
    /// Where it works.
    pub remote: &'a Remote<'a>,
    /// Variables in sight.
    pub layers: &'a Layers,
    /// Keywords in effect.
    pub keywords: &'a Keywords,
    /// Rendered arguments.
    pub args: Map,
}

impl Cx<'_> {
    /// An argument as text, empty counted as not given.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.args.get(name).and_then(crate::vars::value::scalar_text).filter(|t| !t.is_empty())
    }
    /// An argument as a boolean.
    #[must_use]
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.args.get(name).and_then(crate::engine::loops::truthy).unwrap_or(default)
    }
    /// The template context at this task.
    #[must_use]
    pub fn templates(&self) -> crate::template::TemplateContext<'_> {
        self.exec.cx(self.layers)
    }
}

/// Arguments that an action renders itself, as conditions or expressions.
#[must_use]
pub fn renders_itself(action: &ActionRef) -> &'static [&'static str] {
    match action.spec.name {
        "ansible.builtin.assert" => &["that"],
        "ansible.builtin.include_tasks" | "ansible.builtin.include_role" => &["apply"],
        "ansible.builtin.validate_argument_spec" => &["argument_spec"],
        _ => &[],
    }
}

/// Runs an action.
pub async fn dispatch(
    exec: &Exec,
    remote: &Remote<'_>,
    layers: &Layers,
    keywords: &Keywords,
    args: Map,
) -> TaskOutcome {
    let action = exec.task.action;
    if action.kind == Kind::Agent && !action.is("ansible.builtin.async_status") {
        return remote.module(action.spec, &args).await;
    }
    if action.kind == Kind::Lacking {
        let mut out = TaskOutcome::failure(format!("Windlass has no module {}", action.spec.name));
        out.hint = Some("`windlass doc --list` names the modules that it has".to_owned());
        return out;
    }
    let mut cx = Cx { exec, remote, layers, keywords, args };
    if let Kind::Own(path) = action.kind {
        return library::run(&cx, path).await;
    }
    match check_own(&cx) {
        Ok(numbers) => cx.args.extend(numbers),
        Err(wrong) => return *wrong,
    }
    match action.spec.name {
        "ansible.builtin.debug" => debug::run(&cx),
        "ansible.builtin.async_status" => async_status::run(&cx).await,
        "ansible.builtin.fail" => {
            let mut out = TaskOutcome::failure("Failed as requested from task");
            if let Some(msg) = cx.args.get("msg") {
                out.set("msg", msg.clone());
            }
            out
        }
        "ansible.builtin.assert" => assert::run(&cx),
        "ansible.builtin.set_fact" => set::fact(&cx),
        "ansible.builtin.set_stats" => set::stats(&cx),
        "ansible.builtin.include_vars" => include_vars::run(&cx),
        "ansible.builtin.add_host" => inventory::add_host(&cx),
        "ansible.builtin.group_by" => inventory::group_by(&cx),
        "ansible.builtin.pause" => pause::run(&cx).await,
        "ansible.builtin.validate_argument_spec" => validate::run(&cx),
        "ansible.builtin.template" => template::run(&cx).await,
        "ansible.builtin.copy" => copy::run(&cx).await,
        "ansible.builtin.fetch" => fetch::run(&cx).await,
        "ansible.builtin.script" => script::run(&cx).await,
        "ansible.builtin.raw" => script::raw(&cx).await,
        "ansible.posix.synchronize" => synchronize::task(&cx).await,
        "ansible.builtin.unarchive" => copy::unarchive(&cx).await,
        "ansible.builtin.uri" => uri::run(&cx).await,
        "ansible.builtin.assemble" => copy::assemble(&cx).await,
        "ansible.builtin.gather_facts" => facts::gather(&cx).await,
        "ansible.builtin.service" => facts::service(&cx).await,
        "ansible.builtin.package" => facts::package(&cx).await,
        "ansible.builtin.include_tasks" => include::tasks(&cx),
        "ansible.builtin.include_role" => include::role(&cx),
        name if proxmox::is_one(name) => proxmox::run(&cx).await,
        _ => remote.module(action.spec, &cx.args).await,
    }
}

/// Whether the arguments of an action are checked as a whole on the controller.
#[must_use]
pub fn is_checked(name: &str) -> bool {
    if proxmox::is_one(name) {
        return true;
    }
    matches!(
        name,
        "ansible.builtin.debug"
            | "ansible.builtin.fail"
            | "ansible.builtin.assert"
            | "ansible.builtin.template"
            | "ansible.builtin.add_host"
            | "ansible.builtin.group_by"
            | "ansible.builtin.pause"
            | "ansible.builtin.set_stats"
    )
}

/// Checks the arguments of an action that is not checked by the target's side, and gives its numbers and booleans as such
/// however they were written. Other values keep their marks, which a conversion would lose.
fn check_own(cx: &Cx<'_>) -> Result<Map, Box<TaskOutcome>> {
    let spec = cx.exec.task.action.spec;
    if !is_checked(spec.name) {
        return Ok(Map::new());
    }
    let given: Map = cx
        .args
        .iter()
        .filter(|(k, _)| spec.free_form.is_none() || k.as_str() != Some("_raw_params"))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let checked = crate::engine::delegate::check(spec, &given)?;
    let is_plain = |name: &str| {
        spec.field(name).is_some_and(|f| matches!(f.kind, ArgKind::Int | ArgKind::Float | ArgKind::Bool))
    };
    Ok(checked
        .into_iter()
        .filter(|(name, _)| is_plain(name) && given.contains_key(name.as_str()))
        .map(|(name, value)| (Key::from(name), Value::from(value)))
        .collect())
}

/// A file of the controller that is not there: the failure points at the argument and names a file that may be meant.
fn missing(cx: &Cx<'_>, kind: &str, name: &str, text: String) -> TaskOutcome {
    let mut out = TaskOutcome::failure(text);
    let near =
        cx.exec.search.candidates(kind, name).iter().find_map(|p| crate::playbook::problems::near_file(p));
    out.hint = Some(match near {
        Some(near) => {
            format!("did you mean `{}`?", std::path::Path::new(name).with_file_name(near).display())
        }
        None => format!("put it into `{kind}/` beside the playbook or in the role, or write its whole path"),
    });
    out.argument = ["src", "_raw_params", "file", "cmd"]
        .into_iter()
        .find(|a| cx.args.contains_key(*a))
        .map(str::to_owned);
    out
}

/// A file of the controller that is in none of the places where it is looked for.
fn not_found(cx: &Cx<'_>, folder: &str, name: &str) -> TaskOutcome {
    let places = cx.exec.search.candidates(folder, name);
    let places: String = places.iter().map(|p| format!("\n\t{}", p.display())).collect();
    let text = format!(
        "Could not find or access '{name}'\nSearched in:{places} on the Ansible Controller.\nIf you are using a module and \
         expect the file to exist on the remote, see the remote_src option"
    );
    missing(cx, folder, name, text)
}

/// A rendered value as a list of texts: a list, or a text with commas.
#[must_use]
pub fn text_list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items)) => items.iter().filter_map(crate::vars::value::scalar_text).collect(),
        Some(Value::Str(text)) => {
            text.as_str().split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
        }
        Some(other) => crate::vars::value::scalar_text(other).into_iter().collect(),
        None => Vec::new(),
    }
}
