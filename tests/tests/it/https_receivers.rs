//! Receivers over https choose between the versions of HTTP that they are offered.

use std::convert::Infallible;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, TestTenant, process};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate of 127.0.0.1 that vouches for itself.
const CERTIFICATE: &str = r#"
import base64, datetime, ipaddress, json
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
day = datetime.timedelta(days=1)
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder()
    .subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - day).not_valid_after(now + day)
    .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    .sign(key, hashes.SHA256())
)
private = key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
print(json.dumps({
    "pem": certificate.public_bytes(form.Encoding.PEM).decode(),
    "certificate": base64.b64encode(certificate.public_bytes(form.Encoding.DER)).decode(),
    "key": base64.b64encode(private).decode(),
}))
"#;

pub(crate) struct Certificate {
    pem: String,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    pub(crate) fn made() -> Self {
        let python = process::python();
        let output = Command::new(python).args(["-c", CERTIFICATE]).output();
        let made: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let bytes = |name: &str| STANDARD.decode(made[name].as_str().unwrap()).unwrap();
        Self {
            pem: made["pem"].as_str().unwrap().to_owned(),
            certificate: bytes("certificate"),
            key: bytes("key"),
        }
    }

    pub(crate) fn accepting(&self, protocols: &[&str]) -> TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.key.clone());
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(self.certificate.clone())],
                PrivateKeyDer::from(key),
            )
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

type Versions = Arc<Mutex<Vec<Version>>>;

/// A receiver that takes these protocols, the first before the others; answers its URL and the
/// version of each request.
async fn receiver(certificate: &Certificate, protocols: &[&str]) -> (String, Versions) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    let acceptor = certificate.accepting(protocols);
    let versions = Versions::default();
    let seen = versions.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let service = service_fn(move |request: Request<Incoming>| {
                    seen.lock().unwrap().push(request.version());
                    async { Ok::<_, Infallible>(Response::new(String::new())) }
                });
                let server = auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (url, versions)
}

/// A gateway of its own that trusts the certificate, with one tenant.
async fn gateway(folder: &std::path::Path, pem: &str) -> (FluxgateProcess, TestTenant) {
    let (data, trusted) = (folder.join("data"), folder.join("trusted.pem"));
    let (data, trusted) = (data.to_str().unwrap(), trusted.to_str().unwrap());
    std::fs::write(trusted, pem).unwrap();
    let added = process::run(&["tenants", "add", "acme", "--data", data]);
    assert!(added.status.success());
    let token = String::from_utf8(process::run(&["token", "acme", "--data", data]).stdout).unwrap();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let args = [
        "--data",
        data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--allow-net",
        "127.0.0.0/8",
    ];
    let env = [("SSL_CERT_FILE", trusted)];
    let process = FluxgateProcess::serve(&args, &env, &base_url).await;
    let token = token.trim().to_owned();
    let tenant = TestTenant::new("acme".parse().unwrap(), &base_url, token);
    (process, tenant)
}

#[tokio::test]
async fn callbacks_over_https_use_http_2_where_the_receiver_speaks_it() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::made();
    let (_process, tenant) = gateway(folder.path(), &certificate.pem).await;

    for (protocols, wanted) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let (url, versions) = receiver(&certificate, protocols).await;
        let (id, _) = tenant.endpoint(&url).await;
        for _ in 0..2 {
            let path = format!("/v1/endpoints/{id}/test");
            let told = tenant.post(&path, &json!({})).await;
            assert_eq!(told.body["delivered"], true, "{protocols:?}: {}", told.body);
        }
        assert_eq!(*versions.lock().unwrap(), [wanted, wanted], "{protocols:?}");
    }
}
