//! `find`: files by name, age, size, content and mode.

use super::stat::facts_of;
use crate::paths::{checksum, parse_mode};
use crate::system::{Meta, Observe};
use crate::text::pattern::{compile, is_match};
use crate::text::{Fnmatch, decode, other_encoding};
use crate::{Context, Module, ModuleError, Plan};
use fancy_regex::Regex;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use windlass_protocol::modules::find::{FindArgs, FindStamp, FindType};
use windlass_protocol::{FileKind, Json, JsonMap};

/// The module.
pub struct Find;

impl Module for Find {
    type Args = FindArgs;

    fn plan(args: &FindArgs, _cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        if let Some(limit) = args.limit.filter(|limit| *limit <= 0) {
            return Err(ModuleError::new(format!("limit cannot be {limit} (use None for unlimited)")));
        }
        let mut search = Search::new(args, sys)?;
        let mut plan = Plan::default();
        if args.contains.is_some() {
            plan.warnings.extend(args.encoding.as_deref().and_then(other_encoding));
        }
        let mut skipped = JsonMap::new();
        for path in &args.paths {
            let top = crate::paths::tidy(path);
            let meta =
                sys.stat(Path::new(&top)).ok().flatten().filter(|meta| meta.kind == FileKind::Directory);
            search.way = meta.iter().map(|meta| (meta.dev, meta.ino)).collect();
            if meta.is_none() {
                let why = format!("'{top}' is not a directory");
                plan.warnings.push(format!("Skipped '{top}' path due to this access issue: {why}\n"));
                skipped.insert(top, why.into());
                continue;
            }
            search.folder(&top, 1, &mut skipped)?;
        }
        let hit_limit = search.is_full();
        let msg = if !skipped.is_empty() {
            "Not all paths examined, check warnings for details"
        } else if hit_limit {
            "Limit of matches reached"
        } else {
            "All paths examined"
        };
        plan.msg = Some(msg.into());
        plan.set("examined", search.examined);
        plan.set("matched", search.found.len());
        plan.set("files", search.found);
        plan.set("skipped_paths", Json::Object(skipped));
        Ok(plan)
    }
}

/// `2d`, `-10k`: a number and what a unit multiplies it by.
fn measure(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    let number: i64 = text[..split].parse().ok()?;
    let unit = text[split..].to_ascii_lowercase();
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    number.checked_mul(factor)
}

const TIMES: [(&str, i64); 6] = [("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
const SIZES: [(&str, i64); 6] =
    [("", 1), ("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)];

/// Names to find or to leave out.
enum Name {
    Wild(Fnmatch),
    Regex(Regex),
}

impl Name {
    fn new(text: &str, is_regex: bool) -> Result<Self, ModuleError> {
        if is_regex {
            // Python's `match` looks at the beginning only.
            return Ok(Self::Regex(compile(&format!("\\A(?:{text})"), "")?));
        }
        Ok(Self::Wild(Fnmatch::new(text)))
    }

    fn fits(&self, name: &str) -> Result<bool, ModuleError> {
        match self {
            Self::Wild(pattern) => Ok(pattern.matches(name)),
            Self::Regex(regex) => is_match(regex, name),
        }
    }

    fn any_fits(list: &[Self], name: &str) -> Result<bool, ModuleError> {
        for pattern in list {
            if pattern.fits(name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

struct Search<'a> {
    args: &'a FindArgs,
    sys: &'a dyn Observe,
    wanted: Vec<Name>,
    unwanted: Vec<Name>,
    contains: Option<Regex>,
    age: Option<i64>,
    size: Option<i64>,
    now: f64,
    umask: u32,
    examined: usize,
    found: Vec<Json>,
    /// Folders on the way down, against loops of links.
    way: Vec<(u64, u64)>,
}

impl<'a> Search<'a> {
    fn new(args: &'a FindArgs, sys: &'a dyn Observe) -> Result<Self, ModuleError> {
        let number = |text: &Option<String>, units, what: &str| {
            let Some(text) = text else { return Ok(None) };
            let bad = || ModuleError::new(format!("failed to process {what}")).with(what, text.as_str());
            measure(text, units).map(Some).ok_or_else(bad)
        };
        let names = |list: &[String]| {
            list.iter().map(|text| Name::new(text, args.use_regex)).collect::<Result<Vec<_>, _>>()
        };
        let anchor = if args.read_whole_file { "" } else { "\\A" };
        let contains =
            args.contains.as_deref().map(|text| compile(&format!("{anchor}(?:{text})"), "")).transpose()?;
        let now = sys.now();
        Ok(Self {
            args,
            sys,
            wanted: names(&args.patterns)?,
            unwanted: names(args.excludes.as_deref().unwrap_or_default())?,
            contains,
            age: number(&args.age, &TIMES, "age")?,
            size: number(&args.size, &SIZES, "size")?,
            now: now.0 as f64 + f64::from(now.1) / 1e9,
            umask: sys.umask(),
            examined: 0,
            found: Vec::new(),
            way: Vec::new(),
        })
    }

    fn is_full(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.found.len() as i64 >= limit)
    }

    fn folder(&mut self, folder: &str, depth: i64, skipped: &mut JsonMap) -> Result<(), ModuleError> {
        if self.is_full() {
            return Ok(());
        }
        let names = match self.sys.read_dir(Path::new(folder)) {
            Ok(names) => names,
            Err(error) => {
                skipped.insert(folder.to_owned(), error.to_string().into());
                return Ok(());
            }
        };
        self.examined += names.len();
        if self.args.depth.is_some_and(|deepest| depth > deepest) {
            return Ok(());
        }
        let mut folders = Vec::new();
        for name in &names {
            let path = if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") };
            let at = Path::new(&path);
            let Ok(Some(meta)) = self.sys.lstat(at) else { continue };
            let behind = match meta.kind {
                FileKind::Link if self.args.follow => self.sys.stat(at).ok().flatten(),
                _ => None,
            };
            let shown = behind.as_ref().unwrap_or(&meta);
            if shown.kind == FileKind::Directory && (meta.kind == FileKind::Directory || self.args.follow) {
                folders.push((path.clone(), (shown.dev, shown.ino)));
            }
            if name.starts_with('.') && !self.args.hidden {
                continue;
            }
            // A link is told as a link, also where it is followed.
            if !self.is_full() && self.fits(name, &path, &meta)? {
                self.add(&path, &meta);
            }
        }
        if self.args.recurse {
            for (path, id) in folders {
                // A folder inside itself is a loop of links.
                if !self.way.contains(&id) {
                    self.way.push(id);
                    self.folder(&path, depth + 1, skipped)?;
                    self.way.pop();
                }
            }
        }
        Ok(())
    }

    fn fits(&self, name: &str, path: &str, meta: &Meta) -> Result<bool, ModuleError> {
        let kind = match self.args.file_type {
            FindType::Any => true,
            FindType::Directory => meta.kind == FileKind::Directory,
            FindType::File => meta.kind == FileKind::File,
            FindType::Link => meta.kind == FileKind::Link,
        };
        if !kind || !self.fits_name(name)? || !self.fits_age(meta) || !self.fits_mode(meta)? {
            return Ok(false);
        }
        if meta.kind != FileKind::File {
            return Ok(true);
        }
        let size = match self.size {
            None => true,
            Some(size) if size >= 0 => meta.size >= size as u64,
            Some(size) => meta.size <= size.unsigned_abs(),
        };
        Ok(size && (self.args.file_type == FindType::Any || self.fits_content(path)?))
    }

    fn fits_name(&self, name: &str) -> Result<bool, ModuleError> {
        let wanted = self.wanted.is_empty() || Name::any_fits(&self.wanted, name)?;
        Ok(wanted && !Name::any_fits(&self.unwanted, name)?)
    }

    fn fits_age(&self, meta: &Meta) -> bool {
        let Some(age) = self.age else { return true };
        let time = match self.args.age_stamp {
            FindStamp::Atime => meta.atime,
            FindStamp::Ctime => meta.ctime,
            FindStamp::Mtime => meta.mtime,
        };
        let old = self.now - (time.0 as f64 + f64::from(time.1) / 1e9);
        if age >= 0 { old >= age as f64 } else { old <= age.unsigned_abs() as f64 }
    }

    fn fits_mode(&self, meta: &Meta) -> Result<bool, ModuleError> {
        let Some(mode) = self.args.mode.as_ref().filter(|mode| !mode.is_null()) else { return Ok(true) };
        let mode = parse_mode(mode, meta.kind, meta.mode, self.umask)
            .map_err(|error| ModuleError::new(error.to_string()))?;
        Ok(if self.args.exact_mode { meta.mode == mode } else { meta.mode & mode != 0 })
    }

    /// Whether the content has what is looked for. A file that cannot be read has not.
    fn fits_content(&self, path: &str) -> Result<bool, ModuleError> {
        let Some(regex) = &self.contains else { return Ok(true) };
        if self.args.read_whole_file {
            let Ok(bytes) = self.sys.read(Path::new(path)) else { return Ok(false) };
            return is_match(regex, &decode(&bytes));
        }
        let Ok(file) = self.sys.open(Path::new(path)) else { return Ok(false) };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            match file.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return Ok(false),
                Ok(_) => {}
            }
            let end =
                line.strip_suffix(b"\n").map_or(line.as_slice(), |l| l.strip_suffix(b"\r").unwrap_or(l));
            if is_match(regex, &decode(end))? {
                return Ok(true);
            }
        }
    }

    fn add(&mut self, path: &str, meta: &Meta) {
        let mut facts = facts_of(path, meta, self.sys);
        if self.args.get_checksum
            && meta.kind == FileKind::File
            && let Ok(mut file) = self.sys.open(Path::new(path))
            && let Ok(sum) = checksum(self.args.checksum_algorithm, &mut file)
        {
            facts.insert("checksum".into(), sum.into());
        }
        self.found.push(Json::Object(facts));
    }
}
