//! The server itself: a thread with a listener, and what a test may see and do while it runs.

use crate::cluster::{Cluster, Shared, State};
use crate::reply::Failure;
use crate::{Backing, Builder, Error, GuestView, Request, TaskView, api, tls};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A running server. Dropping it ends it, with the containers behind it.
pub struct Server {
    cluster: Shared,
    address: SocketAddr,
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Describes a server to start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn run(state: State, backing: Box<dyn Backing>) -> Result<Self, Error> {
        let identity = tls::identity(&state.nodes[0])?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), &identity.ca)?;
        let cluster = Arc::new(Cluster::new(state, backing));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let router = api::router(&cluster);
        let acceptor = TlsAcceptor::from(identity.config);
        let thread = std::thread::Builder::new().name("proxmox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                // A listener that cannot be taken over ends the thread, and every request then fails.
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = accept(listener, acceptor, router) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(Self { cluster, address, folder, stop: Some(stop), thread: Some(thread) })
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its address, without the port.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate that clients have to trust, as PEM. It is good for 127.0.0.1, ::1, `localhost` and the node.
    pub fn ca_path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The user who may everything.
    pub fn user(&self) -> &'static str {
        "root@pam"
    }

    /// That user's password.
    pub fn password(&self) -> &'static str {
        "secret"
    }

    /// Every request so far, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.cluster.state().requests.clone()
    }

    /// Those that may have changed something.
    pub fn writes(&self) -> Vec<Request> {
        self.requests().into_iter().filter(Request::is_write).collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.cluster.state().requests.clear();
    }

    /// The next task of this type (`vzcreate`) ends with this error.
    pub fn fail_next(&self, kind: &str, error: &str) {
        self.cluster.state().faults.tasks.push((kind.to_owned(), error.to_owned()));
    }

    /// The next request with this method and path is answered with this status and message. A path that ends with `*`
    /// stands for all that begin so.
    pub fn fail_request(&self, method: &str, path: &str, status: u16, message: &str) {
        let fault = (method.to_owned(), path.to_owned(), Failure::new(status, message));
        self.cluster.state().faults.requests.push(fault);
    }

    /// The next request with this method and path is neither read nor answered.
    pub fn stall_request(&self, method: &str, path: &str) {
        self.cluster.state().faults.stalls.push((method.to_owned(), path.to_owned()));
    }

    /// The next question for a free number is answered with this one, as somebody else's was a moment before.
    pub fn propose(&self, vmid: u32) {
        self.cluster.state().faults.proposals.push_back(vmid);
    }

    /// Tasks of this type do not end until [`Server::release`].
    pub fn hang(&self, kind: &str) {
        self.cluster.state().faults.hung.insert(kind.to_owned());
    }

    /// Lets the tasks of this type go on.
    pub fn release(&self, kind: &str) {
        self.cluster.state().faults.hung.remove(kind);
        self.cluster.changed.notify_all();
    }

    /// Tasks of this type take this long at least.
    pub fn delay(&self, kind: &str, delay: Duration) {
        self.cluster.state().faults.delays.insert(kind.to_owned(), delay);
    }

    /// Locks a guest, as a backup that runs does.
    pub fn lock(&self, vmid: u32, with: &str) {
        if let Some(guest) = self.cluster.state().guests.get_mut(&vmid) {
            guest.lock = Some(with.to_owned());
        }
    }

    /// Unlocks a guest.
    pub fn unlock(&self, vmid: u32) {
        if let Some(guest) = self.cluster.state().guests.get_mut(&vmid) {
            guest.lock = None;
        }
    }

    /// A guest.
    pub fn guest(&self, vmid: u32) -> Option<GuestView> {
        self.cluster.state().guests.get(&vmid).map(|guest| guest.view(vmid))
    }

    /// The numbers of all guests.
    pub fn vmids(&self) -> Vec<u32> {
        self.cluster.state().guests.keys().copied().collect()
    }

    /// Changes a guest's setting behind everybody's back, to exactly this text.
    pub fn set_config(&self, vmid: u32, key: &str, value: &str) {
        if let Some(guest) = self.cluster.state().guests.get_mut(&vmid) {
            guest.config.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Every task so far, in their order.
    pub fn tasks(&self) -> Vec<TaskView> {
        self.cluster.state().tasks.values().map(crate::task::Task::view).collect()
    }

    /// A token (`root@pam!name`) that may what its user may.
    pub fn add_token(&self, id: &str, secret: &str) {
        self.cluster.state().access.add_token(id, secret, None);
    }

    /// Makes every ticket so far invalid.
    pub fn expire_tickets(&self) {
        self.cluster.state().access.expire_tickets();
    }

    /// The folder of this server's files, for those that a test needs beside them.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.cluster.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes connections until the runtime ends. One that fails is its client's business.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, router: axum::Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
