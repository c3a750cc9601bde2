//! `get_url`: downloads a file. What comes goes into the agent's private folder first, and is checked there.

mod checksum;

use crate::module::{Applied, Context, Finish, Module, ModuleError, Plan};
use crate::paths::{self, Wish, blake3_of, of_path};
use crate::system::{HttpResponse, Meta, Observe, http};
use crate::web;
use checksum::Expected;
use std::path::Path;
use windlass_protocol::change::Content;
use windlass_protocol::http::Redirects;
use windlass_protocol::modules::get_url::GetUrlArgs;
use windlass_protocol::modules::stat::ChecksumAlgorithm;
use windlass_protocol::{FileKind, HttpRequest, Json, JsonMap, Op, What};

/// The module.
pub struct GetUrl;

impl Module for GetUrl {
    type Args = GetUrlArgs;

    fn plan(args: &GetUrlArgs, cx: &Context<'_>, sys: &dyn Observe) -> Result<Plan, ModuleError> {
        let job = Job::new(args, cx, sys);
        let result = job.plan();
        result.map_err(|error| {
            // Every failure tells at least of what and whereto.
            let ModuleError { values, .. } = &error;
            let mut all = job.known();
            // Without a file there are no checksums to tell.
            if values.contains_key("status_code") {
                all.shift_remove("checksum_dest");
                all.shift_remove("checksum_src");
            }
            all.extend(values.clone());
            ModuleError { values: all, ..error }
        })
    }

    fn finish(
        args: &GetUrlArgs,
        cx: &Context<'_>,
        sys: &dyn Observe,
        mut plan: Plan,
        _applied: &Applied,
    ) -> Result<Finish, ModuleError> {
        sys.discard(Path::new(&Job::new(args, cx, sys).spool));
        let dest = plan.values.get("dest").and_then(Json::as_str).unwrap_or_default().to_owned();
        // Only what came was looked at.
        if plan.values.get("checksum_src").is_some_and(Json::is_string)
            && let Ok(mut reader) = sys.open(Path::new(&dest))
        {
            plan.set("md5sum", paths::checksum(ChecksumAlgorithm::Md5, &mut *reader)?);
        }
        Ok(Finish::Done(plan))
    }
}

struct Job<'a> {
    args: &'a GetUrlArgs,
    cx: &'a Context<'a>,
    sys: &'a dyn Observe,
    started: i64,
    /// Where what comes is kept.
    spool: String,
}

impl<'a> Job<'a> {
    fn new(args: &'a GetUrlArgs, cx: &'a Context<'a>, sys: &'a dyn Observe) -> Self {
        // The name is of the task's own, so that a second look at the same task finds it.
        let name = blake3::hash(format!("{}\n{}", args.url, &*args.dest).as_bytes()).to_hex();
        let name = format!("download-{}", name.get(..24).unwrap_or_default());
        let spool = cx.scratch.join(name).to_string_lossy().into_owned();
        Self { args, cx, sys, started: sys.now().0, spool }
    }

    fn elapsed(&self) -> i64 {
        (self.sys.now().0 - self.started).max(0)
    }

    /// What is known in any case.
    fn known(&self) -> JsonMap {
        let mut values = JsonMap::new();
        values.insert("checksum_dest".into(), Json::Null);
        values.insert("checksum_src".into(), Json::Null);
        values.insert("dest".into(), self.args.dest.0.clone().into());
        values.insert("elapsed".into(), self.elapsed().into());
        values.insert("url".into(), web::mask(&self.args.url).into());
        values
    }

    fn stat(&self, path: &str) -> Result<Option<Meta>, ModuleError> {
        self.sys.stat(Path::new(path)).map_err(|error| of_path(Path::new(path), &error))
    }

    fn sum(&self, algorithm: ChecksumAlgorithm, path: &str) -> Result<String, ModuleError> {
        let at = |error| of_path(Path::new(path), &error);
        paths::checksum(algorithm, &mut *self.sys.open(Path::new(path)).map_err(at)?).map_err(at)
    }

    fn plan(&self) -> Result<Plan, ModuleError> {
        let (args, sys) = (self.args, self.sys);
        if args.use_gssapi {
            return Err(ModuleError::new("use_gssapi is not supported: use url_username and url_password"));
        }
        self.check_tmp_dest()?;
        let mut plan = Plan { values: self.known(), ..Plan::default() };
        let dest = args.dest.0.clone();
        let there = self.stat(&dest)?;
        let is_folder = there.as_ref().is_some_and(|meta| meta.kind == FileKind::Directory);
        let expected = self.expected()?;
        let mut fresh = args.force;
        let mut since = None;
        if let Some(meta) = there.as_ref().filter(|_| !is_folder) {
            since = Some(meta.mtime.0);
            if let Some(expected) = &expected
                && !args.force
            {
                if self.sum(expected.algorithm, &dest)? == expected.value {
                    let difference =
                        Wish::of(&args.file, &dest, sys)?.difference(Path::new(&dest), meta, sys)?;
                    web::plan_attributes(&mut plan, &dest, meta, &difference, sys);
                    let end = if difference.is_empty() { "" } else { " but file attributes changed" };
                    plan.msg = Some(format!("file already exists{end}"));
                    plan.set("elapsed", 0);
                    return Ok(plan);
                }
                // What is there is wrong, so its age means nothing.
                fresh = true;
            }
        }
        let method = if self.cx.check { "HEAD" } else { "GET" };
        let save = (!self.cx.check).then(|| self.spool.clone());
        let request = self.request(&args.url, method, fresh, since, save);
        let Some(response) = self.ask(&request)? else {
            plan.msg = Some("HTTP Error 304: Not Modified".into());
            plan.set("status_code", 304);
            plan.values.shift_remove("checksum_dest");
            plan.values.shift_remove("checksum_src");
            plan.set("elapsed", self.elapsed());
            if let Some(meta) = &there {
                let difference = Wish::of(&args.file, &dest, sys)?.difference(Path::new(&dest), meta, sys)?;
                web::plan_attributes(&mut plan, &dest, meta, &difference, sys);
            }
            return Ok(plan);
        };
        plan.set("elapsed", self.elapsed());
        plan.msg = Some(web::message(&response));
        if !self.cx.check {
            // A file has no status.
            let status = file_of(&request.url).map_or_else(|| Json::from(response.status), |_| Json::Null);
            plan.set("status_code", status);
        }
        let dest = if is_folder { inside(&dest, &response) } else { dest };
        plan.set("dest", dest.as_str());
        let old = if is_folder { self.stat(&dest)? } else { there };
        self.check_dest(&dest, old.as_ref())?;
        if let Some(meta) = old.as_ref().filter(|meta| meta.kind == FileKind::File) {
            if !sys.access(Path::new(&dest), 4) {
                return Err(ModuleError::new(format!("Destination {dest} is not readable")));
            }
            plan.set("checksum_dest", self.sum(ChecksumAlgorithm::Sha1, &dest)?);
            let _ = meta;
        }
        if self.cx.check {
            // Only the head was asked for: what is there may differ from what would come.
            let after = expected.as_ref().map_or_else(String::new, |e| e.value.clone());
            plan.push(What::FileWritten { path: dest, before: None, after }, Op::Nothing);
            return Ok(plan);
        }
        self.check_length(&response)?;
        plan.set("src", self.spool.as_str());
        if let Some(expected) = &expected {
            let found = self.sum(expected.algorithm, &self.spool)?;
            if found != expected.value {
                let sum = self.sum(ChecksumAlgorithm::Sha1, &self.spool)?;
                sys.discard(Path::new(&self.spool));
                let msg = format!(
                    "The checksum for {} did not match {}; it was {found}.",
                    self.spool, expected.value
                );
                let before = plan.values.get("checksum_dest").cloned().unwrap_or_default();
                let error = ModuleError::new(msg).with("checksum_src", sum).with("checksum_dest", before);
                return Err(error.with("src", self.spool.as_str()).with("dest", dest));
            }
        }
        let sum = self.sum(ChecksumAlgorithm::Sha1, &self.spool)?;
        let same = plan.values.get("checksum_dest").and_then(Json::as_str) == Some(&sum);
        plan.set("checksum_src", sum);
        self.write(&mut plan, &dest, old.as_ref(), same)?;
        Ok(plan)
    }

    fn write(&self, plan: &mut Plan, dest: &str, old: Option<&Meta>, same: bool) -> Result<(), ModuleError> {
        let (args, sys, path) = (self.args, self.sys, Path::new(dest));
        let wish = Wish::of(&args.file, dest, sys)?;
        if same {
            if let Some(meta) = old {
                web::plan_attributes(plan, dest, meta, &wish.difference(path, meta, sys)?, sys);
            }
            return Ok(());
        }
        let hash = |path: &Path| -> Result<String, ModuleError> {
            let at = |error| of_path(path, &error);
            blake3_of(&mut *sys.open(path).map_err(at)?).map_err(at)
        };
        let before = match old {
            Some(_) => Some(hash(path)?),
            None => None,
        };
        let what = What::FileWritten { path: dest.to_owned(), before, after: hash(Path::new(&self.spool))? };
        let op = Op::Write {
            path: dest.to_owned(),
            content: Content::File(self.spool.clone()),
            attrs: wish.for_replacement(old, path, sys)?,
            backup: args.backup,
            validate: None,
            in_place: args.file.unsafe_writes.unwrap_or(false),
        };
        plan.push(what, op);
        Ok(())
    }

    fn request(
        &self,
        url: &str,
        method: &str,
        fresh: bool,
        since: Option<i64>,
        save: Option<String>,
    ) -> HttpRequest {
        let args = self.args;
        let (url, credentials) =
            web::split_credentials(url, args.url_username.as_deref(), args.url_password.as_deref());
        let headers = args.headers.as_ref().map(web::headers).unwrap_or_default();
        HttpRequest {
            method: method.to_owned(),
            url,
            headers: web::standard_headers(headers, &args.http_agent, fresh, since),
            credentials,
            force_basic: args.force_basic_auth,
            redirects: Redirects::Urllib,
            unredirected: args.unredirected_headers.iter().map(|h| h.to_ascii_lowercase()).collect(),
            insecure: !args.validate_certs,
            client_cert: args.client_cert.as_ref().map(|p| p.0.clone()),
            client_key: args.client_key.as_ref().map(|p| p.0.clone()),
            timeout_ms: u64::try_from(args.timeout).unwrap_or(0).saturating_mul(1000),
            use_proxy: args.use_proxy,
            use_netrc: args.use_netrc,
            decompress: args.decompress,
            save_to: save,
            variables: web::variables(self.cx, self.sys),
            ..HttpRequest::default()
        }
    }

    /// The answer; `None` if nothing is newer than what is there.
    fn ask(&self, request: &HttpRequest) -> Result<Option<HttpResponse>, ModuleError> {
        let response = match file_of(&request.url) {
            Some(path) => return self.local(path, request).map(Some),
            None => self.sys.http(request).map_err(|error| {
                ModuleError::new(error.message()).with("elapsed", self.elapsed()).with("status_code", -1)
            })?,
        };
        match response.status {
            200 => Ok(Some(response)),
            304 => Ok(None),
            status => Err(ModuleError::new("Request failed")
                .with("status_code", status)
                .with("response", web::message(&response))
                .with("elapsed", self.elapsed())),
        }
    }

    /// A `file://` address on the target.
    fn local(&self, path: &str, request: &HttpRequest) -> Result<HttpResponse, ModuleError> {
        let meta = self.stat(path)?.filter(|meta| meta.kind == FileKind::File).ok_or_else(|| {
            let msg =
                format!("Request failed: <urlopen error [Errno 2] No such file or directory: '{path}'>");
            ModuleError::new(msg).with("status_code", -1)
        })?;
        let body = if request.method == "HEAD" { Vec::new() } else { self.sys.read(Path::new(path))? };
        let headers = vec![("content-length".to_owned(), meta.size.to_string())];
        let mut response =
            HttpResponse { status: 200, headers, url: request.url.clone(), ..HttpResponse::default() };
        match &request.save_to {
            Some(spool) => {
                self.sys.keep(Path::new(spool), &body).map_err(|error| of_path(Path::new(spool), &error))?;
                response.saved = Some(body.len() as u64);
            }
            None => response.body = body,
        }
        Ok(response)
    }

    fn expected(&self) -> Result<Option<Expected>, ModuleError> {
        let Some(mut expected) = Expected::parse(&self.args.checksum)? else { return Ok(None) };
        if expected.is_address() {
            let request = self.request(&expected.value, "GET", false, None, None);
            let response = self.ask(&request)?.unwrap_or_default();
            let list = String::from_utf8_lossy(&response.body).into_owned();
            let name = Some(http::basename(&self.args.url)).filter(|n| !n.is_empty()).unwrap_or("index.html");
            expected.value = checksum::find(&list, name).ok_or_else(|| {
                let place = web::mask(&expected.value);
                ModuleError::new(format!("Unable to find a checksum for file '{name}' in '{place}'"))
            })?;
        }
        expected.normalized().map(Some)
    }

    fn check_tmp_dest(&self) -> Result<(), ModuleError> {
        let Some(folder) = self.args.tmp_dest.as_deref() else { return Ok(()) };
        match self.stat(folder)? {
            Some(meta) if meta.kind == FileKind::Directory => Ok(()),
            Some(_) => Err(ModuleError::new(format!("{folder} is a file but should be a directory."))),
            None => Err(ModuleError::new(format!("{folder} directory does not exist."))),
        }
    }

    fn check_dest(&self, dest: &str, old: Option<&Meta>) -> Result<(), ModuleError> {
        if old.is_some() {
            if !self.sys.access(Path::new(dest), 2) {
                return Err(ModuleError::new(format!("Destination {dest} is not writable")));
            }
            return Ok(());
        }
        let folder = Path::new(dest).parent().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        if self.stat(&folder)?.is_none() {
            return Err(ModuleError::new(format!("Destination {folder} does not exist")));
        }
        if !self.sys.access(Path::new(&folder), 2) {
            return Err(ModuleError::new(format!("Destination {folder} is not writable")));
        }
        Ok(())
    }

    fn check_length(&self, response: &HttpResponse) -> Result<(), ModuleError> {
        let promised = response.header("content-length").and_then(|text| text.parse::<u64>().ok());
        match (promised, response.saved) {
            (Some(promised), Some(saved)) if promised != saved && !response.unpacked => {
                let msg = format!("Incomplete read: {saved} bytes of {promised} came");
                Err(ModuleError::new(msg))
            }
            _ => Ok(()),
        }
    }
}

/// The path of a `file://` address.
fn file_of(url: &str) -> Option<&str> {
    let path = url.strip_prefix("file:")?;
    let path = path.strip_prefix("//localhost").or_else(|| path.strip_prefix("//")).unwrap_or(path);
    path.starts_with('/').then_some(path)
}

/// The path of what came in the folder that was named.
fn inside(folder: &str, response: &HttpResponse) -> String {
    let header = response.header("content-disposition");
    let named = header.and_then(|header| web::disposition_name(&header));
    let name = named.unwrap_or_else(|| {
        let name = http::basename(&response.url);
        if matches!(name, "" | "." | "..") { "index.html".into() } else { name.to_owned() }
    });
    format!("{}/{name}", folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests;
