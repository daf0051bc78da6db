//! What stands in front of an upstream: TLS with a test CA, or a socket by its path. The bytes behind it are the upstream's.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// An authority that signs for tests, its files in a folder of their own.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

/// A signed certificate with its key, as files.
pub(crate) struct Signed {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Ca {
    pub(crate) fn new() -> Ca {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "paritee test CA");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Ca { issuer, dir }
    }
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
    /// A certificate for these names.
    pub(crate) fn sign(&self, names: &[&str]) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let stem = format!("{}-{}", names[0], fastrand::u32(..));
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let place = |end: &str| self.dir.path().join(format!("{stem}.{end}.pem"));
        let signed = Signed { cert: place("cert"), key: place("key") };
        std::fs::write(&signed.cert, cert.pem()).unwrap();
        std::fs::write(&signed.key, key.serialize_pem()).unwrap();
        signed
    }
}

/// How a front ends TLS.
#[derive(Default)]
pub(crate) struct Manner<'a> {
    /// Asks clients for a certificate that this authority has signed.
    pub(crate) clients_of: Option<&'a Ca>,
    /// Protocols offered.
    pub(crate) alpn: &'a [&'a str],
}

/// A front on a port of its own.
pub(crate) struct TlsFront {
    pub(crate) address: SocketAddr,
    /// Handshakes that began from nothing, and those that resumed a session.
    pub(crate) full: Arc<AtomicUsize>,
    pub(crate) resumed: Arc<AtomicUsize>,
}

impl TlsFront {
    pub(crate) fn start(behind: SocketAddr, signed: &Signed, manner: &Manner<'_>) -> TlsFront {
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match manner.clients_of {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(ca.file()).unwrap()).unwrap();
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = vec![CertificateDer::from_pem_file(&signed.cert).unwrap()];
        let mut config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(&signed.key).unwrap()).unwrap();
        config.alpn_protocols = manner.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (full, resumed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let front = TlsFront { address: listener.local_addr().unwrap(), full: full.clone(), resumed: resumed.clone() };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        in_background(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, full, resumed) = (acceptor.clone(), full.clone(), resumed.clone());
                tokio::spawn(async move {
                    // A handshake that fails is the other side's to tell.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let counter = match stream.get_ref().1.handshake_kind() {
                        Some(rustls::HandshakeKind::Resumed) => resumed,
                        _ => full,
                    };
                    counter.fetch_add(1, SeqCst);
                    pass(stream, behind).await;
                });
            }
        });
        front
    }
    /// As `https`, by a name that resolves to loopback.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// A socket at this path that leads to an upstream.
pub(crate) fn socket(path: &Path, behind: SocketAddr) {
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    in_background(async move {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass(stream, behind));
        }
    });
}

async fn pass(mut stream: impl AsyncRead + AsyncWrite + Unpin, behind: SocketAddr) {
    let Ok(mut upstream) = TcpStream::connect(behind).await else { return };
    // Without it what is small waits.
    let _ = upstream.set_nodelay(true);
    // Either end may go whenever it likes.
    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
}

/// Runs for as long as the tests do, on a thread of its own.
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(work));
}
