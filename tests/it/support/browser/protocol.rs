//! The DevTools protocol: one WebSocket, calls that wait for their answer, and every event that came meanwhile.

use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tungstenite::{Error, Message, WebSocket};

/// How long the browser may take for an answer of its own; what a page does is waited for elsewhere.
const ANSWER: Duration = Duration::from_secs(30);

/// A connection to the browser itself or to one page of it.
pub(super) struct Protocol {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// Every event since the beginning, in order.
    pub(super) events: Vec<Value>,
}

impl Protocol {
    pub(super) fn connect(address: SocketAddr, path: &str) -> Protocol {
        let stream = TcpStream::connect(address).expect("the browser takes connections");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream).expect("a DevTools connection");
        Protocol { socket, last: 0, events: Vec::new() }
    }
    /// Calls a method; its result, or the browser's words why there is none.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.call_within(ANSWER, method, params)
    }
    /// The same for a method that waits for something in the page.
    pub(super) fn call_within(&mut self, patience: Duration, method: &str, params: Value) -> Result<Value, String> {
        self.last += 1;
        let call = json!({ "id": self.last, "method": method, "params": params });
        self.socket.send(Message::text(call.to_string())).expect("the browser reads");
        let deadline = Instant::now() + patience;
        while let Some(mut message) = self.receive(deadline) {
            if message["id"] != self.last {
                self.keep(message);
            } else if let Some(words) = message["error"]["message"].as_str() {
                return Err(format!("{method}: {words}"));
            } else {
                return Ok(message["result"].take());
            }
        }
        Err(format!("{method}: no answer after {patience:?}"))
    }
    /// Waits until the events satisfy this; false when they do not by the deadline.
    pub(super) fn wait(&mut self, deadline: Instant, mut satisfied: impl FnMut(&[Value]) -> bool) -> bool {
        while !satisfied(&self.events) {
            let Some(message) = self.receive(deadline) else { return false };
            self.keep(message);
        }
        true
    }
    fn keep(&mut self, message: Value) {
        // An answer that nobody waits for any more is none.
        if message.get("method").is_some() {
            self.events.push(message);
        }
    }
    fn receive(&mut self, deadline: Instant) -> Option<Value> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON from the browser")),
                Ok(_) => {}
                Err(Error::Io(e)) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
                Err(e) => panic!("the browser is gone: {e}"),
            }
        }
    }
}
