//! Which packages are there, in which versions.

use super::Job;
use super::requirement::{Requirement, canonical};
use crate::module::{Context, ModuleError};
use crate::system::Observe;
use std::collections::BTreeMap;
use std::path::Path;

/// Name (in canonical form) and version of each package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Installed(BTreeMap<String, String>);

impl Installed {
    /// Looks into the folder of a virtual environment that is closed to the system's packages, which takes no time;
    /// otherwise asks pip.
    pub(super) fn look(
        job: &Job,
        pip: &[String],
        cx: &Context<'_>,
        sys: &dyn Observe,
    ) -> Result<Self, ModuleError> {
        if let Some(env) = &job.env
            && let Some(found) = Self::in_environment(Path::new(env), sys)
        {
            return Ok(found);
        }
        let ask = |words: &[&str]| {
            let mut argv = pip.to_vec();
            argv.extend(words.iter().map(|w| (*w).to_owned()));
            let mut run = job.run(cx, sys, argv, false);
            run.env.extend(
                ["LANG", "LC_ALL", "LC_MESSAGES"].map(|name| (name.to_owned(), "C.UTF-8".to_owned())),
            );
            sys.query(&run)
        };
        let mut output = ask(&["list", "--format=freeze"])?;
        if output.code != 0 {
            output = ask(&["freeze"])?;
        }
        if output.code != 0 {
            let msg = format!("stdout: {}\n:stderr: {}", output.out(), output.err());
            return Err(ModuleError::new(msg).with("rc", output.code));
        }
        let out = output.out();
        let pairs = out.lines().filter_map(|line| line.trim().split_once("=="));
        Ok(Self(pairs.map(|(name, version)| (canonical(name), version.to_owned())).collect()))
    }

    fn in_environment(env: &Path, sys: &dyn Observe) -> Option<Self> {
        let settings = sys.read(&env.join("pyvenv.cfg")).ok()?;
        let settings = String::from_utf8_lossy(&settings).to_ascii_lowercase();
        let is_open = settings
            .lines()
            .filter_map(|line| line.split_once('='))
            .any(|(name, value)| name.trim() == "include-system-site-packages" && value.trim() != "false");
        if is_open {
            return None;
        }
        let mut found = BTreeMap::new();
        let mut folders = 0;
        for python in sys.read_dir(&env.join("lib")).ok()? {
            let folder = env.join("lib").join(&python).join("site-packages");
            if !python.starts_with("python") || sys.stat(&folder).ok()?.is_none() {
                continue;
            }
            folders += 1;
            for name in sys.read_dir(&folder).ok()? {
                if let Some(stem) = name.strip_suffix(".dist-info") {
                    let (name, version) = stem.rsplit_once('-')?;
                    found.insert(canonical(name), version.to_owned());
                } else if [".egg-info", ".egg-link", ".egg"].iter().any(|end| name.ends_with(end)) {
                    // The old kinds do not always tell the version by their name.
                    return None;
                }
            }
        }
        (folders == 1).then_some(Self(found))
    }

    /// Whether the package is there in any version.
    pub(super) fn has(&self, package: &Requirement) -> bool {
        package.plain.as_ref().is_some_and(|p| self.0.contains_key(&p.name))
    }

    /// Whether the package is there in a version that fits.
    pub(super) fn satisfies(&self, package: &Requirement) -> bool {
        let Some(plain) = &package.plain else { return false };
        let version = self.0.get(&plain.name);
        version.is_some_and(|version| plain.specifiers.iter().all(|s| s.contains(version)))
    }

    /// `name==version` of each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.iter().map(|(name, version)| format!("{name}=={version}")).collect()
    }
}
