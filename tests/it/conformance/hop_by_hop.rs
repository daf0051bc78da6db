//! What belongs to one connection stays on it, both ways; what the monolith needs to know of the client is added.

use super::case::{Case, Copies, get, play, post};
use super::origin::ok;

#[test]
fn requests_lose_what_belongs_to_the_connection() {
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    play(
        "hop-by-hop",
        &[
            Case::new("named", get("Connection: close, X-Drop\r\nX-Drop: a\r\nX-Keep: b\r\n"))
                .not_at_primary("x-drop")
                .at_primary("x-keep: b")
                .closes(),
            Case::new("named-in-two-lines", get("Connection: X-Drop\r\nConnection: keep-alive\r\nX-Drop: a\r\n"))
                .not_at_primary("x-drop"),
            Case::new("named-in-capitals", get("CONNECTION: X-DROP\r\nx-drop: a\r\n")).not_at_primary("x-drop"),
            Case::new("keep-alive", get("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n"))
                .not_at_primary("keep-alive"),
            Case::new("proxy-connection", get("Proxy-Connection: keep-alive\r\n")).not_at_primary("proxy-connection"),
            Case::new("te", get("Connection: TE\r\nTE: deflate;q=0.5, gzip\r\n")).not_at_primary("te"),
            Case::new("te-trailers", get("Connection: TE\r\nTE: trailers, deflate\r\n")),
            Case::new("host-is-never-named", get("Connection: host\r\n")).at_primary("host: example.test"),
            Case::new("length-is-never-named", post("Connection: content-length\r\nContent-Length: 5\r\n", "hello"))
                .refused_or_served(&[400])
                .body("hello"),
            Case::new(
                "coding-is-never-named",
                post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            )
            .refused_or_served(&[400])
            .body("hello"),
            Case::new(
                "marks-are-never-named",
                get("Connection: x-shadow-request, x-paritee-exchange, x-forwarded-for\r\n"),
            )
            .at_primary("x-forwarded-for: 127.0.0.1"),
            Case::new("h2c", get(h2c)).not_at_primary("upgrade").copies(Copies::AtMostOne),
            Case::new("h2c-alone", get("Upgrade: h2c\r\n")).not_at_primary("upgrade").copies(Copies::AtMostOne),
            Case::new("h2c-post", post(&format!("{h2c}Content-Length: 5\r\n"), "hello"))
                .not_at_primary("http2-settings")
                .body("hello"),
            Case::new("tls-upgrade", get("Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n"))
                .not_at_primary("upgrade")
                .copies(Copies::AtMostOne),
            Case::new("websocket-without-connection", get("Upgrade: websocket\r\n"))
                .not_at_primary("upgrade")
                .copies(Copies::AtMostOne),
        ],
    );
}

#[test]
fn forwarded_headers_are_appended() {
    play(
        "forwarded",
        &[
            Case::new("new", get(""))
                .at_primary("x-forwarded-for: 127.0.0.1")
                .at_primary("x-forwarded-proto: http")
                .at_primary("x-forwarded-host: example.test"),
            Case::new("appended", get("X-Forwarded-For: 192.0.2.1\r\n"))
                .at_primary("x-forwarded-for: 192.0.2.1, 127.0.0.1"),
            Case::new("appended-to-two", get("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"))
                .at_primary("x-forwarded-for: 192.0.2.1, 192.0.2.2, 127.0.0.1"),
        ],
    );
}

#[test]
fn answers_lose_what_belongs_to_the_connection() {
    let answer = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
    play(
        "hop-by-hop-answers",
        &[
            Case::new("named", get(""))
                .answers(answer("Connection: X-Drop\r\nX-Drop: a\r\nX-Keep: b\r\n"))
                .not_at_client("x-drop")
                .at_client("x-keep: b"),
            Case::new("keep-alive", get(""))
                .answers(answer("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n"))
                .not_at_client("keep-alive"),
            Case::new("proxy-connection", get(""))
                .answers(answer("Proxy-Connection: close\r\n"))
                .not_at_client("proxy-connection"),
            Case::new("upgrade", get("")).answers(answer("Upgrade: h2c\r\n")).not_at_client("upgrade"),
            Case::new("close", get("")).answers_and_closes(answer("Connection: close\r\n")),
            Case::new("length-is-never-named", get("")).answers(answer("Connection: content-length\r\n")),
            Case::new("every-cookie", get(""))
                .answers(answer("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nSet-Cookie: a=3\r\n"))
                .at_client("set-cookie: a=1; Path=/, b=2, a=3"),
            Case::new("no-marks", get(""))
                .answers(ok("ok"))
                .not_at_client("x-paritee-hop")
                .not_at_client("x-paritee-exchange")
                .not_at_client("x-paritee-echo")
                .not_at_client("x-shadow-request")
                .not_at_client("via"),
            Case::new("own-server-and-date", get(""))
                .answers(answer("Server: gunicorn\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"))
                .at_client("server: gunicorn")
                .at_client("date: Mon, 01 Jan 2024 00:00:00 GMT"),
        ],
    );
}
