//! Stand-in for the admin API: the ledger and the switch.
use crate::config::Config;
use crate::evidence::*;
use crate::mirror::Control;
use std::io::{Read, Write};
use std::sync::Arc;

/// Stand-in.
pub struct Handle;

/// Stand-in.
pub fn start(listener: std::net::TcpListener, control: Arc<Control>, _: Arc<Config>) -> std::io::Result<Handle> {
    listener.set_nonblocking(false)?;
    std::thread::spawn(move || {
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut buf = [0u8; 4096];
            let n = stream.read(&mut buf).unwrap_or(0);
            let text = String::from_utf8_lossy(&buf[..n]).into_owned();
            if text.starts_with("POST /api/mirror/off") {
                control.set_mirroring(false);
            } else if text.starts_with("POST /api/mirror/on") {
                control.set_mirroring(true);
            } else if text.contains("settle=") {
                rt.block_on(control.settle(std::time::Duration::from_secs(5)));
            }
            let l = control.ledger();
            let c = &l.counts;
            let map = |it: Vec<(&'static str, u64)>| {
                serde_json::Value::Object(it.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect())
            };
            let body = serde_json::json!({
                "received": l.received(), "mirrored": l.mirrored(), "in_flight": l.in_flight,
                "not_mirrored": map(c.by_not_mirrored().map(|(r, n)| (r.as_str(), n)).collect()),
                "not_judged": map(c.by_not_judged().map(|(r, n)| (r.as_str(), n)).collect()),
                "judged": c.judged(),
                "judgements": {"match": c.matched, "normalised": c.normalised, "mismatch": c.mismatched,
                    "inconclusive": c.inconclusive.iter().sum::<u64>(), "vacuous": c.vacuous.iter().sum::<u64>()},
                "inconclusive": map(c.by_inconclusive().map(|(r, n)| (r.as_str(), n)).collect()),
                "vacuous": map(c.by_vacuous().map(|(r, n)| (r.as_str(), n)).collect()),
                "durable_seq": l.durable_seq,
            })
            .to_string();
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = Ledger::default();
        }
    });
    Ok(Handle)
}
