//! A git repository with the sample application, served to the guests.

use crate::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The repository, and the daemon that serves it as long as this value lives.
pub struct Repository {
    work: PathBuf,
    url: String,
    daemon: Child,
}

impl Repository {
    /// Makes a repository of a folder's files with the branches dev, qa and main, and serves it on an address.
    pub fn serve(files: &Path, folder: &Path, address: Ipv4Addr) -> Result<Self, Error> {
        let (work, served) = (folder.join("work"), folder.join("git"));
        run(Command::new("cp").arg("-a").arg(files).arg(&work))?;
        run(git(&work).args(["init", "-q", "-b", "main"]))?;
        run(git(&work).args(["add", "-A"]))?;
        run(git(&work).args(["commit", "-q", "-m", "The application"]))?;
        for branch in ["dev", "qa"] {
            run(git(&work).args(["branch", branch]))?;
        }
        std::fs::create_dir_all(&served).map_err(Error::io(&served))?;
        let bare = served.join("app.git");
        run(Command::new("git").args(["clone", "-q", "--bare"]).arg(&work).arg(&bare))?;
        run(git(&work).args(["remote", "add", "origin"]).arg(&bare))?;

        // Nobody else takes a port that was free this moment.
        let port = TcpListener::bind((address, 0))
            .and_then(|l| l.local_addr())
            .map_err(Error::io("git daemon"))?
            .port();
        // The program itself: `git daemon` is another process, which would outlive the one that is ended here. And it
        // ends with the thread that began it, however that ends.
        let program = Path::new(&run(Command::new("git").arg("--exec-path"))?).join("git-daemon");
        let mut daemon = Command::new("setpriv");
        daemon.args(["--pdeathsig", "KILL"]).arg(program);
        daemon.args(["--export-all", "--reuseaddr", "--log-destination=none"]);
        daemon.arg(format!("--base-path={}", served.display()));
        daemon.args([format!("--listen={address}"), format!("--port={port}")]).arg(&served);
        daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Its files are this user's own, which git wants to be told.
        daemon
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*");
        let daemon = daemon.spawn().map_err(Error::io("git daemon"))?;
        let repository = Self { work, url: format!("git://{address}:{port}/app.git"), daemon };
        repository.wait()?;
        Ok(repository)
    }

    fn wait(&self) -> Result<(), Error> {
        for _ in 0..100 {
            let out = Command::new("git").args(["ls-remote", "-q", &self.url]).stdin(Stdio::null()).output();
            if out.is_ok_and(|out| out.status.success()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Error::Claim(format!("{} does not answer", self.url)))
    }

    /// Where guests clone it from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The head of a branch.
    pub fn head(&self, branch: &str) -> Result<String, Error> {
        run(git(&self.work).args(["rev-parse", branch]))
    }

    /// Changes a file on a branch, and gives the new commit.
    pub fn commit(
        &self,
        branch: &str,
        file: &str,
        change: impl FnOnce(String) -> String,
    ) -> Result<String, Error> {
        run(git(&self.work).args(["checkout", "-q", branch]))?;
        let path = self.work.join(file);
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        std::fs::write(&path, change(text)).map_err(Error::io(&path))?;
        run(git(&self.work).args(["commit", "-q", "-a", "-m", &format!("Change {file}")]))?;
        run(git(&self.work).args(["push", "-q", "origin", branch]))?;
        self.head(branch)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // Drop has nobody to report to.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn git(work: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(work).args([
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "commit.gpgsign=false",
    ]);
    git
}

/// Runs a program to its good end, and gives what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_os_string();
    let out = command.stdin(Stdio::null()).output().map_err(Error::io(&program))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned());
    }
    let errors = String::from_utf8_lossy(&out.stderr);
    Err(Error::Claim(format!("{:?} failed ({}): {}", command, out.status, errors.trim())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_served_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("page"), "one\n").unwrap();
        let repository = Repository::serve(&files, folder.path(), Ipv4Addr::LOCALHOST).unwrap();
        let first = repository.head("main").unwrap();
        let second = repository.commit("qa", "page", |text| text + "two\n").unwrap();
        let url = repository.url().to_owned();
        let remote = || run(Command::new("git").args(["ls-remote", "-q", &url]));
        let heads = remote().unwrap();
        assert!(
            heads.contains(&format!("{first}\trefs/heads/dev"))
                && heads.contains(&format!("{second}\trefs/heads/qa"))
        );
        drop(repository);
        assert!(remote().is_err(), "the daemon still serves");
    }
}
