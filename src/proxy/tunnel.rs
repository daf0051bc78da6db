//! Upgrades: after the side's 101 the bytes pass raw, both ways. Never mirrored.

use super::answer::ToClient;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// Says the upgrade of this head again, after hop-by-hop fields were removed from it.
pub(super) fn restore(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    if let Some(protocol) = protocol {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Joins both connections once both have switched, and gives the 101 to the client.
pub(super) fn join(client: OnUpgrade, mut response: Response<Incoming>) -> Response<ToClient> {
    let side = hyper::upgrade::on(&mut response);
    tokio::task::spawn_local(async move {
        if let (Ok(client), Ok(side)) = (client.await, side.await) {
            let (mut client, mut side) = (TokioIo::new(client), TokioIo::new(side));
            // Either end may go whenever it likes.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut side).await;
        }
    });
    let (mut parts, _) = response.into_parts();
    let protocol = parts.headers.get(UPGRADE).cloned();
    crate::upstream::strip_hop_by_hop(&mut parts.headers);
    restore(&mut parts.headers, protocol);
    Response::from_parts(parts, ToClient::Empty)
}
