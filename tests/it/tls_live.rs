//! TLS to clients: what is chosen, who is let in, and that a handshake that stands still holds nobody up.

use crate::support::http2::Http2;
use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::tls::{Authority, Identity};
use crate::support::until;
use rustls::pki_types::ServerName;
use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A tee behind TLS, its origins, and who signed its certificate.
struct Setup {
    primary: Origin,
    candidate: Origin,
    tee: Tee,
    authority: Authority,
    _folder: tempfile::TempDir,
}

fn setup(client_ca: Option<&Authority>) -> Setup {
    before(Origin::answering(plain(b"same")), client_ca)
}

fn before(primary: Origin, client_ca: Option<&Authority>) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("the test's own authority");
    authority.identity("shop.example").write(folder.path());
    let mut config = format!("[tls]\ncert = \"{0}/cert.pem\"\nkey = \"{0}/key.pem\"\n", folder.path().display());
    if let Some(clients) = client_ca {
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, clients.pem()).unwrap();
        config += &format!("client_ca = \"{}\"\n", file.display());
    }
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, &config);
    Setup { primary, candidate, tee, authority, _folder: folder }
}

impl Setup {
    async fn shake(&self, offers: &[&str], identity: Option<Identity>) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.authority.client(offers, identity);
        let stream = TcpStream::connect(self.tee.live).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("shop.example").unwrap(), stream).await
    }
}

async fn over_http1(mut stream: TlsStream<TcpStream>) -> std::io::Result<String> {
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    // Ends without an error only where the tee says goodbye as TLS does.
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_protocol_is_what_both_want_and_sides_are_told_of_tls() {
    let setup = setup(None);
    let stream = setup.shake(&["h2", "http/1.1"], None).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = Http2::over(stream, "https").await;
    assert_eq!(client.get("/a").await.unwrap().body, b"same");
    let stream = setup.shake(&["http/1.1"], None).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = over_http1(stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("same"), "{answer}");
    let stream = setup.shake(&[], None).await.unwrap();
    assert!(over_http1(stream).await.unwrap().ends_with("same"), "a client that names nothing speaks HTTP/1.1");
    assert!(setup.shake(&["spdy/3"], None).await.is_err(), "nothing in common");
    // Over TLS there is no HTTP/2 that was not agreed on.
    let mut stream = setup.shake(&["http/1.1"], None).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"\0\0"), "{rest:?}");
    let ledger = setup.tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "judgements.match")), (3, 3), "{ledger}");
    for origin in [&setup.primary, &setup.candidate] {
        let seen = origin.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.header("x-forwarded-proto") == Some("https")), "{seen:?}");
        assert!(seen.iter().all(|seen| seen.header("host") == Some("shop.example")), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_websocket_passes_raw_over_tls() {
    let primary = Origin::start(Arc::new(|_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        let mut copy = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut copy, stream);
        Next::Close
    }));
    let setup = before(primary, None);
    let mut stream = setup.shake(&["http/1.1"], None).await.unwrap();
    let asked = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n";
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\nfirst") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"\x00raw\xff").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"\x00raw\xff");
    assert_eq!(number(&setup.tee.ledger(), "not_mirrored.upgrade"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn with_a_client_ca_only_its_clients_are_let_in() {
    let clients = Authority::new("who signs clients");
    let setup = setup(Some(&clients));
    let known = clients.identity("a-client");
    let stream = setup.shake(&["http/1.1"], Some(known)).await.unwrap();
    assert!(over_http1(stream).await.unwrap().ends_with("same"));
    let stranger = Authority::new("somebody else").identity("a-client");
    for identity in [None, Some(stranger)] {
        // In TLS 1.3 the client's handshake is over before the server has looked at its certificate.
        let refused = match setup.shake(&["http/1.1"], identity).await {
            Err(_) => true,
            Ok(stream) => over_http1(stream).await.is_err(),
        };
        assert!(refused);
    }
    assert_eq!((setup.primary.count(), number(&setup.tee.settled(), "received")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn handshakes_that_stand_still_hold_nobody_up_and_end() {
    let setup = setup(None);
    let start = Instant::now();
    // More than are kept waiting on both threads together; half of them in the middle of their first record.
    let mut still: Vec<StdStream> = (0..600)
        .map(|number| {
            let mut stream = StdStream::connect(setup.tee.live).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
            }
            stream
        })
        .collect();
    let mut client = Http2::over(setup.shake(&["h2"], None).await.unwrap(), "https").await;
    assert_eq!(client.get("/a").await.unwrap().body, b"same");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // Plain text is not TLS: refused at once.
    let mut plain = StdStream::connect(setup.tee.live).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    // The oldest made room for the newest, and the others have ten seconds.
    for stream in &mut still {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let ended = stream.read(&mut [0; 64]);
        assert!(!matches!(&ended, Err(e) if e.kind() == std::io::ErrorKind::WouldBlock), "{ended:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(client.get("/a").await.unwrap().body, b"same", "who has shaken hands stays");
    let counted = until("they are counted", || {
        let metrics = setup.tee.admin("GET", "/metrics", "Host: localhost\r\n");
        let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
        let count = |reason: &str| {
            let line = format!("paritee_connections_turned_away_total{{reason=\"{reason}\"}} ");
            metrics.lines().find_map(|l| l.strip_prefix(&line)?.parse::<u64>().ok()).expect("a counter")
        };
        let (failed, slow, crowded) = (count("tls_failed"), count("tls_slow"), count("tls_crowded"));
        (failed + slow + crowded >= 601).then_some((failed, slow, crowded))
    });
    assert!(counted.0 >= 1 && counted.2 >= 80, "{counted:?}");
}
