//! The monolith's own gRPC worker as a side: a strict HTTP/2 server that this project did not write.

use super::{Stack, available};
use crate::support::http2::Http2;
use crate::support::tee::{Tee, adds_up, number};
use bytes::{BufMut, Bytes};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use paritee::config::{Flags, load};
use paritee::upstream::{Dialect, Pool, Reach};
use std::rc::Rc;
use tokio::runtime::{Builder, LocalOptions};

/// A message as gRPC frames it, uncompressed.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u8(0);
    body.put_u32(message.len() as u32);
    body.put_slice(message);
    body
}

/// One unary call; the messages of the answer, and where its status came.
async fn call(pool: &Rc<Pool<Full<Bytes>>>, method: &str, message: &[u8]) -> (HeaderMap, Vec<u8>, HeaderMap) {
    let body = framed(message);
    let request = Request::post(method)
        .header("host", "monolith.test")
        .header("te", "trailers")
        .header("auth_user", "anonymous")
        .header("content-type", "application/grpc")
        .body(Full::from(body))
        .unwrap();
    let mut lease = pool.checkout().await.map_err(|failure| failure.message).unwrap();
    let response = lease.send(request).await.map_err(|error| error.into_error()).unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    lease.give_back();
    (parts.headers, body.to_bytes().to_vec(), trailers)
}

#[test]
fn unary_calls_pass_with_their_status_wherever_it_stands() {
    if !available() {
        return;
    }
    let stack = Stack::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("paritee.toml");
    std::fs::write(&file, format!("[upstreams.primary]\nurl = \"{}\"\nhttp2 = true\n", stack.get("grpc"))).unwrap();
    let config = load(Some(&file), &Flags::default()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let pool =
            Pool::new(Reach::new("primary", &config.primary), Dialect { preserve_case: false, buffer: 64 << 10 });
        // `GetUserRequest { id: 1 }`
        for _ in 0..20 {
            let (head, body, trailers) = call(&pool, "/bookreviews.v1.Users/GetUser", &[8, 1]).await;
            assert_eq!(trailers.get("grpc-status").map(|status| status.as_bytes()), Some(&b"0"[..]), "{head:?}");
            assert_eq!(body.get(5..7), Some(&[8, 1][..]), "its first field is the id: {body:?}");
        }
        // Nobody: the status comes without a body.
        let (head, body, trailers) = call(&pool, "/bookreviews.v1.Users/GetUser", &[8, 0xff, 0xff, 3]).await;
        let status = head.get("grpc-status").or(trailers.get("grpc-status")).map(|status| status.as_bytes());
        assert_eq!((status, body.len()), (Some(&b"5"[..]), 0), "{head:?} {trailers:?}");
    });
    stack.stop();
}

#[test]
fn a_call_passes_through_the_tee_unharmed() {
    if !available() {
        return;
    }
    let stack = Stack::start(&[]);
    let url = stack.get("grpc");
    let sides = ["primary", "candidate"].map(|side| format!("[upstreams.{side}]\nurl = \"{url}\"\nhttp2 = true\n"));
    let tee = Tee::with(0, &sides.concat());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = Http2::connect(tee.live).await;
        for _ in 0..20 {
            let head = client
                .request("POST", "/bookreviews.v1.Users/GetUser")
                .header("te", "trailers")
                .header("auth_user", "anonymous")
                .header("content-type", "application/grpc");
            let answer = client.post(head, &framed(&[8, 1])).await.unwrap();
            let status = answer.trailers.as_ref().and_then(|trailers| trailers.get("grpc-status"));
            assert_eq!((answer.status(), status.map(|status| status.as_bytes())), (200, Some(&b"0"[..])), "{answer:?}");
            assert_eq!(answer.body.get(5..7), Some(&[8, 1][..]), "its first field is the id");
        }
    });
    // A POST is not copied unless a route says so.
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "not_mirrored.method")), (20, 20), "{ledger}");
    stack.stop();
}
