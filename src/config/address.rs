//! Addresses: `host:port` to listen on, `http://host:port[/base]` to ask.

use std::net::{SocketAddr, ToSocketAddrs};

pub(super) const URLS: &str = "http://host:port, optionally with a base path (http://127.0.0.1:8000)";
pub(super) const LISTEN: &str = "an address and a port (127.0.0.1:7070, [::1]:7070, 0.0.0.0:7070, localhost:7070)";

/// A side's URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) authority: String,
    pub(super) base_path: String,
}

/// Reads a side's URL; `Err` says what is wrong.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let Some((scheme, _)) = text.split_once(':') else {
        return Err(format!("`{text}` is not a URL"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => {
            return Err("https is not in this version: put the tee behind what ends TLS, and ask over http".into());
        }
        "unix" => return Err("unix sockets are not in this version: ask over http".into()),
        _ => return Err(format!("`{text}` is not an http URL")),
    }
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
    if authority.host().is_empty() {
        return Err(format!("`{text}` names no host"));
    }
    let port = match authority.port() {
        None => 80,
        Some(port) if port.as_u16() > 0 => port.as_u16(),
        Some(_) => return Err("port 0 cannot be asked".into()),
    };
    // `http::Uri` takes an authority with a port that does not read as one without.
    if authority.as_str() != authority.host() && authority.port().is_none() {
        return Err(format!("the port of `{text}` is not 1 to 65535"));
    }
    let base_path = uri.path().trim_end_matches('/').to_owned();
    Ok(Url { authority: format!("{}:{port}", authority.host()), base_path })
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
        for bad in
            ["127.0.0.1:8000", "http://", "http://h:0", "http://h:99999", "http://u:p@h", "http://h/?q", "ftp://h"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url("https://h").unwrap_err().contains("not in this version"));
        assert!(url("unix:/run/x.sock").unwrap_err().contains("not in this version"));
    }

    #[test]
    fn addresses() {
        assert_eq!(listen("localhost:70"), Ok("127.0.0.1:70".parse().unwrap()));
        assert_eq!(listen("[::1]:7070"), Ok("[::1]:7070".parse().unwrap()));
        assert!(listen("7070").is_err() && listen("example.org:80").is_err() && listen("127.0.0.1").is_err());
    }
}
