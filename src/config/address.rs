//! Addresses: `host:port` to listen on; `http://`, `https://` and `unix:` to ask.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

pub(super) const URLS: &str = "http://host:port, https://host:port or unix:/path/to.sock, optionally with a base path \
                               (http://127.0.0.1:8000, https://api.example/v2, unix:/run/app.sock, unix:/run/app.sock:/v2)";
pub(super) const LISTEN: &str = "an address and a port (127.0.0.1:7070, [::1]:7070, 0.0.0.0:7070, localhost:7070)";

/// What a socket's path may be long at most, where a terminating zero is counted.
const SOCKET_PATH: usize = 107;

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `http://` and, with TLS, `https://`.
    Tcp { host: String, port: u16, tls: bool },
    /// `unix:`.
    Unix(PathBuf),
}

/// A side's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) target: Target,
    /// `host:port`, with brackets where the host needs them; `localhost` for a socket.
    pub(super) authority: String,
    pub(super) base_path: String,
}

/// Reads a side's URL; `Err` says what is wrong.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(format!("`{text}` is not a URL"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => over_tcp(text, false),
        "https" => over_tcp(text, true),
        "unix" => over_unix(text, rest),
        _ => Err(format!("`{text}` is not an http, https or unix URL")),
    }
}

fn over_tcp(text: &str, tls: bool) -> Result<Url, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    let Some(authority) = uri.authority() else {
        return Err(format!("`{text}` names no host"));
    };
    if authority.as_str().contains('@') {
        return Err("a user name or password in the URL is not sent: remove it".into());
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("a base URL has no query or fragment".into());
    }
    let host = authority.host();
    if host.is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    let port = match authority.port() {
        None if tls => 443,
        None => 80,
        Some(port) if port.as_u16() > 0 => port.as_u16(),
        Some(_) => return Err("port 0 cannot be asked".into()),
    };
    // `http::Uri` takes an authority with a port that does not read as one without.
    if authority.as_str() != host && authority.port().is_none() {
        return Err(format!("the port of `{text}` is not 1 to 65535"));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let base_path = uri.path().trim_end_matches('/').to_owned();
    Ok(Url { authority: format!("{host}:{port}"), target: Target::Tcp { host: bare, port, tls }, base_path })
}

/// `unix:/path/to.sock` and `unix:/path/to.sock:/base`; two slashes more in front of the path are read over.
fn over_unix(text: &str, rest: &str) -> Result<Url, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, base_path) = match rest.split_once(":/") {
        Some((path, _)) => (path, rest[path.len() + 1..].trim_end_matches('/')),
        None => (rest, ""),
    };
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(format!("`{text}` names no socket by its whole path"));
    }
    if path.len() > SOCKET_PATH || path.contains('\0') {
        return Err(format!("no socket can have this path: more than {SOCKET_PATH} bytes, or a NUL in it"));
    }
    if http::uri::PathAndQuery::try_from(if base_path.is_empty() { "/" } else { base_path }).is_err()
        || base_path.contains(['?', '#'])
    {
        return Err(format!("`{base_path}` is not a base path"));
    }
    Ok(Url { target: Target::Unix(path.into()), authority: "localhost".into(), base_path: base_path.to_owned() })
}

/// Reads an address to listen on. `localhost` is the loopback address; other names are not looked up.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse::<u16>().ok());
    match local.map(|port| ("127.0.0.1", port).to_socket_addrs()) {
        Some(Ok(mut found)) => found.next().ok_or_else(|| format!("`{text}` is not an address to listen on")),
        _ => Err(format!("`{text}` is not an address to listen on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let read = |text| url(text).map(|u| (u.authority, u.base_path));
        assert_eq!(read("http://127.0.0.1:8000"), Ok(("127.0.0.1:8000".into(), String::new())));
        assert_eq!(read("http://api.internal/v2/"), Ok(("api.internal:80".into(), "/v2".into())));
        assert_eq!(read("http://[::1]:9000"), Ok(("[::1]:9000".into(), String::new())));
        assert_eq!(read("https://api.example"), Ok(("api.example:443".into(), String::new())));
        for bad in [
            "127.0.0.1:8000",
            "http://",
            "https://",
            "http://h:0",
            "https://h:99999",
            "http://u:p@h",
            "http://h/?q",
            "ftp://h",
            "unix:app.sock",
            "unix:/run/",
            "unix:/run/app.sock:/a?b",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url(&format!("unix:/{}", "x".repeat(SOCKET_PATH))).is_err());
    }

    #[test]
    fn targets() {
        let read = |text| url(text).map(|u| (u.target, u.base_path)).unwrap();
        let tcp = |host: &str, port, tls| Target::Tcp { host: host.into(), port, tls };
        assert_eq!(read("https://[::1]:9000/v2"), (tcp("::1", 9000, true), "/v2".into()));
        assert_eq!(read("HTTP://h"), (tcp("h", 80, false), String::new()));
        assert_eq!(read("unix:/run/app.sock"), (Target::Unix("/run/app.sock".into()), String::new()));
        assert_eq!(read("unix:///run/app.sock:/v2/"), (Target::Unix("/run/app.sock".into()), "/v2".into()));
    }

    #[test]
    fn addresses() {
        assert_eq!(listen("localhost:70"), Ok("127.0.0.1:70".parse().unwrap()));
        assert_eq!(listen("[::1]:7070"), Ok("[::1]:7070".parse().unwrap()));
        assert!(listen("7070").is_err() && listen("example.org:80").is_err() && listen("127.0.0.1").is_err());
    }
}
