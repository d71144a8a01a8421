//! What the measuring tools share: a lab to measure, and the way to ask it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A lab, ended with the measuring.
pub struct Lab {
    child: Child,
    /// Where it listens: address and port.
    pub host: String,
}

impl Lab {
    /// Starts the program of a lab on a data folder.
    pub fn start(program: &str, data: &Path) -> Lab {
        let mut child = Command::new(program)
            .args(["serve", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().rsplit('/').next().unwrap().to_owned();
        Lab { child, host }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP request on a connection of its own; the answer's body.
pub async fn http(host: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{head} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: \
         multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer[..split]));
    answer.split_off(split + 4)
}

/// The form that asks a question about a picture.
pub fn form(prompt: &str, picture: &str) -> Vec<u8> {
    let mut form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n\
         {{\"prompt\":\"{prompt}\"}}\r\n--x\r\nContent-Disposition: form-data; \
         name=\"picture\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    form.extend(std::fs::read(picture).unwrap());
    form.extend(b"\r\n--x--\r\n");
    form
}

/// The middle one of some figures.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
