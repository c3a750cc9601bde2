//! A TCP proxy that puts a delay in front of a host, as a long line would.

use crate::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Forwards connections, each byte later by a fixed time in each direction. Bandwidth is not limited.
#[derive(Debug)]
pub struct LatencyProxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl LatencyProxy {
    /// Listens on a loopback address and forwards to `target`. A round trip gets longer by twice `one_way`.
    pub fn start(target: SocketAddr, one_way: Duration) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("127.0.0.1"))?;
        let address = listener.local_addr().map_err(Error::io("127.0.0.1"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || serve(client, target, one_way));
            }
        });
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for LatencyProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listening thread, which then sees the flag.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(client: TcpStream, target: SocketAddr, one_way: Duration) {
    // The handshake takes a round trip of its own.
    std::thread::sleep(one_way * 2);
    let Ok(server) = TcpStream::connect(target) else { return };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    if let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) {
        std::thread::spawn(move || pump(client2, server, one_way));
        pump(server2, client, one_way);
    }
}

/// Reads as fast as it comes, writes when its time has come.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    // Bounded: a reader that runs far ahead would hide that the other side is slow.
    let (sender, receiver) = mpsc::sync_channel::<(Instant, Vec<u8>)>(1024);
    let writer = std::thread::spawn(move || {
        for (due, data) in receiver {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&data).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0u8; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now() + delay, buffer[..n].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
    let _ = from.shutdown(Shutdown::Read);
}
