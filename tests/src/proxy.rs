//! A proxy that serves a lab below a path and says nothing of it, as Jupyter's does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

/// Longest head of a request.
const HEAD: usize = 64 << 10;
/// How long either side may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// A proxy on this machine, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    stopped: Arc<AtomicBool>,
    address: SocketAddr,
    /// Where the lab is found through it, without a slash at the end.
    pub url: String,
}

impl Proxy {
    /// Serves the lab at `url` below `path`, which it takes away from what it passes on; the host it
    /// passes on as it came.
    ///
    /// # Errors
    /// No port can be listened on.
    pub fn stripping(path: &'static str, url: &str) -> Result<Proxy> {
        let lab: SocketAddr = url.trim_start_matches("http://").parse().context("no address")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || pass_on(client, lab, path));
            }
        });
        Ok(Proxy { stopped, address, url: format!("http://{address}{path}") })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Passes one request on, and then whatever comes either way.
fn pass_on(mut client: TcpStream, lab: SocketAddr, path: &str) -> std::io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        let mut buffer = [0; 4096];
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            _ if bytes.len() > HEAD => return Ok(()),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let inside =
        first.get(1).and_then(|asked| asked.strip_prefix(path)).filter(|p| p.starts_with('/'));
    let (Some(inside), [method, _, version]) = (inside, &first[..]) else {
        return client.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\nConnection: close\r\n\r\noutside",
        );
    };
    let mut passed = format!("{method} {inside} {version}\r\n");
    let upgrade = head.to_ascii_lowercase().contains("\r\nupgrade:");
    for line in lines.filter(|l| upgrade || !l.to_ascii_lowercase().starts_with("connection:")) {
        passed += line;
        passed += "\r\n";
    }
    if !upgrade {
        // One request a connection, so that each is rewritten.
        passed += "Connection: close\r\n";
    }
    let mut server = TcpStream::connect(lab)?;
    server.set_read_timeout(Some(SILENCE))?;
    server.write_all(format!("{passed}\r\n").as_bytes())?;
    server.write_all(&bytes[end + 4..])?;
    let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
    let sent = std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = sent.join();
    Ok(())
}
