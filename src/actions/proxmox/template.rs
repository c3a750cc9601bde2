//! `community.proxmox.proxmox_template`: what has to be done so that a storage has a template, an image or a disc.

use super::plan::{Gone, Plan, Step, has_volume};
use super::specs::TemplateArgs;
use super::trouble::Trouble;
use crate::proxmox::{Client, path};
use crate::template::SearchPath;
use reqwest::Method;
use std::path::{Path, PathBuf};
use windlass_protocol::JsonMap;

const LATE: &str = "Reached timeout while waiting for uploading/downloading template.";

/// Observes, and says what is to be done.
pub(super) async fn plan(client: &Client, args: &TemplateArgs, search: &SearchPath) -> Result<Plan, Trouble> {
    let node = args.node.as_deref().filter(|node| !node.is_empty());
    let node = node.ok_or_else(|| {
        Trouble::about("node", "missing required arguments: node").hint("the node whose storage it is")
    })?;
    let work = Work { client, args, node };
    if args.state == "absent" {
        return work.absent(args.template.as_deref().unwrap_or_default()).await;
    }
    match (&args.src, &args.url) {
        (Some(src), _) => work.upload(src, search).await,
        (None, Some(url)) => work.fetch(url).await,
        (None, None) if args.content_type == "vztmpl" => work.download().await,
        (None, None) => {
            Err(Trouble::about("src", "src or url param for uploading template file is mandatory"))
        }
    }
}

struct Work<'a> {
    client: &'a Client,
    args: &'a TemplateArgs,
    node: &'a str,
}

impl Work<'_> {
    fn volid(&self, template: &str) -> String {
        format!("{}:{}/{template}", self.args.storage, self.args.content_type)
    }

    fn contents(&self) -> String {
        path(&["nodes", self.node, "storage", &self.args.storage, "content"])
    }

    async fn has(&self, template: &str) -> Result<bool, Trouble> {
        let volid = self.volid(template);
        has_volume(self.client, &self.contents(), &volid)
            .await
            .map_err(|error| Trouble::from(error).during(format!("Failed to retrieve template '{volid}': ")))
    }

    fn there(&self, template: &str) -> Plan {
        Plan::nothing(format!("template with volid={} already exists", self.volid(template)))
    }

    fn done(&self, steps: Vec<Step>, template: &str, how: &str, was_there: bool) -> Plan {
        let volid = self.volid(template);
        let mut plan = Plan::nothing(format!("template with volid={volid} {how}"));
        plan.steps = steps;
        let state = |there: bool| if there { "present" } else { "absent" };
        // What is overwritten is there before and after.
        let now = how != "deleted";
        if was_there == now {
            let map = |text: &str| JsonMap::from_iter([("content".to_owned(), text.into())]);
            return plan.config(volid, map("the present one"), map("a new one"));
        }
        plan.change(volid, "state", state(was_there), state(now))
    }

    /// The server gets a template that it knows.
    async fn download(&self) -> Result<Plan, Trouble> {
        let Some(template) = self.args.template.as_deref().filter(|name| !name.is_empty()) else {
            return Err(Trouble::about(
                "template",
                "template param for downloading appliance template is mandatory",
            ));
        };
        let there = self.has(template).await?;
        if there && !self.args.force {
            return Ok(self.there(template));
        }
        let step = Step::post(path(&["nodes", self.node, "aplinfo"]), self.node, LATE)
            .with("storage", &self.args.storage)
            .with("template", template);
        let plan = self.done(vec![step], template, "downloaded", there);
        Ok(plan.failing(format!("Downloading template {template} failed with error: ")))
    }

    /// A file of the controller goes to the server.
    async fn upload(&self, src: &str, search: &SearchPath) -> Result<Plan, Trouble> {
        let name = Path::new(src).file_name().map(|n| n.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| Trouble::about("src", format!("{src} is no file")))?;
        let there = self.has(&name).await?;
        if there && !self.args.force {
            return Ok(self.there(&name));
        }
        let expanded: PathBuf = crate::engine::connect::expand_home(src).into();
        let file = search.find("files", &expanded.to_string_lossy()).filter(|file| file.is_file());
        let Some(file) = file else {
            return Err(Trouble::about("src", format!("template file on path {src} not exists"))
                .hint("put it into `files/` beside the playbook or in the role, or write its whole path"));
        };
        let mut step =
            Step::post(path(&["nodes", self.node, "storage", &self.args.storage, "upload"]), self.node, LATE)
                .with("content", &self.args.content_type);
        step.file = Some(file);
        let plan = self.done(vec![step], &name, "uploaded", there);
        Ok(plan.failing(format!("Uploading template {src} failed with error: ")))
    }

    /// The server gets it from an address.
    async fn fetch(&self, url: &str) -> Result<Plan, Trouble> {
        let template = match self.args.template.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => last_part(url).ok_or_else(|| {
                Trouble::about("url", format!("{url} ends with no name of a file"))
                    .hint("say by `template` what it is called in the storage")
            })?,
        };
        let there = self.has(&template).await?;
        if there && !self.args.force {
            return Ok(self.there(&template));
        }
        let mut steps = Vec::new();
        if there {
            steps.push(self.removal(&template));
        }
        let place = path(&["nodes", self.node, "storage", &self.args.storage, "download-url"]);
        let mut step = Step::post(place, self.node, LATE)
            .with("url", url)
            .with("content", &self.args.content_type)
            .with("filename", &template);
        let checked = match (&self.args.checksum, &self.args.checksum_algorithm) {
            (Some(checksum), Some(algorithm)) => {
                step = step.with("checksum", checksum).with("checksum-algorithm", algorithm);
                true
            }
            _ => false,
        };
        steps.push(step);
        let mut plan = self.done(steps, &template, "uploaded", there);
        let mut failed = format!("Fetching template from url {url} failed with error: ");
        if checked {
            plan.msg = format!("Checksum verified, {}", plan.msg);
            failed = format!("Fetching template from url {url} and verifying its checksum failed: ");
        }
        Ok(plan.failing(failed))
    }

    fn removal(&self, template: &str) -> Step {
        // The parts of a volume's name stay parts of the path.
        let volid = self.volid(template);
        let parts: Vec<&str> = volid.split('/').collect();
        let place = format!("{}{}", self.contents(), path(&parts));
        let late = "Reached timeout while waiting for deleting template.";
        let mut step = Step::new(Method::DELETE, place, self.node, late);
        step.gone = Some(Gone { contents: self.contents(), volid });
        step
    }

    async fn absent(&self, template: &str) -> Result<Plan, Trouble> {
        if !self.has(template).await? {
            let volid = self.volid(template);
            return Ok(Plan::nothing(format!("template with volid={volid} is already deleted")));
        }
        let plan = self.done(vec![self.removal(template)], template, "deleted", true);
        Ok(plan.failing(format!("deleting of template {template} failed with exception: ")))
    }
}

/// The name at the end of an address.
fn last_part(url: &str) -> Option<String> {
    let without = url.split(['?', '#']).next().unwrap_or_default();
    let rest = without.split_once("://").map_or(without, |(_, rest)| rest);
    rest.rsplit_once('/').map(|(_, name)| name.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::last_part;

    #[test]
    fn the_name_in_an_address() {
        assert_eq!(
            last_part("https://a.example/x/debian.tar.zst?sig=1/2").as_deref(),
            Some("debian.tar.zst")
        );
        assert_eq!(last_part("https://a.example/"), None);
        assert_eq!(last_part("https://a.example"), None);
    }
}
