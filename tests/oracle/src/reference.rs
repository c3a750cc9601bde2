//! Getting the reference: a virtual environment in `target/oracle`, made on first use, under a lock since several test
//! programs may want it at once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version of ansible-core that is the reference.
pub const CORE: &str = "2.19.14";
/// The package of collections that goes with it, and what is taken out of it.
const COLLECTIONS: &str = "12.3.0";
const WANTED: [&str; 2] = ["ansible/posix", "community/general"];
/// What modules of collections import. Later versions of bcrypt are not for this passlib.
const LIBRARIES: [&str; 2] = ["passlib==1.7.4", "bcrypt==4.0.1"];
/// The same for community.proxmox, which only its own tests ask for.
const PROXMOX: [&str; 1] = ["community/proxmox"];
const PROXMOX_LIBRARIES: [&str; 3] = ["proxmoxer==2.3.0", "requests", "requests-toolbelt"];

/// Why the reference cannot be had.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error("{0} failed: {1}")]
    Program(String, String),
}

/// The reference in its virtual environment.
#[derive(Debug)]
pub struct Reference {
    venv: PathBuf,
    collections: OnceLock<Option<PathBuf>>,
    proxmox: OnceLock<Option<PathBuf>>,
}

impl Reference {
    /// ansible-core. Where it cannot be had that is said loudly, past the capture of the test runner.
    ///
    /// # Panics
    /// If it cannot be had and `CI` or `WINDLASS_REQUIRE_HOSTS` is set.
    pub fn get() -> Option<&'static Self> {
        static ONE: OnceLock<Option<Reference>> = OnceLock::new();
        ONE.get_or_init(|| {
            let venv = folder().join(CORE);
            had(&format!("ansible-core {CORE}"), make_core(&venv))?;
            Some(Reference { venv, collections: OnceLock::new(), proxmox: OnceLock::new() })
        })
        .as_ref()
    }

    /// The folder of its programs.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.venv.join("bin")
    }

    /// Its Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.bin().join("python")
    }

    /// The folder that has `ansible_collections` with ansible.posix and community.general in it, and their libraries
    /// in the virtual environment. Only tests that need them ask for them: they are a large download.
    ///
    /// # Panics
    /// If they cannot be had and `CI` or `WINDLASS_REQUIRE_HOSTS` is set.
    pub fn collections(&self) -> Option<&Path> {
        self.collections
            .get_or_init(|| {
                let place = folder().join(format!("collections-{COLLECTIONS}"));
                had(
                    &format!("the collections of ansible {COLLECTIONS}"),
                    make_collections(&self.venv, &place, &WANTED, &LIBRARIES),
                )?;
                Some(place)
            })
            .as_deref()
    }

    /// The folder that has `ansible_collections` with community.proxmox in it, and its libraries in the virtual
    /// environment.
    ///
    /// # Panics
    /// If they cannot be had and `CI` or `WINDLASS_REQUIRE_HOSTS` is set.
    pub fn proxmox(&self) -> Option<&Path> {
        self.proxmox
            .get_or_init(|| {
                let place = folder().join(format!("proxmox-{COLLECTIONS}"));
                had(
                    &format!("community.proxmox of ansible {COLLECTIONS}"),
                    make_collections(&self.venv, &place, &PROXMOX, &PROXMOX_LIBRARIES),
                )?;
                Some(place)
            })
            .as_deref()
    }
}

/// `target/oracle` of the workspace.
fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    workspace.join(target).join("oracle")
}

fn had(what: &str, result: Result<(), Trouble>) -> Option<()> {
    use io::Write;
    let Err(trouble) = result else { return Some(()) };
    let set = |name: &str| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0" && v != "false");
    let required = set("CI") || set("WINDLASS_REQUIRE_HOSTS");
    assert!(!required, "this test needs {what}, and it is required here: {trouble}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = "!".repeat(78);
    let _ = writeln!(
        io::stderr(),
        "\n{line}\n!! NOT RUN: {test}\n!! it needs {what}: {trouble}\n!! (set CI=1 to make this a failure)\n{line}"
    );
    None
}

/// Makes a folder once: the mark at the end of the work tells that it is whole, and where it was made (a virtual
/// environment cannot be moved).
fn once(place: &Path, recipe: &str, make: impl FnOnce() -> Result<(), Trouble>) -> Result<(), Trouble> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error| Trouble::Io(path, error)
    };
    let parent = place.parent().unwrap_or(place);
    std::fs::create_dir_all(parent).map_err(at(parent))?;
    let lock = parent.join("lock");
    let lock = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(at(&lock))?;
    let mark = place.join(".complete");
    let wanted = format!("{}\n{recipe}\n", place.display());
    if std::fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if place.exists() {
        std::fs::remove_dir_all(place).map_err(at(place))?;
    }
    make()?;
    std::fs::write(&mark, wanted).map_err(at(&mark))?;
    drop(lock);
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Trouble> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Trouble::Io(name.clone(), error))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Trouble::Program(name, String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn make_core(venv: &Path) -> Result<(), Trouble> {
    once(venv, CORE, || {
        run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
        pip(venv, &["install", &format!("ansible-core=={CORE}")])
    })
}

fn pip(venv: &Path, words: &[&str]) -> Result<(), Trouble> {
    let quiet = ["-m", "pip", "--quiet", "--disable-pip-version-check"];
    run(Command::new(venv.join("bin/python")).args(quiet).args(words))
}

fn make_collections(venv: &Path, place: &Path, wanted: &[&str], libraries: &[&str]) -> Result<(), Trouble> {
    // All of the collections are 600 MB when unpacked: only some come out of the wheel.
    const UNPACK: &str = "import sys, zipfile, glob
wheel, place, wanted = glob.glob(sys.argv[1] + '/*.whl')[0], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if any(name.startswith('ansible_collections/' + w + '/') for w in wanted):
            z.extract(name, place)
";
    let recipe = format!("{} {} {}", wanted.join(" "), libraries.join(" "), venv.display());
    once(place, &recipe, || {
        pip(venv, &[&["install"][..], libraries].concat())?;
        let wheel = place.join("wheel");
        let folder = wheel.to_string_lossy();
        let package = format!("ansible=={COLLECTIONS}");
        pip(venv, &["download", "--no-deps", "--only-binary", ":all:", "--dest", &folder, &package])?;
        run(Command::new(venv.join("bin/python")).args(["-c", UNPACK]).arg(&wheel).arg(place).args(wanted))?;
        std::fs::remove_dir_all(&wheel).map_err(|error| Trouble::Io(wheel.display().to_string(), error))
    })
}
