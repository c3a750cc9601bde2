//! Runs the example `examples/app_stack` against a Proxmox API whose containers are real, and holds every claim against
//! the applications that run in them. `make demo-app` shows it, and `tests/app_stack` is the same run.

mod repository;
mod stage;

pub use repository::Repository;
pub use stage::{Stage, hosts};

use crate::{Error, Run, Show, require, title};
use std::path::Path;
use std::time::Instant;
use windlass_test_hosts::Client;
use windlass_test_proxmox::Server;

/// What a guest's backend says of itself, and the page of its frontend.
struct Running {
    health: serde_json::Value,
    page: String,
}

/// The whole demonstration. Server and guests are gone when it returns, whatever happened.
pub fn run(windlass: &Path, show: Show<'_>) -> Result<(), Error> {
    let begin = Instant::now();
    title(show, "A Proxmox API, two free addresses, and a git repository with the application");
    let mut stage = Stage::new(windlass, Server::builder().backing(hosts()?), 2)?;
    show(&format!("the API is {}, the repository {}", stage.server.url(), stage.repository.url()));
    for (env, address) in stage.environments() {
        show(&format!("projectA/{env} is to be {address}"));
    }

    title(show, "What phase 1 would do: windlass playbook --check --diff");
    stage.run("provision_vms.yml", &["--check", "--diff"], show)?;
    let writes = stage.server.writes();
    require(writes.is_empty(), || format!("check mode sent {} {}", writes[0].method, writes[0].path))?;
    show("check mode sent nothing to the API but questions");

    title(show, "Both phases: containers by the API, then system and application by SSH");
    let first = stage.run("site.yml", &["--tags", "app"], show)?;
    require(first.changed > 0, || "the first run changed nothing".to_owned())?;
    title(show, "What reached the API");
    for request in stage.server.writes() {
        show(&format!("{} {} -> {}", request.method, request.path, request.status));
    }

    title(show, "The applications");
    let running = [stage.commit("dev")?, stage.commit("qa")?];
    for (number, commit) in running.iter().enumerate() {
        check(&stage, number, commit, &stage.message(number), show)?;
    }

    title(show, "Again: nothing is left to change");
    nothing_changes(&stage, "site.yml", show)?;

    change_and_deploy(&mut stage, show)?;

    title(show, "And once more: phase 2 alone, and everything");
    nothing_changes(&stage, "configure_app.yml", show)?;
    nothing_changes(&stage, "site.yml", show)?;

    title(show, &format!("Done in {} s; the guests are torn down", begin.elapsed().as_secs()));
    Ok(())
}

fn nothing_changes(stage: &Stage, playbook: &str, show: Show<'_>) -> Result<(), Error> {
    stage.server.clear_requests();
    let again = stage.run(playbook, &[], &mut |_| {})?;
    require(again.changed == 0, || {
        format!("{playbook} again changed {} things: {:?}", again.changed, again.changes())
    })?;
    let writes = stage.server.writes();
    require(writes.is_empty(), || format!("{playbook} again sent {} {}", writes[0].method, writes[0].path))?;
    show(&format!("$ windlass playbook {playbook}"));
    again.output.lines().skip_while(|l| !l.starts_with("PLAY RECAP")).for_each(&mut *show);
    Ok(())
}

/// One variable of one guest, one commit for the other.
fn change_and_deploy(stage: &mut Stage, show: Show<'_>) -> Result<(), Error> {
    title(show, "One variable of dev, one commit for qa, and a deploy");
    let processes = [stage.processes(0)?, stage.processes(1)?];
    let packages = "stat -c %Y /srv/app/backend/node_modules /srv/app/frontend/node_modules";
    let installed = stage.login(0, packages)?;
    let before = [stage.commit("dev")?, stage.commit("qa")?];
    stage.set_message(0, "Changed by one variable");
    let commit = stage.repository.commit("qa", "frontend/src/index.html", |page| {
        page.replace("</body>", "<footer>A second commit</footer></body>")
    })?;
    require(commit != before[1], || "there is no new commit".to_owned())?;
    stage.server.clear_requests();
    let run = stage.run("site.yml", &[], show)?;
    show("");
    for (host, tasks) in run.changes() {
        show(&format!("{host}: {}", tasks.join(", ")));
    }
    only_these(&run, stage)?;
    let writes = stage.server.writes();
    require(writes.is_empty(), || format!("the API got {} {}", writes[0].method, writes[0].path))?;

    title(show, "The applications after it");
    check(stage, 0, &before[0], "Changed by one variable", show)?;
    let page = check(stage, 1, &commit, &stage.message(1), show)?;
    require(page.contains("A second commit"), || "the page of qa is the old one".to_owned())?;
    for (number, old) in processes.iter().enumerate() {
        let new = stage.processes(number)?;
        let all_others = old.split_whitespace().all(|pid| new.split_whitespace().all(|other| other != pid));
        require(all_others, || format!("a service was not restarted: {old} -> {new}"))?;
    }
    let now = stage.login(0, packages)?;
    require(now == installed, || "packages were installed for a mere variable".to_owned())?;
    show("dev got its variable without a package being installed, qa its commit, and the API nothing");
    Ok(())
}

/// A variable changes the environment file and what is built with it, a commit what is checked out.
fn only_these(run: &Run, stage: &Stage) -> Result<(), Error> {
    let allowed =
        [(stage.name(0), vec!["Write the environment file", "Deploy"]), (stage.name(1), vec!["Deploy"])];
    let changes = run.changes();
    for (host, expected) in &allowed {
        let done: Vec<&str> =
            changes.get(host).into_iter().flatten().map(|t| t.rsplit(" : ").next().unwrap_or(t)).collect();
        require(done == *expected, || format!("{host}: {done:?} changed, where {expected:?} was to be"))?;
    }
    let others: Vec<&String> =
        changes.keys().filter(|host| !allowed.iter().any(|(name, _)| name == *host)).collect();
    require(others.is_empty(), || format!("{others:?} changed too"))
}

/// Backend and frontend answer, with this commit and this message. Gives the page.
fn check(stage: &Stage, number: usize, commit: &str, message: &str, show: Show<'_>) -> Result<String, Error> {
    let Running { health, page } = ask(stage, number)?;
    let name = stage.name(number);
    show(&format!("{name:<14} :3001/health -> {health}"));
    let found = |key: &str| health[key].as_str().unwrap_or_default().to_owned();
    require(found("status") == "ok", || format!("{name} is not well: {health}"))?;
    require(found("commit") == commit, || format!("{name} runs {} and not {commit}", found("commit")))?;
    require(found("message") == message, || {
        format!("{name} says {:?} and not {message:?}", found("message"))
    })?;
    let title =
        page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map_or("", |(t, _)| t);
    show(&format!(
        "{name:<14} :3000/       -> {} bytes, {title:?}, built from {}",
        page.len(),
        &commit[..12]
    ));
    require(page.contains(commit), || format!("{name}'s page is not built from {commit}:\n{page}"))?;
    Ok(page)
}

fn ask(stage: &Stage, number: usize) -> Result<Running, Error> {
    let address = stage.address(number);
    let get = |port: u16, path: &str| -> Result<String, Error> {
        let answer = Client::http(address, port).get(&address.to_string(), path, &[])?;
        require(answer.status == 200, || {
            format!("{address}:{port}{path} answers {}: {}", answer.status, answer.text())
        })?;
        Ok(answer.text().to_owned())
    };
    let health = get(3001, "/health")?;
    let health = serde_json::from_str(&health)
        .map_err(|e| Error::Claim(format!("/health is no JSON ({e}): {health}")))?;
    Ok(Running { health, page: get(3000, "/")? })
}
