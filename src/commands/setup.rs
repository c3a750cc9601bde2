//! What a run of playbooks needs before it begins: secrets, inventory, variables, connections, printer.

use super::extra_vars;
use super::prompt::{KeyPrompt, TerminalPrompt};
use crate::cli::common::{BecomeArgs, ConnectionArgs, InventoryArgs, RunArgs};
use crate::cli::secret_options::SecretArgs;
use crate::config::Config;
use crate::engine::connect::{ConnectDefaults, Pool};
use crate::engine::run::{RunOptions, Shared};
use crate::inventory::{GroupNames, Inventory, LOCALHOST, Mismatch, NOTHING_PARSED, Rules};
use crate::playbook::{Loader, TagFilter};
use crate::report::Event;
use crate::report::event::Reporter;
use crate::report::terminal::{Form, Style, Terminal};
use crate::secrets::{Redactor, SecretOptions, Secrets};
use crate::template::{Asked, Templar, TemplarSettings};
use crate::transport::{HostKeyChecking, Secret, Settings};
use crate::vars::fact_cache::FactCache;
use crate::vars::store::Store;
use crate::vars::{Key, Map, Value};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use windlass_yaml::diagnostic::Diagnostic;

/// What the options of a run are.
pub struct Given<'a> {
    /// Hosts.
    pub inventory: &'a InventoryArgs,
    /// Run.
    pub run: &'a RunArgs,
    /// Connections.
    pub connection: &'a ConnectionArgs,
    /// Become.
    pub become_: &'a BecomeArgs,
    /// Secrets.
    pub secrets: &'a SecretArgs,
    /// Tags to run.
    pub tags: &'a [String],
    /// Tags to skip.
    pub skip_tags: &'a [String],
    /// Folder of the first playbook.
    pub playbook_dir: PathBuf,
    /// The hosts that are meant, where no playbook says so.
    pub pattern: Option<&'a str>,
}

/// Where passwords come from: options go over the configuration.
#[must_use]
pub fn secret_options(args: &SecretArgs, config: &Config) -> SecretOptions {
    let mut options = args.options();
    options.ask |= config.flag("DEFAULT_ASK_VAULT_PASS");
    if options.password_files.is_empty() && options.vault_ids.is_empty() {
        options.password_files.extend(config.path("DEFAULT_VAULT_PASSWORD_FILE"));
    }
    if options.vault_ids.is_empty()
        && let Some(list) = config.given("DEFAULT_VAULT_IDENTITY_LIST")
    {
        options.vault_ids =
            list.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
    }
    options
}

/// Secrets by options and configuration.
///
/// # Errors
/// If a password cannot be had.
pub fn secrets(
    args: &SecretArgs,
    config: &Config,
    redactor: &Arc<Redactor>,
) -> Result<Arc<Secrets>, Box<Diagnostic>> {
    let options = secret_options(args, config);
    Secrets::new(&options, Arc::new(crate::secrets::Terminal), Arc::clone(redactor)).map(Arc::new).map_err(
        |error| {
            let mut diagnostic = Diagnostic::error(error.to_string());
            diagnostic.hint = error.hint();
            Box::new(diagnostic)
        },
    )
}

/// How much is printed: `-v` goes on top of what is configured.
fn verbosity(run: &RunArgs, config: &Config) -> u8 {
    let configured: u8 = config.text("DEFAULT_VERBOSITY").parse().unwrap_or(0);
    configured.saturating_add(run.verbose)
}

/// The printer of a run. `form` goes over the configured one.
#[must_use]
pub fn terminal(
    run: &RunArgs,
    config: &Config,
    redactor: &Arc<Redactor>,
    form: Option<Form>,
) -> Arc<Terminal> {
    let (configured, dump) = super::callbacks::printed(config, verbosity(run, config));
    let tty = std::io::stdout().is_terminal();
    let color = (tty && !config.flag("ANSIBLE_NOCOLOR")) || config.flag("ANSIBLE_FORCE_COLOR");
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |s| usize::from(s.ws_col));
    let style = Style {
        form: form.unwrap_or(configured),
        dump,
        color,
        width: if tty && width > 0 { width.saturating_sub(1) } else { 79 },
        verbosity: verbosity(run, config),
        progress: tty && std::io::stderr().is_terminal(),
        show_skipped: config.flag("DISPLAY_SKIPPED_HOSTS"),
        show_ok: config.flag("DISPLAY_OK_HOSTS"),
        check: config.flag("CHECK_MODE_MARKERS"),
        dry_run: config.flag("CHECK_MODE_MARKERS") && run.check,
        custom_stats: config.flag("SHOW_CUSTOM_STATS"),
        failed_to_stderr: config.flag("DISPLAY_FAILED_STDERR"),
        host_starts: config.flag("SHOW_PER_HOST_START"),
        paths_of_failed: config.flag("SHOW_TASK_PATH_ON_FAILURE"),
        arguments: config.flag("DISPLAY_ARGS_TO_STDOUT"),
    };
    let terminal = Arc::new(Terminal::new(
        style,
        Arc::clone(redactor),
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
    ));
    crate::report::question::drawn_by(&terminal);
    terminal
}

fn password(
    asked: bool,
    file: Option<&Path>,
    question: &str,
    redactor: &Redactor,
) -> Result<Option<Secret>, Box<Diagnostic>> {
    use crate::engine::run::Prompt;
    let text = if asked {
        TerminalPrompt.ask(question, true)
    } else {
        match file {
            None => None,
            Some(path) => {
                let path = PathBuf::from(crate::engine::connect::expand_home(&path.to_string_lossy()));
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    let reason = crate::playbook::problems::reason_of(&error);
                    let text = format!("cannot read the password file {}: {reason}", path.display());
                    let error = Diagnostic::error(text);
                    Box::new(match crate::playbook::problems::near_file(&path) {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error,
                    })
                })?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    };
    Ok(text.map(|t| {
        redactor.add(&t);
        Secret::new(t)
    }))
}

fn connections(
    given: &Given<'_>,
    config: &Config,
    redactor: &Redactor,
) -> Result<ConnectDefaults, Box<Diagnostic>> {
    let (c, b) = (given.connection, given.become_);
    let conn_file = c.connection_password_file.clone().or_else(|| config.path("CONNECTION_PASSWORD_FILE"));
    let become_file = b.become_password_file.clone().or_else(|| config.path("BECOME_PASSWORD_FILE"));
    let login = password(
        c.ask_pass || config.flag("DEFAULT_ASK_PASS"),
        conn_file.as_deref(),
        "SSH password: ",
        redactor,
    )?;
    let ask = b.ask_become_pass || config.flag("DEFAULT_BECOME_ASK_PASS");
    let question =
        if login.is_some() { "BECOME password[defaults to SSH password]: " } else { "BECOME password: " };
    let mut become_password = password(ask, become_file.as_deref(), question, redactor)?;
    if ask && become_password.as_ref().is_some_and(|p| p.expose().is_empty()) {
        become_password.clone_from(&login);
    }
    let checking = match config.text("HOST_KEY_CHECKING").as_str() {
        "accept-new" => Some(HostKeyChecking::AcceptNew),
        // Unset leaves it to ssh_config.
        _ if config.origin("HOST_KEY_CHECKING") == "default" => None,
        _ if config.flag("HOST_KEY_CHECKING") => None,
        _ => Some(HostKeyChecking::Off),
    };
    Ok(ConnectDefaults {
        connection: c
            .connection
            .clone()
            .or_else(|| config.given("DEFAULT_TRANSPORT"))
            .filter(|t| t != "smart"),
        user: c.user.clone().or_else(|| config.given("DEFAULT_REMOTE_USER")),
        password: login,
        key_file: c.private_key.clone().or_else(|| config.path("DEFAULT_PRIVATE_KEY_FILE")),
        timeout: c.timeout.or_else(|| config.text("DEFAULT_TIMEOUT").parse().ok()),
        ssh_args: config.given("ANSIBLE_SSH_ARGS"),
        common_args: c.ssh_common_args.clone().or_else(|| config.given("ANSIBLE_SSH_COMMON_ARGS")),
        extra_args: c.ssh_extra_args.clone().or_else(|| config.given("ANSIBLE_SSH_EXTRA_ARGS")),
        host_key_checking: checking,
        port: config.given("DEFAULT_REMOTE_PORT").and_then(|p| p.parse().ok()),
        become_: b.become_ || config.flag("DEFAULT_BECOME"),
        become_method: b.become_method.clone().or_else(|| config.given("DEFAULT_BECOME_METHOD")),
        become_user: b.become_user.clone().or_else(|| config.given("DEFAULT_BECOME_USER")),
        become_password,
        become_flags: config.given("DEFAULT_BECOME_FLAGS"),
        become_exe: config.given("DEFAULT_BECOME_EXE"),
        become_same_user: config.flag("BECOME_ALLOW_SAME_USER"),
    })
}

/// The inventory's sources: as given, or as configured.
#[must_use]
pub fn sources(given: &[String], config: &Config) -> Vec<String> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let Some(list) = config.given("DEFAULT_HOST_LIST") else {
        let default = Path::new("/etc/ansible/hosts");
        return if default.exists() { vec![default.to_string_lossy().into_owned()] } else { Vec::new() };
    };
    // Relative names in the file are beside it.
    let from_file = config.origin("DEFAULT_HOST_LIST").starts_with('/');
    let base = config.file.as_ref().and_then(|f| f.parent()).filter(|_| from_file);
    let place = |source: &str| {
        let path = PathBuf::from(crate::engine::connect::expand_home(source));
        let path = match base {
            Some(dir) if path.is_relative() => dir.join(path),
            _ => path,
        };
        path.to_string_lossy().into_owned()
    };
    list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(place).collect()
}

/// Why a run cannot begin.
#[derive(Debug)]
pub struct Refusal {
    /// What is wrong.
    pub diagnostic: Box<Diagnostic>,
    /// The exit code.
    pub code: u8,
}

impl Refusal {
    fn new(diagnostic: Diagnostic, code: u8) -> Self {
        Self { diagnostic: Box::new(diagnostic), code }
    }
}

/// What is said where a limit leaves no hosts.
pub(super) const NO_HOSTS_LEFT: &str =
    "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.";
/// What is said where the inventory has no hosts.
const NO_HOSTS: &str = "provided hosts list is empty, only localhost is available. Note that the implicit localhost does not match 'all'";

/// A limit that leaves no host of the inventory is a mistake.
fn check_limit(inventory: &Inventory, limit: &str, reporter: &dyn Reporter) -> Result<(), Refusal> {
    let found = inventory.match_pattern("all", Some(limit));
    for warning in inventory.take_warnings() {
        reporter.event(Event::Diagnostic(Box::new(warning)));
    }
    let left = found.map_err(|e| Refusal::new(e.to_diagnostic(), 1))?;
    let any = inventory.match_pattern("all", None).is_ok_and(|all| !all.is_empty());
    if left.is_empty() && any {
        let error = Diagnostic::error(NO_HOSTS_LEFT);
        return Err(Refusal::new(
            error.hint("`--list-hosts` without the limit shows which hosts there are"),
            1,
        ));
    }
    Ok(())
}

/// How inventories are read.
///
/// # Errors
/// If the configuration has another word than one of those for it.
pub fn rules(config: &Config, extra_vars: &Arc<Map>) -> Result<Rules, Diagnostic> {
    let wrong = |name: &str, words: &str| {
        let text = format!("{name} is '{}', and has to be one of {words}", config.text(name));
        Diagnostic::error(text).hint(format!("it is set by {}", config.origin(name)))
    };
    let group_names = GroupNames::named(&config.text("TRANSFORM_INVALID_GROUP_CHARS"))
        .ok_or_else(|| wrong("TRANSFORM_INVALID_GROUP_CHARS", "always, never, ignore, silently"))?;
    let mismatch = Mismatch::named(&config.text("HOST_PATTERN_MISMATCH"))
        .ok_or_else(|| wrong("HOST_PATTERN_MISMATCH", "warning, error, ignore"))?;
    let merge = match config.text("DEFAULT_HASH_BEHAVIOUR").as_str() {
        "merge" => true,
        "replace" => false,
        _ => return Err(wrong("DEFAULT_HASH_BEHAVIOUR", "replace, merge")),
    };
    let list = |name: &str| -> Vec<String> {
        let text = config.text(name);
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    };
    let ignored = list("INVENTORY_IGNORE_PATTERNS").into_iter().map(|expression| {
        fancy_regex::Regex::new(&expression).map_err(|error| {
            let text =
                format!("'{expression}' of INVENTORY_IGNORE_PATTERNS is no regular expression: {error}");
            Diagnostic::error(text.replace('\n', " "))
        })
    });
    let short = |name: String| name.strip_prefix("ansible.builtin.").map_or(name.clone(), str::to_owned);
    Ok(Rules {
        group_names,
        enabled: list("INVENTORY_ENABLED").into_iter().map(short).collect(),
        ignored_ends: list("INVENTORY_IGNORE_EXTS"),
        ignored: ignored.collect::<Result<_, _>>()?,
        one_must_parse: config.flag("INVENTORY_UNPARSED_IS_FAILED"),
        all_must_parse: config.flag("INVENTORY_ANY_UNPARSED_IS_FAILED"),
        warn_unparsed: config.flag("INVENTORY_UNPARSED_WARNING"),
        mismatch,
        use_extra_vars: config.flag("INVENTORY_USE_EXTRA_VARS"),
        extra_vars: Arc::clone(extra_vars),
        merge,
        script_stderr: config.flag("INVENTORY_PLUGIN_SCRIPT_STDERR"),
        facts_apart: !config.flag("INJECT_FACTS_AS_VARS"),
    })
}

/// Where facts are kept between runs. A cache that cannot be had is no reason not to run.
fn fact_cache(config: &Config, reporter: &dyn Reporter) -> Option<FactCache> {
    let warn = |text: String, hint: &str| {
        reporter.event(Event::Diagnostic(Box::new(Diagnostic::warning(text).hint(hint))));
        None
    };
    let kind = config.text("CACHE_PLUGIN");
    match kind.trim_start_matches("ansible.builtin.") {
        "memory" | "" => return None,
        "jsonfile" => {}
        _ => {
            let text = format!("there is no fact cache '{kind}': facts last as long as this run");
            return warn(text, "there are `memory` and `jsonfile`");
        }
    }
    let Some(folder) = config.path("CACHE_PLUGIN_CONNECTION") else {
        let text =
            "error, 'jsonfile' cache plugin requires the 'fact_caching_connection' config option to be set";
        return warn(
            text.to_owned(),
            "it is the folder of the files of facts; without it they last as long as this run",
        );
    };
    let seconds = config.text("CACHE_PLUGIN_TIMEOUT").trim().parse().unwrap_or(86_400);
    match FactCache::new(&folder, &config.text("CACHE_PLUGIN_PREFIX"), seconds) {
        Ok(cache) => Some(cache),
        Err(error) => {
            let text = format!("the folder of the fact cache, {}, cannot be made: {error}", folder.display());
            warn(text, "facts last as long as this run")
        }
    }
}

/// Everything that tasks of a run share.
///
/// # Errors
/// What is wrong with the options, the secrets or the inventory.
pub fn shared(
    given: &Given<'_>,
    config: &Config,
    terminal: &Arc<Terminal>,
    redactor: &Arc<Redactor>,
) -> Result<Arc<Shared>, Refusal> {
    let one = |d: Box<Diagnostic>| Refusal::new(*d, 1);
    let reporter: Arc<dyn Reporter> = Arc::clone(terminal) as Arc<dyn Reporter>;
    let secrets = secrets(given.secrets, config, redactor).map_err(one)?;
    let extra = extra_vars::parse(&given.run.extra_vars, &secrets)
        .map_err(|e| Refusal::new(*e.diagnostic, e.code))?;
    let extra = Arc::new(extra);
    let sources = sources(&given.inventory.inventory, config);
    let limit = given.inventory.limit.clone();
    let here = std::env::current_dir().unwrap_or_default();
    let rules = rules(config, &extra).map_err(|problem| Refusal::new(problem, 5))?;
    let (inventory, warnings) = Inventory::load_by(rules.clone(), &sources, &here, &secrets)
        .map_err(|e| Refusal::new(e.to_diagnostic(), 1))?;
    warnings.into_iter().for_each(|w| reporter.event(Event::Diagnostic(Box::new(w))));
    if sources.iter().all(String::is_empty) && rules.warn_unparsed {
        reporter.event(Event::Diagnostic(Box::new(
            Diagnostic::warning(NOTHING_PARSED)
                .hint("name an inventory with -i, or in ansible.cfg: `inventory = hosts`"),
        )));
    }
    let local = given.pattern.is_some_and(|pattern| LOCALHOST.contains(&pattern));
    if inventory.hosts.is_empty() && !local && config.flag("LOCALHOST_WARNING") {
        reporter.event(Event::Diagnostic(Box::new(Diagnostic::warning(NO_HOSTS))));
    }
    if let Some(limit) = limit.as_ref().filter(|_| given.pattern.is_none()) {
        check_limit(&inventory, limit, reporter.as_ref())?;
    }
    let connect = connections(given, config, redactor).map_err(one)?;
    let tags = |given: &[String], name: &str| {
        if given.is_empty() { config.given(name).into_iter().collect() } else { given.to_vec() }
    };
    let forks = given.run.forks.or_else(|| config.text("DEFAULT_FORKS").parse().ok()).unwrap_or(5);
    if forks == 0 {
        return Err(Refusal::new(Diagnostic::error("The number of processes (--forks) must be >= 1"), 2));
    }
    let options = RunOptions {
        forks,
        check: given.run.check,
        diff: given.run.diff || config.flag("DIFF_ALWAYS"),
        verbosity: verbosity(given.run, config),
        watched: std::io::stdout().is_terminal(),
        tags: TagFilter::new(&tags(given.tags, "TAGS_RUN"), &tags(given.skip_tags, "TAGS_SKIP")),
        limit,
        start_at: None,
        step: false,
        force_handlers: config.flag("DEFAULT_FORCE_HANDLERS"),
        flush_cache: given.inventory.flush_cache,
        error_on_missing_handler: config.flag("ERROR_ON_MISSING_HANDLER"),
        any_errors_fatal: config.flag("ANY_ERRORS_FATAL"),
        gather_by_default: config.text("DEFAULT_GATHERING") != "explicit",
        gather_once: config.text("DEFAULT_GATHERING") == "smart",
        no_log: config.flag("DEFAULT_NO_LOG"),
        task_timeout: config.text("TASK_TIMEOUT").parse().unwrap_or(0),
        strategy: crate::playbook::Strategy::parse(&config.text("DEFAULT_STRATEGY")).unwrap_or_default(),
        poll_interval: config.text("DEFAULT_POLL_INTERVAL").parse().unwrap_or(15),
        async_folder: config.text("ASYNC_DIR"),
        debugger: config.flag("ENABLE_TASK_DEBUGGER"),
        debugger_passes_ignored: config.flag("TASK_DEBUGGER_IGNORE_ERRORS"),
        connect,
    };
    let holder: Arc<std::sync::OnceLock<Weak<Store>>> = Arc::default();
    let for_lookup = Arc::clone(&holder);
    let of_lookup = config.clone();
    let known = Arc::clone(redactor);
    let for_warnings = Arc::clone(&reporter);
    let settings = TemplarSettings {
        config: Some(Arc::new(move |asked: &Asked<'_>| crate::config::lookup::find(&of_lookup, asked))),
        allow_broken_conditionals: config.flag("ALLOW_BROKEN_CONDITIONALS"),
        vault: Some(Arc::clone(&secrets) as Arc<dyn crate::template::Vault>),
        warn: Some(Arc::new(move |text| for_warnings.event(Event::Warning(text)))),
        warn_untrusted: std::env::var_os("_ANSIBLE_TEMPLAR_UNTRUSTED_TEMPLATE_BEHAVIOR")
            .is_some_and(|behaviour| behaviour == "warning"),
        learn: Some(Arc::new(move |secret: &str| known.add(secret))),
        managed: config.text("DEFAULT_MANAGED_STR"),
        hostnames: Some(Arc::new(move |pattern: &str| {
            let Some(store) = for_lookup.get().and_then(Weak::upgrade) else { return Ok(Vec::new()) };
            let inventory = store.inventory();
            inventory.match_pattern(pattern, None)
        })),
        ..TemplarSettings::default()
    };
    let templar = Arc::new(Templar::new(settings));
    let magic = Arc::new(magic(&options, config, &sources));
    let again = (rules, sources.clone(), here, Arc::clone(&secrets));
    let reload = Box::new(move || {
        let (rules, sources, here, secrets) = &again;
        Inventory::load_by(rules.clone(), sources, here, secrets).map(|(inventory, _)| inventory)
    });
    let store = Store::new(
        inventory,
        Arc::clone(&extra),
        magic,
        Arc::clone(&templar),
        given.playbook_dir.clone(),
        Some(reload),
    );
    if let Some(cache) = fact_cache(config, reporter.as_ref()) {
        store.keep_facts(cache);
    }
    if options.flush_cache {
        store.flush_cache();
    }
    let _ = holder.set(Arc::downgrade(&store));
    let mut loader = Loader::new(Arc::clone(&secrets), Arc::clone(&templar), extra);
    loader.roles_path = config.paths("DEFAULT_ROLES_PATH");
    loader.collections_path = config.paths("COLLECTIONS_PATHS");
    loader.add_library(given.playbook_dir.join("library"));
    config.paths("DEFAULT_MODULE_PATH").into_iter().for_each(|folder| loader.add_library(folder));
    let warn = Arc::clone(&reporter);
    let settings = Settings {
        warn: Some(crate::transport::Warn(Arc::new(move |text| warn.event(Event::Warning(text))))),
        trace: (options.verbosity > 2).then(|| {
            let terminal = Arc::clone(&reporter);
            crate::transport::Warn(Arc::new(move |text| terminal.event(Event::Detail(3, text))))
        }),
        prompter: Some(Arc::new(KeyPrompt { redactor: Arc::clone(redactor) })),
        ..Settings::default()
    };
    Ok(Arc::new(Shared {
        store,
        loader: Arc::new(loader),
        templar,
        pool: Arc::new(Pool::new(Arc::new(settings))),
        reporter,
        options,
        prompt: Arc::new(TerminalPrompt),
        redactor: Arc::clone(redactor),
        custom_stats: std::sync::Mutex::default(),
        playbook_dir: given.playbook_dir.clone(),
    }))
}

/// The Python of this machine, if it has one, for playbooks that run it themselves.
fn python() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join("python3")).find(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from("/usr/bin/python3"))
}

/// Magic variables that hold for a whole run.
fn magic(options: &RunOptions, config: &Config, sources: &[String]) -> Map {
    let texts = |names: &mut dyn Iterator<Item = String>| Value::list(names.map(Value::from).collect());
    let mut version = Map::new();
    version.insert(Key::from("full"), Value::text(crate::ANSIBLE_VERSION));
    version.insert(Key::from("string"), Value::text(crate::ANSIBLE_VERSION));
    version.insert(Key::from("major"), Value::Int(2));
    version.insert(Key::from("minor"), Value::Int(19));
    version.insert(Key::from("revision"), Value::Int(14));
    let absolute = |s: &String| match std::fs::canonicalize(s) {
        Ok(path) if !s.contains(',') => path.to_string_lossy().into_owned(),
        _ => s.clone(),
    };
    [
        ("ansible_check_mode", Value::Bool(options.check)),
        ("ansible_diff_mode", Value::Bool(options.diff)),
        ("ansible_forks", Value::Int(options.forks as i64)),
        ("ansible_verbosity", Value::Int(i64::from(options.verbosity))),
        ("ansible_version", Value::map(version)),
        ("windlass_version", Value::text(env!("CARGO_PKG_VERSION"))),
        ("ansible_run_tags", texts(&mut options.tags.only.iter().cloned())),
        ("ansible_skip_tags", texts(&mut options.tags.skip.iter().cloned())),
        ("ansible_inventory_sources", texts(&mut sources.iter().map(absolute))),
        ("ansible_limit", options.limit.as_deref().map_or(Value::Null, Value::text)),
        (
            "ansible_config_file",
            config.file.as_ref().map_or(Value::Null, |f| Value::text(f.to_string_lossy())),
        ),
        ("ansible_playbook_python", Value::text(python().to_string_lossy())),
        ("environment", Value::list(Vec::new())),
    ]
    .into_iter()
    .filter(|(k, v)| *k != "ansible_limit" || !matches!(v, Value::Null))
    .map(|(k, v)| (Key::from(k), v))
    .collect()
}

/// What `windlass inventory` needs.
///
/// # Errors
/// What is wrong with the secrets or the extra variables.
pub fn inventory(
    args: &crate::cli::inventory::InventoryArgs,
    config: &Config,
    console: &super::Console<'_>,
) -> Result<super::inventory::Given, Box<Diagnostic>> {
    let secrets = secrets(&args.secrets, config, &console.redactor)?;
    let extra_vars = Arc::new(extra_vars::parse(&args.extra_vars, &secrets).map_err(|e| e.diagnostic)?);
    let rules = rules(config, &extra_vars).map_err(Box::new)?;
    let export = config.flag("INVENTORY_EXPORT");
    Ok(super::inventory::Given {
        secrets,
        sources: sources(&args.inventory, config),
        extra_vars,
        export,
        playbook_dir: args.playbook_dir.clone().or_else(|| config.path("PLAYBOOK_DIR")),
        rules,
    })
}
